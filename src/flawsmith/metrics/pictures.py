"""The two sides of an evaluation: real defects and generated ones, each picture read once and kept as what the metrics need of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flawsmith.compositing.change import change_map
from flawsmith.compositing.mask_refinement import consistency
from flawsmith.config.schema import QualityConfig
from flawsmith.core.errors import DataError, FileError
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.reading import load_sample
from flawsmith.dataset.sample import Item, Sample
from flawsmith.images.files import bit_depth, read_image
from flawsmith.images.pixel_range import PixelRange, find_range, shares
from flawsmith.metrics.features import Extractor, rgb, squeeze
from flawsmith.metrics.ic_distance import Perceptual
from flawsmith.metrics.masks import MaskShape, defects_of, mask_shape, psnr_outside, ssim_outside, window, window_side
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.quality.copies import Crop, closest, copy_threshold, grey_crop, leave_one_out

MOST = 200  # pictures of a kind that distances are taken of, and as many defects


@dataclass(frozen=True)
class DefectWindow:
    """One defect in a picture."""

    defect: str
    part: str  # the physical part it is on: the picture's group, or the picture
    shape: MaskShape
    feature: np.ndarray  # (D,) of its window
    window: Tensor | None  # (1, 3, S, S) float16; None beyond MOST


@dataclass(frozen=True)
class Seen:
    """One picture with its defects."""

    name: str
    defect: str
    part: str  # the physical part it shows: its group, or itself
    feature: np.ndarray  # (D,) of the whole picture
    small: Tensor | None  # (1, 3, s, s) float16, the whole squeezed into a square; None beyond MOST
    flaws: tuple[DefectWindow, ...]


@dataclass(frozen=True)
class MeasuredPair:
    """What a generated pair shows against the normal it was made on, and against the real defects."""

    seen: Seen
    consistency: float | None  # of mask and change, 0 to 1; None without a normal
    psnr: float | None  # dB, outside the mask
    ssim: float | None  # outside the mask
    copy: float | None  # similarity to the nearest real defect of the kind, 0 to 1; None where there is none
    copy_of: str | None  # the file that shows it
    copied: bool  # more alike than real defects are among themselves


@dataclass(frozen=True)
class Known:
    """Real defects of one kind that generated ones may be copies of."""

    crops: tuple[Crop, ...]
    names: tuple[str, ...]  # files
    limit: float  # similarity above which a defect counts as a copy


@dataclass(frozen=True)
class Reference:
    """The real side: made once, and compared with as many folders as there are."""

    extractor: Extractor
    perceptual: Perceptual
    scale: PixelRange
    sides: dict[str, int]  # of the windows, by kind, in pixels
    pictures: tuple[Seen, ...]
    known: dict[str, Known]


def refer(
    items: Sequence[Item],
    extractor: Extractor,
    perceptual: Perceptual,
    learned: Sequence[Item] | None = None,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> Reference:
    """Return the real side from labelled pictures, in whatever order.

    learned: the pictures whose copies are looked for; without them, `items`. tick: called after each picture.
    Raises DataError when there are none, FileError for those that cannot be used.
    """
    items = _sorted(items)
    if not items:
        raise DataError("there are no real pictures of defects to compare with; name a data folder with labelled defects.")
    scale = _scale(items)
    sides = _window_sides(items)
    kept = _kept([(item.image.as_posix(), item.defect) for item in items], seed)
    eyes = _Eyes(extractor, perceptual, scale, sides)
    pictures = []
    for item in items:
        sample = load_sample(item)
        assert sample.mask is not None
        name = item.image.as_posix()
        pictures.append(eyes.see(name, item.defect, sample, [(item.defect, sample.mask)], placed=True, keep=name in kept))
        tick()
    return Reference(extractor, perceptual, scale, sides, tuple(pictures), _known(items if learned is None else _sorted(learned), eyes))


def look(reference: Reference, out: Path, seed: int = 0, tick: Callable[[], None] = lambda: None) -> list[MeasuredPair]:
    """Return the accepted pairs in a folder, ordered by their ids; raises DataError when there are none."""
    folder = PairFolder(out)
    pairs = folder.accepted()
    depth = 16 if reference.scale.dtype == "uint16" else 8
    eyes = _Eyes(reference.extractor, reference.perceptual, reference.scale, reference.sides)
    kept = _kept([(pair.id, pair.defect) for pair in pairs], seed)
    found = []
    for pair in pairs:
        item = Item(folder.image_path(pair), folder.mask_path(pair), pair.defect)
        if (bits := bit_depth(item.image)) != depth:
            raise FileError(item.image, f"has {bits} bits a channel, expected {depth} as the real pictures have; convert one side.")
        sample = load_sample(item)
        assert sample.mask is not None
        masks = masks_by_kind(pair, sample.mask)
        seen = eyes.see(pair.id, pair.defect, sample, masks, not pair.from_noise, keep=pair.id in kept)
        alike, name, copied = _nearest_known(sample, masks, reference, eyes)
        against = _against_normal(folder.normal_path(pair), sample, eyes)
        found.append(MeasuredPair(seen, *against, alike, name, copied))
        tick()
    return found


@dataclass(frozen=True)
class _Eyes:
    extractor: Extractor
    perceptual: Perceptual
    scale: PixelRange
    sides: dict[str, int]

    def share(self, sample: Sample) -> np.ndarray:
        """Return a picture as shares of the product's range."""
        return shares(sample.image, self.scale, sample.colours)

    def see(self, name: str, defect: str, sample: Sample, masks: Iterable[tuple[str, np.ndarray]], placed: bool, keep: bool) -> Seen:
        """Return what is kept of a picture; masks: of its defects by kind; placed: it is a whole picture, no window."""
        picture = rgb(self.share(sample))
        found = [
            (kind, mask_shape(one, placed), window(picture, one, self.side(kind, one))) for kind, mask in masks for one in defects_of(mask)
        ]
        features = self.extractor.embed([picture, *(seen for _, _, seen in found)])
        flaws = [
            DefectWindow(kind, sample.group or name, shape, feature, _kept_tensor(seen[None], keep))
            for (kind, shape, seen), feature in zip(found, features[1:], strict=True)
        ]
        small = squeeze([picture], self.perceptual.side).half() if keep else None
        return Seen(name, defect, sample.group or name, features[0], small, tuple(flaws))

    def side(self, kind: str, mask: np.ndarray) -> int:
        """Return the side of the window for a kind; of a kind that is not known, what one defect would get."""
        return self.sides.get(kind) or window_side([mask_shape(mask).side])

    def crops(self, sample: Sample, masks: Iterable[tuple[str, np.ndarray]]) -> list[tuple[str, Crop]]:
        picture = self.share(sample)
        return [(kind, grey_crop(picture, one, self.side(kind, one))) for kind, mask in masks for one in defects_of(mask)]


def _kept_tensor(pictures: np.ndarray, keep: bool) -> Tensor | None:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).half() if keep else None


def _sorted(items: Sequence[Item]) -> list[Item]:
    return sorted(items, key=lambda item: item.image.as_posix())


def _scale(items: Sequence[Item]) -> PixelRange:
    depths = {bit_depth(item.image) for item in items}
    if len(depths) > 1:
        raise DataError(f"{items[0].image.parent}: got real pictures of 8 and of 16 bits a channel; expected one depth. Convert some.")
    return find_range(read_image(item.image) for item in items) if depths == {16} else PixelRange(0.0, 255.0, "uint8")


def _window_sides(items: Sequence[Item]) -> dict[str, int]:
    sides: dict[str, list[float]] = {}
    for item in items:
        mask = load_sample(item).mask
        assert mask is not None
        sides.setdefault(item.defect, []).extend(mask_shape(one).side for one in defects_of(mask))
    return {kind: window_side(values) for kind, values in sorted(sides.items())}


def _kept(named: Sequence[tuple[str, str]], seed: int) -> set[str]:
    """Return which pictures' distances are taken: all of a kind, or a seeded choice of MOST; named: (name, kind), sorted by name."""
    kept: set[str] = set()
    for kind in sorted({kind for _, kind in named}):
        mine = [name for name, of in named if of == kind]
        chosen = numpy_generator(seed, "distances", kind).permutation(len(mine))[:MOST]
        kept |= {mine[i] for i in chosen}
    return kept


def masks_by_kind(pair: Pair, whole: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return the masks (H, W) bool of a pair by kind: the whole one, or where there are several defects what is in each's box."""
    placed = pair.placed()
    if len(placed) < 2:
        return [(placed[0].defect if placed else pair.defect, whole)]
    found = []
    for defect in placed:
        box = defect.box
        assert box is not None
        mask = np.zeros_like(whole)
        inside = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
        mask[inside] = whole[inside]
        if mask.any():
            found.append((defect.defect, mask))
    return found


def _known(items: Sequence[Item], eyes: _Eyes) -> dict[str, Known]:
    crops: dict[str, list[tuple[Crop, Item]]] = {}
    for item in items:
        sample = load_sample(item)
        assert sample.mask is not None
        for kind, made in eyes.crops(sample, [(item.defect, sample.mask)]):
            crops.setdefault(kind, []).append((made, item))
    known = {}
    for kind, found in crops.items():
        own, parts = [c for c, _ in found], [item.group or item.image.as_posix() for _, item in found]
        known[kind] = Known(tuple(own), tuple(item.image.name for _, item in found), copy_threshold(leave_one_out(own, parts)))
    return known


def _nearest_known(
    sample: Sample, masks: Sequence[tuple[str, np.ndarray]], reference: Reference, eyes: _Eyes
) -> tuple[float | None, str | None, bool]:
    """Return the greatest similarity of a pair's defects to a real one, which that is, and whether any counts as a copy."""
    best: tuple[float, str] | None = None
    copied = False
    for kind, made in eyes.crops(sample, masks):
        if (known := reference.known.get(kind)) is None:
            continue
        alike, index = closest(made, known.crops)
        copied |= alike > known.limit
        if best is None or alike > best[0]:
            best = alike, known.names[index]
    return (None, None, copied) if best is None else (*best, copied)


def _against_normal(path: Path | None, sample: Sample, eyes: _Eyes) -> tuple[float | None, float | None, float | None]:
    """Return consistency, PSNR and SSIM; all None where the normal is not known, no longer there or of another size."""
    if path is None or sample.mask is None:
        return None, None, None
    normal = read_image(path)
    if normal.shape != sample.image.shape or normal.dtype != sample.image.dtype:
        return None, None, None
    before = Sample(normal, None, sample.defect, None, path)
    a, b = eyes.share(sample), eyes.share(before)
    colours = sample.colours
    change = change_map(sample.image[..., :colours], normal[..., :colours], eyes.scale.high - eyes.scale.low)
    fits = consistency(change, sample.mask, QualityConfig().change)
    return fits, psnr_outside(a, b, sample.mask), ssim_outside(a, b, sample.mask)
