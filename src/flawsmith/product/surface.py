"""The smooth background of one picture, and what stands out from it.

A view is a picture (C, H, W) float32 in shares of the value range: 0 black, 1 white.
"""

import cv2
import numpy as np

from flawsmith.dataset.components import SPECK
from flawsmith.images.pixel_range import PixelRange

FRAME = 0.03  # width of the border that should show background, as a share of the shorter side
FINEST = 0.01  # share of the value range: no background is taken to be smoother
OPEN = 0.01  # of the object: a hole at least this large through which the background is seen stays open


def value_shares(image: np.ndarray, scale: PixelRange, colours: int) -> np.ndarray:
    """Return the picture as (colours, H, W) float32, 0 black, 1 white."""
    return (scale.to_model(image, colours) + 1) / 2


def frame(shape: tuple[int, ...]) -> np.ndarray:
    """Return the border of a picture (..., H, W) as (H, W) bool."""
    width = max(2, round(FRAME * min(shape[-2:])))
    border = np.ones(shape[-2:], bool)
    border[width:-width, width:-width] = False
    return border


def frame_median(view: np.ndarray) -> np.ndarray:
    """Return the median of the frame, (C,)."""
    return np.median(view[:, frame(view.shape)], axis=1)


def difference(view: np.ndarray, noise: float | None = None) -> np.ndarray:
    """Return how far each pixel of (C, H, W) is from the picture's smooth background, (H, W): the largest over the colours.

    The background is a second-order surface, for light that falls off, through the frame's pixels without those that an object
    covers; given the noise, then through all pixels that are background by it.
    """
    terms, border = _terms(view.shape), frame(view.shape)
    around, here = view[:, border], terms[:, border]  # (C, N), (6, N)
    away = np.abs(around - np.median(around, axis=1, keepdims=True)).max(0)
    for _ in range(4):  # fewer pixels of the object each time
        ground = away <= max(3 * float(np.median(away)), FINEST)
        weights = _fit(around[:, ground], here[:, ground])
        away = _away(around, here, weights)
    away = _away(view, terms, weights)
    if noise is not None:
        ground = away <= noise
        away = _away(view, terms, _fit(view[:, ground], terms[:, ground]))
    return away


def frame_noise(view: np.ndarray) -> float:
    """Return how far the frame's pixels are from the smooth background.

    4.5 times the median distance: three standard deviations where values are normally distributed.
    """
    return max(4.5 * float(np.median(difference(view)[frame(view.shape)])), FINEST)


def object_pieces(away: np.ndarray, tolerance: float, noise: float) -> np.ndarray:
    """Return the pieces that are farther from the background than the tolerance, (H, W) bool: gaps closed, holes filled, no specks."""
    radius = max(1, round(0.006 * min(away.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    found = cv2.morphologyEx((away > tolerance).astype(np.uint8), cv2.MORPH_CLOSE, disc)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    if count == 1:
        return found.astype(bool)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= SPECK * areas[1:].max()
    kept[0] = False
    found = kept[labels]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~found).astype(np.uint8), connectivity=4)
    outside = {0, *labels[0].tolist(), *labels[-1].tolist(), *labels[:, 0].tolist(), *labels[:, -1].tolist()}
    area = found.sum()
    for hole in set(range(count)) - outside:
        inside = labels == hole
        if stats[hole, cv2.CC_STAT_AREA] < OPEN * area or np.median(away[inside]) > noise:
            found |= inside
    return found


def _terms(shape: tuple[int, ...]) -> np.ndarray:
    """Return 1, x, y and their products for each pixel, (6, H, W), x and y from -1 to 1 over the picture."""
    y, x = np.meshgrid(np.linspace(-1, 1, shape[-2]), np.linspace(-1, 1, shape[-1]), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y]).astype(np.float32)


def _fit(values: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Return the weights (C, 6) with which the terms (6, N) come nearest to the values (C, N)."""
    return np.linalg.lstsq(terms @ terms.T, terms @ values.T, rcond=None)[0].T


def _away(values: np.ndarray, terms: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the distance of the values (C, ...) from the weighted terms (6, ...), the largest over the colours."""
    return np.abs(values - np.tensordot(weights, terms, 1)).max(0)
