"""COCO: one JSON file of pictures, classes and annotations; also as Roboflow, CVAT, Geti, Label Studio and labelme2coco write it.

Polygons of one annotation are parts of one object, run lengths are compressed or not, and "iscrowd" says nothing about whether a mask is
usable: CVAT and Datumaro set it for every mask that was painted. Panoptic files name a picture of colours for each picture, in which an
object's id is its red, 256 times its green and 65,536 times its blue. A list of results names pictures by their ids alone, which
end the names of COCO's own pictures.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError, FileError
from flawsmith.formats.files import Files
from flawsmith.formats.labelled import Classes, Labelled, Object, stated_size
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.pictures import Finder
from flawsmith.formats.registry import of_label_files
from flawsmith.formats.runs import checked_size
from flawsmith.formats.shapes import MaskFile, Polygon, Runs, Shape, Unmarked, coordinates, sized_box
from flawsmith.formats.words import PARTS, key

_SUBSET = "instances_"  # annotations/instances_train.json: its pictures lie in images/train


def recognise(files: Files) -> str | None:
    """Return which JSON file holds what COCO's hold."""
    return next((f"{files.name(p)} has images, annotations and categories" for p in _label_files(files)), None) or next(
        (f"{files.name(p)} is a list of COCO results" for p in files.looked_into(".json") if _is_results(files.glance(p))), None
    )


def labelled(files: Files, options: ReadOptions) -> Iterator[Labelled | Classes]:
    """Yield the pictures of every COCO file, or those of a list of results whose ids are in the names of pictures.

    Raises DataError where none is.
    """
    several = list(_label_files(files))
    if not several:
        for path in files.looked_into(".json"):
            files.json(path)  # one that is spoiled says so
        results = next((p for p in files.looked_into(".json") if _is_results(files.glance(p))), None)
        if results and (own := list(_results(results, files))):
            yield from own
            return
        message = "is a list of COCO results, which names no pictures. Put its entries into `annotations` of the data set's file."
        if results is None:
            message = (
                "holds no JSON file with images, annotations and categories, as COCO has them. Leave --format out to see what is there."
            )
        raise DataError(f"{results or files.path}: {message}")
    for path in several:
        yield from _read(path, files)


def _results(path: Path, files: Files) -> Iterator[Labelled]:
    """Yield the pictures whose names end in an id that a list of results has something of."""
    objects: dict[str, list[Object]] = defaultdict(list)
    for row in files.json(path):
        if not isinstance(row, dict):
            raise FileError(path, f"holds {str(row)[:40]!r}; expected objects, as COCO's lists of results have them.")
        objects[_id(row.get("image_id"))] += [Object(f"category {row.get('category_id')}", shape) for shape in _shapes(path, row)]
    for picture in files.pictures:
        number = re.search(r"\d{1,18}$", picture.stem)
        if (own := objects.get(picture.stem)) or (own := objects.get(str(int(number[0]))) if number else None):
            yield Labelled(files.name(picture), path, tuple(own), path=picture)


def _read(path: Path, files: Files) -> Iterator[Labelled | Classes]:
    tree: dict[str, Any] = files.json(path)
    names = {_id(row.get("id")): str(row.get("name", "")) for row in _rows(path, tree, "categories")}
    yield Classes(tuple(names.values()))
    objects: dict[str, list[Object]] = defaultdict(list)
    finder = Finder(files)
    for row in _rows(path, tree, "annotations"):
        if isinstance(row.get("segments_info"), list):
            objects[_id(row.get("image_id"))] += _segments(path, row, names, finder)
            continue
        name = _called(names, row)
        objects[_id(row.get("image_id"))] += [Object(name, shape) for shape in _shapes(path, row)]
    part = _part(path)
    for row in _rows(path, tree, "images"):
        size = stated_size(row.get("height"), row.get("width"))
        yield Labelled(str(row.get("file_name", "")), path, tuple(objects.get(_id(row.get("id")), ())), size, part=part)


def _called(names: dict[str, str], row: dict[str, Any]) -> str:
    return names.get(_id(row.get("category_id")), f"category {row.get('category_id')}")


def _segments(path: Path, row: dict[str, Any], names: dict[str, str], finder: Finder) -> Iterator[Object]:
    """Yield the objects of a panoptic annotation. Raises FileError for a picture of colours that is not there, and for other ids."""
    try:
        colours = finder.find(str(row.get("file_name", "")), path.parent / path.stem, path.stem)
    except DataError as error:
        raise FileError(path, f"annotation {row.get('image_id')}: {error}") from error
    for segment in row["segments_info"]:
        number = segment.get("id") if isinstance(segment, dict) else None
        if not isinstance(number, int) or not 0 < number < 1 << 24:
            message = f"annotation {row.get('image_id')}: a segment with the id {number!r}; expected a colour of its picture."
            raise FileError(path, message)
        code = (number & 255) << 16 | number & 0xFF00 | number >> 16
        yield Object(_called(names, segment), MaskFile(colours, code=code, colours=True))


def _part(path: Path) -> str:
    """Return the subset that a file is about: as its name says (instances_train, annotations_val, test), else its folder's."""
    if path.stem.startswith(_SUBSET):
        return path.stem.removeprefix(_SUBSET)
    return next((word for word in re.split(r"[_.-]", path.stem) if key(word) in PARTS), path.parent.name)


def _shapes(path: Path, row: dict[str, Any]) -> list[Shape | Unmarked]:
    """Return what an annotation marks; several polygons are parts of one thing. Raises FileError for what is no segmentation."""
    found = row.get("segmentation")
    try:
        if isinstance(found, dict):
            return [Runs(found.get("counts"), checked_size(found.get("size")))]
        if isinstance(found, list) and found:
            rings = map(coordinates, found if isinstance(found[0], list) else [found])
            if parts := [Polygon((ring,)) for ring in rings if len(ring) >= 3]:
                return list(parts)
    except ValueError as error:
        raise FileError(path, f"annotation {row.get('id')}: {error}. Correct or remove it.") from error
    return [Unmarked("keypoint") if row.get("keypoints") else sized_box(row.get("bbox"))]


def _label_files(files: Files) -> Iterator[Path]:
    """Yield the JSON files that hold a COCO data set."""
    return (p for p in files.looked_into(".json") if _is_data_set(files.glance(p)))


def _is_data_set(tree: Any) -> bool:
    return isinstance(tree, dict) and all(isinstance(tree.get(key), list) for key in ("images", "annotations", "categories"))


def _is_results(tree: Any) -> bool:
    return isinstance(tree, list) and bool(tree) and isinstance(tree[0], dict) and {"image_id", "category_id"} <= set(tree[0])


def _rows(path: Path, tree: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tree[key]
    for row in rows:
        if not isinstance(row, dict):
            raise FileError(path, f"{key} holds {str(row)[:40]!r}; expected objects, as COCO has them.")
    return rows


def _id(value: Any) -> str:
    """Return an id as it is compared: some tools write numbers in one place and text in another."""
    return str(value)


FORMAT = of_label_files(
    "coco",
    "COCO",
    recognise,
    labelled,
)
