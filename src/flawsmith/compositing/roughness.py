"""How rough the inside of a mask is against its surroundings."""

import cv2
import numpy as np

from flawsmith.compositing.margins import BLEED, FEW, NEAR, STEP
from flawsmith.dataset.windows import around, distance_outside


def grain(picture: np.ndarray, mask: np.ndarray, others: np.ndarray | None = None) -> float | None:
    """Return log2 of how rough the inside of the mask is against its surroundings: 0 alike, 1 twice as rough, -1 half; None when too thin.

    picture: (H, W, C) in shares of the value range; mask, others: (H, W) bool.
    Roughness: mean |Laplacian| of the grey picture with the kernel of Immerkaer 1996, over pixels whose 3 x 3 neighbours all belong.
    """
    rows, columns = around(mask, BLEED + NEAR + 2) if mask.any() else (slice(None), slice(None))
    picture, mask = picture[rows, columns], mask[rows, columns]
    hidden = mask if others is None else mask | others[rows, columns]
    inner = cv2.erode(np.pad(mask, 1).astype(np.uint8), np.ones((3, 3), np.uint8))[1:-1, 1:-1] > 0
    outer = (distance_outside(hidden) > BLEED + 1) & (distance_outside(mask) <= BLEED + 1 + NEAR)
    inner[[0, -1]] = inner[:, [0, -1]] = outer[[0, -1]] = outer[:, [0, -1]] = False
    if inner.sum() < FEW or outer.sum() < FEW:
        return None
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    detail = np.abs(cv2.filter2D(np.ascontiguousarray(picture.mean(-1, dtype=np.float32)), -1, kernel))
    return float(np.log2((detail[inner].mean() + STEP / 2) / (detail[outer].mean() + STEP / 2)))
