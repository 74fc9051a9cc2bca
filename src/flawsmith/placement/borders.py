"""Defects that reach the picture's border: which side that is after a turn, and how they reach it again."""

from dataclasses import replace

import numpy as np

from flawsmith.product.exemplars import Exemplar

BEYOND = 0.25  # of its side: how far a defect that reaches the picture's border is continued outside

Sides = tuple[bool, bool, bool, bool]  # top, left, bottom, right


def turn_border(border: Sides, turn: int, mirror: bool) -> Sides:
    """Return the sides (top, left, bottom, right) that are reached after `apply_pose`."""
    top, left, bottom, right = border
    sides = [top, right, bottom, left] if mirror else [top, left, bottom, right]
    for _ in range(turn):  # a quarter turn against the clock: the right side comes to the top
        sides = [sides[3], sides[0], sides[1], sides[2]]
    return sides[0], sides[1], sides[2], sides[3]


def continue_beyond(example: Exemplar, limit: float) -> tuple[Exemplar, float]:
    """Return the example with its shape continued beyond the picture's border it reaches, and by how much of a side; 0 where it is not.

    A chip at the edge stays one: bent and turned a little, it would else leave the edge. A stretch of a defect longer than `limit`
    pixels need not be at the border.
    """
    if not any(example.border) or max(example.shape.shape) > limit / 1.5:
        return example, 0.0
    top, left, bottom, right = example.border
    height, width = (int(np.ceil(BEYOND * n)) + 2 for n in example.shape.shape)
    pads = ((height * top, height * (bottom and not top)), (width * left, width * (right and not left)))
    return replace(example, shape=np.pad(example.shape, pads, "edge")), BEYOND


def at_border(spot: tuple[int, int], shape: tuple[int, ...], size: tuple[int, ...], border: Sides, beyond: float) -> tuple[int, int]:
    """Return the place moved so that a shape centred there reaches the picture's border on the given sides.

    beyond: how much of the side lies outside the picture, as a share of what lies inside.
    """
    row, column = spot
    top, left, bottom, right = border
    out_rows, out_columns = (round(n * beyond / (1 + beyond)) for n in shape[:2])
    if top or bottom:
        row = shape[0] // 2 - out_rows if top else size[0] - (shape[0] - shape[0] // 2) + out_rows
    if left or right:
        column = shape[1] // 2 - out_columns if left else size[1] - (shape[1] - shape[1] // 2) + out_columns
    return row, column
