"""anomalib's Tabular: a CSV file with a row for each picture: where it and its mask lie, and whether there is a defect in it."""

from collections.abc import Iterator
from pathlib import Path

from flawsmith.core.errors import DataError
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.files import Files
from flawsmith.formats.labelled import NAMELESS, Labelled, Object
from flawsmith.formats.mask_files import are_classes, entry, look_at, objects, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.pictures import Finder
from flawsmith.formats.registry import Format
from flawsmith.formats.shapes import Unmarked
from flawsmith.formats.tables import header, table
from flawsmith.formats.words import is_normal

_PICTURE, _IS_DEFECT, _MASK, _PART = "image_path", "label_index", "mask_path", "split"
_GROUP = "group"  # in exports of this package
_KINDS = ("defect", "label", "category", "class")  # columns that name the kind, best first: "label" may say no more than "abnormal"
_SAYS_NOTHING = {"abnormal", "anomalous", "anomaly", "defect", "bad", "1"}


def recognise(files: Files) -> str | None:
    """Return which CSV file has anomalib's columns."""
    found = next((p for p in files.looked_into(".csv") if _is_table(p)), None)
    return f"{files.name(found)} has the columns {_PICTURE} and {_IS_DEFECT}, as anomalib's Tabular" if found else None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what the tables say; a defect without a mask marks nothing."""
    told = Scan(files.root)
    return read_masks(files, options, _labelled(files, options, told), told)


def _labelled(files: Files, options: ReadOptions, told: Scan) -> Iterator[Labelled]:
    found = [(path, row) for path in files.of(".csv") if _is_table(path) for _, row in table(path)]
    finder = Finder(files)
    pictures: list[Path | None] = []
    masks: list[Path | None] = []
    for path, row in found:
        places: list[Path | None] = [None, None]
        for i, column in enumerate((_PICTURE, _MASK)):
            if row.get(column, "").strip():
                try:
                    places[i] = finder.find(row[column], path.parent, row.get(_PART))
                except DataError as error:
                    told.problems.append(Problem(told.name(path), str(error)))
        pictures.append(places[0])
        masks.append(places[1])
    held = look_at([mask for mask in dict.fromkeys(masks) if mask], told)
    classes = are_classes(list(held.values()), options)
    for (path, row), picture, mask in zip(found, pictures, masks, strict=True):
        if picture is None or (mask is not None and mask not in held):
            continue
        name = next((said for column in _KINDS if (said := row.get(column, "").strip()) and said.casefold() not in _SAYS_NOTHING), NAMELESS)
        defect = row.get(_IS_DEFECT, "").strip() not in ("0", "0.0", "")
        marked: tuple[Object, ...] = ()
        if mask is not None:
            marked = objects(held[mask], classes, NAMELESS if is_normal(name) else name, options)
        elif defect:
            marked = (Object(name, Unmarked("whole picture")),)
        if marked and not defect:
            message = f"{row[_PICTURE]} has the {_IS_DEFECT} 0, and its mask marks something. Correct one of the two."
            told.problems.append(Problem(told.name(path), message))
        yield entry(told, picture, mask or path, marked, row.get(_PART, "").strip(), row.get(_GROUP, "").strip())


def _is_table(path: Path) -> bool:
    return {_PICTURE, _IS_DEFECT} <= set(header(path))


FORMAT = Format("anomalib-tabular", "anomalib's Tabular", recognise, read, rank=42)
