"""How far two pictures, or two masks, agree pixel by pixel."""

import numpy as np


def change_map(image: np.ndarray, normal: np.ndarray, span: float) -> np.ndarray:
    """Return how much each pixel differs from the normal, as a share of the value range: the largest over the colours.

    image, normal: (H, W, C) as stored; span: stored values between black and white of this product. Result: (H, W) float32.
    """
    return np.abs(image.astype(np.float32) - normal.astype(np.float32)).max(-1) / np.float32(span)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection over union of two masks (H, W) bool; 0 when both are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 0.0
