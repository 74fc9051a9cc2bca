"""anomalib's Tabular: a CSV file with a row for every picture."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from flawsmith.core.files import write_pieces
from flawsmith.formats.writers.pictures import PNG, put_picture
from flawsmith.formats.writers.registry import Writer
from flawsmith.formats.writers.row import NORMAL, SEVERAL, TEST, TRAIN, Entry, Line, Place, Row
from flawsmith.images.files import read_mask, write_mask

TABLE = "samples.csv"
# anomalib reads the first four; it allows no empty field, and in "split" no val and no defect in train
COLUMNS = ("image_path", "label_index", "split", "mask_path", "defect", "part", "source", "group")


def write(rows: Iterable[Row], place: Place) -> Iterator[tuple[str, Entry]]:
    """Write pictures, and masks of 0 and 255 for those with a defect."""
    for row in rows:
        image, mask = put_picture(row, place, "images"), ""
        if row.classes:
            mask = f"masks/{row.name}{PNG}"
            write_mask(place.folder / mask, row.mask())
        yield image, {"mask": mask}


def finish(place: Place) -> list[str]:
    """Write the table. Every defect is in anomalib's test set; the split that was asked for stands under "part"."""
    write_pieces(place.folder / TABLE, _table(place.lines()))
    return [TABLE]


def _table(lines: Iterator[Line]) -> Iterator[bytes]:
    yield _text(COLUMNS)
    for line in lines:
        normal = not line.classes
        defect = NORMAL if normal else line.classes[0] if len(line.classes) == 1 else SEVERAL
        split = TRAIN if normal and line.split == TRAIN else TEST
        source = "synthetic" if line.synthetic else "real"
        yield _text((line.image, int(not normal), split, line.entry["mask"], defect, line.split, source, line.group))


def _text(values: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()


def read(place: Place) -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
    """Yield what the table says of each picture."""
    with (place.folder / TABLE).open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            masks = {row["defect"]: read_mask(place.folder / row["mask_path"])} if row["mask_path"] else {}
            yield row["image_path"], masks


WRITER = Writer(
    "anomalib-tabular",
    "anomalib's Tabular: samples.csv, which also says what is real",
    exact=True,
    write=write,
    finish=finish,
    classes=False,
    read=read,
    use="""\
from anomalib.data import Tabular
data = Tabular.from_file(name="{name}", file_path="{folder}/samples.csv", root="{folder}")""",
)
