"""Looking at the two sides of an evaluation: each picture is read once, and what the metrics need of it is kept."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flawsmith.compositing.change import change_map
from flawsmith.core.errors import DataError, FileError
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import Item, Sample, load_sample
from flawsmith.generation.liked import Labels
from flawsmith.images.files import bit_depth, read_image
from flawsmith.images.pixel_range import PixelRange, shares
from flawsmith.metrics.features import Extractor, rgb, squeeze
from flawsmith.metrics.ic_distance import Perceptual
from flawsmith.metrics.masks import defects_of, mask_shape, window, window_side
from flawsmith.metrics.registry import metrics
from flawsmith.metrics.sides import DefectWindow, Judge, Known, PairView, Seen, SeenPair
from flawsmith.metrics.variety import MOST
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.kinds import masks_by_kind
from flawsmith.pairs.pair import Pair
from flawsmith.product.learn import learn_range
from flawsmith.quality.copies import Crop, copy_threshold, grey_crop, leave_one_out
from flawsmith.quality.ratings import changed_from


@dataclass(frozen=True)
class Reference:
    """The real side: made once, and compared with as many folders as there are."""

    extractor: Extractor
    perceptual: Perceptual
    scale: PixelRange
    sides: dict[str, int]  # of the windows, by kind, in pixels
    pictures: tuple[Seen, ...]
    known: dict[str, Known]
    judge: Judge | None = None  # an independent segmenter


def refer(
    items: Sequence[Item],
    extractor: Extractor,
    perceptual: Perceptual,
    learned: Sequence[Item] | None = None,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
    judge: Judge | None = None,
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
    look_at = _Looking(extractor, perceptual, scale, sides)
    pictures = []
    for item in items:
        sample = load_sample(item)
        assert sample.mask is not None
        name = item.image.as_posix()
        pictures.append(look_at.see(name, item.defect, sample, [(item.defect, sample.mask)], placed=True, keep=name in kept))
        tick()
    known = _known(items if learned is None else _sorted(learned), look_at)
    return Reference(extractor, perceptual, scale, sides, tuple(pictures), known, judge)


def look(
    reference: Reference, out: Path, seed: int = 0, tick: Callable[[], None] = lambda: None, pairs: Sequence[Pair] | None = None
) -> list[SeenPair]:
    """Return pairs of a folder, None = all accepted ones, ordered by their ids; raises DataError when there are none."""
    folder = PairFolder(out)
    pairs = folder.accepted() if pairs is None else pairs
    depth = 16 if reference.scale.dtype == "uint16" else 8
    look_at = _Looking(reference.extractor, reference.perceptual, reference.scale, reference.sides)
    measured = [metric.per_pair for metric in metrics() if metric.per_pair is not None]
    reference = replace(reference, known=_with_followed(reference.known, pairs, look_at))
    normals: dict[Path, np.ndarray] = {}  # what the judge marks on them
    kept = _kept([(pair.id, pair.defect) for pair in pairs], seed)
    found = []
    for pair in pairs:
        item = Item(folder.image_path(pair), folder.mask_path(pair), pair.defect)
        if (bits := bit_depth(item.image)) != depth:
            raise FileError(item.image, f"has {bits} bits a channel, expected {depth} as the real pictures have; convert one side.")
        sample = load_sample(item)
        assert sample.mask is not None
        masks = masks_by_kind(pair, sample.mask)
        seen = look_at.see(pair.id, pair.defect, sample, masks, not pair.from_noise, keep=pair.id in kept)
        view = _pair_view(folder.normal_path(pair), changed_from(pair), sample, masks, reference, look_at, normals)
        values: dict[str, Any] = {}
        for measure in measured:
            values |= measure(view)
        found.append(SeenPair(seen, values))
        tick()
    return found


@dataclass(frozen=True)
class _Looking:
    """How every picture of an evaluation is looked at."""

    extractor: Extractor
    perceptual: Perceptual
    scale: PixelRange
    sides: dict[str, int]

    def share(self, sample: Sample) -> np.ndarray:
        """Return a picture (H, W, C) float32 in shares of the product's range."""
        return shares(sample.image, self.scale, sample.colours)

    def see(self, name: str, defect: str, sample: Sample, masks: Iterable[tuple[str, np.ndarray]], placed: bool, keep: bool) -> Seen:
        """Return what is kept of a picture; masks: (kind, (H, W) bool) of its defects; placed: it is a whole picture, no window."""
        picture = rgb(self.share(sample))
        found = [
            (kind, mask_shape(one, placed), window(picture, one, self.side(kind, one))) for kind, mask in masks for one in defects_of(mask)
        ]
        features = self.extractor.embed([picture, *(view for _, _, view in found)])
        specimen = sample.group or name
        flaws = [
            DefectWindow(kind, specimen, shape, feature, _kept_tensor(view[None], keep))
            for (kind, shape, view), feature in zip(found, features[1:], strict=True)
        ]
        small = squeeze([picture], self.perceptual.side).half() if keep else None
        return Seen(name, defect, specimen, features[0], small, tuple(flaws))

    def side(self, kind: str, mask: np.ndarray) -> int:
        """Return the side in pixels of the window for a kind; of a kind that is not known, what one defect, (H, W) bool, would get."""
        return self.sides.get(kind) or window_side([mask_shape(mask).side])

    def crops(self, sample: Sample, masks: Iterable[tuple[str, np.ndarray]]) -> list[tuple[str, Crop]]:
        """Return (kind, crop) of each defect."""
        picture = self.share(sample)
        return [(kind, grey_crop(picture, one, self.side(kind, one))) for kind, mask in masks for one in defects_of(mask)]


def _pair_view(
    path: Path | None,
    floor: float,
    sample: Sample,
    masks: Sequence[tuple[str, np.ndarray]],
    reference: Reference,
    look_at: _Looking,
    normals: dict[Path, np.ndarray],
) -> PairView:
    """Return what the metrics see of one pair; without a normal where it is not known, no longer there or of another size.

    path: of the normal; floor: the change from which on a pixel has changed; normals: what the judge marks on normals already met, (H, W)
    bool by file; a new one is added.
    """
    assert sample.mask is not None
    before = change = marked = normal_marked = None
    normal = None if path is None else read_image(path)
    if path is None or normal is None or normal.shape != sample.image.shape or normal.dtype != sample.image.dtype:
        path = normal = None
    if path is not None and normal is not None:
        colours, span = sample.colours, reference.scale.high - reference.scale.low
        before = look_at.share(Sample(normal, None, sample.defect, None, path))
        change = change_map(sample.image[..., :colours], normal[..., :colours], span)
    if reference.judge is not None:
        marked = reference.judge.mark(sample.image)
        if path is not None and normal is not None:
            if path not in normals:
                normals[path] = reference.judge.mark(normal)
            normal_marked = normals[path]
    crops = tuple(look_at.crops(sample, masks))
    share = look_at.share(sample)
    return PairView(sample.defect, share, sample.mask, before, change, floor, crops, reference.known, marked, normal_marked)


def _kept_tensor(pictures: np.ndarray, keep: bool) -> Tensor | None:
    """Return pictures (B, H, W, 3) as (B, 3, H, W) float16, None unless they are kept."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).half() if keep else None


def _sorted(items: Sequence[Item]) -> list[Item]:
    return sorted(items, key=lambda item: item.image.as_posix())


def _scale(items: Sequence[Item]) -> PixelRange:
    depths = {bit_depth(item.image) for item in items}
    if len(depths) > 1:
        raise DataError(f"{items[0].image.parent}: got real pictures of 8 and of 16 bits a channel; expected one depth. Convert some.")
    return learn_range(load_sample(item) for item in items) if depths == {16} else PixelRange(0.0, 255.0, "uint8")


def _window_sides(items: Sequence[Item]) -> dict[str, int]:
    """Return the side in pixels of the windows of each kind."""
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


def _with_followed(known: dict[str, Known], pairs: Sequence[Pair], look_at: _Looking) -> dict[str, Known]:
    """Return what is known with the defects that the pairs were made to follow (`--like`), as far as they are still there."""
    named = {name for pair in pairs for placed in pair.defects for name in placed.follows if Path(name).is_absolute()}
    crops: dict[str, list[tuple[Crop, str]]] = {}
    labels = Labels()
    for path in sorted(named):
        with suppress(DataError):
            for sample in labels.samples(Path(path)):
                assert sample.mask is not None
                for kind, crop in look_at.crops(sample, [(sample.defect, sample.mask)]):
                    crops.setdefault(kind, []).append((crop, path))
    more = {kind: tuple(zip(*found, strict=True)) for kind, found in crops.items() if kind in known}
    return known | {kind: replace(known[kind], followed=own, followed_names=names) for kind, (own, names) in more.items()}


def _known(items: Sequence[Item], look_at: _Looking) -> dict[str, Known]:
    crops: dict[str, list[tuple[Crop, Item]]] = {}
    for item in items:
        sample = load_sample(item)
        assert sample.mask is not None
        for kind, made in look_at.crops(sample, [(item.defect, sample.mask)]):
            crops.setdefault(kind, []).append((made, item))
    known = {}
    for kind, found in crops.items():
        own, specimens = [c for c, _ in found], [item.group or item.image.as_posix() for _, item in found]
        names = tuple(item.image.name for _, item in found)
        known[kind] = Known(tuple(own), names, tuple(specimens), copy_threshold(leave_one_out(own, specimens)))
    return known
