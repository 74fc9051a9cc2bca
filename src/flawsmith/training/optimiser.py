"""The optimiser of a training."""

import importlib
from typing import Any

import torch
from torch import nn

from flawsmith.config.schema import TrainingConfig
from flawsmith.core.errors import ConfigError

BETAS = (0.9, 0.99)


def build_optimiser(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return the optimiser of what is trained in `model`; raises ConfigError where its package is missing."""
    cls: Any = torch.optim.AdamW
    if config.optimiser == "adamw8bit":
        try:
            cls = importlib.import_module("bitsandbytes.optim").AdamW8bit
        except ImportError as error:
            why = f"the package bitsandbytes cannot be imported ({error})"
            raise ConfigError(f"training.optimiser=adamw8bit: {why}; pip install bitsandbytes, or use adamw.") from error
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser: torch.optim.Optimizer = cls(weights, lr=config.learning_rate, weight_decay=config.weight_decay, betas=BETAS)
    return optimiser
