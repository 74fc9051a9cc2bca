"""The second-order multistep solver, the default."""

import math
from collections.abc import Sequence

from torch import Tensor

from flawsmith.diffusion.samplers.registry import Callback, Denoise, DrawNoise, sampler


@sampler("dpmpp")
def sample_dpmpp(denoise: Denoise, x: Tensor, times: Sequence[float], _draw_noise: DrawNoise, callback: Callback) -> Tensor:
    """Return the clean state of `x`, of its shape, by DPM-Solver++(2M) (Lu et al. 2022, alg. 2); first order in the first and last step."""
    last: Tensor | None = None
    last_step = math.inf
    for i, (t, s) in enumerate(zip(times[:-1], times[1:], strict=True)):
        clean = denoise(x, t)
        callback(i, t, x, clean)
        step = _half_log_snr(s) - _half_log_snr(t)  # h in the paper
        first_order = last is None or math.isinf(step) or math.isinf(last_step)
        direction = clean if first_order or last is None else clean + (clean - last) * step / (2 * last_step)
        x = (s / t) * x + (1 - s) * -math.expm1(-step) * direction
        last, last_step = clean, step
    return x


def _half_log_snr(t: float) -> float:
    """Return log((1 - t) / t), infinite at the ends."""
    return math.inf if t <= 0 else -math.inf if t >= 1 else math.log((1 - t) / t)
