"""What a family of backbones is: the checkpoints that are known to fit, how one is found and read, and the model that is built on it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flawsmith.config.schema import ModelConfig
from flawsmith.models.dual_model import DualModel
from flawsmith.product.shape import ModelSpec


@dataclass(frozen=True)
class Checkpoint:
    """A pretrained network that fits, as its publisher describes it."""

    name: str  # on the hub
    size: float  # of the files that are needed, in GB (10^9 bytes)
    licence: str
    commercial: str  # what the licence says of commercial use
    channels: int  # that its network takes


@dataclass(frozen=True)
class Family:
    """One kind of network to put the dual model on.

    A module of this package that defines FAMILY is a family: `registry` finds it, nothing else has to name it.
    """

    name: str
    checkpoints: tuple[Checkpoint, ...]  # to name where one is missing, the first where nothing else is known; () = it needs none
    extra: str  # of flawsmith that it needs to be installed; "" = none
    recognises: Callable[[str], bool]  # whether a value of model.backbone is one of this family
    find: Callable[[str], Path | None]  # where a checkpoint lies on this machine, whole and ready; None where it does not. Fetches nothing
    load: Callable[[str], Any]  # what model.backbone names, in memory; raises WeightsError. Draws no random numbers
    build: Callable[[ModelConfig, ModelSpec, Any], DualModel]  # a fresh model on what `load` returned; new weights from torch's generator
