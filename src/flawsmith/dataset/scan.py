"""What lies in a data folder before anything is decoded: pictures, their labels, and everything that does not fit."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flawsmith.core.paths import inside, relative
from flawsmith.dataset.sample import Item


@dataclass(frozen=True)
class Problem:
    """Something wrong with one file or folder."""

    path: str  # relative to the data's root, with "/"; "." for the root itself
    message: str  # what was found, what was expected, what to do

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class NoMasks(Problem):
    """That there are labels and none has a mask; it is over when some come from elsewhere."""


@dataclass
class Scan:
    """What a format found. Every list is sorted by name. Nothing has been decoded."""

    root: Path
    normals: list[Path] = field(default_factory=list)
    held_out_normals: list[Path] = field(default_factory=list)
    defects: dict[str, list[Item]] = field(default_factory=dict)  # by name, without groups
    lone_images: list[Path] = field(default_factory=list)  # of a defect, without a mask
    lone_masks: list[Path] = field(default_factory=list)
    unlisted: list[Path] = field(default_factory=list)  # pictures that no label file names; they are left out
    boxes: list[Item] = field(default_factory=list)  # drawn as filled; where masks are still to be drawn
    groups: dict[Path, str] = field(default_factory=dict)  # by picture
    problems: list[Problem] = field(default_factory=list)  # these keep the data from being read
    stale_rows: list[Problem] = field(default_factory=list)  # rows of groups.csv that name no picture; they do no harm
    warnings: list[Problem] = field(default_factory=list)
    format: str = ""  # what it was read as, and by what that was recognised
    notes: list[str] = field(default_factory=list)  # what was decided about odd things, in sentences
    classes: Counter[str] = field(default_factory=Counter)  # labels by class, as they are called there; 0 of one that is listed alone
    missing: int = 0  # labelled pictures that are not there, left out with their labels

    def name(self, path: Path) -> str:
        """Return `path` relative to the root, with "/"."""
        return relative(path, self.root)

    def pictures(self) -> Iterator[Path]:
        """Yield every picture once, masks left out."""
        several = (item.image for items in self.defects.values() for item in items)
        yield from dict.fromkeys((*self.normals, *self.held_out_normals, *several, *self.lone_images))

    def names(self) -> dict[Path, str]:
        """Return what each picture is called where its name must not lead out of a folder, by path; unlisted ones, too."""
        names: dict[Path, str] = {}
        used: set[str] = set()
        for path in dict.fromkeys((*self.pictures(), *self.unlisted)):
            name = inside(self.name(path))
            while name in used:  # what stands for characters that cannot be shown is another file's own name
                name = f"__/{name}"
            used.add(name)
            names[path] = name
        return names
