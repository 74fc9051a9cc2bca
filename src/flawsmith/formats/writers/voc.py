"""PASCAL VOC segmentation: palette pictures of classes and of objects, lists of pictures by split."""

from collections.abc import Iterable, Iterator

import numpy as np

from flawsmith.core.files import write_pieces, write_text
from flawsmith.formats.writers.colours import colour, write_palette
from flawsmith.formats.writers.indexes import MOST, class_indexes
from flawsmith.formats.writers.pictures import PNG, put_picture
from flawsmith.formats.writers.registry import Writer
from flawsmith.formats.writers.row import SPLITS, Entry, Place, Row

LABELS = "labelmap.txt"


def write(rows: Iterable[Row], place: Place) -> Iterator[tuple[str, Entry]]:
    """Write pictures and both of their masks; those of normals are black."""
    for row in rows:
        image = put_picture(row, place, "JPEGImages")
        write_palette(place.folder / f"SegmentationClass/{row.name}{PNG}", class_indexes(row, place))
        write_palette(place.folder / f"SegmentationObject/{row.name}{PNG}", _objects(row, place))
        yield image, {}


def finish(place: Place) -> list[str]:
    """Write the list of labels and the lists of pictures."""
    labels = ["# label:color_rgb:parts:actions"]
    labels += [f"{name}:{','.join(map(str, colour(n)))}::" for n, name in enumerate(("background", *place.classes))]
    write_text(place.folder / LABELS, "\n".join(labels) + "\n")
    written = [LABELS]
    for split in SPLITS:
        if any(line.split == split for line in place.lines()):
            written.append(f"ImageSets/Segmentation/{split}.txt")
            write_pieces(place.folder / written[-1], (f"{line.name}\n".encode() for line in place.lines() if line.split == split))
    return written


def _objects(row: Row, place: Place) -> np.ndarray:
    """Return (H, W) uint8 with the number of the object at each pixel, the largest of a class first; those past MOST share the last."""
    values: np.ndarray = np.zeros(row.size, np.uint8)
    found = row.instances()
    if len(found) > MOST:
        place.tell(f"pictures with more than {MOST} objects: the last of them share a number")
    for number, one in enumerate(found, start=1):
        box = one.shape.box
        part = values[box.top : box.top + box.height, box.left : box.left + box.width]
        part[one.shape.shape] = min(number, MOST)
    return values


WRITER = Writer(
    "voc",
    "PASCAL VOC segmentation: palette masks, labelmap.txt, lists by split",
    exact=True,
    write=write,
    finish=finish,
    use="""\
names = open("{folder}/ImageSets/Segmentation/train.txt").read().split()
mask = numpy.array(PIL.Image.open(f"{folder}/SegmentationClass/{{names[0]}}.png"))  # the numbers of labelmap.txt, from 0""",
)
