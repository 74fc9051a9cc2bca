"""Label Studio: tasks with pre-annotations, masks in the brush's own run lengths."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from flawsmith.core.files import write_pieces, write_text
from flawsmith.formats.writers.colours import colour
from flawsmith.formats.writers.pictures import put_picture
from flawsmith.formats.writers.registry import Writer
from flawsmith.formats.writers.row import Entry, Line, Place, Row

TASKS, LABELS = "tasks.json", "label_config.xml"
_SIZES = (3, 4, 8, 16)  # bits that the length of a run may have
_LONGEST = 1 << _SIZES[-1]


def write(rows: Iterable[Row], place: Place) -> Iterator[tuple[str, Entry]]:
    """Write pictures; the entry has the task of each."""
    for row in rows:
        image = put_picture(row, place, f"images/{row.split}")
        result = [_result(row, number, one.label, one.shape.mask(row.size)) for number, one in enumerate(row.instances())]
        data = {"image": f"/data/local-files/?d={image}", "split": row.split, "synthetic": row.synthetic, "group": row.group}
        yield image, {"task": {"data": data, "predictions": [{"model_version": "flawsmith", "result": result}]}}


def finish(place: Place) -> list[str]:
    """Write the list of tasks, and the labelling interface that they are for."""
    write_pieces(place.folder / TASKS, _tasks(place.lines()))
    write_text(place.folder / LABELS, _interface(place.classes))
    return [TASKS, LABELS]


def brush_rle(mask: np.ndarray) -> list[int]:
    """Return a mask (H, W) bool as the brush's bytes: its pixels' red, green, blue and alpha, all 255 or all 0, in packed runs.

    32 bits say how many values there are, 5 how many bits each has (less 1), four times 4 what sizes lengths may have (less 1). Then for
    each run: a bit 1, two bits with the number of its length's size, the length (less 1) and the value.
    """
    flat = mask.ravel()
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = 4 * np.diff(turns, prepend=0, append=flat.size)
    inside = bool(flat[0])
    bits = [f"{4 * flat.size:032b}{7:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    for length in lengths.tolist():
        value = "11111111" if inside else "00000000"
        while length:
            part = min(length, _LONGEST)
            number = next(i for i, size in enumerate(_SIZES) if part <= 1 << size)
            bits.append(f"1{number:02b}{part - 1:0{_SIZES[number]}b}{value}")
            length -= part
        inside = not inside
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def _result(row: Row, number: int, label: str, mask: np.ndarray) -> dict[str, Any]:
    return {
        "id": hashlib.sha256(f"{row.name} {number}".encode()).hexdigest()[:10],
        "type": "brushlabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": row.size[1],
        "original_height": row.size[0],
        "image_rotation": 0,
        "value": {"format": "rle", "rle": brush_rle(mask), "brushlabels": [label]},
    }


def _tasks(lines: Iterator[Line]) -> Iterator[bytes]:
    yield b"["
    for number, line in enumerate(lines):
        yield f"{',' if number else ''}\n{json.dumps(line.entry['task'])}".encode()
    yield b"\n]\n"


def _interface(classes: tuple[str, ...]) -> str:
    labels = [f'    <Label value={quoteattr(n)} background="#{bytes(colour(i)).hex()}"/>\n' for i, n in enumerate(classes, start=1)]
    image = '  <Image name="image" value="$image" zoom="true"/>\n'
    return f'<View>\n{image}  <BrushLabels name="label" toName="image">\n{"".join(labels)}  </BrushLabels>\n</View>\n'


WRITER = Writer(
    "labelstudio",
    "Label Studio: tasks.json with brush masks as pre-annotations",
    exact=True,
    write=write,
    finish=finish,
    use="""\
LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={quoted} label-studio start
In a new project: {folder}/label_config.xml as the labelling interface, local storage {folder}/images, then import {folder}/tasks.json.""",
)
