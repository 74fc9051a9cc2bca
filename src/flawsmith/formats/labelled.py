"""What a label file says of one picture, whatever tool wrote it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flawsmith.formats.runs import checked_size
from flawsmith.formats.shapes import Shape, Size, Unmarked

NAMELESS = "defect"  # what a label without a class is called


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


def stated_size(height: Any, width: Any) -> tuple[int, int] | None:
    """Return a picture's size as a label file has it, None where it has none."""
    try:
        return checked_size((height, width))
    except ValueError:
        return None
