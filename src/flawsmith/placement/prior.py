"""Places for defects drawn at random: near where the product's real ones were, on what is allowed, where the user finds it likely."""

from collections.abc import Sequence

import numpy as np

from flawsmith.core.errors import NoRoomError
from flawsmith.product.exemplars import Exemplar

CELLS = 128  # along the longer side of a place map, at most
SIGMA = 0.04  # width of the density around a real defect's place, as a share of the picture's sides


def place_map(
    size: tuple[int, int],
    examples: Sequence[Exemplar],
    within: np.ndarray | None = None,
    likely: np.ndarray | None = None,
    near: float = 0.5,
) -> np.ndarray:
    """Return the chance of each cell of a coarse grid to hold the centre of the next defect, (h, w) float32 with the sum 1.

    size: (H, W) of the picture, which the grid divides evenly into at most CELLS x CELLS. The chance is `near` times the density of
    the real places of `examples` (of one defect) and for the rest alike everywhere, times how much of the cell lies within `within`
    (H, W) bool, times the user's `likely` (H, W). Raises NoRoomError when these two leave nothing.
    """
    rows, columns = _edges(size)
    weights = _cell_sums(rows, columns, within, likely)  # (h, w)
    if not weights.any():
        raise NoRoomError("--region, --place-map and --foreground leave no place for a defect in this picture; widen one of them.")
    density = np.full(weights.shape, (1 - near) / (size[0] * size[1]))  # a pixel
    if near > 0 and examples:
        places = np.array([example.place for example in examples])  # (N, 2)
        density += near * _bumps(rows, places[:, 0]).T @ _bumps(columns, places[:, 1]) / len(places)
    chances = density * weights
    if chances.sum() < np.finfo(np.float32).tiny:  # far from every real place, with nothing for the rest
        chances = weights
    return (chances / chances.sum()).astype(np.float32)


def sample_places(
    chances: np.ndarray, size: tuple[int, int], count: int, g: np.random.Generator, within: np.ndarray | None = None
) -> np.ndarray:
    """Return `count` places (M, 2) int, rows and columns of a picture of `size`, drawn from what `place_map` returned.

    In its cell a place is anywhere, or with `within`, as `place_map` had it, on one of its pixels.
    """
    rows, columns = _edges(size)
    totals = np.cumsum(chances.astype(np.float64).ravel())
    cells = np.searchsorted(totals / totals[-1], g.random(count), side="right")
    row, column = np.divmod(cells, chances.shape[1])  # (M,)
    if within is None:
        return np.stack([g.integers(rows[row], rows[row + 1]), g.integers(columns[column], columns[column + 1])], axis=1)
    places = np.empty((count, 2), int)
    for cell in np.unique(cells):
        i, j = divmod(int(cell), chances.shape[1])
        inside = np.argwhere(within[rows[i] : rows[i + 1], columns[j] : columns[j + 1]])
        which = np.flatnonzero(cells == cell)
        places[which] = inside[g.integers(len(inside), size=len(which))] + (rows[i], columns[j])
    return places


def _edges(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return where the cells of a picture of `size` begin, as rows (h + 1,) and columns (w + 1,); the last ends it."""
    pitch = -(-max(size) // CELLS)
    rows, columns = (np.linspace(0, length, -(-length // pitch) + 1).round().astype(int) for length in size)
    return rows, columns


def _cell_sums(rows: np.ndarray, columns: np.ndarray, within: np.ndarray | None, likely: np.ndarray | None) -> np.ndarray:
    """Return the sum of `likely` over the pixels of `within` in each cell, (h, w); of 1 for what is None."""
    if within is None and likely is None:
        return np.diff(rows)[:, None] * np.diff(columns)[None].astype(float)
    sums = np.empty((len(rows) - 1, len(columns) - 1))
    for i, (top, bottom) in enumerate(zip(rows[:-1], rows[1:], strict=True)):  # a strip at a time: 8K pictures cost no memory
        strip = np.ones((bottom - top, columns[-1]), np.float32) if likely is None else likely[top:bottom]
        if within is not None:
            strip = strip * within[top:bottom]
        sums[i] = np.add.reduceat(strip.sum(0, dtype=np.float64), columns[:-1])
    return sums


def _bumps(edges: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return normal densities a pixel at the middles of the cells, (N, cells): each around a place (a share of the side), summing to 1."""
    middles = (edges[:-1] + edges[1:]) / 2 / edges[-1]
    exponent = -0.5 * ((middles[None] - places[:, None]) / SIGMA) ** 2
    bumps = np.exp(exponent - exponent.max(1, keepdims=True))
    return bumps / (bumps * np.diff(edges)).sum(1, keepdims=True)
