"""VGG Image Annotator 1 and 2: JSON, CSV and projects.

A region has attributes of free names; the one that tells its class is chosen by its name, or as the one that is filled in most often.
A rectangle is as much a drawn shape as a polygon is.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flawsmith.core.errors import FileError
from flawsmith.formats.files import Files
from flawsmith.formats.labelled import Entry, Labelled, Note, Object
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import of_label_files
from flawsmith.formats.shapes import Ellipse, Rectangle, Shape, Unmarked, number, polygon, stroke
from flawsmith.formats.tables import header, table
from flawsmith.formats.trees import fields, kind, text, told

_CLASS = ("class", "label", "name", "type", "category", "defect", "object", "class_name", "label_name")
_PROJECT = "_via_img_metadata"


@dataclass(frozen=True)
class _Region:
    """A region of a picture as it is written."""

    where: str  # which one it is, for errors
    shape: dict[str, Any]
    attributes: dict[str, Any]


_Picture = tuple[str, list[_Region], str | None]  # its name, what is in it, and itself in base64 where it is known


def recognise(files: Files) -> str | None:
    """Return which JSON or CSV file VIA wrote."""
    found = next((p for p in files.looked_into(".json") if _pictures_of(files.glance(p)) is not None), None)
    if found:
        return f"{files.name(found)} has pictures with regions, as VIA writes them"
    found = next((p for p in files.looked_into(".csv") if _is_table(p)), None)
    return f"{files.name(found)} has columns of region_shape_attributes, as VIA writes them" if found else None


def labelled(files: Files, options: ReadOptions) -> Iterator[Entry]:
    """Yield the pictures of every file that VIA wrote, and which attribute names the classes."""
    for path in files.of(".json", ".csv"):
        if path.suffix.lower() == ".csv":
            pictures = list(_from_table(path)) if _is_table(path) else []
        else:
            tree = _pictures_of(files.json(path))
            pictures = list(_from_json(path, tree)) if tree is not None else []
        attribute = class_attribute(region.attributes for _, regions, _ in pictures for region in regions)
        if attribute is not None:
            yield Note(f"{files.name(path)}: the regions' attribute {attribute!r} names their class.")
        for name, regions, data in pictures:
            objects: list[Object] = []
            for region in regions:
                with told(path, f"{region.where} of {name}"):
                    shape = _shape(region.shape, options)
                objects += [Object(one, shape) for one in _names(region.attributes.get(attribute or ""))]
            yield Labelled(name, path, tuple(objects), data=data)


def class_attribute(regions: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the attribute that names the class: one of the usual names, else the one that is filled in most often; None: there is none.

    regions: the attributes of each.
    """
    filled: Counter[str] = Counter()
    for attributes in regions:
        filled.update(key for key, value in attributes.items() if _names(value) != [""])
    usual = [key for key in filled if key.strip().casefold() in _CLASS]
    return (
        min(usual, key=lambda key: _CLASS.index(key.strip().casefold()))
        if usual
        else max(filled, key=lambda key: filled[key], default=None)
    )


def _names(value: Any) -> list[str]:
    """Return the classes in an attribute's value: its text, or the boxes that are ticked; one empty name for none."""
    if isinstance(value, dict):
        return [name for name, ticked in value.items() if ticked in (True, "true")] or [""]
    return [text(value).strip()]


def _shape(shape: dict[str, Any], options: ReadOptions) -> Shape | Unmarked:
    """Return what a region marks. Raises ValueError for one that cannot be used."""
    name = text(shape.get("name"))
    if name in ("polygon", "polyline"):
        x, y = shape.get("all_points_x"), shape.get("all_points_y")
        if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
            raise ValueError("x and y of its points do not pair up")
        points = list(zip(x, y, strict=True))
        return polygon(points) if name == "polygon" and len(points) > 2 else stroke(points, options.line_width)
    if name == "rect":
        x, y, width, height = (number(shape.get(key)) for key in ("x", "y", "width", "height"))
        return Rectangle(x, y, x + width, y + height)
    if name == "circle":
        x, y, radius = (number(shape.get(key)) for key in ("cx", "cy", "r"))
        return Ellipse(x, y, radius, radius)
    if name == "ellipse":
        x, y, radius_x, radius_y, turn = (number(shape.get(key, 0)) for key in ("cx", "cy", "rx", "ry", "theta"))
        return Ellipse(x, y, radius_x, radius_y, math.degrees(turn))
    if name == "point":
        return stroke([[shape.get("cx"), shape.get("cy")]], options.line_width, joined=False)
    return Unmarked(name or "region without a shape")


def _from_json(path: Path, tree: dict[str, Any]) -> Iterator[_Picture]:
    for key, entry in tree.items():
        entry = fields(path, entry, key)
        found = entry.get("regions") or []
        numbered = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else None
        if numbered is None:
            raise FileError(path, f"regions of {key} are {kind(found)}; expected a list or an object.")
        data = text(entry.get("base64_img_data")) or None
        yield text(entry.get("filename")), [_region(path, f"region {i}", row) for i, row in numbered], data


def _from_table(path: Path) -> Iterator[_Picture]:
    pictures: dict[str, list[_Region]] = {}
    for line, row in table(path):
        regions = pictures.setdefault(row.get("filename", ""), [])
        cells = {key: _cell(path, line, row.get(f"region_{key}")) for key in ("shape_attributes", "attributes")}
        if cells["shape_attributes"]:
            regions.append(
                _region(path, f"line {line}", {"shape_attributes": cells["shape_attributes"], "region_attributes": cells["attributes"]})
            )
    for name, regions in pictures.items():
        yield name, regions, None


def _region(path: Path, where: str, row: Any) -> _Region:
    row = fields(path, row, where)
    return _Region(where, *(fields(path, row.get(key), f"{key} of {where}") for key in ("shape_attributes", "region_attributes")))


def _cell(path: Path, line: int, value: str | None) -> Any:
    try:
        return json.loads(value) if value else {}
    except (ValueError, RecursionError) as error:
        raise FileError(path, f"line {line} holds what is not JSON. Export it again.") from error


def _pictures_of(tree: Any) -> dict[str, Any] | None:
    """Return the part of a JSON file that lists pictures, None where it is not VIA's."""
    if not isinstance(tree, dict):
        return None
    found = tree.get(_PROJECT, tree)
    if not isinstance(found, dict) or (found is tree and not found):
        return None
    first: Any = next(iter(found.values()), {})
    return found if _PROJECT in tree or (isinstance(first, dict) and {"filename", "regions"} <= set(first)) else None


def _is_table(path: Path) -> bool:
    return {"filename", "region_shape_attributes"} <= set(header(path))


FORMAT = of_label_files("via", "VGG Image Annotator (VIA)", recognise, labelled)
