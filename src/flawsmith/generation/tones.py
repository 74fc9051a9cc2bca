"""The tones a product's pictures have: a drawn value that no real picture shows is moved to the nearest that they do."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flawsmith.data.library import Example
from flawsmith.data.scale import PixelRange

LEVELS = 256  # the range of values is looked at in so many steps
RARE = 0.02  # a level is a gap where it is rarer than this share of what even use of all levels would give
NEAR = 3  # levels on each side that are counted with a level
INWARD = 32  # levels beyond a gap's edge within which the commonest one is taken: an edge itself is a rare tone


@dataclass(frozen=True)
class Tones:
    """For each level of each colour the value in [-1, 1] that is added to bring it out of a gap; 0 where real pictures have it."""

    moves: np.ndarray  # (C, LEVELS) float32

    def settle(self, x: np.ndarray) -> np.ndarray:
        """Return a picture (C, H, W) in [-1, 1] without values that real pictures never show."""
        return x + np.take_along_axis(self.moves, self._level(x).reshape(len(x), -1), 1).reshape(x.shape)

    def missing(self, x: np.ndarray) -> np.ndarray:
        """Return where (H, W) bool a picture (C, H, W) in [-1, 1] has a value that real pictures never show."""
        return (self.settle(x) != x).any(0)

    def settle_cells(self, z: Tensor) -> Tensor:
        """Return pixel-unshuffled pictures (..., C factor^2, h, w) without values that real pictures never show."""
        colours = len(self.moves)
        moves = torch.from_numpy(self.moves).to(z.device)
        shape = (*z.shape[:-3], colours, -1, *z.shape[-2:])
        levels = ((z.reshape(shape) + 1) * ((LEVELS - 1) / 2)).round().long().clamp(0, LEVELS - 1)
        found = torch.stack([moves[c][levels[..., c, :, :, :]] for c in range(colours)], dim=-4)
        return (z.reshape(shape) + found).reshape(z.shape)

    @staticmethod
    def _level(x: np.ndarray) -> np.ndarray:
        return np.clip(np.rint((x + 1) * ((LEVELS - 1) / 2)), 0, LEVELS - 1).astype(np.int64)


def find_tones(examples: Iterable[Example], scale: PixelRange, colours: int) -> Tones | None:
    """Return the tones of the surroundings and insides of real defects; None when they leave no gap between two tones.

    Binarised pictures are the clear case: a small model's doubt between black and white is a grey that no such picture has, and by
    which a detector would tell drawn defects from real ones. Below the darkest and above the brightest tone nothing is moved.
    """
    counts = np.zeros((colours, LEVELS))
    for example in examples:
        x = scale.to_model(example.image, colours)
        for c, level in enumerate(Tones._level(x)):
            counts[c] += np.bincount(level.ravel(), minlength=LEVELS)
    moves = np.stack([_moves(row) for row in counts])
    return Tones(moves.astype(np.float32)) if moves.any() else None


def _moves(counts: np.ndarray) -> np.ndarray:
    """Return how far (LEVELS,) each level of one colour is moved, in [-1, 1]."""
    near = np.convolve(counts, np.ones(2 * NEAR + 1), "same") / np.convolve(np.ones(LEVELS), np.ones(2 * NEAR + 1), "same")
    taken = near >= RARE * max(counts.sum(), 1) / LEVELS
    moves = np.zeros(LEVELS)
    edges = np.flatnonzero(np.diff(taken.astype(int)))  # the last level before each change
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        if taken[a] and not taken[a + 1]:  # a gap between two tones
            low = a - int(np.argmax(near[max(0, a - INWARD) : a + 1][::-1]))
            high = b + 1 + int(np.argmax(near[b + 1 : b + 2 + INWARD]))
            levels = np.arange(a + 1, b + 1)
            moves[levels] = np.where(levels - a <= b + 1 - levels, low, high) - levels
    return moves * 2 / (LEVELS - 1)
