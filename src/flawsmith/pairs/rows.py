"""Pairs, and the normals they were made on, as rows for the writers of other formats."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np

from flawsmith.core.errors import FileError
from flawsmith.core.files import content_hash
from flawsmith.dataset.sample import mask_trouble
from flawsmith.formats.writers.names import picture_name
from flawsmith.formats.writers.row import Row
from flawsmith.images.files import image_size
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.kinds import masks_by_kind
from flawsmith.pairs.pair import Pair


def classes_of(pair: Pair) -> tuple[str, ...]:
    """Return the kinds of the defects in a pair, sorted."""
    return tuple(sorted({defect.defect for defect in pair.placed()} or {pair.defect}))


def pair_rows(folder: PairFolder, pairs: Iterable[Pair], specimen: Callable[[Path], str], split: Callable[[str], str]) -> Iterator[Row]:
    """Yield the row of each accepted pair. It goes where the specimen of its normal goes, if there is one.

    specimen: returns the name of the specimen that a normal shows; split: the part that a specimen goes to.
    """
    known = cache(specimen)
    for pair in pairs:
        path = folder.image_path(pair)
        digest = content_hash(path)
        name = picture_name(path.stem, digest, synthetic=True)
        normal = folder.normal_path(pair)
        group = known(normal) if normal else pair.normal or name
        size = image_size(path)
        yield Row(name, path, digest, size, classes_of(pair), split(group), group, True, _reader(folder, pair, size), pair.to_row())


def normals_of(folder: PairFolder, pairs: Iterable[Pair]) -> list[Path]:
    """Return the normals that pairs were made on and that are still there, each once."""
    found = (folder.normal_path(pair) for pair in pairs)
    return list(dict.fromkeys(path for path in found if path is not None))


def masks_by_class(pair: Pair, whole: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mask (H, W) bool of each kind in a pair; every pixel of the whole mask is in exactly one.

    Where the boxes of two defects overlap, the pixels are taken for the first's.
    """
    found: dict[str, np.ndarray] = {}
    left = whole.copy()
    for name, mask in masks_by_kind(pair, whole):
        mine = mask & left
        left &= ~mine
        found[name] = found[name] | mine if name in found else mine
    if left.any():  # beyond all boxes, as in a row that another program wrote
        first = next(iter(found), pair.defect)
        found[first] = found[first] | left if first in found else left
    return found


def _reader(folder: PairFolder, pair: Pair, size: tuple[int, int]) -> Callable[[], dict[str, np.ndarray]]:
    def read() -> dict[str, np.ndarray]:
        whole = folder.mask(pair)
        if trouble := mask_trouble(whole.shape, folder.image_path(pair), size):
            raise FileError(folder.mask_path(pair), trouble)
        return masks_by_class(pair, whole)

    return read
