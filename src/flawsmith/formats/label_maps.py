"""Which class a value of a mask stands for, as tools write it beside their masks."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flawsmith.core.errors import FileError
from flawsmith.formats.files import read_label_text
from flawsmith.formats.labelled import NAMELESS, Object
from flawsmith.formats.mask_files import VOID, Held, look
from flawsmith.formats.shapes import MaskFile
from flawsmith.images.codes import code_name

BACKGROUND = {
    "background",
    "_background_",
    "bg",
    "void",
    "unlabeled",
    "unlabelled",
    "none",
    "normal",
    "good",
    "ok",
}  # classes that are none
NAMES_FILES = ("labelmap.txt", "class_names.txt", "classes.txt", "labels.txt", "_classes.csv")
_IGNORED = "__ignore__"  # LabelMe's class of what belongs to none; it has the number -1

Names = Mapping[str, str]  # classes by "3", a number, or "#0080c0", a colour


def palette_colour(index: int) -> int:
    """Return the colour 0xRRGGBB of a class in Pascal VOC's palette: its lowest three bits are the highest of each channel, and so on."""
    colour = 0
    for bit in range(8):
        for channel, shift in enumerate((16, 8, 0)):
            colour |= (index >> (3 * bit + channel) & 1) << (7 - bit) << shift
    return colour


_VOID_COLOUR = palette_colour(VOID)


def names_beside(folder: Path) -> dict[str, str]:
    """Return the classes that a file in a folder names, none where there is no such file. Raises FileError for one that cannot be read."""
    path = next((p for name in NAMES_FILES if (p := folder / name).is_file()), None)
    if path is None:
        return {}
    return _from_table(path) if path.suffix == ".csv" else _from_lines(path)


def from_classes(names: list[str], colours: list[int | None]) -> dict[str, str]:
    """Return classes by number and colour, in order from 0; one without a colour has that of Pascal VOC's palette."""
    found = {str(number): name for number, name in enumerate(names)}
    for number, (name, colour) in enumerate(zip(names, colours, strict=True)):
        found.setdefault(code_name(palette_colour(number) if colour is None else colour, True), name)
    return found


def colour_of(values: Any) -> int | None:
    """Return the colour 0xRRGGBB of three numbers, None for what are not."""
    try:
        red, green, blue = (int(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        return None
    return (red << 16 | green << 8 | blue) if all(0 <= v < 256 for v in (red, green, blue)) else None


def named_objects(path: Path, names: Names) -> tuple[Object, ...]:
    """Return what a mask picture marks: its colours where they all have names, else its indexes or greys; VOID is none.

    Without any names classes are called by their values. Raises FileError for values that have no name.
    """
    held = look(path, colours=True)
    if names and all(code_name(value, True) in names for value in held.marked if value != _VOID_COLOUR):
        return _objects(held, names)
    held = look(path)
    if not names and not held.colours and held.marked == (VOID,):
        return (Object(NAMELESS, MaskFile(path, code=VOID)),)
    unknown = [code_name(v, held.colours) for v in held.marked if v != (_VOID_COLOUR if held.colours else VOID)]
    if names and (unknown := [text for text in unknown if text not in names]):
        raise FileError(path, f"has the value {', '.join(unknown[:4])}, of which nothing says the class. Add it to the list of classes.")
    return _objects(held, names)


def _objects(held: Held, names: Names) -> tuple[Object, ...]:
    found = []
    for value in held.marked:
        text = code_name(value, held.colours)
        name = names.get(text, text)
        if name.casefold() not in BACKGROUND and (text in names or value != (_VOID_COLOUR if held.colours else VOID)):
            found.append(Object(name, MaskFile(held.path, code=value, colours=held.colours)))
    return tuple(found)


def _from_lines(path: Path) -> dict[str, str]:
    """Return classes from lines in their order: names alone, or CVAT's name:red,green,blue:parts:actions."""
    names: list[str] = []
    colours: list[int | None] = []
    for line in read_label_text(path).splitlines():
        if not line.strip() or line.startswith("#") or line.strip() == _IGNORED:
            continue
        name, _, rest = line.strip().partition(":")
        names.append(name.strip())
        colours.append(colour_of(rest.split(":")[0].split(",")))
    if names and names[0].casefold() not in BACKGROUND and not any(colour is not None for colour in colours):
        names, colours = ["background", *names], [None, *colours]  # 0 is never a defect
    return from_classes(names, colours)


def _from_table(path: Path) -> dict[str, str]:
    """Return classes from Roboflow's table with the columns Pixel Value and Class."""
    try:
        rows = list(csv.reader(io.StringIO(read_label_text(path))))
    except csv.Error as error:
        raise FileError(path, f"is no CSV ({error}). Export it again.") from error
    return {row[0].strip(): row[1].strip() for row in rows[1:] if len(row) >= 2 and row[0].strip().isdecimal()}
