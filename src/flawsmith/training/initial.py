"""What a training starts from: the base that ships with the package or one of your own, another product's run, or random weights."""

from pathlib import Path

import torch

from flawsmith.base import weights as shipped
from flawsmith.base.weights import FORM, WINDOW, is_base, load_weights
from flawsmith.config.schema import ModelConfig
from flawsmith.core.errors import RunError, WeightsError
from flawsmith.models.backbones.published import load_published
from flawsmith.models.dual_model import DualModel
from flawsmith.models.store import load_model
from flawsmith.models.trainable import trainable

BASE, NONE = "base", "none"


def initialise(model: DualModel, init: str, config: ModelConfig) -> dict[str, int] | None:
    """Fill `model` from what training.init names; return how many weights were taken and how many were not, None where none can be.

    The base is for the network that follows exemplars: other networks begin at random with it. Raises RunError and WeightsError.
    """
    if init == NONE or (init == BASE and not model.follows):
        return None
    file, path = base_file(init), Path(init)
    if file is None and model.follows and (path.is_file() or path.suffix == ".safetensors"):
        what = "is not a base's file" if path.is_file() else "there is no such file"
        raise RunError(
            f"training.init={init}: {what}; expected base, none, another product's RUN, or what `python -m flawsmith.base.train -o RUN "
            "--export FILE` wrote."
        )
    return start_from(model, Path(init), config) if file is None else start_from_base(model, config, file)


def base_file(init: str) -> Path | None:
    """Return the file of the base that training.init names, the shipped one or that of a training of one's own; None for anything else."""
    if init == BASE:
        return shipped.WEIGHTS
    return Path(init) if init != NONE and is_base(Path(init)) else None


def start_from_base(model: DualModel, config: ModelConfig, path: Path | None = None) -> dict[str, int]:
    """Copy the base's weights (`path`, or those that ship) into `model`: every kind of defect begins as the one that the base knows.

    Raises WeightsError where the base's network has another form.
    """
    weights, theirs, _ = load_weights(path)
    forms = [(f"model.{key}", getattr(theirs, key), getattr(config, key)) for key in FORM]
    forms.append(("cell's side in pixels (data.window / model.cells)", WINDOW // theirs.cells, model.factor))
    for name, its, ours in forms:
        if its != ours:
            init = BASE if path in (None, shipped.WEIGHTS) else path
            raise WeightsError(
                f"training.init={init}: the base's {name} is {its}, this fit's {ours}. Use the base's, or training.init=none to begin with "
                "random weights."
            )
    good, defect, empty, background = weights[ENTRIES]
    count = len(model.tokens.names) - 1
    table = torch.stack([good, *[defect] * count, empty, background])
    model.load_state_dict({**weights, ENTRIES: table}, strict=True)
    return {"taken": sum(w.numel() for w in model.state_dict().values()), "new": 0}


def start_from(model: DualModel, run: Path, config: ModelConfig) -> dict[str, int]:
    """Copy into `model` what fits of the weights in the RUN folder `run`; return how many weights were taken and how many were not.

    Everything between the layers that see pixels fits whatever the product; those layers too where pixels per cell are the same. The
    tokens of defects that both products name alike are taken, the others start anew. A file in the place of the folder
    is a checkpoint of DualAnoDiff's public code. Raises RunError for a run whose network has another form.
    """
    if run.is_file():
        known = load_published(model, run)
        return {"taken": known, "new": sum(w.numel() for w in trainable(model).values()) - known}
    other, theirs, _ = load_model(run / "model" / "model.safetensors")
    for key in ("backbone", *(FORM_ON_BACKBONE if config.backbone else FORM)):
        if getattr(theirs.model, key) != getattr(config, key):
            raise RunError(
                f"{run}: cannot start from this run: its model.{key} is {getattr(theirs.model, key)}, this fit's {getattr(config, key)}. "
                f"Use the run's preset and model.* settings (see {run / 'config.yaml'}), or another run."
            )
    own, weights = trainable(model), other.state_dict()
    taken = {name: weights[name] for name, w in own.items() if name in weights and weights[name].shape == w.shape and name != ENTRIES}
    table = own[ENTRIES].clone()
    here, there = model.tokens, other.tokens
    for name in set(here.names) & set(there.names):
        table[here.names.index(name)] = weights[ENTRIES][there.names.index(name)]
    table[here.empty], table[here.background] = weights[ENTRIES][there.empty], weights[ENTRIES][there.background]
    with torch.no_grad():
        model.load_state_dict({**taken, ENTRIES: table}, strict=False)
    count = sum(w.numel() for w in taken.values()) + table.numel()
    return {"taken": count, "new": sum(w.numel() for w in own.values()) - count}


FORM_ON_BACKBONE = (  # what of model.* must be the same on a backbone
    *("lora_rank", "text_lora_rank", "widen", "mask", "cells", "head_dim", "tokens"),
    *("dual", "interaction", "saim_rank", "bcm_form"),
)
ENTRIES = "tokens.entries"
