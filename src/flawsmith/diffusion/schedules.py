"""The noise schedule: how much picture and how much noise there is at a time between 0 (clean) and 1 (noise)."""

import torch
from torch import Tensor


def mix(clean: Tensor, noise: Tensor, t: Tensor | float) -> Tensor:
    """Return the noisy state (1 - t) clean + t noise, of their shape (flow matching, Lipman et al. 2023). t: 0 to 1, broadcasts over it."""
    return (1 - t) * clean + t * noise


def training_times(count: int, mean: float, std: float, generator: torch.Generator, at_start: float = 0.0) -> Tensor:
    """Return (count,) times in (0, 1] whose logit is normal (Esser et al. 2024, sec. 3.1), stratified over the batch.

    at_start: share of them, to the next whole number, that are 1 instead, where drawing begins.
    """
    u = (torch.arange(count) + torch.rand(count, generator=generator)) / count  # one per stratum: less variance per step
    u = u[torch.randperm(count, generator=generator)].clamp(1e-4, 1 - 1e-4)
    times = torch.sigmoid(mean + std * torch.special.ndtri(u))
    if first := round(at_start * count):
        times[torch.randperm(count, generator=generator)[:first]] = 1.0
    return times


def sampling_times(steps: int, start: float, shift: float = 1.0) -> list[float]:
    """Return steps + 1 times from `start` down to 0, evenly spaced where shift is 1.

    shift: above 1 more of the steps lie near noise, below 1 near the clean picture (Esser et al. 2024, eq. 23): u becomes
    shift u / (1 + (shift - 1) u).
    """
    even = (1 - i / steps for i in range(steps))
    return [start * shift * u / (1 + (shift - 1) * u) for u in even] + [0.0]


def joint_noise(shape: tuple[int, ...], rho: float, generator: torch.Generator) -> Tensor:
    """Return noise of `shape` (branches, ...) whose branches are correlated by `rho`.

    Branch 1 = rho * branch 0 + sqrt(1 - rho^2) * its own; rho = 0 is the paper's independent noise.
    """
    noise = torch.randn(shape, generator=generator)
    if shape[0] == 2 and rho > 0:
        noise[1] = rho * noise[0] + (1 - rho**2) ** 0.5 * noise[1]
    return noise
