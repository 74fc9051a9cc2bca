"""LabelMe: a JSON file beside each picture, with a mask for each defect."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flawsmith.core.files import write_json
from flawsmith.formats.writers.pictures import put_picture
from flawsmith.formats.writers.registry import Writer, nothing_more
from flawsmith.formats.writers.row import Entry, Instance, Place, Row
from flawsmith.images.png import encode_png

VERSION = "5.5.0"  # of LabelMe, whose shape "mask" this is


def write(rows: Iterable[Row], place: Place) -> Iterator[tuple[str, Entry]]:
    """Write pictures and their JSON files; a normal has one without shapes."""
    for row in rows:
        image = put_picture(row, place, row.split)
        label = tree(image.rsplit("/", 1)[1], row.size, row.instances(), {"synthetic": row.synthetic})
        write_json(place.folder / row.split / f"{row.name}.json", label)
        yield image, {}


def tree(picture: str, size: tuple[int, int], instances: Iterable[Instance], flags: Mapping[str, bool]) -> dict[str, Any]:
    """Return what a label file says of a picture (its path as seen from the file) of a size (H, W)."""
    return {
        "version": VERSION,
        "flags": dict(flags),
        "shapes": [_shape(one) for one in instances],
        "imagePath": picture,
        "imageData": None,
        "imageHeight": size[0],
        "imageWidth": size[1],
    }


def _shape(one: Instance) -> dict[str, Any]:
    """Return a shape: the two corners of its box, both of them pixels that belong to it, and a PNG of the box."""
    box = one.shape.box
    content = b"".join(encode_png(one.shape.shape[..., None]))
    return {
        "label": one.label,
        "points": [[box.left, box.top], [box.left + box.width - 1, box.top + box.height - 1]],
        "group_id": None,
        "description": "",
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(content).decode(),
    }


WRITER = Writer(
    "labelme",
    f"LabelMe {VERSION.split('.')[0]}: a JSON file beside each picture, with masks",
    exact=True,
    write=write,
    finish=nothing_more,
    use="labelme {quoted}/train  # LabelMe 5.2 or newer, for its masks",
)
