"""What travels to a writer: one picture of a data set with the masks of its defects, and the folder that it goes to."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.dataset.components import Component, components

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
NORMAL = "good"  # what formats that name every picture call one without a defect
SEVERAL = "combined"  # what formats with one name a picture call one with defects of several classes


@dataclass(frozen=True)
class Instance:
    """One connected defect of a picture."""

    label: str  # its class
    shape: Component


@dataclass(frozen=True)
class Row:
    """One picture on its way into another format; masks are read when they are asked for, so that a row weighs nothing."""

    name: str  # of its files, without suffix; the same whenever the same picture is exported, and no other picture's
    picture: Path  # the file as it lies in the source
    digest: str  # SHA-256 of that file
    size: tuple[int, int]  # (H, W) of the upright picture
    classes: tuple[str, ...]  # of the defects in it, sorted; none for a normal
    split: str  # of SPLITS
    group: str  # the physical specimen that it shows; its own name where that is not known
    synthetic: bool  # whether a defect in it was drawn by a model
    read: Callable[[], Mapping[str, np.ndarray]]  # returns the mask (H, W) bool of each class
    pair: Mapping[str, Any] | None = None  # its row of pairs.jsonl; None for a real picture

    @cached_property
    def masks(self) -> Mapping[str, np.ndarray]:
        """The mask (H, W) bool of each class, read once."""
        return self.read()

    @property
    def label(self) -> str:
        """One name for the picture: its class, NORMAL or SEVERAL."""
        return NORMAL if not self.classes else self.classes[0] if len(self.classes) == 1 else SEVERAL

    def mask(self) -> np.ndarray:
        """Return where there is any defect, (H, W) bool."""
        whole: np.ndarray = np.zeros(self.size, bool)
        for mask in self.masks.values():
            whole |= mask
        return whole

    def instances(self) -> list[Instance]:
        """Return the 8-connected components of each class: what users of instance formats expect of one mask a picture.

        Together they are exactly the masks. Defects of one class that touch were labelled as one and stay one.
        """
        return [Instance(name, shape) for name in self.classes for shape in components(self.masks[name])]


Entry = Mapping[str, Any]  # what a writer wants to know of a row when it writes the files about all of them; plain JSON values


@dataclass(frozen=True)
class Line:
    """A row that lies in the folder, as its journal says; what `finish` is given of all rows, old and new."""

    name: str
    image: str  # path of its picture in the folder, with "/"; the archive and the member where it lies in one
    digest: str  # SHA-256 of the file that the picture came from
    size: tuple[int, int]  # (H, W)
    split: str
    classes: tuple[str, ...]
    group: str
    synthetic: bool
    masks: Mapping[str, str]  # COCO's compressed run lengths of the mask of each class
    entry: Entry
    pair: Mapping[str, Any] | None = None  # its row of pairs.jsonl


@dataclass(frozen=True)
class Options:
    """How pictures and labels are written."""

    polygons: bool = False  # outlines where the format could hold exact masks
    link: bool = False  # pictures become hard links to the source where the file system can
    marker: bool = True  # synthetic pictures say in their file that they are
    mask: str = ""  # the form of pairs' masks, where they have both; "" = the one that they were made with


def at_once(work: Callable[[], None]) -> None:
    """Do some work now."""
    work()


@dataclass(frozen=True)
class Place:
    """The folder that an export goes to."""

    folder: Path
    classes: tuple[str, ...]  # the place of a name is its number, in this export and in all later ones into the same folder
    lines: Callable[[], Iterator[Line]]  # the rows that lie in the folder, in the order they came; may be asked for again
    options: Options = Options()
    later: Callable[[Callable[[], None]], None] = at_once  # takes work that must be done before the rows count; holds no row
    told: dict[str, int] = field(default_factory=dict)  # what had to be done otherwise than asked, with the number of pictures

    def tell(self, what: str) -> None:
        """Count one more picture that something had to be done for."""
        self.told[what] = self.told.get(what, 0) + 1
