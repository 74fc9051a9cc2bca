"""Hugging Face imagefolder: metadata.jsonl or metadata.csv beside the pictures, with file_name and columns for masks, classes and boxes."""

import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError, FileError
from flawsmith.core.opening import open_plain
from flawsmith.core.parsing import parse_json, parse_yaml
from flawsmith.dataset.scan import Problem, Scan
from flawsmith.formats.files import Files, read_label_text
from flawsmith.formats.labelled import NAMELESS, Labelled, Object, stated_size
from flawsmith.formats.mask_files import are_classes, look_at, names_by_kinds, objects, read_masks
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.pictures import Finder, plain_parts
from flawsmith.formats.registry import Format
from flawsmith.formats.shapes import Shape, Unmarked, polygon, sized_box
from flawsmith.formats.words import is_normal
from flawsmith.images.files import SUFFIXES

_TABLES = ("metadata.jsonl", "metadata.csv")
_PICTURES = ("file_name", "image_file_name", "input_file_name")  # columns that name the picture, best first
MASK = re.compile(r"mask|segm|annotation|ground.?truth|\bgt\b|label", re.IGNORECASE)  # names of columns that hold paths of masks
_CLASSES = ("label", "labels", "class", "class_name", "defect", "defect_type", "anomaly_class", "category", "kind")
_KINDS = ("category", "categories", "label", "category_id", "name")  # of a picture's objects
_GROUPS = ("group", "specimen", "part_id")
_PARTS = ("train", "test", "validation", "val", "valid", "dev")


@dataclass(frozen=True)
class _Row:
    """A row of metadata."""

    table: Path
    part: str
    values: dict[str, Any]
    picture: str  # its path from the table's folder
    mask: str | None  # that of its mask
    masks: bool  # whether the table has a column of them

    @property
    def kinds(self) -> list[str]:
        """The classes that are said of the whole picture, as numbers or names."""
        given = (self.values.get(column) for column in _CLASSES)
        value = next((v for v in given if isinstance(v, (str, int, list)) and not isinstance(v, bool) and v not in ("", self.mask)), "")
        several = value if isinstance(value, list) else re.split(r"[+;|,]", str(value))
        return [str(kind).strip() for kind in several if str(kind).strip()]


def recognise(files: Files) -> str | None:
    """Return which table has a column of pictures."""
    if files.only:
        return None
    return next((f"{files.name(path)} has a column of pictures' names" for path in _tables(files)), None)


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what the tables say; rows with boxes alone have no masks."""
    told = Scan(files.root)
    return read_masks(files, options, _labelled(files, options, told), told)


def _labelled(files: Files, options: ReadOptions, told: Scan) -> Iterator[Labelled]:
    rows = [row for table in _tables(files) for row in _rows(files, table)]
    own, finder = _class_names(files.root / "README.md"), Finder(files)
    masks: dict[int, Path] = {}
    for number, row in enumerate(rows):
        if row.mask:
            try:
                masks[number] = _below(row.table.parent, row.mask) or finder.find(row.mask, row.table.parent, row.part)
            except DataError as error:
                told.problems.append(Problem(told.name(row.table), f"{row.picture}: its mask: {error}"))
    held = look_at(dict.fromkeys(masks.values()), told)
    classes = are_classes(list(held.values()), options)
    said = [[own.get("label", {}).get(kind, kind) for kind in row.kinds] for row in rows]
    names = own.get("mask", {})
    if classes and not names:
        names = _exported(files) or names_by_kinds((held[path], said[number]) for number, path in masks.items() if path in held)
    for number, (row, kinds) in enumerate(zip(rows, said, strict=True)):
        name = next((kind for kind in kinds if not is_normal(kind)), "")
        if number in masks and masks[number] not in held:
            continue
        found: tuple[Object, ...] = ()
        if number in masks:
            found = objects(held[masks[number]], classes, name or NAMELESS, options, names)
        elif isinstance(row.values.get("objects"), dict):
            found = tuple(_boxes(row, own.get("category", {})))
        elif (name and not row.mask) or not (kinds or row.masks):
            found = (Object(name, Unmarked("whole picture")),)
        if found and kinds and not name and number in masks:
            message = f"{row.picture} is called {kinds[0]} and its mask marks something. Correct one of the two."
            told.problems.append(Problem(told.name(row.table), message))
        yield _entry(row, found, masks.get(number))


def _entry(row: _Row, found: tuple[Object, ...], mask: Path | None) -> Labelled:
    group = next((str(row.values[c]) for c in _GROUPS if row.values.get(c) not in (None, "")), None)
    size = None if mask else stated_size(row.values.get("height"), row.values.get("width"))
    path = _below(row.table.parent, row.picture)
    return Labelled(row.picture, mask or row.table, found, size, part=row.part or None, group=group, path=path)


def _below(folder: Path, written: str) -> Path | None:
    """Return the file in a folder that a path means exactly; None where it is not there, and for one that leaves the folder."""
    path = folder.joinpath(*plain_parts(written))
    return path if ".." not in written and os.path.isfile(path) else None


def _boxes(row: _Row, names: dict[str, str]) -> Iterator[Object]:
    """Yield what `objects` marks: polygons where there are, else boxes, which mark nothing."""
    told = row.values["objects"]
    boxes, outlines = (told.get(key) if isinstance(told.get(key), list) else [] for key in ("bbox", "segmentation"))
    kinds: list[Any] = next((told[key] for key in _KINDS if isinstance(told.get(key), list)), [])
    for number in range(max(len(boxes), len(outlines))):
        kind = str(kinds[number]) if number < len(kinds) else ""
        rings = outlines[number] if number < len(outlines) else None
        shapes: list[Shape | Unmarked] = [sized_box(boxes[number] if number < len(boxes) else None)]
        if isinstance(rings, list) and rings:
            try:
                shapes = [polygon(ring) for ring in (rings if isinstance(rings[0], list) else [rings])]
            except ValueError as error:
                raise FileError(row.table, f"{row.picture}: {error}. Correct or remove it.") from error
        yield from (Object(names.get(kind, kind), shape) for shape in shapes)


def _tables(files: Files) -> Iterator[Path]:
    return (
        p
        for p in files.all
        if p.name.casefold() in _TABLES and any(f'"{c}"' in (head := _head(p)) or c in head.split("\n")[0].split(",") for c in _PICTURES)
    )


def _head(path: Path) -> str:
    """Return the first part of a table."""
    try:
        with open_plain(path) as stream:
            return stream.read(1 << 16).decode("utf-8", "replace")
    except OSError:
        return ""


def _rows(files: Files, table: Path) -> Iterator[_Row]:
    """Yield the rows of a table. Raises FileError for what cannot be understood."""
    folders = [name.casefold() for name in table.relative_to(files.root).parts[:-1]]
    part = next((name for name in folders if name in _PARTS), "")
    rows = list(_from_csv(table) if table.suffix.lower() == ".csv" else _from_lines(table))
    columns = {column: None for values in rows for column in values if isinstance(column, str)}
    own = next((column for column in _PICTURES if column in columns), _PICTURES[0])
    held = [c for c in columns if c != own and MASK.search(c) and any(_is_picture(values.get(c)) for values in rows)]
    for values in rows:
        picture = values.get(own)
        if not isinstance(picture, str) or not picture.strip():
            raise FileError(table, f"has a row whose {own} is {str(picture)[:40]!r}; expected a picture's name.")
        mask = next((values[c] for c in held if _is_picture(values.get(c))), None)
        yield _Row(table, part or str(values.get("split") or "").casefold(), values, picture, mask, bool(held))


def _is_picture(value: Any) -> bool:
    return isinstance(value, str) and Path(value).suffix.lower() in SUFFIXES


def _from_lines(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(read_label_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except (ValueError, RecursionError) as error:
            raise FileError(path, f"line {number} is no JSON ({error}). Export it again.") from error
        if not isinstance(row, dict):
            raise FileError(path, f"line {number} is {line[:40]!r}; expected an object with {_PICTURES[0]}.")
        yield row


def _from_csv(path: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from csv.DictReader(io.StringIO(read_label_text(path)))
    except csv.Error as error:
        raise FileError(path, f"is no CSV ({error}). Export it again.") from error


def _class_names(card: Path) -> dict[str, dict[str, str]]:
    """Return the names of numbered classes by column, as a data set's card, README.md, has them: {"label": {"0": "good"}}."""
    found: dict[str, dict[str, str]] = {}

    def collect(tree: Any, column: str) -> None:
        if isinstance(tree, list):
            for branch in tree:
                collect(branch, column)
        elif isinstance(tree, dict):
            column = str(tree.get("name", column))
            names = tree["class_label"].get("names") if isinstance(tree.get("class_label"), dict) else None
            if isinstance(names, (dict, list)):
                pairs = names.items() if isinstance(names, dict) else enumerate(names)
                found[_plain(column)] = {str(number): str(name) for number, name in pairs}
            for branch in tree.values():
                collect(branch, column)

    if card.is_file():
        parts = read_label_text(card).split("---", 2)
        try:
            collect(parse_yaml(parts[1]) if len(parts) == 3 and not parts[0].strip() else None, "")
        except (ValueError, RecursionError) as error:
            raise FileError(card, f"begins with what is no YAML ({error}). Correct or remove it.") from error
    return found


def _plain(column: str) -> str:
    return "mask" if MASK.search(column) and column not in _CLASSES else "label" if column in _CLASSES and column != "category" else column


def _exported(files: Files) -> dict[str, str]:
    """Return the classes by number of an export of this package's own."""
    tree = files.glance(files.root / "export.json")
    names = tree.get("classes") if isinstance(tree, dict) else None
    return {str(number): str(name) for number, name in enumerate(names, start=1)} if isinstance(names, list) else {}


FORMAT = Format("hf", "Hugging Face imagefolder", recognise, read, rank=42)
