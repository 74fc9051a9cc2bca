"""The first-order solver."""

from collections.abc import Sequence

from torch import Tensor

from flawsmith.diffusion.samplers.registry import Callback, Denoise, DrawNoise, sampler


@sampler("ddim")
def sample_ddim(denoise: Denoise, x: Tensor, times: Sequence[float], _draw_noise: DrawNoise, callback: Callback) -> Tensor:
    """Return the clean state of `x`, of its shape (Song et al. 2021, eq. 12 with eta 0; Euler's method for this schedule)."""
    for i, (t, s) in enumerate(zip(times[:-1], times[1:], strict=True)):
        clean = denoise(x, t)
        callback(i, t, x, clean)
        x = (s / t) * x + (1 - s / t) * clean
    return x
