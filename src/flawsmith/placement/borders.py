"""Defects that reach the picture's border: which side that is after a turn, and how they reach it again."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from flawsmith.dataset.windows import bounding_box
from flawsmith.placement.shapes import is_cut
from flawsmith.product.exemplars import Exemplar

BEYOND = 0.25  # of its side: how far a defect that reaches the picture's border is continued outside
TILT = 0.08  # of its other side: how much farther one that goes through the picture is, which is turned a little

Sides = tuple[bool, bool, bool, bool]  # top, left, bottom, right


def turn_border(border: Sides, turn: int, mirror: bool) -> Sides:
    """Return the sides (top, left, bottom, right) that are reached after `apply_pose`."""
    top, left, bottom, right = border
    sides = [top, right, bottom, left] if mirror else [top, left, bottom, right]
    for _ in range(turn):  # a quarter turn against the clock: the right side comes to the top
        sides = [sides[3], sides[0], sides[1], sides[2]]
    return sides[0], sides[1], sides[2], sides[3]


@dataclass(frozen=True)
class Continued:
    """A real defect whose shape goes on beyond the sides of the picture that it reaches, before it is turned."""

    example: Exemplar
    beyond: tuple[float, float] = (0.0, 0.0)  # how much of its height and width lies outside, as a share of what lies inside
    through: tuple[bool, bool] = (False, False)  # whether it goes through the picture from top to bottom, and from left to right

    def turned(self) -> "Continued":
        """Return how it goes on after a quarter turn."""
        return replace(self, beyond=(self.beyond[1], self.beyond[0]), through=(self.through[1], self.through[0]))


def continue_beyond(example: Exemplar, limit: float, size: tuple[int, int], longest: float) -> Continued:
    """Return the example with its shape continued beyond the sides that it reaches: bent and turned a little, it would else leave them.

    size: height and width of the new picture, turned as the example is. What goes from one side of its picture to the other goes through
    this one, too, unless that is longer than `longest` pixels. A stretch of a thin defect longer than `limit` pixels need not be at the
    border.
    """
    if not any(example.border):
        return Continued(example)
    top, left, bottom, right = example.border
    through = top and bottom and size[0] <= longest, left and right and size[1] <= longest
    lengths = zip(size, through, example.shape.shape, strict=True)
    shape = _stretched(example.shape, *(length if whole else own for length, whole, own in lengths))
    tilted = [TILT * other * whole for other, whole in zip(shape.shape[::-1], through[::-1], strict=True)]
    height, width = (int(np.ceil(BEYOND * n + more)) + 2 for n, more in zip(shape.shape, tilted, strict=True))
    pads = (
        (height * top, height * (bottom and (through[0] or not top))),
        (width * left, width * (right and (through[1] or not left))),
    )
    padded = np.pad(shape, pads, "edge")
    if not any(through) and is_cut(padded, limit):
        return Continued(example)
    shares = [BEYOND + more / n for more, n in zip(tilted, shape.shape, strict=True)]
    return Continued(replace(example, shape=padded), (shares[0], shares[1]), through)


def _stretched(shape: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a shape (h, w) bool stretched to a height and a width."""
    return cv2.resize(shape.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0


def at_border(
    spot: tuple[int, int], shape: tuple[int, ...], size: tuple[int, ...], border: Sides, long: Continued | None = None
) -> tuple[int, int]:
    """Return the place moved so that a shape centred there reaches the picture's border on the given sides.

    long: how the shape goes on beyond them, far enough for one that goes through the picture; None = not at all.
    """
    beyond = long.beyond if long else (0.0, 0.0)
    row, column = spot
    top, left, bottom, right = border
    out_rows, out_columns = (round(n * share / (1 + share)) for n, share in zip(shape[:2], beyond, strict=True))
    if top or bottom:
        row = shape[0] // 2 - out_rows if top else size[0] - (shape[0] - shape[0] // 2) + out_rows
    if left or right:
        column = shape[1] // 2 - out_columns if left else size[1] - (shape[1] - shape[1] // 2) + out_columns
    return row, column


def inside_picture(shape: np.ndarray, spot: tuple[int, int], size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """Return a shape (h, w) bool centred at a place, cut off at the border of a picture of `size`, and the place of its new centre."""
    corner = spot[0] - shape.shape[0] // 2, spot[1] - shape.shape[1] // 2
    low = [max(0, c) for c in corner]
    high = [min(length, c + n) for length, c, n in zip(size, corner, shape.shape, strict=True)]
    left = shape[low[0] - corner[0] : high[0] - corner[0], low[1] - corner[1] : high[1] - corner[1]]
    if not left.any():
        return shape, spot
    box = bounding_box(left)
    found = left[box.top : box.top + box.height, box.left : box.left + box.width]
    return found, (low[0] + box.top + box.height // 2, low[1] + box.left + box.width // 2)
