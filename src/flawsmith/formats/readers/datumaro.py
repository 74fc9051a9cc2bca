"""Datumaro's own JSON: annotations/SUBSET.json beside images/SUBSET; also as Geti exports it.

Classes are numbered in `categories`, sizes are [height, width], and masks are run lengths as COCO has them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.formats.files import Files
from flawsmith.formats.labelled import Entry, Labelled, Object, stated_size, whole_picture
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import of_label_files
from flawsmith.formats.runs import checked_size
from flawsmith.formats.shapes import Ellipse, Runs, Shape, Unmarked, coordinates, polygon, sized_box, stroke
from flawsmith.formats.trees import fields, rows, text, told


def recognise(files: Files) -> str | None:
    """Return which JSON file holds what Datumaro's hold."""
    found = next((p for p in files.looked_into(".json") if _is_datumaro(files.glance(p))), None)
    return f"{files.name(found)} has categories and items, as Datumaro writes them" if found else None


def labelled(files: Files, options: ReadOptions) -> Iterator[Entry]:
    """Yield the pictures of every such file."""
    for path in files.of(".json"):
        tree = files.json(path)
        if not _is_datumaro(tree):
            continue
        categories = fields(path, fields(path, tree["categories"], "categories").get("label"), "label")
        names = {i: text(row.get("name")) for i, row in enumerate(rows(path, categories.get("labels"), "labels"))}
        for item in rows(path, tree["items"], "items"):
            name, size = _picture(path, item)
            objects = []
            for row in rows(path, item.get("annotations"), "annotations"):
                number = row.get("label_id")
                label = names.get(number, f"class {number}") if isinstance(number, int) else ""
                with told(path, f"annotation {text(row.get('id'))} of {name}"):
                    objects += _objects(row, label, options)
            yield Labelled(name, path, tuple(objects), size, part=path.stem)


def _picture(path: Path, item: dict[str, Any]) -> tuple[str, tuple[int, int] | None]:
    """Return the name of an item's picture, and its size (H, W) where it is known."""
    image = fields(path, item.get("image"), "image")
    media = fields(path, item.get("media"), "media")
    name = text(image.get("path")) or text(media.get("path")) or text(item.get("id"))
    size = image.get("size")
    return name, stated_size(*size) if isinstance(size, list) and len(size) == 2 else None


def _objects(row: dict[str, Any], name: str, options: ReadOptions) -> list[Object]:
    """Return what an annotation says. Raises ValueError for one that cannot be used."""
    kind = text(row.get("type"))
    if kind == "label":
        return [whole_picture(name)]
    if kind in ("caption", "hash_key", "feature_vector"):
        return []
    return [Object(name, _shape(row, kind, options))]


def _shape(row: dict[str, Any], kind: str, options: ReadOptions) -> Shape | Unmarked:
    points = coordinates(row.get("points") or []) if kind in ("polygon", "polyline", "points", "ellipse") else np.zeros((0, 2))
    if kind == "mask":
        found = row.get("rle")
        if not isinstance(found, dict):
            raise ValueError("a mask without run lengths")
        return Runs(found.get("counts"), checked_size(found.get("size")))
    if kind == "polygon":
        return polygon(points)
    if kind in ("polyline", "points"):
        return stroke(points, options.line_width, kind == "polyline")
    if kind == "ellipse" and len(points) == 2:  # two corners of the box around it
        (x, y), (radius_x, radius_y) = points.mean(0), np.abs(points[1] - points[0]) / 2
        return Ellipse(float(x), float(y), float(radius_x), float(radius_y))
    if kind == "bbox":
        return sized_box(row.get("bbox"))
    return Unmarked("box" if kind == "rotated_bbox" else kind or "label without a type")


def _is_datumaro(tree: Any) -> bool:
    return isinstance(tree, dict) and isinstance(tree.get("categories"), dict) and isinstance(tree.get("items"), list)


FORMAT = of_label_files("datumaro", "Datumaro", recognise, labelled)
