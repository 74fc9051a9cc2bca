"""Supervisely: a folder with meta.json, and in each data set of it img/NAME.jpg beside ann/NAME.jpg.json.

Masks are small pictures, packed and in base64, at their place; polygons have holes.
"""

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.core.errors import FileError
from flawsmith.formats.files import Files
from flawsmith.formats.labelled import Entry, Labelled, Object, part_of, stated_size, whole_picture
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import of_label_files
from flawsmith.formats.shapes import Bitmap, Polygon, Shape, Size, Unmarked, box, coordinates, stroke
from flawsmith.formats.trees import fields, kind, rows, text, told

LARGEST = 64 << 20  # bytes of an unpacked mask
_FOLDER = "ann"
_PARTS = ("train", "val", "valid", "validation", "test")  # tags of a picture that name its subset


@dataclass(frozen=True)
class Packed:
    """A mask picture as Supervisely packs it: PNG in zlib in base64."""

    data: str
    corner: tuple[int, int]  # top, left

    def draw(self, whole: np.ndarray, units: Size) -> None:
        """See shapes.Shape."""
        unpacking = zlib.decompressobj()
        try:
            content = unpacking.decompress(base64.b64decode(self.data), LARGEST)
        except (zlib.error, ValueError) as error:
            raise ValueError(f"a mask that cannot be unpacked ({error})") from error
        if unpacking.unconsumed_tail:
            raise ValueError(f"a mask of more than {LARGEST >> 20} MiB when it is unpacked")
        Bitmap(base64.b64encode(content).decode("ascii"), self.corner).draw(whole, units)


def recognise(files: Files) -> str | None:
    """Return which JSON file in a folder `ann` holds what Supervisely's hold."""
    found = next((p for p in _label_files(files)[:20] if _is_supervisely(files.glance(p))), None)
    return f"{files.name(found)} has objects and a size, as Supervisely writes them" if found else None


def labelled(files: Files, options: ReadOptions) -> Iterator[Entry]:
    """Yield the picture of every such file, and those that cannot be used."""
    for path in _label_files(files):
        try:
            tree = files.json(path)
            if isinstance(tree, dict) and "objects" in tree:
                yield _entry(files, options, path, tree)
        except FileError as error:
            yield error


def _entry(files: Files, options: ReadOptions, path: Path, tree: dict[str, Any]) -> Labelled:
    objects = []
    for i, row in enumerate(rows(path, tree["objects"], "objects")):
        with told(path, f"object {i + 1}"):
            objects.append(Object(text(row.get("classTitle")), _shape(path, row, options)))
    tags = [text(tag.get("name")) for tag in rows(path, tree.get("tags"), "tags")]
    size = fields(path, tree.get("size"), "size")
    part = next((tag for tag in tags if tag.casefold() in _PARTS), part_of(files.name(path)))
    if not objects:
        objects = [whole_picture(tag) for tag in tags if tag.casefold() not in _PARTS]
    name = files.name(path.parent.parent / "img" / path.stem)
    return Labelled(name, path, tuple(objects), stated_size(size.get("height"), size.get("width")), part=part)


def _shape(path: Path, row: dict[str, Any], options: ReadOptions) -> Shape | Unmarked:
    """Return what an object marks. Raises ValueError for one that cannot be used."""
    name = text(row.get("geometryType"))
    if not name:  # in old files the parts alone tell
        name = "bitmap" if row.get("bitmap") else "polygon" if row.get("points") else ""
    if name == "bitmap":
        bitmap = fields(path, row.get("bitmap"), "bitmap")
        corner = coordinates(bitmap.get("origin"))
        if not isinstance(bitmap.get("data"), str) or len(corner) != 1:
            raise ValueError("a bitmap without data or origin")
        return Packed(bitmap["data"], (round(corner[0, 1]), round(corner[0, 0])))
    if name == "rectangle":
        return _box(row)
    if name not in ("polygon", "line", "point"):
        return Unmarked(name or "label without a shape")
    points = fields(path, row.get("points"), "points")
    outside = coordinates(points.get("exterior") or [])
    if name in ("line", "point"):
        return stroke(outside, options.line_width, name == "line")
    if len(outside) < 3:
        return Unmarked(f"{name} of less than three points")
    holes = points.get("interior") or []
    if not isinstance(holes, list):
        raise ValueError(f"the holes of a polygon are {kind(holes)}, expected lists of points")
    return Polygon((outside, *(hole for hole in map(coordinates, holes) if len(hole) > 2)))


def _box(row: dict[str, Any]) -> Unmarked:
    try:
        (left, top), (right, bottom) = row["points"]["exterior"]
    except (KeyError, TypeError, ValueError):
        return Unmarked("box")
    return box(left, top, right, bottom)


def _label_files(files: Files) -> list[Path]:
    return [p for p in files.of(".json") if p.parent.name == _FOLDER]


def _is_supervisely(tree: Any) -> bool:
    return isinstance(tree, dict) and isinstance(tree.get("objects"), list) and isinstance(tree.get("size"), dict)


FORMAT = of_label_files("supervisely", "Supervisely", recognise, labelled)
