"""What a label file says of one picture, whatever tool wrote it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flawsmith.core.errors import FileError
from flawsmith.dataset.sample import GOOD
from flawsmith.formats.runs import checked_size
from flawsmith.formats.shapes import Shape, Size, Unmarked

NAMELESS = "defect"  # what a label without a class is called
NOTHING = {GOOD, "normal", "ok", "no object", "no defect", "no defects", "defect-free"}  # labels that say: there is nothing to see
_PART = re.compile(r"(train|val|valid|test)(ing|idation)?[-_]?\d*")


@dataclass(frozen=True)
class Object:
    """One labelled thing."""

    name: str  # its class as written; empty where there is none
    shape: Shape | Unmarked


@dataclass(frozen=True)
class Labelled:
    """A picture and what is labelled in it."""

    picture: str  # its name or path as written
    source: Path  # the label file
    objects: tuple[Object, ...]  # none: there is nothing to see in it
    size: tuple[int, int] | None = None  # (H, W) as the label file has it
    units: Size | None = None  # what coordinates count in; None: pixels of `size`, or of the picture
    part: str | None = None  # the subset, such as "train"
    group: str | None = None  # the physical specimen
    path: Path | None = None  # the picture, where its name need not be looked for
    data: str | None = None  # the picture itself in base64, for when the file is not there


@dataclass(frozen=True)
class Note:
    """What a reader decided about odd labels, in a sentence."""

    text: str


@dataclass(frozen=True)
class Classes:
    """The classes that a label file lists, whether or not anything is labelled with them."""

    names: tuple[str, ...]


Entry = (
    Labelled | Note | Classes | FileError
)  # an error is of one label file among several: it is told with all others, and the rest is read


def whole_picture(name: str) -> Object:
    """Return a label that was given to a picture as a whole; one that says that there is nothing to see in it marks a normal."""
    return Object(GOOD if name.strip().casefold() in NOTHING else name, Unmarked("label of a whole picture"))


def part_of(name: str) -> str | None:
    """Return the subset that a path, as seen from the root, lies in: its first folder with a name such as "train" or "val2017"."""
    return next((folder for folder in name.split("/")[:-1] if _PART.fullmatch(folder.casefold())), None)


def stated_size(height: Any, width: Any) -> tuple[int, int] | None:
    """Return a picture's size as a label file has it, None where it has none."""
    try:
        return checked_size((height, width))
    except ValueError:
        return None
