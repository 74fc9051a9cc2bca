"""The tones of binarised pictures: a drawn value that no real picture shows is moved to the nearest that they do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flawsmith.dataset.windows import grow
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.exemplars import Exemplar

if TYPE_CHECKING:
    from torch import Tensor

LEVELS = 256  # the range of values is looked at in so many steps
RARE = 0.02  # a level is a gap where it is rarer than this share of what even use of all levels would give
NEAR = 3  # levels on each side that are counted with a level
STARK = 0.5  # of all levels that binarised pictures lack
BETWEEN = 0.02  # share of their pixels that may be neither dark nor bright
BLEED = 3  # pixels around a defect that are not its surroundings yet
INWARD = 32  # levels beyond a gap's edge within which the commonest one is taken: an edge itself is a rare tone


@dataclass(frozen=True)
class BinarisedLevels:
    """For each level of each colour the value in [-1, 1] that is added to bring it out of a gap; 0 where real pictures have it."""

    moves: np.ndarray  # (C, LEVELS) float32

    def snap(self, x: np.ndarray) -> np.ndarray:
        """Return a picture (C, H, W) in [-1, 1] without values that real pictures never show."""
        return x + np.take_along_axis(self.moves, self._level(x).reshape(len(x), -1), 1).reshape(x.shape)

    def missing(self, x: np.ndarray) -> np.ndarray:
        """Return where (H, W) bool a picture (C, H, W) in [-1, 1] has a value that real pictures never show."""
        return (self.snap(x) != x).any(0)

    def snap_cells(self, z: "Tensor") -> "Tensor":
        """Return pixel-unshuffled pictures (..., C factor^2, h, w) without values that real pictures never show."""
        import torch  # here, as whoever only reads a product need not wait for it

        colours = len(self.moves)
        moves = torch.from_numpy(self.moves).to(z.device)
        shape = (*z.shape[:-3], colours, -1, *z.shape[-2:])
        levels = ((z.reshape(shape) + 1) * ((LEVELS - 1) / 2)).round().long().clamp(0, LEVELS - 1)
        found = torch.stack([moves[c][levels[..., c, :, :, :]] for c in range(colours)], dim=-4)
        return (z.reshape(shape) + found).reshape(z.shape)

    @staticmethod
    def _level(x: np.ndarray) -> np.ndarray:
        return np.clip(np.rint((x + 1) * ((LEVELS - 1) / 2)), 0, LEVELS - 1).astype(np.int64)


def levels_from(tree: Mapping[str, Any] | None) -> BinarisedLevels | None:
    """Return the levels whose moves were turned into lists; None for None."""
    return None if tree is None else BinarisedLevels(np.array(tree["moves"], np.float32))


def find_levels(examples: Iterable[Exemplar], scale: PixelRange, colours: int) -> BinarisedLevels | None:
    """Return the tones of binarised pictures, from the surroundings and insides of real defects; None for any other pictures.

    A small model's doubt between black and white is a grey that no binarised picture has, and by which a detector would tell drawn
    defects from real ones. Binarised: next to none of the surroundings' pixels are neither dark nor bright, and most levels between
    are never taken. (A dark defect on a bright surface also leaves levels out, but its surroundings have one tone.) Below the darkest
    and above the brightest tone nothing is moved.
    """
    counts, around = np.zeros((colours, LEVELS)), np.zeros((colours, LEVELS))
    for example in examples:
        x = scale.to_model(example.image, colours)
        others = example.mask if example.others is None else example.mask | example.others
        outside = ~grow(others, BLEED)
        for c, level in enumerate(BinarisedLevels._level(x)):
            counts[c] += np.bincount(level.ravel(), minlength=LEVELS)
            around[c] += np.bincount(level[outside], minlength=LEVELS)
    if not all(_binarised(row) for row in around):
        return None
    moves = np.stack([_moves(row) for row in counts])
    return BinarisedLevels(moves.astype(np.float32)) if (moves != 0).mean() >= STARK else None


def _binarised(counts: np.ndarray) -> bool:
    """Return whether pixels with these levels are dark or bright, and next to none between."""
    if not counts.any():
        return False
    below = np.cumsum(counts) / counts.sum()
    low, high = int(np.searchsorted(below, 0.005)), int(np.searchsorted(below, 0.995))
    quarter = (high - low) / 4
    levels = np.arange(LEVELS)
    between = counts[(levels > low + quarter) & (levels < high - quarter)].sum() / counts.sum()
    return high - low >= LEVELS / 2 and bool(between <= BETWEEN)


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
