"""YOLO with polygons: a text file for each picture, a row for each object; as Ultralytics, Roboflow, CVAT and Label Studio lay it out.

A row of a class and four numbers is a box, one of six numbers or more the corners of a polygon, in shares of the picture's sides; one file
may hold both. Labels lie beside the pictures, or in `labels` where those lie in `images`. Paths in data.yaml are of another machine more
often than not, so what lies in the folder counts, and of the file only the names of the classes.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from flawsmith.core.errors import FileError
from flawsmith.core.opening import open_plain
from flawsmith.core.parsing import parse_yaml
from flawsmith.formats.files import Files, name_key, read_label_text
from flawsmith.formats.labelled import Classes, Entry, Labelled, Note, Object, part_of
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import of_label_files
from flawsmith.formats.shapes import Polygon, Unmarked, coordinates, sized_box
from flawsmith.formats.trees import text

SHARES = (1.0, 1.0)
OVER = 0.1  # how far a coordinate may be outside the picture, in shares of it
MANY = 5  # polygons of four corners that are no accident
LARGEST_YAML = 1 << 20  # bytes
_NO_LABELS = re.compile(
    r"(classes|names|labels|notes|train|val|valid|test|autosplit_.*|readme.*|requirements|_darknet)\.txt", re.IGNORECASE
)
_ROW = re.compile(r"\d+(\.0+)?(\s+-?\d+(\.\d*)?(e[-+]?\d+)?){4,}\s*", re.IGNORECASE)


def recognise(files: Files) -> str | None:
    """Return which YAML file names classes and subsets, or which text file holds rows as YOLO has them."""
    found = next((p for p in files.looked_into(".yaml", ".yml") if _is_data_yaml(_yaml(p))), None)
    if found:
        return f"{files.name(found)} names classes and subsets, as YOLO's data.yaml does"
    found = next((p for p in _label_files(files)[:20] if _ROW.fullmatch(_first_line(p))), None) if not files.only else None
    return f"{files.name(found)} holds rows of a class and coordinates, as YOLO has them" if found else None


def labelled(files: Files, options: ReadOptions) -> Iterator[Entry]:
    """Yield every picture that has a label file, and those without one that lie where others have one: nothing is to be seen in them."""
    names, posed = _class_names(files)
    yield Classes(tuple(names.values()))
    if posed:
        yield Note("data.yaml says that rows are boxes with keypoints (kpt_shape): they mark no pixels.")
    corners: Counter[int] = Counter()  # of polygons
    by_place = {_place(files.name(picture)): picture for picture in files.pictures}
    label_files = {_place(files.name(path)): path for path in _label_files(files)}
    lost = {place: path for place, path in label_files.items() if place not in by_place}
    found = _elsewhere(lost, {place: picture for place, picture in by_place.items() if place not in label_files})
    unnamed: set[int] = set()
    used: set[Path] = set()
    for place, path in label_files.items():
        picture = by_place.get(place) or found.get(place)
        if picture is None:
            yield Labelled(f"{place.rpartition('/')[0]}/{path.stem}.*", path, ())  # a name that no other picture has
            continue
        used.add(picture)
        try:
            rows = _rows(path, posed)
        except FileError as error:
            yield error
            continue
        corners.update(len(shape.rings[0]) for _, shape in rows if isinstance(shape, Polygon))
        unnamed |= {number for number, _ in rows if number not in names}
        objects = tuple(Object(names.get(number, f"class {number}"), shape) for number, shape in rows)
        yield Labelled(files.name(picture), path, objects, units=SHARES, part=part_of(files.name(picture)), path=picture)
    folders = {picture.parent for picture in used}
    for picture in files.pictures:
        if picture not in used and (picture.parent in folders or "images" in _folders(files.name(picture).casefold())):
            yield Labelled(files.name(picture), picture, (), part=part_of(files.name(picture)), path=picture)
    if set(corners) == {4} and corners[4] >= MANY:
        yield Note(
            f"all {corners[4]} polygons have four corners, as YOLO's oriented boxes do: they count as drawn. If they are boxes around "
            "defects they are no masks: leave them out with --classes ignore=CLASS, and draw masks."
        )
    if unnamed:
        yield Note(
            f"classes without a name: {', '.join(f'class {n}' for n in sorted(unnamed)[:10])}; data.yaml or classes.txt does not have them."
        )


def _rows(path: Path, posed: bool) -> list[tuple[int, Polygon | Unmarked]]:
    """Return the classes and shapes of a label file; posed: behind a box stand keypoints. Raises FileError for rows that cannot be used."""
    found: list[tuple[int, Polygon | Unmarked]] = []
    for i, line in enumerate(read_label_text(path).splitlines()):
        if not line.strip():
            continue
        try:
            name, *values = (float(word) for word in line.split())
            if posed:
                values = values[:4]
            numbers = coordinates(values)
            if not name.is_integer() or name < 0:
                raise ValueError("its class is no whole number")
            if len(values) != 4 and len(values) < 6:
                raise ValueError(f"it has {len(values)} numbers after the class, expected 4 for a box, or pairs of 3 corners or more")
            if (np.abs(numbers - 0.5) > 0.5 + OVER).any():
                raise ValueError("its coordinates are not from 0 to 1: shares of the picture's sides")
        except ValueError as error:
            raise FileError(path, f"row {i + 1}: {error}. Correct or remove it.") from error
        found.append((int(name), _box(*values) if len(values) == 4 else Polygon((numbers,))))
    return found


def _box(x: float, y: float, width: float, height: float) -> Unmarked:
    """Return a box by its centre and its size."""
    return sized_box([x - width / 2, y - height / 2, width, height])


def _elsewhere(lost: dict[str, Path], free: dict[str, Path]) -> dict[str, Path]:
    """Return the pictures of label files that have none in their place, where just one picture without labels has their name."""
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for picture in free.values():
        by_stem[name_key(picture.stem)].append(picture)
    return {place: same[0] for place, path in lost.items() if len(same := by_stem[name_key(path.stem)]) == 1}


def _place(name: str) -> str:
    """Return what is equal for a picture and its label file: the path without suffix, with `images` for the last folder `labels`."""
    *folders, file = name.split("/")
    at = max((i for i, folder in enumerate(folders) if folder.casefold() in ("images", "labels")), default=None)
    if at is not None:
        folders[at] = "images"
    return "/".join([*folders, name_key(PurePosixPath(file).stem)])


def _folders(name: str) -> list[str]:
    return name.split("/")[:-1]


def _label_files(files: Files) -> list[Path]:
    """Return the text files in folders called `labels`, and those that lie beside a picture of their name."""
    texts = [p for p in files.all if p.suffix.lower() == ".txt" and not _NO_LABELS.fullmatch(p.name)]
    beside = {(p.parent, name_key(p.stem)) for p in files.pictures}
    return [p for p in texts if "labels" in _folders(files.name(p).casefold()) or (p.parent, name_key(p.stem)) in beside]


def _class_names(files: Files) -> tuple[dict[int, str], bool]:
    """Return the classes' names by number, from data.yaml, or from a list of them such as classes.txt; and whether rows have keypoints."""
    yamls = [files.only] if files.only else [p for p in files.all if p.suffix.lower() in (".yaml", ".yml")]
    for path in yamls:
        if _is_data_yaml(tree := _yaml(path)):
            names = tree["names"]
            pairs = names.items() if isinstance(names, dict) else enumerate(names if isinstance(names, list) else [])
            found = {int(text(key)): text(name) for key, name in pairs if text(key).isdecimal() and text(name)}
            return found, "kpt_shape" in tree
    for path in (p for p in files.all if p.name.lower() in ("classes.txt", "obj.names", "_darknet.labels")):
        return dict(enumerate(line.strip() for line in read_label_text(path).splitlines() if line.strip())), False
    return {}, False


def _is_data_yaml(tree: Any) -> bool:
    return isinstance(tree, dict) and "names" in tree and bool({"train", "val", "test", "nc", "path"} & {text(key) for key in tree})


def _yaml(path: Path) -> Any:
    """Return what a YAML file holds, None for what is none or larger than LARGEST_YAML."""
    try:
        return parse_yaml(read_label_text(path)) if path.stat().st_size <= LARGEST_YAML else None
    except (OSError, FileError, ValueError):
        return None


def _first_line(path: Path) -> str:
    try:
        with open_plain(path) as stream:
            return stream.readline(1_000_000).decode("utf-8", "replace").strip()
    except OSError:
        return ""


FORMAT = of_label_files("yolo", "YOLO", recognise, labelled, rank=60)
