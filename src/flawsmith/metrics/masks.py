"""What is measured at the defect itself: its shape and place, and a window around it.

Pictures are (H, W, C) float32 in shares of the value range, masks (H, W) bool.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.dataset.components import centre, separate, whole
from flawsmith.dataset.windows import ROOM, bounding_box, cut
from flawsmith.quality.mask_shape import shape_scores

SMALLEST, LARGEST, STEP = 32, 224, 8  # sides of windows in pixels


@dataclass(frozen=True)
class MaskShape:
    """Size, place and shape of one defect."""

    area: float  # pixels
    side: float  # longer side of its box in pixels
    elongation: float  # length over thickness, 1 for a square; large for a line
    solidity: float  # share of its convex hull that it fills; 1 has no dents
    compactness: float  # share of the smallest circle round it that it fills; 1 is a disc, about 0 a line
    row: float | None  # middle of its box as a share of the picture's height; None where the picture is only a window
    column: float | None  # and of its width


NAMES = tuple(MaskShape.__dataclass_fields__)


def defects_of(mask: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the separate defects of a non-empty mask (H, W) bool, each as (H, W) bool; one is held in memory at a time."""
    return (one.mask(mask.shape) for one in separate(mask))


def mask_shape(mask: np.ndarray, placed: bool = True) -> MaskShape:
    """Return the shape of one defect, a non-empty mask (H, W) bool; placed: whether its place in the picture means anything."""
    box = bounding_box(mask)
    scores = shape_scores(mask)
    rows, columns = np.nonzero(mask[box.top : box.top + box.height, box.left : box.left + box.width])
    corners = np.concatenate([np.stack([columns + x, rows + y], 1) for x in (0, 1) for y in (0, 1)]).astype(np.float32)  # of its pixels
    hull = cv2.convexHull(corners)
    radius = cv2.minEnclosingCircle(hull)[1]
    return MaskShape(
        area=scores["area"],
        side=scores["side"],
        elongation=scores["elongation"],
        solidity=scores["area"] / cv2.contourArea(hull),
        compactness=scores["area"] / (np.pi * radius**2),
        row=(box.top + box.height / 2) / mask.shape[0] if placed else None,
        column=(box.left + box.width / 2) / mask.shape[1] if placed else None,
    )


def vectors(shapes: Sequence[MaskShape], like: Sequence[MaskShape], place: bool) -> np.ndarray:
    """Return shapes as vectors (N, 7, or 5 without the place) in standard deviations of `like`; sizes and elongation as logarithms."""

    def table(of: Sequence[MaskShape]) -> np.ndarray:
        """Return a row (5 or 7) of each shape, float64."""
        rows = [[np.log(s.area), np.log(s.side), np.log(s.elongation), s.solidity, s.compactness] for s in of]
        return np.array([[*row, s.row, s.column] for row, s in zip(rows, of, strict=True)] if place else rows, np.float64)

    known = table(like)
    return np.asarray((table(shapes) - known.mean(0)) / np.maximum(known.std(0), 0.02))


def window_side(sides: Sequence[float]) -> int:
    """Return the side of the windows for defects with these longer sides in pixels: three quarters of them fit with room around them."""
    wanted = ROOM * float(np.percentile(sides, 75)) / STEP
    return int(np.clip(STEP * np.ceil(wanted), SMALLEST, LARGEST))


def window(picture: np.ndarray, mask: np.ndarray, side: int) -> np.ndarray:
    """Return the window (side, side, C) of a picture round one defect, moved inside the picture where it fits; nothing is resampled.

    Of a defect larger than the window the pixel nearest to its middle is in the window's middle.
    """
    corner = []
    for middle, length in zip(centre(whole(mask), side), mask.shape, strict=True):
        corner.append(int(np.clip(middle - side // 2, 0, length - side)) if length >= side else (length - side) // 2)
    return cut(picture, corner[0], corner[1], side)
