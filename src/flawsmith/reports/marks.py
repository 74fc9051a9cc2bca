"""Where defects are and how large: one mark per defect, of generated ones and of those learned from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flawsmith.core.errors import FlawsmithError
from flawsmith.dataset.record import read_record
from flawsmith.dataset.windows import Box, bounding_box
from flawsmith.images.files import image_size
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.product.exemplars import Exemplar, load_exemplars
from flawsmith.reports.drawing import pool

FINEST = 256  # a mark's shape has at most so many pixels a side: enough for a heat map


@dataclass(frozen=True)
class Mark:
    """One defect as a heat map and a histogram need it."""

    defect: str
    area: int  # pixels
    side: int  # longer side of its box in pixels
    extent: tuple[float, float, float, float] | None  # top, left, bottom, right of its box as shares of the picture; None: nowhere
    shape: np.ndarray  # (h, w) bool, its mask inside the box, at most FINEST a side

    @property
    def middle(self) -> tuple[float, float] | None:
        """Row and column of the box's middle as shares of the picture."""
        return None if self.extent is None else ((self.extent[0] + self.extent[2]) / 2, (self.extent[1] + self.extent[3]) / 2)


@dataclass(frozen=True)
class PlacedMark:
    """One defect of a pair."""

    defect: str
    box: Box
    area: int


def parts_of(pair: Pair, mask: np.ndarray | None) -> list[PlacedMark]:
    """Return the defects of an accepted pair: as its row says, or without a word on them, all its mask (H, W) bool as one."""
    told = [PlacedMark(placed.defect, placed.box, placed.area) for placed in pair.defects if placed.box is not None]
    if told:
        return told
    if mask is None or not mask.any():
        return []
    return [PlacedMark(pair.defect, bounding_box(mask), int(mask.sum()))]


def generated_marks(out: Path, pairs: Sequence[Pair]) -> list[Mark]:
    """Return a mark for every defect of the accepted pairs; one from noise has no place, for its picture is but a window."""
    folder = PairFolder(out)
    marks = []
    for pair in folder.present(pairs):
        mask = folder.mask(pair)
        for part in parts_of(pair, mask):
            box = part.box
            shape = mask[box.top : box.top + box.height, box.left : box.left + box.width]
            if shape.size:
                marks.append(mark(part.defect, part.area, shape, (box.top, box.left), None if pair.from_noise else mask.shape))
    return marks


def real_marks(run: Path | None, size: tuple[float, ...]) -> list[Mark]:
    """Return a mark for every defect that the model in `run` learned from; none where there is no model.

    size: (H, W) to take for pictures that are no longer where they were.
    """
    library = None if run is None else run / "model" / "exemplars.safetensors"
    if run is None or library is None or not library.is_file():
        return []
    places = _pictures(run)
    known: dict[tuple[str, str], tuple[float, ...]] = {}  # kinds may have files of the same names
    marks = []
    for example in load_exemplars(library):
        name = example.defect, example.source
        if name not in known:
            known[name] = _size(places.get(name), size)
        marks.append(_real_mark(example, known[name]))
    return marks


def _real_mark(example: Exemplar, size: tuple[float, ...]) -> Mark:
    row, column = example.centre()  # which pixel of it `place` is
    corner = round(example.place[0] * size[0]) - row, round(example.place[1] * size[1]) - column
    return mark(example.defect, example.area, example.shape, corner, size)


def mark(defect: str, area: int, shape: np.ndarray, corner: tuple[float, float], size: tuple[float, ...] | None) -> Mark:
    """Return the mark of a shape (h, w) bool whose corner is at a pixel of a picture of `size` (H, W); without a size it is nowhere."""
    height, width = shape.shape
    extent = None
    if size is not None:
        top, left = (float(np.clip(c, 0, max(0, s - n))) for c, s, n in zip(corner, size, shape.shape, strict=True))
        extent = top / size[0], left / size[1], min(1.0, (top + height) / size[0]), min(1.0, (left + width) / size[1])
    return Mark(defect, area, max(height, width), extent, pool(shape, min(height, FINEST), min(width, FINEST)).copy())


def _pictures(run: Path) -> dict[tuple[str, str], Path]:
    """Return the file of each picture learned from by its defect and name; empty where RUN does not tell."""
    try:
        record = read_record(run)
    except FlawsmithError:
        return {}
    root = Path(record["root"])
    return {(name, Path(row["image"]).name): root / row["image"] for name, rows in record["defects"].items() for row in rows}


def _size(path: Path | None, otherwise: tuple[float, ...]) -> tuple[float, ...]:
    try:
        return otherwise if path is None else image_size(path)
    except FlawsmithError:
        return otherwise
