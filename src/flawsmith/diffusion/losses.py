"""The training losses, as pure functions of tensors."""

from torch import Tensor
from torch.nn import functional as F

from flawsmith.core.errors import ConfigError

POOL = 4  # pixels
SNR = 5.0  # most that a time counts with "min-snr"
WEIGHTINGS = ("velocity", "noise", "min-snr")


def time_weight(t: Tensor, weighting: str, least: float) -> Tensor:
    """Return by how much the squared error of the clean state counts at times (B,); t is bounded below by `least`.

    "velocity": |v - v*|^2 = |x - x*|^2 / t^2 for flow matching (Lipman et al. 2023). "noise": |n - n*|^2 = |x - x*|^2 ((1 - t) / t)^2, what
    Stable Diffusion was trained with. "min-snr": that, but at most SNR (Hang et al. 2023, gamma 5).
    """
    t = t.clamp(min=least)
    if weighting == "velocity":
        return t.square().reciprocal()
    ratio = ((1 - t) / t).square()
    if weighting == "noise":
        return ratio
    if weighting == "min-snr":
        return ratio.clamp(max=SNR)
    raise ConfigError(f"diffusion.weighting: got {weighting!r}, expected {', '.join(WEIGHTINGS)}.")


def denoising_loss(clean: Tensor, target: Tensor, t: Tensor, weight: Tensor, least: float, weighting: str = "velocity") -> Tensor:
    """Return the weighted error per window, (B,), with `time_weight`.

    clean, target, weight: (branches, B, C, h, w), weight >= 0; t: (B,). The weights are normalised per window.
    """
    error = (clean - target).square() * time_weight(t, weighting, least)[None, :, None, None, None]
    return (weight * error).sum((0, 2, 3, 4)) / weight.sum((0, 2, 3, 4)).clamp(min=1e-6)


def alignment_loss(image: Tensor, anomaly: Tensor, mask: Tensor, true_mask: Tensor, t: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return how much mask, anomaly and image disagree per window, (B,).

    Two terms: the anomaly must be the image seen through the mask m, |anomaly - m image|^2, and the mask must have the
    true area and place in the sense of soft Dice, 1 - 2 |m m*| / (|m| + |m*|) (Milletari et al. 2016 with absolute sums): the mean of
    Dice over pixels and over the largest value in each block of POOL x POOL, where a line a pixel wide that is a pixel off still counts.
    Both count less where noise hides the answer: weight 1 - t.
    image, anomaly: (B, C, H, W) in [-1, 1], or latents less those of grey, with the mask of their size, 0 to 1, as `seen`; mask:
    (B, 1, H, W) predicted, -1 outside and 1 inside; true_mask: 0 and 1; t: (B,).
    """
    soft = ((mask + 1) / 2).clamp(0, 1)
    tie = (anomaly - (soft if seen is None else seen) * image).square().mean((1, 2, 3))
    pooled = F.max_pool2d(soft, POOL), F.max_pool2d(true_mask, POOL)
    return (1 - t) * (tie + (_dice(soft, true_mask) + _dice(*pooled)) / 2)


def _dice(a: Tensor, b: Tensor) -> Tensor:
    """Return the soft Dice distance of masks (B, 1, H, W), 0 to 1, per window."""
    size = a.sum((1, 2, 3)) + b.sum((1, 2, 3))
    return 1 - (2 * (a * b).sum((1, 2, 3)) + 1) / (size + 1)
