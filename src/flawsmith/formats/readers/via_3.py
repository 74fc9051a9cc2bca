"""VGG Image Annotator 3: a project of files, of views that show them, and of metadata: places in numbers, and attributes by their ids.

Its numbers for shapes, files and attributes are those of its code documentation (CodeDoc.md, "Structure of VIA Project JSON File").
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.core.errors import FileError
from flawsmith.formats.files import Files
from flawsmith.formats.labelled import Entry, Labelled, Note, Object, whole_picture
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.readers.via import class_attribute
from flawsmith.formats.registry import of_label_files
from flawsmith.formats.shapes import Ellipse, Rectangle, Shape, Unmarked, coordinates, polygon, stroke
from flawsmith.formats.trees import fields, text, told

_IMAGE = "2"  # the type of a file that is a picture
_POINT, _RECTANGLE, _CIRCLE, _ELLIPSE, _LINE, _POLYLINE, _POLYGON, _EXTREME_RECTANGLE, _EXTREME_CIRCLE = range(1, 10)
_LENGTHS = {_RECTANGLE: 4, _CIRCLE: 3, _ELLIPSE: 4, _EXTREME_CIRCLE: 6}  # numbers of a shape's place


def recognise(files: Files) -> str | None:
    """Return which JSON file is such a project."""
    found = next((p for p in files.looked_into(".json") if _is_project(files.glance(p))), None)
    return f"{files.name(found)} has files, views and metadata, as VIA 3 writes them" if found else None


def labelled(files: Files, options: ReadOptions) -> Iterator[Entry]:
    """Yield the pictures of every project, and what is left out of it: films, and labels of several pictures at once."""
    for path in files.of(".json"):
        if _is_project(tree := files.json(path)):
            yield from _project(path, files.name(path), tree, options)


def _project(path: Path, name: str, tree: dict[str, Any], options: ReadOptions) -> Iterator[Entry]:
    pictures = _pictures(path, tree)
    attributes = fields(path, tree["attribute"], "attribute")
    found: dict[str, list[tuple[str, Any, dict[str, str]]]] = defaultdict(list)  # by view: the label's id, its place, what it says
    left = 0
    for key, row in fields(path, tree["metadata"], "metadata").items():
        row = fields(path, row, key)
        if text(row.get("vid")) in pictures and not row.get("z"):
            found[text(row.get("vid"))].append((key, row.get("xy"), _said(path, attributes, row)))
        else:
            left += 1
    attribute = class_attribute(said for several in found.values() for _, place, said in several if place)
    if attribute is not None:
        yield Note(f"{name}: the regions' attribute {attribute!r} names their class.")
    if left:
        yield Note(f"{name}: labels in films, or of several pictures at once: {left}, left out.")
    for view, picture in pictures.items():
        objects: list[Object] = []
        for key, place, said in found[view]:
            if place:
                with told(path, f"label {key} of {picture}"):
                    objects.append(Object(said.get(attribute or "", ""), _shape(place, options)))
            else:
                objects += [whole_picture(value) for value in said.values() if value]
        yield Labelled(picture, path, tuple(objects))


def _pictures(path: Path, tree: dict[str, Any]) -> dict[str, str]:
    """Return the picture of each view that shows just one. Raises FileError where a view names a file that is not listed."""
    listed, found = fields(path, tree["file"], "file"), {}
    for view, row in fields(path, tree["view"], "view").items():
        shown = fields(path, row, f"view {view}").get("fid_list")
        if isinstance(shown, list) and len(shown) == 1:
            if not isinstance(file := listed.get(text(shown[0])), dict):
                raise FileError(path, f"has a view {view} of a file {text(shown[0])} that it does not list. Export it again.")
            if text(file.get("type")) == _IMAGE:
                found[view] = text(file.get("fname")) or text(file.get("src"))
    return found


def _said(path: Path, attributes: dict[str, Any], row: dict[str, Any]) -> dict[str, str]:
    """Return the values of a label's attributes by the attributes' names: an option's id stands for its text."""
    said = {}
    for key, value in fields(path, row.get("av"), "av").items():
        attribute = fields(path, attributes.get(key), f"attribute {key}")
        options = fields(path, attribute.get("options"), f"options of attribute {key}")
        said[text(attribute.get("aname")) or key] = (text(options.get(text(value))) or text(value)).strip()
    return said


def _shape(place: Any, options: ReadOptions) -> Shape | Unmarked:
    """Return what a label marks: a shape's number, then its coordinates. Raises ValueError for one that cannot be used."""
    if not isinstance(place, list) or text(place[0]) not in map(str, range(1, 10)):
        raise ValueError("a place that does not begin with the number of a shape")
    kind, values = int(text(place[0])), place[1:]
    if kind in _LENGTHS and len(values) != _LENGTHS[kind]:
        raise ValueError(f"a place of {len(values)} numbers, expected {_LENGTHS[kind]}")
    numbers = coordinates([*values, *[0] * (len(values) % 2)]).ravel()[: len(values)]
    if kind == _RECTANGLE:
        x, y, width, height = map(float, numbers)
        return Rectangle(x, y, x + width, y + height)
    if kind in (_CIRCLE, _ELLIPSE):
        x, y, *radii = map(float, numbers)
        return Ellipse(x, y, radii[0], radii[-1])
    points = coordinates(values)
    if kind == _POLYGON:
        return polygon(points)
    if kind == _EXTREME_RECTANGLE:  # points of its four sides
        if not len(points):
            raise ValueError("a rectangle without points")
        return Rectangle(*map(float, points.min(0)), *map(float, points.max(0)))
    if kind == _EXTREME_CIRCLE:
        return _circle(points)
    return stroke(points, options.line_width, joined=kind in (_LINE, _POLYLINE))


def _circle(points: np.ndarray) -> Ellipse:
    """Return the circle through three points (3, 2): its centre is as far from the first as from the others."""
    sides = points[1:] - points[0]
    try:
        x, y = np.linalg.solve(2 * sides, (sides**2).sum(1))
    except np.linalg.LinAlgError:
        raise ValueError("a circle through three points that lie on one line") from None
    radius = float(np.hypot(x, y))
    return Ellipse(float(points[0, 0] + x), float(points[0, 1] + y), radius, radius)


def _is_project(tree: Any) -> bool:
    return isinstance(tree, dict) and all(isinstance(tree.get(key), dict) for key in ("project", "file", "view", "metadata", "attribute"))


FORMAT = of_label_files("via-3", "VGG Image Annotator 3 (VIA)", recognise, labelled)
