"""Defects to follow that a user names (`--like`): pictures of pairs, and labelled pictures of a data folder, each with its mask."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from flawsmith.core.errors import DataError
from flawsmith.dataset.sample import Item, Sample, load_sample
from flawsmith.formats.files import MOST
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.reading import scan
from flawsmith.formats.registry import recognised
from flawsmith.generation.listed import LISTS, is_list, listed
from flawsmith.generation.plan import list_pictures
from flawsmith.images.files import READABLE, bit_depth, image_size, type_of
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.forms import LABELLED
from flawsmith.pairs.kinds import masks_by_kind
from flawsmith.pairs.pair import Pair
from flawsmith.pairs.reviewed import reviewed
from flawsmith.product.exemplars import Exemplar, collect_exemplars
from flawsmith.product.product import Product

AROUND = 100_000  # files below a folder around a picture: one with more is no data folder
SHOWN = 5  # sizes that are named in an error
Name = str | Path


def named_pictures(named: Name | Sequence[Name]) -> list[Path]:
    """Return the pictures that `--like` names, each once: pictures, folders and lists of them, with commas between.

    A folder OUT or DATA stands for its accepted pairs, of reviewed ones those that people accepted, or for its labelled pictures, any other
    for the pictures in it. A line of a list is a path, as seen from the list's folder, or a row such as those of pairs.jsonl. Raises
    DataError for what is not there.
    """
    pictures = [picture for path in _paths(named) for picture in _pictures_of(path)]
    if not pictures:
        raise DataError(f"--like {named}: names no picture; expected some of defects to follow.")
    return list(dict.fromkeys(pictures))


def read_liked(
    pictures: Sequence[Path], root: Path, options: ReadOptions, product: Product, colours: Collection[int], sizes: Iterable[Path]
) -> list[Exemplar]:
    """Return the defects in pictures of pairs and of data folders as exemplars; their sources are the pictures' whole paths.

    root: the data folder that was learned from, which is looked into first, and options how its labels are read; colours: channels without
    alpha that pictures of the product have; sizes: pictures of the product, whose sizes others may have. Raises DataError for a picture
    without a mask, and for one that cannot be the product's.
    """
    labels = Labels(root, options)
    known = {image_size(path) for path in sizes}
    found: list[Exemplar] = []
    for picture in pictures:
        depth = int(product.scale.dtype.removeprefix("uint"))
        if (bits := bit_depth(picture)) != depth:
            raise DataError(f"--like {picture}: has {bits} bits per channel, the product's pictures {depth}; is it of another product?")
        if not picture.resolve().is_relative_to(root.resolve()) and image_size(picture) != (product.shape.window,) * 2:
            _check_size(picture, known)  # what was made from noise is a window, and what was learned from may have any size
        samples = labels.samples(picture)
        if samples[0].colours not in colours:
            got, expected = ("grey" if samples[0].colours == 1 else "coloured", "grey" if 3 not in colours else "coloured")
            raise DataError(f"--like {picture}: is {got}, the product's pictures are {expected}; is it of another product?")
        for sample in samples:
            if sample.defect not in product.shape.defects:
                raise DataError(f"--like {picture}: shows {sample.defect!r}, expected {' or '.join(product.shape.defects)}.")
            source = str(picture.resolve())
            found += [replace(one, source=source) for one in collect_exemplars({sample.defect: [sample]}, product.shape.window)]
    return found


class Labels:
    """Where the masks of pictures are found; a folder is looked into once."""

    def __init__(self, root: Path | None = None, options: ReadOptions | None = None) -> None:
        """root: a folder that is looked into before those around a picture; options: how its labels are read."""
        self._first = () if root is None else (root,)
        self._options = options or ReadOptions()
        self._trouble = ""  # with the nearest folder around a picture that could not be used
        self._seen: dict[Path, dict[Path, Callable[[], list[Sample]]]] = {}

    def samples(self, picture: Path) -> list[Sample]:
        """Return a picture with the masks of its kinds, one sample for each; raises DataError where no folder around it has its mask."""
        own = picture.resolve()
        for folder in (*self._first, *own.parents):
            if folder not in self._seen:
                self._seen[folder] = self._labels_of(folder)
            if own in self._seen[folder]:
                return self._seen[folder][own]()
        raise DataError(
            f"--like {picture}: no mask was found for it; expected the picture of an accepted pair, in an OUT folder with its "
            f"pairs.jsonl, or one that a data folder around it labels.{self._trouble}"
        )

    def _labels_of(self, folder: Path) -> dict[Path, Callable[[], list[Sample]]]:
        """Return how pictures are read that a folder labels; one that only lies around a picture may be unusable, and of no concern."""
        try:
            return _pairs_in(folder) or self._labelled_in(folder)
        except DataError as error:
            if folder in self._first:
                raise
            self._trouble = self._trouble or f" One around it cannot be used: {error}"
            return {}

    def _labelled_in(self, folder: Path) -> dict[Path, Callable[[], list[Sample]]]:
        """Return how the labelled pictures of a data folder are read, by picture; nothing of any other folder."""
        first = folder in self._first
        labelled = first and self._options.labels
        if not folder.exists() or not (labelled or recognised(folder, MOST if first else AROUND)):
            return {}
        try:
            found = scan(folder, self._options if first else ReadOptions())
        except DataError:
            if first:
                raise
            return {}  # what lies around a picture need not be a data set, even where it looks like one
        by_picture: dict[Path, list[Item]] = {}
        for item in (item for items in found.defects.values() for item in items):
            by_picture.setdefault(item.image.resolve(), []).append(replace(item, group=found.groups.get(item.image)))
        return {picture: partial(_item_samples, items) for picture, items in by_picture.items()}


def _pairs_in(folder: Path) -> dict[Path, Callable[[], list[Sample]]]:
    """Return how the accepted pairs of an OUT folder are read, by picture; nothing of any other folder."""
    pairs = PairFolder(folder)
    return (
        {pairs.image_path(pair).resolve(): partial(_pair_samples, pairs, pair) for pair in pairs.read() if pair.accepted}
        if pairs.begun
        else {}
    )


def _pair_samples(pairs: PairFolder, pair: Pair) -> list[Sample]:
    image, path = pairs.image(pair), pairs.image_path(pair)
    return [Sample(image, mask, kind, None, path) for kind, mask in masks_by_kind(pair, pairs.mask(pair, LABELLED))]


def _item_samples(items: Sequence[Item]) -> list[Sample]:
    return [load_sample(item) for item in items]


def _paths(named: Name | Sequence[Name]) -> list[Path]:
    """Return the paths that are named, each of which is there."""
    words = [named] if isinstance(named, str | Path) else list(named)
    paths = []
    for word in words:
        whole = Path(word)
        paths += [whole] if whole.exists() or isinstance(word, Path) else [Path(one.strip()) for one in word.split(",") if one.strip()]
    for path in paths:
        if not path.exists():
            raise DataError(f"--like {path}: there is no such file or folder; expected a picture, a folder or a list of pictures.")
    return paths


def _pictures_of(path: Path) -> list[Path]:
    if path.is_dir():
        pairs = PairFolder(path)
        if pairs.begun:
            return [pairs.image_path(pair) for pair in reviewed(pairs, pairs.accepted()).pairs]
        labelled = [item.image for items in scan(path, ReadOptions()).defects.values() for item in items] if recognised(path) else []
        return labelled or list_pictures(path, "--like", "of defects")
    if not is_list(path):
        if type_of(path) is None:
            raise DataError(f"--like {path}: is no picture ({READABLE}), and no list of pictures ({' or '.join(LISTS)}).")
        return [path]
    return listed(path, "--like")


def _check_size(picture: Path, known: Collection[tuple[int, int]]) -> None:
    """Raise DataError for a picture that is larger or smaller than all of the product's."""
    size = image_size(picture)
    if known and any(not min(own) <= n <= max(own) for n, own in zip(size, zip(*known, strict=True), strict=True)):
        told = " or ".join(sorted({f"{width}x{height}" for height, width in known})[:SHOWN])
        raise DataError(f"--like {picture}: is {size[1]}x{size[0]}, the product's pictures are {told}; is it of another product?")
