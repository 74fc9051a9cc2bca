"""The faint grid that a network which draws cells of pixels leaves on smooth areas, taken away again."""

import cv2
import numpy as np

from flawsmith.images.smoothing import mean_inside

FINE = 2.0  # pixels: what is coarser than this Gaussian is no grid
NEAR = 3.0  # cells: the Gaussian over which a grid is the same
SURE = 2.5  # standard errors: what repeats by less could be chance, and stays
FEW, NEARLY = 0.8, 0.95  # share of the cells around that have the same sign at a place: none of it is a grid, and all
THIN, FULL = 0.35, 0.65  # share of what is around that was drawn: a line, and an area
NORMAL = 0.6745  # of a normal deviate's deviation: the median of its size
MANY = 4  # cells along a side of an area, less those at its border, from which on the median over them is none of a line
MOST = 0.06  # in [-1, 1]: a grid is faint; more is drawn


def without_grid(image: np.ndarray, normal: np.ndarray, mask: np.ndarray, factor: int) -> np.ndarray:
    """Return a drawn canvas without what repeats in every cell of what was changed.

    image, normal: (C, H, W) in [-1, 1], H and W multiples of `factor`; mask: (H, W) bool, where it was drawn; factor: a cell's side.
    What a surface shows does not repeat with the network's own cells; a line that crosses a few of them does not do so surely enough.
    """
    if not mask.any():
        return image
    inside = mask[..., None].astype(np.float32)
    change = np.ascontiguousarray((image - normal).transpose(1, 2, 0))
    fine = inside * (change - mean_inside(change, mask, FINE))
    cells, drawn = _by_place(fine, factor), np.tile(_by_place(inside, factor), fine.shape[2])  # (h, w, C factor^2)
    everywhere = _of_most(cells, drawn)
    cells = cells - drawn * everywhere
    count = np.maximum(_near(drawn), 1e-6)
    mean = _near(cells) / count
    spread = np.maximum(_near(cells**2) / count - mean**2, 0)
    # cells in such a window, as many as its weights are worth
    many = np.maximum(count * 4 * np.pi * NEAR**2, 1)
    chance = SURE**2 * spread / many
    grid = _surely(mean, chance)
    alike = np.where(mean > 0, _near((cells > 0).astype(np.float32)), _near((cells < 0).astype(np.float32))) / count
    grid *= ((alike - FEW) / (NEARLY - FEW)).clip(0, 1) * ((count - THIN) / (FULL - THIN)).clip(0, 1)
    grid += everywhere
    height, width, colours = fine.shape
    whole = grid.reshape(height // factor, width // factor, colours, factor, factor).transpose(0, 3, 1, 4, 2).reshape(fine.shape)
    return (image - (inside * whole.clip(-MOST, MOST)).transpose(2, 0, 1)).astype(np.float32)


def _of_most(cells: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return what most cells show at each place, (P,): the median over those deep in the mask; 0 where they are not MANY a side.

    cells, drawn: (h, w, P), the latter 1 in the mask. A line does not cross most of so many, and of a texture the median is 0.
    """
    whole = cv2.erode((drawn.min(-1) > 0).astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    full = cells[whole]
    if min(whole.any(0).sum(), whole.any(1).sum()) < MANY:
        return np.zeros(cells.shape[-1], np.float32)
    found = np.median(full, axis=0)
    variance = (np.median(np.abs(full - found), axis=0) / NORMAL) ** 2
    return np.asarray(_surely(found, SURE**2 * np.pi / 2 * variance / len(full)), np.float32)  # pi / 2: of a median


def _surely(found: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Return what was found less what its square could owe to chance."""
    return found * np.clip(1 - chance / np.maximum(found**2, 1e-12), 0, 1)


def _by_place(x: np.ndarray, factor: int) -> np.ndarray:
    """Return pixels (H, W, C) by cell, (h, w, C factor^2): those at one place of their cells lie in one plane."""
    height, width, colours = x.shape
    cells = x.reshape(height // factor, factor, width // factor, factor, colours).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(cells.reshape(height // factor, width // factor, -1))


def _near(x: np.ndarray) -> np.ndarray:
    """Return the Gaussian mean of planes (h, w, P), with nothing beyond the border."""
    planes = [cv2.GaussianBlur(x[..., i], (0, 0), NEAR, borderType=cv2.BORDER_CONSTANT) for i in range(x.shape[2])]
    return np.stack(planes, axis=-1)
