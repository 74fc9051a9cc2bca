"""CVAT for images 1.1: one XML file, masks as row-major run lengths in their own box."""

from collections import Counter
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from flawsmith.core.files import write_pieces
from flawsmith.formats.runs import to_runs
from flawsmith.formats.writers.colours import colour
from flawsmith.formats.writers.pictures import put_picture
from flawsmith.formats.writers.registry import Writer
from flawsmith.formats.writers.row import SPLITS, Entry, Place, Row

FILE = "annotations.xml"


def write(rows: Iterable[Row], place: Place) -> Iterator[tuple[str, Entry]]:
    """Write pictures; the entry has label, run lengths and box of each mask."""
    for row in rows:
        image = put_picture(row, place, f"images/{row.split}")
        found = [(one.label, one.shape.shape, one.shape.box) for one in row.instances()]
        masks = [[label, to_runs(shape, "C"), box.left, box.top, box.width, box.height] for label, shape, box in found]
        yield image, {"masks": masks}


def finish(place: Place) -> list[str]:
    """Write the XML file, pictures numbered in the order they came."""
    write_pieces(place.folder / FILE, (piece.encode() for piece in _xml(place)))
    return [FILE]


def _xml(place: Place) -> Iterator[str]:
    sizes = Counter(line.split for line in place.lines())
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta><project><name>flawsmith</name>\n<tasks>\n'
    for split in SPLITS:
        if split in sizes:
            yield f"<task><name>{split}</name><size>{sizes[split]}</size><mode>annotation</mode><subset>{split}</subset></task>\n"
    yield "</tasks>\n<labels>\n"
    for number, name in enumerate(place.classes, start=1):
        said = f"<color>#{bytes(colour(number)).hex()}</color><type>mask</type><attributes></attributes>"
        yield f"<label><name>{escape(name)}</name>{said}</label>\n"
    yield "</labels></project></meta>\n"
    for number, line in enumerate(place.lines()):
        name = quoteattr(line.image.rsplit("/", 1)[1])
        size = f'width="{line.size[1]}" height="{line.size[0]}"'
        yield f'<image id="{number}" name={name} subset="{line.split}" {size}>\n'
        for label, runs, left, top, width, height in line.entry["masks"]:
            where = f'left="{left}" top="{top}" width="{width}" height="{height}"'
            source = "auto" if line.synthetic else "manual"
            rle = ", ".join(map(str, runs))
            yield f'<mask label={quoteattr(label)} source="{source}" occluded="0" rle="{rle}" {where} z_order="0"></mask>\n'
        yield "</image>\n"
    yield "</annotations>\n"


WRITER = Writer(
    "cvat",
    "CVAT for images 1.1: annotations.xml with masks",
    exact=True,
    write=write,
    finish=finish,
    use="""\
Make a task in CVAT with the labels of {folder}/annotations.xml and the pictures in {folder}/images;
Actions > Upload annotations > CVAT 1.1 takes {folder}/annotations.xml. Source "auto" is synthetic.""",
)
