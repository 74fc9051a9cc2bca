"""Pairs, and the normals they were made on, as rows for the writers of other formats."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from flawsmith.core.errors import FileError
from flawsmith.core.files import content_hash
from flawsmith.dataset.sample import GOOD, Dataset, Item, mask_trouble
from flawsmith.dataset.windows import Box, bounding_box
from flawsmith.formats.writers.names import picture_name
from flawsmith.formats.writers.real import specimen
from flawsmith.formats.writers.row import TEST, TRAIN, Row
from flawsmith.images.files import image_size
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.kinds import masks_by_kind
from flawsmith.pairs.pair import Pair


class Specimens:
    """Which physical specimen a normal shows, as a labelled data set says, or as its content does."""

    def __init__(self, data: Dataset | None, learned: Collection[str] = ()) -> None:
        """data: where normals may have groups; learned: SHA-256 of pictures of defects that the model has learned from."""
        held_out = [] if data is None else [specimen(item.image, item.group) for item in data.held_out]
        labelled = [] if data is None or not learned else [item for items in data.defects.values() for item in items]
        seen = [specimen(item.image, item.group) for item in labelled if content_hash(item.image) in learned]
        self._pinned = dict.fromkeys(held_out, TEST) | dict.fromkeys(seen, TRAIN)
        self._flawed = {} if data is None else {name: {specimen(i.image, i.group) for i in items} for name, items in data.defects.items()}
        self._groups = {} if data is None else {content_hash(item.image): item.group for item in (*data.good, *data.held_out)}
        self._known: dict[Path, str] = {}

    def of(self, normal: Path) -> str:
        """Return the name of the specimen that a normal shows."""
        if normal not in self._known:
            self._known[normal] = specimen(normal, self._groups.get(content_hash(normal)))
        return self._known[normal]

    def pinned(self) -> dict[str, str]:
        """Return the part that some specimens have whatever the shares.

        Normals that are held out are for tests; no test would be one that shows what the model has learned from.
        """
        return self._pinned

    def flawed(self) -> dict[str, set[str]]:
        """Return the specimens that show a real defect, by its kind."""
        return self._flawed

    def normals(self, folder: PairFolder, pairs: Iterable[Pair]) -> list[Item]:
        """Return the normals that pairs were made on and that are still there, each once, but for those that the data set has anyway."""
        paths = dict.fromkeys(path for pair in pairs if (path := folder.normal_path(pair)) is not None)
        return [Item(path, None, GOOD) for path in paths if content_hash(path) not in self._groups]


def classes_of(pair: Pair) -> tuple[str, ...]:
    """Return the kinds of the defects in a pair, sorted."""
    return tuple(sorted({defect.defect for defect in pair.placed()} or {pair.defect}))


def pair_rows(
    folder: PairFolder,
    pairs: Iterable[Pair],
    specimen_of: Callable[[Path], str],
    split: Callable[[str], str],
    form: str = "",
    each: Callable[[Callable[[Pair], Row], Iterable[Pair]], Iterable[Row]] = map,
) -> Iterator[Row]:
    """Yield the row of each accepted pair. It goes where the specimen of its normal goes, if there is one.

    specimen_of: returns the name of the specimen that a normal shows; split: the part that a specimen goes to; form: of its mask, of FORMS,
    where the pair has that one; each: map, or one that works ahead.
    """

    def row(pair: Pair) -> Row:
        pair = _in_form(folder, pair, form)
        path = folder.image_path(pair)
        digest = content_hash(path)
        name = picture_name(path.stem, digest, synthetic=True)
        normal = folder.normal_path(pair)
        group = specimen_of(normal) if normal else pair.normal or name
        size = image_size(path)
        return Row(name, path, digest, size, classes_of(pair), split(group), group, True, _reader(folder, pair, size), pair.to_row())

    yield from each(row, pairs)


def lacks_form(pair: Pair, form: str) -> bool:
    """Return whether a pair has no mask of a form that is asked for: it has one alone, or one that was corrected by hand."""
    return bool(form) and pair.mask_form != form and (not pair.mask_form or pair.other_mask is None)


def _in_form(folder: PairFolder, pair: Pair, form: str) -> Pair:
    """Return a pair with its mask in a form, as if it had been made with it; the box and area of a single defect are those of that mask."""
    if not form or pair.mask_form == form or lacks_form(pair, form):
        return pair
    pair = replace(pair, mask=pair.other_mask, other_mask=pair.mask, mask_form=form)
    mask = folder.mask(pair)
    if len(pair.placed()) != 1 or not mask.any():
        return pair
    defects = (replace(d, box=bounding_box(mask), area=int(mask.sum())) if d.box is not None else d for d in pair.defects)
    return replace(pair, defects=tuple(defects))


def masks_by_class(pair: Pair, whole: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mask (H, W) bool of each kind in a pair; every pixel of the whole mask is in exactly one.

    Where the boxes of two defects overlap, the pixels are taken for the first's; those beyond all boxes, as in a mask that was corrected,
    for the nearest one's.
    """
    kinds = masks_by_kind(pair, whole)
    if len(kinds) == 1 and kinds[0][1] is whole:
        return dict(kinds)
    found: dict[str, np.ndarray] = {}
    left = whole.copy()
    for name, mask in kinds:
        mine = mask & left
        left &= ~mine
        found[name] = found[name] | mine if name in found else mine
    if left.any():
        rows, columns = np.nonzero(left)
        placed = pair.placed()
        nearest = np.argmin([_distance(defect.box, rows, columns) for defect in placed if defect.box is not None], axis=0)
        for number, defect in enumerate(placed):
            mine = nearest == number
            if mine.any():
                mask = found.setdefault(defect.defect, np.zeros_like(whole))
                mask[rows[mine], columns[mine]] = True
    return found


def _distance(box: Box, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the squared distance (N,) of pixels to a box."""
    down = np.maximum(np.maximum(box.top - rows, rows - (box.top + box.height - 1)), 0)
    across = np.maximum(np.maximum(box.left - columns, columns - (box.left + box.width - 1)), 0)
    return np.asarray(down**2 + across**2)


def _reader(folder: PairFolder, pair: Pair, size: tuple[int, int]) -> Callable[[], dict[str, np.ndarray]]:
    def read() -> dict[str, np.ndarray]:
        whole = folder.mask(pair)
        if trouble := mask_trouble(whole.shape, folder.image_path(pair), size):
            raise FileError(folder.mask_path(pair), trouble)
        return masks_by_class(pair, whole)

    return read
