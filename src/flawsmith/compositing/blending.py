"""Putting a drawn window into a normal picture without touching anything outside a narrow band."""

import numpy as np

from flawsmith.dataset.windows import distance_outside
from flawsmith.images.channels import colour_count
from flawsmith.images.pixel_range import PixelRange


def band(mask: np.ndarray, region: np.ndarray, feather: int, halo: int = 0) -> np.ndarray:
    """Return the blend weights (H, W) 0 to 1: 1 up to `halo` pixels from the mask, then a raised-cosine fall over `feather` pixels.

    0 outside the region.
    """
    distance = np.maximum(distance_outside(mask) - halo, 0)
    fall = np.clip(distance / (feather + 1), 0, 1)
    return np.where(region, 0.5 + 0.5 * np.cos(np.pi * fall), 0.0).astype(np.float32)


def blend(normal: np.ndarray, drawn: np.ndarray, weights: np.ndarray, scale: PixelRange) -> np.ndarray:
    """Return the normal window with the drawn one blended in; where a weight is 0 its pixels are the normal's own bits.

    normal: (H, W, C) as stored, alpha kept; drawn: (C, H, W) in [-1, 1]; weights: (H, W) 0 to 1.
    """
    colours = colour_count(normal.shape[2])
    base = normal[..., :colours]
    new = scale.to_pixels(drawn, colours).astype(np.float32)
    share = weights[..., None]
    mixed = np.rint(base * (1 - share) + new * share).astype(normal.dtype)
    out = normal.copy()
    out[..., :colours] = np.where(share > 0, mixed, base)
    return out
