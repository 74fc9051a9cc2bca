"""Solvers from noise to picture; each sees the network only as `denoise(state, time) -> clean state`."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from flawsmith.core.errors import ConfigError
from flawsmith.diffusion.guidance import Denoise

DrawNoise = Callable[[], Tensor]  # noise like that of the state, other noise at every call


def sample_renoise(denoise: Denoise, x: Tensor, times: Sequence[float], draw_noise: DrawNoise) -> Tensor:
    """Return the clean state by taking all noise anew at every step (Song et al. 2021, eq. 12 with the largest sigma).

    What the network got wrong in one step does not come back as noise in the next: a network that learned for minutes draws small defects
    less pale and less blurred than by the deterministic solvers. It takes more steps, and draws less varied interiors: every step keeps the
    mean of what is possible, and less than its spread.
    """
    for t, s in zip(times[:-1], times[1:], strict=True):
        clean = denoise(x, t)
        x = (1 - s) * clean + s * draw_noise() if s > 0 else clean
    return x


def sample_ddim(denoise: Denoise, x: Tensor, times: Sequence[float]) -> Tensor:
    """Return the clean state by the first-order solver (Song et al. 2021, eq. 12 with eta 0; Euler's method for this schedule)."""
    for t, s in zip(times[:-1], times[1:], strict=True):
        clean = denoise(x, t)
        x = (s / t) * x + (1 - s / t) * clean
    return x


def sample_dpmpp(denoise: Denoise, x: Tensor, times: Sequence[float]) -> Tensor:
    """Return the clean state by DPM-Solver++(2M) (Lu et al. 2022, alg. 2), first order in the first and the last step."""
    last: Tensor | None = None
    last_step = math.inf
    for t, s in zip(times[:-1], times[1:], strict=True):
        clean = denoise(x, t)
        step = _half_log_snr(s) - _half_log_snr(t)  # h in the paper
        first_order = last is None or math.isinf(step) or math.isinf(last_step)
        direction = clean if first_order or last is None else clean + (clean - last) * step / (2 * last_step)
        x = (s / t) * x + (1 - s) * -math.expm1(-step) * direction
        last, last_step = clean, step
    return x


def sample_plms(denoise: Denoise, x: Tensor, times: Sequence[float]) -> Tensor:
    """Return the clean state by the pseudo linear multistep solver (Liu et al. 2022, PNDM, eq. 12), of lower order in the first steps."""
    seen: list[Tensor] = []  # the noise as it was predicted, the newest first
    for t, s in zip(times[:-1], times[1:], strict=True):
        clean = denoise(x, t)
        if t < 1:  # at 1 the state is the noise
            seen = [(x - (1 - t) * clean) / t, *seen[:3]]
            noise = torch.stack([w * n for w, n in zip(ADAMS_BASHFORTH[len(seen)], seen, strict=True)]).sum(0)
            clean = (x - t * noise) / (1 - t)
            x = (1 - s) * clean + s * noise
        else:
            x = (1 - s) * clean + s * x
    return x


ADAMS_BASHFORTH = {1: (1.0,), 2: (3 / 2, -1 / 2), 3: (23 / 12, -16 / 12, 5 / 12), 4: (55 / 24, -59 / 24, 37 / 24, -9 / 24)}


def sample(name: str, denoise: Denoise, x: Tensor, times: Sequence[float], draw_noise: DrawNoise) -> Tensor:
    """Return the clean state by the solver called `name`."""
    if name == RENOISE:
        return sample_renoise(denoise, x, times, draw_noise)
    if name not in SOLVERS:
        raise ConfigError(f"generation.sampler: got {name!r}, expected {', '.join(SAMPLERS)}.")
    return SOLVERS[name](denoise, x, times)


SOLVERS = {"ddim": sample_ddim, "dpmpp": sample_dpmpp, "pndm": sample_plms}  # the same noise gives the same picture
RENOISE = "renoise"
SAMPLERS = (*SOLVERS, RENOISE)


def _half_log_snr(t: float) -> float:
    """Return log((1 - t) / t), infinite at the ends."""
    return math.inf if t <= 0 else -math.inf if t >= 1 else math.log((1 - t) / t)
