"""The noise schedule that Stable Diffusion was trained with, in the terms of our own (see `schedules.py`).

Its states are a x + s n with a^2 + s^2 = 1. Divided by a + s they are (1 - t) x + t n with t = s / (a + s): the same pictures and noise
at the same ratio, so that losses, solvers and guidance need to know of one schedule alone.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from flawsmith.core.errors import ConfigError


class VariancePreserving:
    """The discrete schedule of a checkpoint's scheduler configuration."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Raises ConfigError for a kind of schedule that no Stable Diffusion 1.x or 2.x has."""
        count, first, last = config["num_train_timesteps"], config["beta_start"], config["beta_end"]
        kind = config.get("beta_schedule", "scaled_linear")
        if kind == "scaled_linear":
            betas = torch.linspace(first**0.5, last**0.5, count, dtype=torch.float64) ** 2
        elif kind == "linear":
            betas = torch.linspace(first, last, count, dtype=torch.float64)
        else:
            raise ConfigError(f"scheduler: got beta_schedule {kind!r}, expected scaled_linear or linear.")
        kept = torch.cumprod(1 - betas, 0)  # a^2
        self.signal, self.noise = kept.sqrt(), (1 - kept).sqrt()  # a and s of the steps 0, 1, ...
        self.times = self.noise / (self.signal + self.noise)  # t, rising
        self._score = self.noise.log() - self.signal.log()  # log of the noise-to-signal ratio, rising and nearly straight

    @property
    def last(self) -> float:
        """The noisiest time; beyond it the network has never been."""
        return float(self.times[-1])

    def steps_of(self, t: Tensor) -> Tensor:
        """Return the network's own steps (0 to 999, between them too) for times of any shape."""
        t = t.double().clamp(1e-6, 1 - 1e-6)
        score = t.log() - (1 - t).log()
        known = self._score.to(t.device)
        right = torch.searchsorted(known, score.contiguous()).clamp(1, len(known) - 1)
        low, high = known[right - 1], known[right]
        return (right - 1 + (score - low) / (high - low)).clamp(0, len(known) - 1).float()

    def times_of(self, steps: Tensor) -> Tensor:
        """Return the times (0 to 1) of the network's own steps, of any one shape, whole or between."""
        left = steps.double().floor().long().clamp(0, len(self.times) - 2)
        known = self._score.to(steps.device)
        share = (steps.double() - left).clamp(0, 1)
        return torch.sigmoid(torch.lerp(known[left], known[left + 1], share)).float()

    def training_times(self, count: int, generator: torch.Generator) -> Tensor:
        """Return (count,) times whose steps are even over all whole ones, as the checkpoint was trained; stratified over the batch."""
        steps = (torch.arange(count) + torch.rand(count, generator=generator)) / count * len(self.times)
        return self.times_of(steps[torch.randperm(count, generator=generator)].floor())

    def sampling_times(self, steps: int, start: float) -> list[float]:
        """Return steps + 1 times down to 0, evenly spaced in the network's own steps, from `start` or the noisiest it knows."""
        first = float(self.steps_of(torch.tensor(min(start, self.last))))
        return [*self.times_of(torch.linspace(first, 0, steps + 1)[:-1]).tolist(), 0.0]


def unit_variance(t: Tensor) -> Tensor:
    """Return a + s of times of any shape: a state of ours times this is the checkpoint's own state, which has variance one."""
    return ((1 - t).square() + t.square()).rsqrt()
