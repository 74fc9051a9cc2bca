"""Intel Geti, as its REST interface and its SDK's download give annotations: a JSON file for each picture, in a folder of its own.

A rectangle is a box. One that covers the whole picture carries labels of the picture, of which some say that there is nothing in it.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.core.errors import DataError, FileError
from flawsmith.formats.files import Files, name_key
from flawsmith.formats.labelled import Entry, Labelled, Note, Object, part_of, whole_picture
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import of_label_files
from flawsmith.formats.shapes import Ellipse, Shape, Unmarked, number, polygon, sized_box
from flawsmith.formats.trees import fields, rows, text, told
from flawsmith.images.files import image_size

SHARES = (1.0, 1.0)


def recognise(files: Files) -> str | None:
    """Return which JSON file holds the annotations of one picture as Geti has them."""
    found = next((p for p in files.looked_into(".json") if _is_geti(files.glance(p))), None)
    return f"{files.name(found)} has annotations with labels and a shape, as Geti has them" if found else None


def labelled(files: Files, options: ReadOptions) -> Iterator[Entry]:
    """Yield the picture of every such file, and those that cannot be used; a picture without any annotation was not looked at yet."""
    pictures = {name_key(p.stem): p for p in files.pictures}
    untouched = 0
    for path in files.of(".json"):
        try:
            tree = files.json(path)
            if _is_geti(tree):
                untouched += not tree["annotations"]
                if tree["annotations"]:
                    yield _entry(files, path, tree, pictures.get(name_key(path.stem)))
        except FileError as error:
            yield error
    if untouched:
        yield Note(f"pictures without any annotation: {untouched}, left out: one in which there is nothing is labelled so.")


def _entry(files: Files, path: Path, tree: dict[str, Any], picture: Path | None) -> Labelled:
    objects: list[Object] = []
    shares = True
    for i, row in enumerate(rows(path, tree["annotations"], "annotations")):
        shape = fields(path, row.get("shape"), "shape")
        names = [text(label.get("name")) for label in rows(path, row.get("labels"), "labels")] or [""]
        with told(path, f"annotation {i + 1}"):
            found = _shape(shape)
            shares &= _largest(shape) <= 1
            whole = _covers(shape, picture)
        objects += [whole_picture(name) if whole else Object(name, found) for name in names]
    return Labelled(path.stem, path, tuple(objects), units=SHARES if shares and objects else None, part=part_of(files.name(path)))


def _shape(shape: dict[str, Any]) -> Shape | Unmarked:
    """Return what an annotation marks. Raises ValueError for one that cannot be used."""
    kind = text(shape.get("type")).upper()
    if kind == "POLYGON":
        return polygon(_points(shape))
    if kind in ("ELLIPSE", "ROTATED_RECTANGLE"):
        x, y, width, height = (number(shape.get(key)) for key in ("x", "y", "width", "height"))
        if kind == "ELLIPSE":  # x and y are the upper left corner of the box around it
            return Ellipse(x + width / 2, y + height / 2, width / 2, height / 2)
        turn = math.radians(number(shape.get("angle") or 0))  # x and y are its centre
        across, down = np.array([math.cos(turn), math.sin(turn)]) * width / 2, np.array([-math.sin(turn), math.cos(turn)]) * height / 2
        return polygon(np.array([x, y]) + [across + down, across - down, -across - down, down - across])
    if kind == "RECTANGLE":
        return sized_box([shape.get(key) for key in ("x", "y", "width", "height")])
    return Unmarked(kind.lower() or "label without a shape")


def _points(shape: dict[str, Any]) -> list[list[Any]]:
    points = shape.get("points")
    if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
        raise ValueError("a polygon whose points are not objects of x and y")
    return [[point.get("x"), point.get("y")] for point in points]


def _largest(shape: dict[str, Any]) -> float:
    """Return the largest coordinate: all up to 1 are shares of the picture's sides, as the first servers gave them."""
    corners = _points(shape) if "points" in shape else [[shape.get(key) for key in ("x", "y", "width", "height")]]
    values = [value for corner in corners for value in corner if isinstance(value, (int, float))]
    return max(map(number, values), default=0.0)


def _covers(shape: dict[str, Any], picture: Path | None) -> bool:
    """Return whether a rectangle covers its whole picture."""
    if text(shape.get("type")).upper() != "RECTANGLE" or number(shape.get("x")) > 0 or number(shape.get("y")) > 0:
        return False
    width, height = number(shape.get("width")), number(shape.get("height"))
    if (width, height) == (1, 1):
        return True
    try:
        size = image_size(picture) if picture else (0, 0)
    except DataError:
        return False  # told when the picture is decoded
    return bool(picture) and height >= size[0] and width >= size[1]


def _is_geti(tree: Any) -> bool:
    """Return whether JSON is the annotations of one picture."""
    if not isinstance(tree, dict) or not isinstance(tree.get("annotations"), list) or "images" in tree:
        return False
    first = next(iter(tree["annotations"]), None)
    return tree.get("kind") == "annotation" if first is None else isinstance(first, dict) and {"labels", "shape"} <= set(first)


FORMAT = of_label_files("geti", "Intel Geti", recognise, labelled)
