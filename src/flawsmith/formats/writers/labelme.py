"""LabelMe: a JSON file beside each picture, with a mask for each defect."""

import base64
from collections.abc import Iterable, Iterator
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
        label = {
            "version": VERSION,
            "flags": {"synthetic": row.synthetic},
            "shapes": [_shape(one) for one in row.instances()],
            "imagePath": image.rsplit("/", 1)[1],
            "imageData": None,
            "imageHeight": row.size[0],
            "imageWidth": row.size[1],
        }
        write_json(place.folder / row.split / f"{row.name}.json", label)
        yield image, {}


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
    use="labelme {folder}/train  # LabelMe 5.2 or newer, for its masks",
)
