"""Untrained networks that do something: what begins at zero is drawn at random."""

import torch

from flawsmith.models.dual_model import DualModel


def shake(model: DualModel, by: float = 0.1, seed: int = 1) -> DualModel:
    """Return `model` with noise of that standard deviation on all its weights."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(by * torch.randn(p.shape, generator=g))
    return model
