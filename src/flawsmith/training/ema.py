"""The moving average of the weights, which generation uses."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from flawsmith.models.trainable import trainable


class MovingAverage:
    """Exponential moving average of a model's trainable weights, with the decay growing from zero at the start."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the average towards the weights after step number `step` (from 1)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = dict(model.named_parameters())
        torch._foreach_lerp_(list(self.weights.values()), [current[name].detach() for name in self.weights], 1 - decay)

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """Return the model's state by name, without what is frozen, with the averaged weights in it."""
        return {**trainable(model), **self.weights}


@contextmanager
def filled(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Have `weights`, by name, in the model, in evaluation mode, during the block; its own are back however it ends."""
    own = {name: p.detach().clone() for name, p in model.named_parameters() if name in weights}
    training = model.training
    try:
        _fill(model, weights)
        model.eval()
        yield
    finally:
        _fill(model, own)
        model.train(training)


@torch.no_grad()
def _fill(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    for name, p in model.named_parameters():
        if name in weights:
            p.copy_(weights[name])
