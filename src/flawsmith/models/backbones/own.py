"""The network of our own, on cells: it begins as the base or at random, and no weights are fetched."""

from flawsmith.config.schema import ModelConfig
from flawsmith.dataset.sample import GOOD
from flawsmith.models.backbones.family import Family
from flawsmith.models.cells_model import CellsModel
from flawsmith.models.dual_model import DualModel
from flawsmith.product.shape import ModelSpec


def build(config: ModelConfig, shape: ModelSpec, _nothing: None = None) -> DualModel:
    """Return a fresh model; its weights come from torch's generator."""
    return CellsModel(config, shape, (GOOD, *shape.defects))


FAMILY = Family(
    name="own",
    checkpoints=(),
    extra="",
    recognises=lambda backbone: not backbone,
    find=lambda _backbone: None,
    load=lambda _backbone: None,
    build=build,
)
