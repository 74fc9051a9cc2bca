"""Severstal's steel sheets, and other run lengths in CSV as Kaggle has them: pairs of a first pixel and a length, column by column from 1.

An older file has a row for each picture and class, with no runs where there is nothing; a newer one has rows of defects alone, and pictures
beside those that no row names are normals. Neither knows the pictures' size.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flawsmith.core.errors import FileError
from flawsmith.formats import runs
from flawsmith.formats.files import Files, name_key
from flawsmith.formats.labelled import Entry, Labelled, Note, Object
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.pictures import plain_parts
from flawsmith.formats.registry import of_label_files
from flawsmith.formats.shapes import Size
from flawsmith.formats.tables import header, table
from flawsmith.formats.trees import told

_RUNS = "encodedpixels"
_BOTH = ("imageid_classid", "image_label", "image_class")  # one column for the picture and the class: 0002cc93b.jpg_1
_PICTURE = ("imageid", "image_id", "image", "filename")
_CLASS = ("classid", "class_id", "class", "label")
_SAMPLE = "sample_submission"  # what Kaggle asks for, filled with anything


@dataclass(frozen=True)
class Spans:
    """Run lengths of a whole picture whose size nobody wrote down."""

    text: str

    def draw(self, whole: np.ndarray, units: Size) -> None:
        """See shapes.Shape."""
        whole |= runs.from_spans(_numbers(self.text), whole.shape)


def recognise(files: Files) -> str | None:
    """Return which CSV file has columns of pictures and run lengths."""
    found = next((p for p in files.looked_into(".csv") if _is_table(p)), None)
    return f"{files.name(found)} has columns of pictures and EncodedPixels" if found else None


def labelled(files: Files, options: ReadOptions) -> Iterator[Entry]:
    """Yield the pictures of every such file, and those beside them that no row names."""
    folders: set[str] = set()
    pictures: dict[str, list[Object]] = defaultdict(list)
    sources: dict[str, Path] = {}
    for path in files.of(".csv"):
        if not _is_table(path):
            continue
        if path.stem.lower().startswith(_SAMPLE):
            yield Note(f"{files.name(path)}: is a sample of what Kaggle asks for and says nothing; left out.")
            continue
        for line, row in table(path):
            name, label, spans = _row(path, line, row)
            sources.setdefault(name, path)
            objects = pictures[name]
            if spans:
                with told(path, f"line {line}"):
                    _numbers(spans)
                objects.append(Object(label, Spans(spans)))
    for name, objects in pictures.items():
        yield Labelled(name, sources[name], tuple(objects))
    named = {name_key((plain_parts(name) or ("",))[-1]) for name in pictures}
    folders = {p.parent.as_posix() for p in files.pictures if name_key(p.name) in named}
    others = [p for p in files.pictures if p.parent.as_posix() in folders and name_key(p.name) not in named]
    for picture in others:
        yield Labelled(files.name(picture), picture, (), path=picture)
    if others:
        yield Note(f"pictures beside them that no row names: {len(others)}, taken as normals.")


def _row(path: Path, line: int, row: dict[str, str]) -> tuple[str, str, str]:
    """Return the picture, the class and the runs of a row; no runs are empty."""
    cells = {name.casefold(): value.strip() for name, value in row.items()}
    both = next((cells[name] for name in _BOTH if name in cells), None)
    name = both if both is not None else next((cells[name] for name in _PICTURE if name in cells), "")
    label = next((cells[name] for name in _CLASS if name in cells), "")
    if both is not None:
        name, _, label = both.rpartition("_")
    if not name:
        raise FileError(path, f"line {line} names no picture. Correct or remove it.")
    spans = cells.get(_RUNS, "")
    return name, f"class {label}" if label.isdecimal() else label, "" if spans in ("-1", "nan", "NaN") else spans


def _numbers(text: str) -> np.ndarray:
    return runs.whole_numbers([int(word) for word in text.split()])


def _is_table(path: Path) -> bool:
    names = {name.casefold() for name in header(path)}
    return _RUNS in names and bool(names & {*_BOTH, *_PICTURE})


FORMAT = of_label_files("severstal", "run lengths in CSV (Severstal, Kaggle)", recognise, labelled)
