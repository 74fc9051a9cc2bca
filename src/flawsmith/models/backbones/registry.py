"""The families of backbones there are, found by looking through this package."""

import pkgutil
from importlib import import_module

from flawsmith.models import backbones
from flawsmith.models.backbones.family import Checkpoint, Family
from flawsmith.models.backbones.stable_diffusion import FAMILY


def families() -> list[Family]:
    """Return every family, in the order of their modules' names, and last Stable Diffusion, which takes whatever no other recognises."""
    modules = [import_module(f"{backbones.__name__}.{found.name}") for found in pkgutil.iter_modules(backbones.__path__)]
    found = [module.FAMILY for module in modules if hasattr(module, "FAMILY")]
    return [family for family in found if family is not FAMILY] + [FAMILY]


def family_of(backbone: str) -> Family:
    """Return the family of a value of model.backbone."""
    return next(family for family in families() if family.recognises(backbone))


def known_checkpoints() -> list[tuple[Family, Checkpoint]]:
    """Return the checkpoints that are known to fit, each with its family."""
    return [(family, checkpoint) for family in families() for checkpoint in family.checkpoints]
