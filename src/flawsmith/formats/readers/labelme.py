"""LabelMe: a JSON file for each picture; also as AnyLabeling and X-AnyLabeling write it.

The same class may be a polygon here and a painted mask there. Old files say neither the type of a shape nor the picture's size, paths come
from Windows, and the picture may lie inside the file. A picture without a JSON file is one in which nobody saw a defect.
"""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flawsmith.core.errors import FileError
from flawsmith.dataset.scan import Scan
from flawsmith.formats.assemble import assemble
from flawsmith.formats.files import Files, name_key
from flawsmith.formats.labelled import Entry, Labelled, Note, Object, part_of, stated_size, whole_picture
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.pictures import plain_parts
from flawsmith.formats.registry import Format
from flawsmith.formats.shapes import Bitmap, Ellipse, Polygon, Rectangle, Shape, Unmarked, coordinates, stroke
from flawsmith.formats.trees import fields, rows, text, told

_LINES, _POINTS = ("line", "linestrip"), ("point", "points")
_POLYGONS = ("polygon", "oriented_rectangle", "rotation", "quadrilateral")


def recognise(files: Files) -> str | None:
    """Return which JSON file holds what LabelMe's hold."""
    found = next((p for p in files.looked_into(".json") if _is_labelme(files.glance(p))), None)
    return f"{files.name(found)} has shapes and the path of a picture" if found else None


def read(files: Files, options: ReadOptions) -> Scan:
    """Return what lies in a folder with such files; of a single one only its own picture."""
    return assemble(files, options, labelled(files, options), "left out" if files.only else "normals")


def labelled(files: Files, options: ReadOptions) -> Iterator[Entry]:
    """Yield what every JSON file says of its picture, and those that cannot be used."""
    beside = {(p.parent, name_key(p.stem)): p.name for p in files.pictures}
    others: list[str] = []
    for path in files.of(".json"):
        try:
            tree = files.json(path)
            if isinstance(tree, dict) and "shapes" in tree:
                yield _entry(files, options, path, tree, beside.get((path.parent, name_key(path.stem))))
            else:
                others.append(files.name(path))
        except FileError as error:
            yield error
    if others:
        yield Note(f"JSON files that are not LabelMe's: {len(others)} ({', '.join(others[:3])}), left out.")


def _entry(files: Files, options: ReadOptions, path: Path, tree: dict[str, Any], beside: str | None) -> Labelled:
    objects = []
    for i, row in enumerate(rows(path, tree["shapes"], "shapes")):
        with told(path, f"shape {i + 1}"):
            objects.append(Object(text(row.get("label")), _shape(row, options)))
    if not objects:
        objects = [whole_picture(flag) for flag, on in fields(path, tree.get("flags"), "flags").items() if on is True]
    data = tree.get("imageData")
    data = data if isinstance(data, str) and data else None
    return Labelled(
        _picture(files, path, text(tree.get("imagePath")), beside),
        path,
        tuple(objects),
        stated_size(tree.get("imageHeight"), tree.get("imageWidth")) or (_size(data) if data else None),
        part=part_of(files.name(path)),
        data=data,
    )


def _picture(files: Files, path: Path, written: str, beside: str | None) -> str:
    """Return the picture's name: as written, or where there is none of that name the one beside the label file that is called as it is."""
    name = (plain_parts(written) or ("",))[-1]
    there = name_key(name) in files.picture_names
    if beside is None or name_key(name) == name_key(beside):
        return written or path.stem
    if there and Path(name).stem != path.stem:
        message = f"says that it labels {name}, and lies beside {beside}; both are there. Correct its imagePath, or rename it."
        raise FileError(path, message)
    return written if there else beside


def _shape(row: dict[str, Any], options: ReadOptions) -> Shape | Unmarked:
    """Return what a shape marks. Raises ValueError for one that cannot be used."""
    kind = text(row.get("shape_type")) or "polygon"
    points = coordinates(row.get("points") or [])
    if kind == "mask":
        if not isinstance(row.get("mask"), str) or not len(points):
            raise ValueError("a mask without its picture or place")
        return Bitmap(row["mask"], (round(points[0, 1]), round(points[0, 0])))
    if kind in _LINES or kind in _POINTS:
        return stroke(points, options.line_width, kind in _LINES)
    if kind in _POLYGONS:
        return Polygon((points,)) if len(points) > 2 else Unmarked(f"{kind} of less than three points")
    if kind == "rectangle" and len(points) > 1:  # any two corners, or all four
        return Rectangle(*points.min(0), *points.max(0))
    if kind == "circle" and len(points) == 2:  # its centre, and a point of its border
        radius = float(np.hypot(*(points[1] - points[0])))
        return Ellipse(float(points[0, 0]), float(points[0, 1]), radius, radius)
    return Unmarked(kind)


def _size(data: str) -> tuple[int, int] | None:
    """Return the size (H, W) of the picture inside a label file, as it is stored."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(data)), formats=["PNG", "JPEG", "BMP", "TIFF"]) as image:
            return stated_size(image.height, image.width)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _is_labelme(tree: Any) -> bool:
    return isinstance(tree, dict) and isinstance(tree.get("shapes"), list) and ("imagePath" in tree or "imageData" in tree)


FORMAT = Format("labelme", "LabelMe", recognise, read)
