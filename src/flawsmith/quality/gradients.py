"""Gradients across and along the border of a mask."""

import cv2
import numpy as np

from flawsmith.dataset.windows import distance_outside


def across_and_along(picture: np.ndarray, mask: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture's gradient across the mask's border, outwards, and along it, each (H, W, C) per pixel.

    picture: (H, W, C) float32; mask: (H, W) bool; distance: (H, W) pixels to the mask, 0 inside.
    """
    signed = cv2.GaussianBlur(distance - distance_outside(~mask), (0, 0), 1.0)
    nx, ny = _derivative(signed, 1), _derivative(signed, 0)
    length = np.maximum(np.hypot(nx, ny), 1e-6)
    nx, ny = (nx / length)[..., None], (ny / length)[..., None]
    gx, gy = _derivative(picture, 1), _derivative(picture, 0)
    return gx * nx + gy * ny, gy * nx - gx * ny


def _derivative(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the central difference of values (H, W, ...) per pixel."""
    return np.asarray(np.gradient(values, axis=axis), np.float32)
