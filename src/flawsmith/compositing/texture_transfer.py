"""Detail finer than a small network learns in minutes: what the model drew is filled with the fine structure of real defects."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.dihedral import apply_pose
from flawsmith.dataset.windows import depth_inside, grow
from flawsmith.images.pixel_range import PixelRange
from flawsmith.images.smoothing import blurred, mean_inside
from flawsmith.product.exemplars import Exemplar
from flawsmith.synthesis.task import Drawn

FINEST = 1.5  # pixels: the least sigma; finer than that is grain, which compositing/noise_matching.py sees to
CELLS = 2  # of the network's grid: the greatest sigma
BORDER = 3  # pixels beyond a real defect's mask from which blocks are taken, too
BLOCKS = 24000  # at most, of one kind of defect
MANY = 64  # times as many are looked at to choose from
ALIKE = 0.5  # of sigma: the blur through which blocks are compared
NEAREST = 20  # blocks that are tried where one is needed
AS_GOOD = 1.2  # times the misfit of the best of them: chance decides among these, else an even area shows one block again and again
MASK = 0.6  # weight of the mask against the picture in [-1, 1] where blocks are compared
COMPARED = 10  # pixels of a block's side by which blocks are compared, or every second one
COMPONENTS = 48  # numbers by which blocks are compared
WIDE = 2.0  # of sigma: over so much around a pixel is asked whether the surface goes on
FAINT = 0.03  # in [-1, 1]: of a surface with less structure nobody can say


class Detail:
    """The fine structure of the real defects of one kind, in blocks, to be laid onto what the model drew.

    Image quilting with a target (Efros and Freeman 2001, "Image quilting for texture synthesis and transfer"): the drawn defect keeps
    everything coarser than a Gaussian of `sigma` pixels, and of kinds in which the surface goes on what it shows of that. Else what is
    finer comes from blocks of real defects that look alike, through half that blur and in their mask, and fit the blocks beside them
    where they overlap. Blocks are a few pixels larger than 2 sigma and smaller than a defect, so that the whole is new; the check for
    copies sees the result.
    """

    def __init__(
        self,
        examples: Sequence[Exemplar],
        sigma: float,
        turns: Sequence[tuple[int, bool]],
        scale: PixelRange,
        colours: int,
        goes_on: bool = False,
    ) -> None:
        """examples: of one kind; sigma: pixels; turns: quarter turns and whether mirrored, as in `generation.turns`.

        goes_on: whether the surface goes on under real defects of the kind.
        """
        self.sigma, self._goes_on = sigma, goes_on
        self._half = round(sigma) + 2
        self._overlap = max(2, self._side // 3 - 1)
        ramp = np.clip((np.minimum(np.arange(self._side), np.arange(self._side)[::-1]) + 1) / (self._overlap + 1), 0, 1)
        self._weight = (ramp[:, None] * ramp)[..., None].astype(np.float32)
        self._turns = list(turns)
        self._fine: list[np.ndarray] = []  # (H, W, C) of every example, with room for half a block around
        self._seen: list[tuple[np.ndarray, np.ndarray]] = []  # what blocks of every example are compared by: blurred (H, W, C), and mask
        self._amounts: list[float] = []  # how much fine structure every example has in its mask
        for example in examples:
            picture = np.ascontiguousarray(scale.to_model(example.image, colours).transpose(1, 2, 0))
            fine = picture - blurred(picture, self.sigma)
            self._fine.append(self._padded(fine))
            self._seen.append((blurred(picture, ALIKE * self.sigma), example.mask))
            amount = _amount(picture, example.mask, self.sigma)
            if goes_on:  # what the surface shows is none of the defect's
                amount = max(0.0, amount**2 - _amount(picture, example.around & ~grow(example.mask, BORDER), self.sigma) ** 2) ** 0.5
            self._amounts.append(amount)
        self._where = _kept(_places(examples, self._turns))

    @property
    def _side(self) -> int:
        """The side of a block in pixels."""
        return 2 * self._half + 1

    def give(
        self,
        drawn: Drawn,
        mask: np.ndarray,
        normal: np.ndarray | None,
        severity: float,
        seed: int,
        lacking: float = np.inf,
        only: int | None = None,
        ends: bool = False,
    ) -> Drawn:
        """Return the canvas with real fine structure inside a mask; as it is where that is empty, or with no real defect to learn from.

        mask: (H, W) bool, of what was drawn; normal: (C, H, W) in [-1, 1], None without one; severity: 1 as real ones, less fainter;
        lacking: only where what was drawn has less than this share of the fine structure of a real defect of the kind, chosen by lot;
        only: number of the one real defect that it is compared with and gets blocks of, None = any of the kind; ends: nothing that is fine
        in the surface goes on, whatever the kind.
        """
        if not mask.any() or not len(self._where):
            return drawn
        whole = np.ascontiguousarray(drawn.image.transpose(1, 2, 0))
        coarse = blurred(whole, self.sigma)
        surface, share = np.zeros_like(whole), np.zeros((*mask.shape, 1), np.float32)  # finer than sigma; how much of it goes on
        if normal is not None:
            surface = np.ascontiguousarray(normal.transpose(1, 2, 0))
            surface = surface - blurred(surface, self.sigma)
            if self._goes_on and not ends:
                share = found_again(whole - coarse, surface, mask, WIDE * self.sigma)
        if severity > 0:
            one = int(numpy_generator(seed, "amount").integers(len(self._amounts))) if only is None else only
            below = 0 if normal is None else normal.transpose(1, 2, 0)
            if _amount(below + (whole - below) / severity, mask, self.sigma) >= lacking * self._amounts[one]:
                return drawn
        quilted = self._quilt(blurred(whole - share * surface, ALIKE * self.sigma), mask, seed, only)
        shown = blurred((surface**2).mean(2, keepdims=True), self.sigma)  # where there is something that can go on
        fine = share * surface + (1 - share * shown / (shown + FAINT**2)) * quilted
        fine = surface + severity * (fine - surface)
        weight = np.clip(depth_inside(mask) / 2, 0, 1)[..., None]  # half on the mask's outermost pixels
        new = (whole + weight * (coarse + fine - whole)).clip(-1, 1).transpose(2, 0, 1)
        new = np.where(mask, new, drawn.image).astype(np.float32)
        return replace(drawn, image=new, anomaly=np.where(mask, new, drawn.anomaly))

    @cached_property
    def _blocks(self) -> "_Blocks":
        """The blocks of all examples; made when the first is laid, as of many kinds none is."""
        found = []
        for number, (seen, mask) in enumerate(self._seen):
            for i, turn in enumerate(self._turns):
                own = self._where[(self._where[:, 0] == number) & (self._where[:, 1] == i)]
                if len(own):  # of a thousand specks not every one has a block among those chosen
                    found.append(self._features(seen, mask, own[:, 2], own[:, 3], *turn))
        features = np.concatenate(found)
        mean = features.mean(0)
        features -= mean
        axes = np.linalg.eigh(features.T @ features)[1][:, -COMPONENTS:]
        known = features @ axes
        return _Blocks(mean, axes, known, (known**2).sum(1))

    def _padded(self, picture: np.ndarray) -> np.ndarray:
        """Return a picture (H, W, C) with half a block more on every side, mirrored."""
        return np.pad(picture, ((self._half, self._half), (self._half, self._half), (0, 0)), mode="symmetric")

    def _features(
        self, picture: np.ndarray, mask: np.ndarray, rows: np.ndarray, columns: np.ndarray, turn: int = 0, mirror: bool = False
    ) -> np.ndarray:
        """Return some pixels of the blocks around the pixels (rows, columns), blurred picture and mask, turned, (N, D)."""
        both = self._padded(np.dstack([picture, MASK * mask.astype(np.float32)]))
        windows = np.lib.stride_tricks.sliding_window_view(both, (self._side, self._side), axis=(0, 1))
        blocks = windows[rows, columns].transpose(2, 3, 1, 0)  # (side, side, C, N)
        some = slice(None, None, max(2, self._side // COMPARED))
        return apply_pose(blocks, turn, mirror)[some, some].transpose(3, 2, 0, 1).reshape(len(rows), -1)

    def _quilt(self, seen: np.ndarray, mask: np.ndarray, seed: int, only: int | None) -> np.ndarray:
        """Return the fine structure (H, W, C) for a blurred picture (H, W, C), real wherever the mask is."""
        step, half = self._side - self._overlap, self._half
        g = numpy_generator(seed, "detail")
        start = g.integers(step, size=2)
        lines = [np.arange(int(a) - step, length + step, step) for a, length in zip(start, mask.shape, strict=True)]
        rows, columns = (np.unique(line.clip(0, length - 1)) for line, length in zip(lines, mask.shape, strict=True))
        grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        needed = cv2.dilate(mask.astype(np.uint8), np.ones((self._side, self._side), np.uint8)) > 0
        grid = grid[needed[grid[:, 0], grid[:, 1]]]
        height, width, colours = seen.shape
        sums = np.zeros((height + 2 * half, width + 2 * half, colours), np.float32)
        weights = np.zeros((*sums.shape[:2], 1), np.float32)
        for (row, column), (indexes, distances) in zip(grid, self._nearest(self._features(seen, mask, *grid.T), only), strict=True):
            here = (slice(row, row + self._side), slice(column, column + self._side))
            blocks, there = self._cut(indexes), weights[here]
            misfit = (there > 0) * (blocks - sums[here] / np.maximum(there, 1e-6)) ** 2
            costs = np.maximum(distances, 0) + misfit.sum((1, 2, 3))  # of equal blocks a rounding may be left
            chosen = int(g.choice(np.flatnonzero(costs <= AS_GOOD * costs.min())))
            sums[here] += self._weight * blocks[chosen]
            weights[here] += self._weight
        return (sums / np.maximum(weights, 1e-6))[half:-half, half:-half]

    def _cut(self, indexes: np.ndarray) -> np.ndarray:
        """Return the fine structure of blocks (N, side, side, C)."""
        blocks = []
        for number, turn, row, column in self._where[indexes]:
            block = self._fine[number][row : row + self._side, column : column + self._side]
            blocks.append(apply_pose(block, *self._turns[turn]))
        return np.stack(blocks)

    def _nearest(self, features: np.ndarray, only: int | None) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each row (N, D) the blocks that look most alike, and their squared distances."""
        found, blocks = [], self._blocks
        for some in np.array_split((features - blocks.mean) @ blocks.axes, max(1, len(features) // 256)):
            distances = (some**2).sum(1, keepdims=True) - 2 * some @ blocks.known.T + blocks.lengths
            if only is not None and (own := self._where[:, 0] == only).any():
                distances = np.where(own, distances, np.inf)
            count = min(NEAREST, distances.shape[1])
            indexes = np.argpartition(distances, count - 1, axis=1)[:, :count]
            found += [(own, row[own]) for own, row in zip(indexes, distances, strict=True)]
        return found


class _Blocks(NamedTuple):
    """Blocks of real defects by their principal components, of what they are compared by."""

    mean: np.ndarray  # (D,)
    axes: np.ndarray  # (D, COMPONENTS)
    known: np.ndarray  # (N, COMPONENTS)
    lengths: np.ndarray  # (N,), squared


def found_again(drawn: np.ndarray, surface: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Return how much of a surface's fine structure (H, W, C) is found again in what was drawn over it, (H, W, 1), 0 to 1.

    It is the slope of the one over the other in the mask (H, W), through a Gaussian of `sigma` pixels.
    """
    inside = mask[..., None]
    both, own = (blurred((inside * x * surface).mean(2, keepdims=True), sigma) for x in (drawn, surface))
    return (both / (own + FAINT**2 * blurred(inside.astype(np.float32), sigma) + 1e-12)).clip(0, 1)


def _amount(picture: np.ndarray, mask: np.ndarray, sigma: float) -> float:
    """Return how much of a picture (H, W, C) in a mask (H, W) bool is finer than a Gaussian of `sigma` pixels: its root mean square.

    What lies outside the mask is not looked at: a border is no structure of what it bounds.
    """
    return float(np.sqrt(np.square((picture - mean_inside(picture, mask, sigma))[mask]).mean())) if mask.any() else 0.0


def choose_sigma(examples: Sequence[Exemplar], share: float, factor: int) -> float:
    """Return where the fine structure begins, in pixels: a share of the real defects' median side, the root of the area.

    factor: pixels a cell of the network's grid. At least FINEST, and at most CELLS cells: the network knows about what is coarser.
    """
    side = float(np.median([np.sqrt(example.area) for example in examples])) if examples else 0.0
    return float(np.clip(share * side, FINEST, max(FINEST, CELLS * factor)))


def _places(examples: Sequence[Exemplar], turns: Sequence[tuple[int, bool]]) -> np.ndarray:
    """Return the blocks there are: example, turn, and the row and column of the middle before turning, (N, 4); not all of very many."""
    found = [np.zeros((0, 4), np.int64)]
    most = max(1, MANY * BLOCKS // max(1, len(examples) * len(turns)))
    for number, example in enumerate(examples):
        near = grow(example.mask, BORDER)
        if example.shown is not None:  # what is mirrored at a picture's border is no real defect
            near &= example.shown
        pixels = np.arange(near.size).reshape(near.shape)
        for i, turn in enumerate(turns):
            rows, columns = np.divmod(apply_pose(pixels, *turn)[apply_pose(near, *turn)], near.shape[1])
            some = slice(None, None, max(1, -(-len(rows) // most)))
            rows, columns = rows[some], columns[some]
            found.append(np.stack([np.full(len(rows), number), np.full(len(rows), i), rows, columns], axis=1))
    return np.concatenate(found)


def _kept(places: np.ndarray) -> np.ndarray:
    """Return all places (N, ...), or BLOCKS of them."""
    if len(places) <= BLOCKS:
        return places
    return places[np.sort(numpy_generator(0, "detail", len(places)).permutation(len(places))[:BLOCKS])]
