"""A base of a few thousand weights in the place of the one that ships."""

from pathlib import Path

import pytest
import torch

from flawsmith.base import weights
from flawsmith.base.weights import base_model, save_weights
from flawsmith.config.resolve import from_dict

NETWORK = {"width": 32, "depth": 1, "head_dim": 16, "pixels": 4, "saim_rank": 4, "token_dim": 32}
LENIENT = {"consistency": 0.0, "outside": 1.0, "visible": 0.0, "margin": 1000.0}  # limits that a network of that size passes


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """The weights of a small base, in the place of those that ship."""
    model = from_dict({"model": {**NETWORK, "tokens": 2, "cells": 16}}).model
    kept = dict(base_model(model, seed=5).state_dict())
    g = torch.Generator().manual_seed(0)
    kept = {name: (w + 0.1 * torch.randn(w.shape, generator=g)).half().float() for name, w in kept.items()}
    monkeypatch.setattr(weights, "WEIGHTS", tmp_path / "base.safetensors")
    save_weights(weights.WEIGHTS, kept, model, {})
    return kept
