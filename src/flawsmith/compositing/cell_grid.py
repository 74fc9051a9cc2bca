"""The faint grid that a network which draws cells of pixels leaves on smooth areas, taken away again."""

import cv2
import numpy as np

from flawsmith.compositing.noise_matching import blurred

FINE = 2.0  # pixels: what is coarser than this Gaussian is no grid
NEAR = 3.0  # cells: the Gaussian over which a grid is the same
SURE = 2.5  # standard errors: what repeats by less could be chance, and stays
FEW, NEARLY = 0.8, 0.95  # share of the cells around that have the same sign at a place: none of it is a grid, and all
THIN, FULL = 0.35, 0.65  # share of what is around that was drawn: a line, and an area
MOST = 0.06  # in [-1, 1]: a grid is faint; more is drawn


def without_grid(image: np.ndarray, normal: np.ndarray, mask: np.ndarray, factor: int) -> np.ndarray:
    """Return a drawn canvas without what repeats in every cell of what was changed.

    image, normal: (C, H, W) in [-1, 1], H and W multiples of `factor`; mask: (H, W) bool, where it was drawn; factor: a cell's side.
    What a surface shows does not repeat with the network's own cells; a line that crosses a few of them does not do so surely enough.
    """
    if not mask.any():
        return image
    inside = mask[..., None].astype(np.float32)
    change = np.ascontiguousarray((image - normal).transpose(1, 2, 0)) * inside
    share = blurred(inside, FINE)
    fine = inside * (change - blurred(change, FINE) / np.maximum(share, 1e-6))
    cells = _by_place(fine, factor)  # (h, w, C factor^2)
    count = np.tile(np.maximum(_near(_by_place(inside, factor)), 1e-6), fine.shape[2])
    mean = _near(cells) / count
    spread = np.maximum(_near(cells**2) / count - mean**2, 0)
    # cells in such a window, as many as its weights are worth
    many = np.maximum(count * 4 * np.pi * NEAR**2, 1)
    chance = SURE**2 * spread / many
    grid = mean * np.clip(1 - chance / np.maximum(mean**2, 1e-12), 0, 1)
    alike = np.where(mean > 0, _near((cells > 0).astype(np.float32)), _near((cells < 0).astype(np.float32))) / count
    grid *= ((alike - FEW) / (NEARLY - FEW)).clip(0, 1) * ((count - THIN) / (FULL - THIN)).clip(0, 1)
    height, width, colours = fine.shape
    whole = grid.reshape(height // factor, width // factor, colours, factor, factor).transpose(0, 3, 1, 4, 2).reshape(fine.shape)
    return (image - (inside * whole.clip(-MOST, MOST)).transpose(2, 0, 1)).astype(np.float32)


def _by_place(x: np.ndarray, factor: int) -> np.ndarray:
    """Return pixels (H, W, C) by cell, (h, w, C factor^2): those at one place of their cells lie in one plane."""
    height, width, colours = x.shape
    cells = x.reshape(height // factor, factor, width // factor, factor, colours).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(cells.reshape(height // factor, width // factor, -1))


def _near(x: np.ndarray) -> np.ndarray:
    """Return the Gaussian mean of planes (h, w, P), with nothing beyond the border."""
    planes = [cv2.GaussianBlur(x[..., i], (0, 0), NEAR, borderType=cv2.BORDER_CONSTANT) for i in range(x.shape[2])]
    return np.stack(planes, axis=-1)
