"""YOLO segmentation, as Ultralytics reads it: an outline a line, relative to the picture."""

from collections.abc import Iterable, Iterator

import yaml

from flawsmith.core.files import write_text
from flawsmith.formats.writers.outlines import centre_outline
from flawsmith.formats.writers.pictures import put_picture
from flawsmith.formats.writers.registry import Writer
from flawsmith.formats.writers.row import SPLITS, TRAIN, VAL, Entry, Place, Row

DATA = "data.yaml"


def write(rows: Iterable[Row], place: Place) -> Iterator[tuple[str, Entry]]:
    """Write pictures and a text file for each: class number, then x and y in turn; an empty one for a normal."""
    for row in rows:
        image = put_picture(row, place, f"images/{row.split}")
        height, width = row.size
        lines = []
        for one in row.instances():
            points = (centre_outline(one.shape) / (width, height)).ravel()
            lines.append(" ".join([str(place.classes.index(one.label)), *(f"{value:.7g}" for value in points.tolist())]))
        write_text(place.folder / f"labels/{row.split}/{row.name}.txt", "".join(f"{line}\n" for line in lines))
        yield image, {}


def finish(place: Place) -> list[str]:
    """Write data.yaml. Ultralytics wants pictures to validate on: without any, those to train on are named."""
    found = {line.split for line in place.lines()}
    folders = {split: f"images/{split}" for split in SPLITS if split in found}
    said = ""
    if VAL not in found:
        folders[VAL] = f"images/{TRAIN}"
        said = "# there are no pictures for val: export with --split, or name real ones here\n"
    names = dict(enumerate(place.classes))
    write_text(place.folder / DATA, said + yaml.safe_dump({**folders, "names": names}, sort_keys=False, allow_unicode=True))
    return [DATA]


WRITER = Writer(
    "yolo",
    "YOLO segmentation (Ultralytics): data.yaml, images, labels with outlines",
    exact=False,
    write=write,
    finish=finish,
    use="yolo segment train data={quoted}/data.yaml model=yolo11n-seg.pt",
)
