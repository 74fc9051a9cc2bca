"""Where the labels of a data set lie and how large each is: what heat maps and histograms are drawn from."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

GRID = 64  # cells along a side of the picture


@dataclass(frozen=True)
class Spots:
    """The labels of one kind of defect; each is what is marked in one picture."""

    areas: tuple[int, ...]  # marked pixels of each, ascending
    sides: tuple[int, ...]  # longer side in pixels of the box around each, ascending
    places: tuple[tuple[int, ...], ...]  # labels that reach into each of GRID x GRID parts of the picture, by row, then column


def spots_of(labels: Iterable[tuple[np.ndarray, tuple[int, int], tuple[int, int]]]) -> Spots:
    """Return where labels lie. Each: what is marked in its box (h, w) bool, the box's (top, left), and the picture's (H, W) in pixels."""
    areas, sides = [], []
    places = np.zeros((GRID, GRID), int)
    for shape, corner, size in labels:
        areas.append(int(shape.sum()))
        sides.append(max(shape.shape))
        covered = shape
        cells = []
        for axis in (0, 1):
            own = (np.arange(shape.shape[axis]) + corner[axis]) * GRID // size[axis]  # cell of each row or column of pixels
            found, starts = np.unique(own, return_index=True)
            covered = np.logical_or.reduceat(covered, starts, axis=axis)
            cells.append(found)
        places[np.ix_(*cells)] += covered
    return Spots(tuple(sorted(areas)), tuple(sorted(sides)), tuple(map(tuple, places.tolist())))
