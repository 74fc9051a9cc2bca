"""Training pairs: windows of real pictures with their masks, the regions to draw in and what the network is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from flawsmith.config.schema import Config
from flawsmith.core.seeds import derive, numpy_generator
from flawsmith.dataset.augment import Pose, random_pose
from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import EXEMPLAR, Box, aim, bounding_box, cut, grow, thickness, window_around
from flawsmith.images.pixel_range import PixelRange
from flawsmith.synthesis.task import Task
from flawsmith.training.underneath import Fill, Part


@dataclass(frozen=True)
class Batch:
    """Windows for one step of training."""

    image: Tensor  # (B, C, H, W) in [-1, 1]
    mask: Tensor  # (B, 1, H, W), 0 or 1
    region: Tensor  # (B, 1, H, W), 0 or 1: where the network may draw
    ids: Tensor  # (B,) entries of the token table: 0 good, 1.. the defects
    background: Tensor  # (B, C, H, W) in [-1, 1]: 0 inside the region, or the normal
    known: Tensor  # (B,) 1 where it is the normal
    shape: Tensor  # (B, 1, H, W) the wanted mask, 1 inside and -1 outside; 0 where none is told
    exemplars: Tensor  # (B, K, C + 1, S, S) pictures and their masks, 0 or 1, of other defects of the kind; K may be 0

    @classmethod
    def erased(cls, image: Tensor, mask: Tensor, region: Tensor, ids: Tensor) -> "Batch":
        """Return windows of which the network is shown what lies outside the region, and nothing else."""
        exemplars = image.new_zeros(len(image), 0, image.shape[1] + 1, 1, 1)
        return cls(image, mask, region, ids, image * (1 - region), image.new_zeros(len(image)), torch.zeros_like(mask), exemplars)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on `device`."""
        return Batch(*(x.to(device, non_blocking=True) for x in vars(self).values()))

    def __getitem__(self, rows: slice) -> "Batch":
        """Return some of the windows."""
        return Batch(*(x[rows] for x in vars(self).values()))


Row = tuple[np.ndarray | np.float32 | int, ...]  # a window, in the order of the fields of `Batch`

EXEMPLARS = 3  # shown of a window's kind at most
ENOUGH = 4  # specimens of a kind, of which some can be held out; fewer are all learned from
HELD = 5  # of so many specimens one is held out
SHOWN = 0.75  # share of windows in which what lies under the defect is shown, where it is known
TOLD = 0.75  # share of windows to which the wanted shape is told
LARGE = 0.25  # share of a window; of a defect that covers more only a window's part is ever bared
BARED = 200_000  # pixels of all kinds together that are bared at most, but of one specimen of each: half a minute of one core
CALL = 1000  # pixels that baring a specimen costs however small it is


class Pool:
    """The pictures of one product in memory, cut down to what windows can need."""

    def __init__(
        self,
        normals: Sequence[np.ndarray],
        defects: Mapping[str, Sequence[Sample]],
        config: Config,
        window: int,
        colours: int,
        scale: PixelRange,
        halos: Mapping[str, int] | None = None,
        names: Sequence[str] = (),
    ) -> None:
        """normals: (H, W, C) as stored; defects: samples by name; window: side in pixels; colours: 1 or 3, what the model sees.

        halos: pixels beyond its label that each defect still shows; names: of the normals' files, where they are known.
        """
        self.names = tuple(defects)
        self._config = config
        self._window = window
        self._colours = colours
        self._scale = scale
        self._halos = halos or {}
        self._defects = {name: [_trim(s, window) for s in samples] for name, samples in defects.items()}
        self._normals, self._files = list(normals), list(names) or ["a normal"] * len(normals)
        self._shapes = [s.mask for samples in self._defects.values() for s in samples]
        self._fill: Fill | None = None
        self._underneath: dict[tuple[str, int], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        holds = self._follows and config.training.patience > 0
        # the numbers of each kind's samples that are measured with, and of those that are learned from
        self._held = {name: _held_out(samples, config.training.seed, name) if holds else [] for name, samples in self._defects.items()}
        self._learned = {name: [i for i in range(len(defects[name])) if i not in self._held[name]] for name in self.names}
        self._bared = self._learned

    def bare(self, fill: Fill, budget: int = BARED) -> dict[str, tuple[int, int]]:
        """Have `fill` say what lies under labelled defects; windows show it from then on. Return how many of each kind, of how many.

        Each is bared when a window first shows it. Of each kind, as many specimens by chance as `budget` allows, in pixels of all kinds;
        windows of the others have their regions erased.
        """
        self._fill = fill
        self._bared = {name: self._affordable(name, budget // len(self.names)) for name in self.names}
        return {name: (len(numbers), len(self._learned[name])) for name, numbers in self._bared.items()}

    def _affordable(self, name: str, budget: int) -> list[int]:
        """Return the numbers of the samples of a kind that may be bared: one at least, and no more when `budget` pixels are spent."""
        order = numpy_generator(self._config.training.seed, "bare", name).permutation(self._learned[name])
        costs = np.cumsum([max(CALL, min(self._area(name, int(i)), self._window**2)) for i in order])
        return sorted(int(i) for i in order[: 1 + int(np.searchsorted(costs[:-1], budget))])

    def _area(self, name: str, number: int) -> int:
        """Return the pixels that a defect may show on, with its halo."""
        mask = self._defects[name][number].mask
        assert mask is not None
        return int(grow(mask, self._halos.get(name, 0)).sum())

    def batch(self, seed: int, step: int, count: int) -> Batch:
        """Return the windows of one step; they depend on (seed, step) and nothing else."""
        return self.windows(seed, [("window", step, i) for i in range(count)])

    def windows(self, seed: int, keys: Sequence[tuple[str | int, ...]]) -> Batch:
        """Return a window for each key; it depends on (seed, key) and nothing else."""
        rows = [self._row(numpy_generator(seed, *key)) for key in keys]
        return _stacked(rows)

    def pictures(self, seed: int, keys: Sequence[tuple[str | int, ...]]) -> list[str]:
        """Return the names of the pictures that the windows of `windows` are of."""
        found = (self._chosen(numpy_generator(seed, *key)) for key in keys)
        return [f"{self.names[k - 1]} {self._defects[self.names[k - 1]][i].source.name}" if k else self._files[i] for k, i, _ in found]

    def held(self, seed: int, count: int) -> Batch | None:
        """Return `count` windows of defects that `batch` never has as a target or an exemplar, of the kinds in turn; None without any.

        Kinds of which defects are held out have one window each at least. Their exemplars are defects that are learned from. The windows
        depend on `seed` alone.
        """
        kinds = [kind for kind, name in enumerate(self.names, 1) if self._held[name]]
        if not kinds:
            return None
        rows = []
        for i in range(max(count, len(kinds))):
            turn, kind = divmod(i, len(kinds))
            numbers = self._held[self.names[kinds[kind] - 1]]
            g = numpy_generator(seed, "held", i)
            rows.append(self._flawed(kinds[kind], numbers[turn % len(numbers)], self._shows(g), 0.0, g))
        return _stacked(rows)

    @property
    def held_out(self) -> dict[str, list[str]]:
        """The names of the pictures whose defects are held out, by kind."""
        return {name: [self._defects[name][i].source.name for i in numbers] for name, numbers in self._held.items() if numbers}

    def preview(self, index: int, seed: int) -> Task:
        """Return a normal window with the shape of a real defect in it, as a task that depends on (seed, index) alone."""
        g = numpy_generator(seed, "preview", index)
        kind = index % len(self.names)
        samples = self._defects[self.names[kind]]
        number = int(g.integers(len(samples)))
        mask = samples[number].mask
        assert mask is not None
        top, left = window_around(aim(mask, self._window, g), self._window, mask.shape, g)
        shape = cut(mask, top, left, self._window)
        image = self._normals[g.integers(len(self._normals))]
        spot = Box(int(g.integers(image.shape[0])), int(g.integers(image.shape[1])), 1, 1)
        image = cut(image, *window_around(spot, self._window, image.shape[:2], g), self._window)
        normal = self._scale.to_model(image, self._colours)
        task = Task(normal, grow(shape, 3), shape, kind + 1, derive(seed, "preview", index))
        if not self._follows:
            return task
        exemplars = self._exemplars(kind + 1, number, lambda x: self._scale.to_model(x, self._colours), lambda x: x, g)
        return replace(task, exemplars=exemplars, shown=True)

    def _row(self, g: np.random.Generator) -> Row:
        """Return one window, in the order of the fields of `Batch`."""
        side, free = self._window, self._config.diffusion.free_share
        kind, number, shown = self._chosen(g)
        if kind:
            return self._flawed(kind, number, shown, free, g)
        picture = self._normals[number]
        spot = Box(int(g.integers(picture.shape[0])), int(g.integers(picture.shape[1])), 1, 1)
        top, left = window_around(spot, side, picture.shape[:2], g)
        image, mask = cut(picture, top, left, side), np.zeros((side, side), bool)
        return self._told(image, mask, random_region(self._borrowed_shape(g), g), None, 0, 0, free, g)

    def _chosen(self, g: np.random.Generator) -> tuple[int, int, bool]:
        """Return the kind that a window is of, 0 for normals, the number of its picture, and whether it shows what lies under a defect."""
        if g.random() < self._config.data.good_share:
            return 0, int(g.integers(len(self._normals))), False
        kind = int(g.integers(len(self.names))) + 1
        shown = self._shows(g)
        numbers = (self._bared if shown else self._learned)[self.names[kind - 1]]
        return kind, numbers[int(g.integers(len(numbers)))], shown

    def _shows(self, g: np.random.Generator) -> bool:
        """Return whether a window of a defect shows what lies under it."""
        return self._fill is not None and bool(g.random() < SHOWN)

    def _flawed(self, kind: int, number: int, shown: bool, free: float, g: np.random.Generator) -> Row:
        """Return a window of the sample `number` of a kind, from 1.

        shown: whether it shows what lies below; free: how likely it shows no background at all.
        """
        name, side = self.names[kind - 1], self._window
        sample = self._defects[name][number]
        assert sample.mask is not None
        image, mask, under = self._bare_one(name, number) if shown else (sample.image, sample.mask, None)
        top, left = window_around(aim(mask, side, g), side, mask.shape, g)
        image, mask = cut(image, top, left, side), cut(mask, top, left, side)
        under = None if under is None else cut(under, top, left, side)
        return self._told(image, mask, random_region(grow(mask, self._halos.get(name, 0)), g), under, kind, number, free, g)

    def _bare_one(self, name: str, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the part (`_part`) of a sample's picture (H, W, C), its mask (H, W) and the picture without the defect."""
        if (name, number) not in self._underneath:
            assert self._fill is not None
            sample = self._defects[name][number]
            assert sample.mask is not None
            part = self._part(name, number)
            bare = self._fill(sample.image, sample.mask, self._halos.get(name, 0), part)
            self._underneath[name, number] = sample.image[part], sample.mask[part], bare
        return self._underneath[name, number]

    def _part(self, name: str, number: int) -> Part:
        """Return what of a sample is bared: all of its picture, or of a large defect a window somewhere on it."""
        mask, side = self._defects[name][number].mask, self._window
        assert mask is not None
        if self._area(name, number) <= LARGE * side**2:
            return slice(None), slice(None)
        g = numpy_generator(self._config.training.seed, "part", name, number)
        top, left = (max(0, corner) for corner in window_around(aim(mask, side, g), side, mask.shape, g))
        return slice(top, top + side), slice(left, left + side)

    def _told(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        region: np.ndarray,
        under: np.ndarray | None,
        kind: int,
        number: int,
        free: float,
        g: np.random.Generator,
    ) -> Row:
        """Return a window (H, W, C) in some light and pose with all that the network is told of it; under: the same without its defect."""
        data = self._config.data
        if g.random() < free:
            region = np.ones_like(region)  # no background is shown
        look, pose = self._look(g), random_pose(data.flips, data.rotations, g)
        image, mask, region = look(pose(image)), pose(mask)[None], pose(region).astype(np.float32)[None]
        if not self._follows:
            exemplars = np.zeros((0, self._colours + 1, 1, 1), np.float32)
            return image, mask.astype(np.float32), region, kind, image * (1 - region), np.float32(0), np.zeros_like(region), exemplars
        background = image * (1 - region) if under is None else look(pose(under))
        wanted = np.where(mask, 1, -1).astype(np.float32) * np.float32(kind > 0 and g.random() < TOLD)
        exemplars = self._exemplars(kind, number, look, pose, g)
        return image, mask.astype(np.float32), region, kind, background, np.float32(under is not None), wanted, exemplars

    @property
    def _follows(self) -> bool:
        return not self._config.model.backbone

    def _look(self, g: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
        """Return what makes the pictures (S, S, C) of a window planes (C, S, S) about -1 to 1, all in the same light."""
        spread = self._config.data.brightness
        gain, offset = np.float32(1 + g.uniform(-spread, spread)), np.float32(g.uniform(-spread, spread))
        return lambda x: np.clip(self._scale.to_model(x, self._colours) * gain + offset, -1.2, 1.2)

    def _exemplars(
        self, kind: int, number: int, look: Callable[[np.ndarray], np.ndarray], pose: Pose, g: np.random.Generator
    ) -> np.ndarray:
        """Return some other defects of a kind than sample `number`, of those learned from, (EXEMPLARS, C + 1, S, S), the last ones empty.

        Where there is no other, the defect itself in another light and, if it may be turned, another pose. None for normals.
        """
        side = min(self._window, EXEMPLAR)
        shown = np.zeros((EXEMPLARS, self._colours + 1, side, side), np.float32)
        if kind == 0:
            return shown
        samples = self._defects[self.names[kind - 1]]
        own = _specimen(samples[number])
        others = [samples[i] for i in self._learned[self.names[kind - 1]] if _specimen(samples[i]) != own]
        if not others:
            others, look, pose = [samples[number]], self._look(g), random_pose(self._config.data.flips, self._config.data.rotations, g)
        count = min(len(others), int(g.integers(1, EXEMPLARS + 1)))
        for row, i in zip(shown, g.permutation(len(others))[:count], strict=False):
            mask = others[i].mask
            assert mask is not None
            top, left = window_around(aim(mask, side, g), side, mask.shape, g)
            row[:-1], row[-1] = look(pose(cut(others[i].image, top, left, side))), pose(cut(mask, top, left, side))
        return shown

    def _borrowed_shape(self, g: np.random.Generator) -> np.ndarray:
        """Return a real defect's mask, somewhere in a window (H, W) bool, to mask a normal with."""
        mask = self._shapes[g.integers(len(self._shapes))]
        assert mask is not None
        top, left = window_around(aim(mask, self._window, g), self._window, mask.shape, g)
        mask = cut(mask, top, left, self._window)
        return np.roll(mask, tuple(g.integers(-self._window // 4, self._window // 4, 2)), (0, 1))


def random_region(mask: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return a region (H, W) bool that holds `mask`.

    Mostly the mask grown by up to its thickness, so that the region tells the shape; now and then grown wide, or rounded out to
    an ellipse or a box as a user would draw it.
    """
    if not mask.any():
        return mask.copy()
    box = bounding_box(mask)
    if g.random() < 0.75:
        return grow(mask, 1 + g.random() * max(4.0, thickness(mask)))
    radius = 1 + g.random() ** 2 * max(4.0, 0.5 * box.side)
    if g.random() < 0.5:
        return grow(mask, radius)
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    dy = np.abs(rows - (box.top + (box.height - 1) / 2)) / (box.height / 2 + radius)
    dx = np.abs(columns - (box.left + (box.width - 1) / 2)) / (box.width / 2 + radius)
    shape = dy**2 + dx**2 <= 2 if g.random() < 0.5 else np.maximum(dy, dx) <= 1
    return shape | grow(mask, 1)


def _stacked(rows: Sequence[Row]) -> Batch:
    return Batch(*(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)))


def _held_out(samples: Sequence[Sample], seed: int, kind: str) -> list[int]:
    """Return the numbers of the samples of one specimen in HELD, chosen by chance; none where there are fewer than ENOUGH."""
    specimens = sorted({_specimen(s) for s in samples})
    if len(specimens) < ENOUGH:
        return []
    order = numpy_generator(seed, "held out", kind).permutation(len(specimens))
    chosen = {specimens[i] for i in order[: max(1, len(specimens) // HELD)]}
    return [i for i, s in enumerate(samples) if _specimen(s) in chosen]


def _specimen(sample: Sample) -> str:
    return str(sample.source) if sample.group is None else f"group {sample.group}"


def _trim(sample: Sample, window: int) -> Sample:
    """Return the sample cut to what windows around its defect can show."""
    assert sample.mask is not None
    box = bounding_box(sample.mask)
    rows = slice(max(0, box.top - window), box.top + box.height + window)
    columns = slice(max(0, box.left - window), box.left + box.width + window)
    return Sample(sample.image[rows, columns].copy(), sample.mask[rows, columns].copy(), sample.defect, sample.group, sample.source)
