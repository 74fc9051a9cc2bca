"""Tables of boxes, as Roboflow (TensorFlow), Keras-RetinaNet and many scripts write them: a row for each box, and no masks."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from flawsmith.formats.files import Files
from flawsmith.formats.labelled import Entry, Labelled, Object, part_of, stated_size
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import COMMON, of_label_files
from flawsmith.formats.shapes import box
from flawsmith.formats.tables import header, table

_PICTURES = ("filename", "file_name", "image", "image_name", "image_id", "imageid", "path")
_CLASSES = ("class", "label", "class_name", "name", "category", "defect")
_CORNERS = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("x_min", "y_min", "x_max", "y_max"))


def recognise(files: Files) -> str | None:
    """Return which CSV file has columns of pictures and of a box's corners."""
    found = next((p for p in files.looked_into(".csv") if _is_table(p)), None)
    return f"{files.name(found)} has columns of pictures and of boxes" if found else None


def labelled(files: Files, options: ReadOptions) -> Iterator[Entry]:
    """Yield the pictures of every such file; a row without a box says that there is nothing in its picture."""
    for path in (p for p in files.of(".csv") if _is_table(p)):
        names = [name.casefold() for name in header(path)]
        picture, corners = next(c for c in _PICTURES if c in names), next(c for c in _CORNERS if set(c) <= set(names))
        kind = next((c for c in _CLASSES if c in names), "")
        boxes: dict[str, list[Object]] = defaultdict(list)
        sizes: dict[str, tuple[int, int] | None] = {}
        for _, row in table(path):
            values = {name.casefold(): value for name, value in row.items()}
            own = boxes[values.get(picture, "")]
            sizes[values.get(picture, "")] = stated_size(*(_number(values, side) for side in ("height", "width")))
            if any(values.get(corner, "").strip() for corner in corners):
                own.append(Object(values.get(kind, "").strip(), box(*(values.get(corner) for corner in corners))))
        part = part_of(files.name(path))
        for name, objects in boxes.items():
            yield Labelled(name, path, tuple(objects), sizes[name], part=part)


def _number(values: Mapping[str, str], name: str) -> str | None:
    return values.get(name, "").strip() or None


def _is_table(path: Path) -> bool:
    names = {name.casefold() for name in header(path)}
    return any(set(corners) <= names for corners in _CORNERS) and any(name in names for name in _PICTURES)


FORMAT = of_label_files("box-tables", "a table of boxes", recognise, labelled, rank=COMMON - 1)
