"""COCO: a JSON file for each split, with run lengths or, where they are asked for and there is no hole, outlines."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from flawsmith.core.files import write_pieces
from flawsmith.dataset.components import Component
from flawsmith.formats.writers.outlines import corner_outlines
from flawsmith.formats.writers.pictures import put_picture
from flawsmith.formats.writers.registry import Writer
from flawsmith.formats.writers.row import SPLITS, Entry, Line, Place, Row
from flawsmith.formats.writers.run_lengths import coco_runs


def write(rows: Iterable[Row], place: Place) -> Iterator[tuple[str, Entry]]:
    """Write pictures; the entry has what the JSON says of each instance, without numbers."""
    for row in rows:
        image = put_picture(row, place, f"images/{row.split}")
        found = [_annotation(one.label, one.shape, row.size, place) for one in row.instances()]
        yield image, {"annotations": found}


def finish(place: Place) -> list[str]:
    """Write the JSON files. Pictures and instances are numbered in the order they came, over all splits, and keep their numbers."""
    written = []
    for split in SPLITS:
        if any(line.split == split for line in place.lines()):
            name = f"annotations/instances_{split}.json"
            write_pieces(place.folder / name, _json(place, split))
            written.append(name)
    return written


def _annotation(label: str, shape: Component, size: tuple[int, int], place: Place) -> dict[str, Any]:
    box = shape.box
    lines = corner_outlines(shape) if place.options.polygons else None
    if lines is None:
        segmentation: Any = coco_runs(shape, size)
        if place.options.polygons:
            place.tell("instances with holes kept as run lengths, as polygons have none")
    else:
        segmentation = [line.ravel().tolist() for line in lines]
    return {"label": label, "bbox": [box.left, box.top, box.width, box.height], "area": shape.area, "segmentation": segmentation}


def _json(place: Place, split: str) -> Iterator[bytes]:
    """Yield the file piece by piece: it may be larger than memory."""
    categories = [{"id": number, "name": name, "supercategory": "defect"} for number, name in enumerate(place.classes, start=1)]
    info = {"description": 'written by flawsmith; "synthetic" says of each image whether its defects were drawn by a model'}
    yield f'{{"info": {json.dumps(info)}, "licenses": [],\n"categories": {json.dumps(categories)},\n"images": ['.encode()
    yield from _joined(_image(number, line) for number, line in enumerate(place.lines(), start=1) if line.split == split)
    yield b'],\n"annotations": ['
    yield from _joined(_annotations(place.lines(), split, place.classes))
    yield b"]}\n"


def _image(number: int, line: Line) -> dict[str, Any]:
    image = {"id": number, "file_name": line.image.rsplit("/", 1)[1], "height": line.size[0], "width": line.size[1]}
    return image | {"synthetic": line.synthetic, "group": line.group}


def _annotations(lines: Iterator[Line], split: str, classes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    number = 0
    for image, line in enumerate(lines, start=1):
        for found in line.entry["annotations"]:
            number += 1
            if line.split == split:
                said = {key: value for key, value in found.items() if key != "label"}
                yield {"id": number, "image_id": image, "category_id": 1 + classes.index(found["label"]), "iscrowd": 0, **said}


def _joined(values: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    for number, value in enumerate(values):
        yield f"{',' if number else ''}\n{json.dumps(value)}".encode()


WRITER = Writer(
    "coco",
    "COCO: annotations/instances_SPLIT.json with run lengths, or --polygons",
    exact=True,
    write=write,
    finish=finish,
    polygons=True,
    use="""\
from pycocotools.coco import COCO
coco = COCO("{folder}/annotations/instances_train.json")  # pictures in {folder}/images/train
masks = [coco.annToMask(found) for found in coco.loadAnns(coco.getAnnIds())]""",
)
