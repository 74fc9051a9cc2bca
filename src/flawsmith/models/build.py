"""From configuration to model, in one step."""

import torch

from flawsmith.config.schema import ModelConfig
from flawsmith.models.backbones.weights import load_backbone
from flawsmith.models.dual_model import DualModel
from flawsmith.product.shape import ModelSpec


def build_model(config: ModelConfig, shape: ModelSpec, seed: int) -> DualModel:
    """Return a fresh model, on the backbone where `config` names one; its new weights depend on `seed` alone.

    No global generator is left changed. Raises WeightsError for a backbone that is not there.
    """
    backbone = load_backbone(config.backbone) if config.backbone else None
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)  # layers draw their first weights from it and take no other
        if backbone is None:
            return DualModel(config, shape)
        from flawsmith.models.backbones.stable import StableModel  # which is made of what stands above

        return StableModel(config, shape, backbone)
