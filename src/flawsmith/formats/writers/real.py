"""Rows of a labelled data set of real pictures."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from flawsmith.core.errors import FileError
from flawsmith.core.files import content_hash
from flawsmith.dataset.sample import EMPTY_MASK, GOOD, Dataset, Item, mask_trouble
from flawsmith.formats.writers.names import picture_name
from flawsmith.formats.writers.row import Row
from flawsmith.images.files import image_size


def real_rows(items: Iterable[Item], split: Callable[[str], str]) -> Iterator[Row]:
    """Yield a row for each picture of `items`, in which several may be of one picture with several classes."""
    by_picture: dict[Path, list[Item]] = {}
    for item in items:
        by_picture.setdefault(item.image, []).append(item)
    for path, labels in by_picture.items():
        digest = content_hash(path)
        name = picture_name(path.stem, digest, synthetic=False)
        group = labels[0].group or unnamed(digest)
        classes = tuple(sorted({item.defect for item in labels} - {GOOD}))
        size = image_size(path)
        yield Row(name, path, digest, size, classes, split(group), group, False, _reader(labels, size))


def specimen(path: Path, group: str | None = None) -> str:
    """Return the name of the specimen that a real picture shows: its group, or a name of its own."""
    return group or unnamed(content_hash(path))


def unnamed(digest: str) -> str:
    """Return the name of a specimen of which nothing is known but a picture; a copy under another name shows the same one."""
    return digest[:16]


def all_items(data: Dataset) -> Iterator[Item]:
    """Yield every item of a data set."""
    yield from data.good
    yield from data.held_out
    for items in data.defects.values():
        yield from items


def _reader(items: list[Item], size: tuple[int, int]) -> Callable[[], dict[str, np.ndarray]]:
    """Return what reads the masks of a picture by class. That raises FileError for empty ones and those of another size."""

    def read() -> dict[str, np.ndarray]:
        masks: dict[str, np.ndarray] = {}
        for item in items:
            if item.mask is None:
                continue
            mask = item.read_mask()
            if trouble := mask_trouble(mask.shape, item.image, size) or (EMPTY_MASK if not mask.any() else None):
                raise FileError(item.mask, trouble)
            masks[item.defect] = masks[item.defect] | mask if item.defect in masks else mask
        return masks

    return read
