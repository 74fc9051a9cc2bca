"""The multistep solver that DualAnoDiff samples with."""

from collections.abc import Sequence

import torch
from torch import Tensor

from flawsmith.diffusion.samplers.registry import Callback, Denoise, DrawNoise, sampler

ADAMS_BASHFORTH = {1: (1.0,), 2: (3 / 2, -1 / 2), 3: (23 / 12, -16 / 12, 5 / 12), 4: (55 / 24, -59 / 24, 37 / 24, -9 / 24)}


@sampler("pndm")
def sample_pndm(denoise: Denoise, x: Tensor, times: Sequence[float], _draw_noise: DrawNoise, callback: Callback) -> Tensor:
    """Return the clean state of `x`, of its shape, by PNDM (Liu et al. 2022, eq. 12: multistep), of lower order in the first steps."""
    seen: list[Tensor] = []  # the noise as it was predicted, the newest first
    for i, (t, s) in enumerate(zip(times[:-1], times[1:], strict=True)):
        clean = denoise(x, t)
        callback(i, t, x, clean)
        if t < 1:  # at 1 the state is the noise
            seen = [(x - (1 - t) * clean) / t, *seen[:3]]
            noise = torch.stack([w * n for w, n in zip(ADAMS_BASHFORTH[len(seen)], seen, strict=True)]).sum(0)
            clean = (x - t * noise) / (1 - t)
            x = (1 - s) * clean + s * noise
        else:
            x = (1 - s) * clean + s * x
    return x
