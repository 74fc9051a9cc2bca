"""What a mask measures: how large, how thick, how long."""

import cv2
import numpy as np

from flawsmith.dataset.components import SPECK, components
from flawsmith.dataset.windows import bounding_box, thickness


def shape_scores(mask: np.ndarray) -> dict[str, float]:
    """Return what a non-empty mask (H, W) bool measures: area in pixels, side (longer side of its box), thickness, elongation, parts.

    side, thickness: pixels; elongation: the longer side of the smallest rotated rectangle over the thickness, 1 for a square, large for a
    line whichever way it runs; parts: separate pieces of at least a tenth of the largest.
    """
    pieces = components(mask)
    thick = thickness(mask)
    points = cv2.findNonZero(mask.astype(np.uint8))
    length = max(cv2.minAreaRect(points)[1]) + 1  # between pixel centres
    return {
        "area": float(mask.sum()),
        "side": float(bounding_box(mask).side),
        "thickness": thick,
        "elongation": float(length) / thick,
        "parts": float(sum(piece.area >= SPECK * pieces[0].area for piece in pieces)),
    }
