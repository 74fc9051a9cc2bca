"""Several overlapping windows where a defect is larger than one: they are denoised step by step together, so no border can form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

OVERLAP = 0.375  # least share of a window's side that neighbours have in common


@dataclass(frozen=True)
class Tile:
    """One window of a canvas, in latent cells."""

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """The cells from top to bottom."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """The cells from left to right."""
        return slice(self.left, self.left + self.width)

    def pixels(self, factor: int) -> tuple[slice, slice]:
        """Return rows and columns in pixels."""
        rows, columns = (slice(cells.start * factor, cells.stop * factor) for cells in (self.rows, self.columns))
        return rows, columns


def cover(region: np.ndarray, window: int, factor: int) -> list[Tile]:
    """Return the windows of side `window` that together see every true pixel of the region (H, W); those that see none are left out.

    Sides are in pixels, multiples of `factor`, and H and W at least `window`.
    """
    side = window // factor
    tiles = []
    for top in _starts(region.shape[0] // factor, side):
        for left in _starts(region.shape[1] // factor, side):
            tile = Tile(top, left, side, side)
            if region[tile.pixels(factor)].any():
                tiles.append(tile)
    return tiles or [Tile(0, 0, side, side)]


def merge(states: Sequence[Tensor], tiles: Sequence[Tile], background: Tensor) -> Tensor:
    """Return the state of the canvas (branches, B, C, h, w) from its tiles' states, averaged where they overlap.

    The weights fall smoothly towards a tile's border (as in MultiDiffusion, Bar-Tal et al. 2023, whose weights are equal); cells that
    no tile sees are the background's.
    """
    if len(tiles) == 1 and states[0].shape == background.shape:
        return states[0]
    total = torch.zeros_like(background)
    sum_of_weights = torch.zeros(background.shape[-2:], device=background.device)
    for state, tile in zip(states, tiles, strict=True):
        down, across = (_hill(length, background.device) for length in (tile.height, tile.width))
        weights = down[:, None] * across[None]  # (h, w) above 0
        total[..., tile.rows, tile.columns] += weights * state
        sum_of_weights[tile.rows, tile.columns] += weights
    return torch.where(sum_of_weights > 0, total / sum_of_weights.clamp(min=1e-12), background)


def _hill(length: int, device: torch.device) -> Tensor:
    return torch.sin(torch.pi * (torch.arange(length, device=device) + 0.5) / length).square()


def _starts(length: int, side: int) -> list[int]:
    """Return where windows of `side` cells begin so that they cover `length` with the least overlap."""
    if length <= side:
        return [0]
    count = 1 + int(np.ceil((length - side) / (side * (1 - OVERLAP))))
    return [round(i * (length - side) / (count - 1)) for i in range(count)]
