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


def alignment_loss(mask: Tensor, true_mask: Tensor, t: Tensor, misfit: Tensor | None = None) -> Tensor:
    """Return how far the mask is from the true one, and the two branches from each other, per window, (B,); 0 for the true state.

    mask: (B, 1, H, W) predicted, -1 outside and 1 inside; true_mask: (B, 1, H, W), 0 and 1; t: (B,); misfit: (B, C, h, w) from `misfit`.
    The mask: soft Dice, 1 - 2 |m m*| / (|m| + |m*|) (Milletari et al. 2016 with absolute sums), the mean of it over pixels and over the
    largest value in each block of POOL x POOL, where a line a pixel wide that is a pixel off still counts. The branches: the mean square of
    the misfit. A single branch has none: its anomaly is made of its image and its mask, so a tie could only pull the image to grey.
    Both count less where noise hides the answer: weight 1 - t.
    """
    soft = ((mask + 1) / 2).clamp(0, 1)
    pooled = F.max_pool2d(soft, POOL), F.max_pool2d(true_mask, POOL)
    apart = (_dice(soft, true_mask) + _dice(*pooled)) / 2
    return (1 - t) * (apart if misfit is None else apart + misfit.square().mean((1, 2, 3)))


def misfit(image: Tensor, anomaly: Tensor, seen: Tensor) -> Tensor:
    """Return anomaly - seen image, (B, C, h, w): 0 where the anomaly is the image seen through the mask.

    image, anomaly: (B, C, h, w) less those of mid-grey, pixels or latents; seen: (B, C, h, w) the mask, 0 to 1. Latents leave something
    even for the true state, as a cell near the border of the mask sees both sides of it.
    """
    return anomaly - seen * image


def _dice(a: Tensor, b: Tensor) -> Tensor:
    """Return the soft Dice distance of masks (B, 1, H, W), 0 to 1, per window."""
    size = a.sum((1, 2, 3)) + b.sum((1, 2, 3))
    return 1 - (2 * (a * b).sum((1, 2, 3)) + 1) / (size + 1)
