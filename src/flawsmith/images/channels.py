"""Which channels of a stored picture are colours: the only place that knows where alpha is."""

from collections.abc import Iterable

import numpy as np


def colour_count(channels: int) -> int:
    """Return how many of `channels` (1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha) are colours: 1 or 3."""
    return channels - (channels in (2, 4))


def without_alpha(image: np.ndarray) -> np.ndarray:
    """Return the colours of pixels (..., C) as a view (..., 1 or 3), values as stored."""
    return image[..., : colour_count(image.shape[-1])]


def grey(image: np.ndarray) -> np.ndarray:
    """Return the mean over the colours of pixels (..., C), (...) float32 in stored values; alpha is left out."""
    return without_alpha(image).mean(-1, dtype=np.float32)


def common_colours(images: Iterable[np.ndarray]) -> int:
    """Return the number of colours that all pictures (H, W, C) are brought to: 3 if any has colours, else 1."""
    return max(colour_count(image.shape[2]) for image in images)
