"""Pictures made smaller, each pixel the mean of those it stands for."""

import cv2
import numpy as np


def within_side(picture: np.ndarray, side: int) -> np.ndarray:
    """Return a picture (H, W, C), its longer side at most `side` pixels; the type is kept."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    return picture if scale >= 1 else _by_area(picture, max(1, round(height * scale)), max(1, round(width * scale)))


def within_area(picture: np.ndarray, side: int) -> np.ndarray:
    """Return a picture (H, W, C) with at most `side` ** 2 pixels; the type is kept."""
    height, width = picture.shape[:2]
    scale = side / float(np.sqrt(height * width))
    return picture if scale >= 1 else _by_area(picture, max(1, int(height * scale)), max(1, int(width * scale)))


def _by_area(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    smaller = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return smaller.reshape(height, width, -1)  # a single channel comes back without its axis
