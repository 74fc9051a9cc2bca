"""Square windows at native resolution: how large, where, and how they are cut and measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

STEP = 32  # pixels that a window's side is a multiple of, where the configuration leaves the latent grid open
MAX_FACTOR = 4  # pixels per side of a latent cell, beyond which thin defects fall between cells; and where the grid is open just so many
MOST = 64  # cells a side of a grid that is chosen: larger windows have larger cells
EXEMPLAR = 64  # pixels: side of the window in which a network that follows exemplars is shown one, at most
FITS = 0.9  # of a window's side: a longer defect does not fit into it
ROOM = 1.5  # the window's side as a multiple of the defect's


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def side(self) -> int:
        """The longer side in pixels."""
        return max(self.height, self.width)


def choose_window(sides: Sequence[int], sizes: Sequence[tuple[int, ...]], cells: int) -> int:
    """Return the side of the windows for a product, a multiple of `cells`, in native pixels.

    sides: longer bounding-box sides of the real defects; sizes: (H, W) of the pictures; cells: side of the latent grid.
    Most defects (three quarters) fit with room around them; no cell is wider than MAX_FACTOR pixels, and the window is not
    much larger than the pictures.
    """
    wanted = ROOM * float(np.percentile(sides, 75)) if len(sides) else 2.0 * cells
    largest = max((max(size) for size in sizes), default=cells * MAX_FACTOR)
    factor = int(np.ceil(min(wanted, largest) / cells))
    return cells * int(np.clip(factor, 1, MAX_FACTOR))


def choose_grid(window: int, cells: int, sides: Sequence[int], sizes: Sequence[tuple[int, ...]]) -> tuple[int, int]:
    """Return the side of the windows in pixels and that of their latent grid in cells, each as asked or, for 0, chosen.

    A window of -1 holds whole pictures. The grid chosen has MAX_FACTOR pixels a cell, up to MOST cells a side. sides, sizes: as for
    `choose_window`.
    """
    step = cells or STEP
    if window < 0:  # whole pictures
        window = step * int(np.ceil(max((max(size[:2]) for size in sizes), default=step) / step))
    window = max(1, (window or choose_window(sides, sizes, step)) // step) * step
    return window, cells or min(window // MAX_FACTOR, MOST)


def bounding_box(mask: np.ndarray) -> Box:
    """Return the box around the true pixels of a non-empty mask (H, W)."""
    rows = np.flatnonzero(mask.any(1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[top:bottom].any(0))
    left = int(columns[0])
    return Box(top, left, bottom - top, int(columns[-1]) - left + 1)


def cut(picture: np.ndarray, top: int, left: int, height: int, width: int | None = None) -> np.ndarray:
    """Return the window (height, width, ...) whose corner is at (top, left), reflected where it leaves the picture.

    Without a width it is a square.
    """
    rows = _reflect(np.arange(top, top + height), picture.shape[0])
    columns = _reflect(np.arange(left, left + (width or height)), picture.shape[1])
    return picture[rows[:, None], columns[None, :]]


def inside(top: int, left: int, height: int, width: int, size: tuple[int, ...]) -> np.ndarray:
    """Return (height, width) bool: which pixels of the window lie in a picture of `size`."""
    rows, columns = np.arange(top, top + height), np.arange(left, left + width)
    return ((rows >= 0) & (rows < size[0]))[:, None] & ((columns >= 0) & (columns < size[1]))[None]


def paste(picture: np.ndarray, window: np.ndarray, top: int, left: int) -> None:
    """Write the part of `window` that lies inside `picture` into it."""
    height, width = window.shape[:2]
    r0, r1 = max(0, top), max(0, min(picture.shape[0], top + height))
    c0, c1 = max(0, left), max(0, min(picture.shape[1], left + width))
    if r0 >= r1 or c0 >= c1:
        return
    picture[r0:r1, c0:c1] = window[r0 - top : r1 - top, c0 - left : c1 - left]


def window_around(box: Box, side: int, size: tuple[int, ...], generator: np.random.Generator) -> tuple[int, int]:
    """Return (top, left) of a window that holds `box` at a random place, inside the picture where that is possible."""
    corners = []
    for start, length, limit in ((box.top, box.height, size[0]), (box.left, box.width, size[1])):
        if limit <= side:
            corners.append((limit - side) // 2)  # a small picture as a whole, centred
            continue
        spare = side - length
        margin = min(max(spare, 0) // 2, side // 8)  # keep the defect off the window's border
        low, high = start - spare + margin, start - margin
        corner = int(generator.integers(min(low, high), max(low, high) + 1))
        corners.append(int(np.clip(corner, 0, limit - side)))
    return corners[0], corners[1]


def grow(mask: np.ndarray, radius: float) -> np.ndarray:
    """Return the mask (H, W) with every pixel within `radius` pixels of it."""
    return distance_outside(mask) <= radius


def thickness(mask: np.ndarray) -> float:
    """Return how thick a mask (H, W) is in pixels: twice the greatest distance to its border, 0 when empty."""
    return 2 * float(depth_inside(mask).max())


def depth_inside(mask: np.ndarray) -> np.ndarray:
    """Return how far each pixel of a mask (H, W) bool is from its border, in pixels, (H, W); the picture's border is one. 0 outside."""
    return np.asarray(cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1])


def distance_outside(mask: np.ndarray) -> np.ndarray:
    """Return each pixel's distance in pixels to the mask (H, W), 0 inside; infinite where the mask is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)


def _reflect(index: np.ndarray, length: int) -> np.ndarray:
    if length == 1:
        return np.zeros_like(index)
    period = 2 * (length - 1)
    index = np.abs(index) % period
    return np.where(index >= length, period - index, index)


def around(mask: np.ndarray, room: int) -> tuple[slice, slice]:
    """Return the rows and columns of the non-empty mask's box and `room` pixels around it."""
    box = bounding_box(mask)
    rows = slice(max(0, box.top - room), box.top + box.height + room)
    return rows, slice(max(0, box.left - room), box.left + box.width + room)


def aim(mask: np.ndarray, side: int, g: np.random.Generator) -> Box:
    """Return what a window should hold of a mask (H, W): the whole defect if it fits, else a random pixel of it."""
    box = bounding_box(mask)
    return box if box.side <= side * FITS else _one_of(mask, g)


def _one_of(pixels: np.ndarray, g: np.random.Generator) -> Box:
    """Return one of the true pixels (H, W)."""
    rows, columns = np.nonzero(pixels)
    i = int(g.integers(len(rows)))
    return Box(int(rows[i]), int(columns[i]), 1, 1)
