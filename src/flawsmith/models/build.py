"""From configuration to model, in one step."""

from flawsmith.config.schema import ModelConfig
from flawsmith.core.seeds import first_weights
from flawsmith.models.backbones.registry import family_of
from flawsmith.models.dual_model import DualModel
from flawsmith.product.shape import ModelSpec


def build_model(config: ModelConfig, shape: ModelSpec, seed: int) -> DualModel:
    """Return a fresh model, on the backbone where `config` names one; its new weights depend on `seed` alone.

    No global generator is left changed. Raises WeightsError for a backbone that is not there.
    """
    family = family_of(config.backbone)
    pretrained = family.load(config.backbone)
    with first_weights(seed):
        return family.build(config, shape, pretrained)
