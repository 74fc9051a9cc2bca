"""The label formats there are: what one consists of, and where to add another.

A format is one module of `formats.readers` with a constant FORMAT. A package of one's own adds formats without touching this one: by
`register(format)` before data are read, or by an entry point of the group "flawsmith.formats" that names a Format.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from flawsmith.core.errors import DataError
from flawsmith.dataset.scan import Scan
from flawsmith.formats import readers as package
from flawsmith.formats.assemble import assemble
from flawsmith.formats.files import MOST, Files
from flawsmith.formats.labelled import Entry
from flawsmith.formats.options import ReadOptions

GROUP = "flawsmith.formats"  # of entry points
COMMON = 90  # the least rank of formats that nearly all data look like


@dataclass(frozen=True)
class Format:
    """A way in which labelled pictures lie on disk."""

    name: str
    title: str  # as people call it
    recognise: Callable[[Files], str | None]  # by what files are seen to be in this format, in words; None: they are not; opens no picture
    read: Callable[[Files, ReadOptions], Scan]  # what they hold; raises DataError for what cannot be used at all
    expected: str = ""  # where no tool writes it: what a user would have to have, in lines
    rank: int = 50  # of several formats that recognise the same files the one of the least rank is taken


def of_label_files(
    name: str,
    title: str,
    recognise: Callable[[Files], str | None],
    labelled: Callable[[Files, ReadOptions], Iterable[Entry]],
    rank: int = 50,
    unlisted: str = "left out",
) -> Format:
    """Return a format whose labels stand in files beside the pictures: `labelled` yields what they say, picture by picture,
    with notes and the errors of label files that cannot be used in between.

    unlisted: what pictures are that no label file names, "normals" or "left out".
    """

    def read(files: Files, options: ReadOptions) -> Scan:
        return assemble(files, options, labelled(files, options), unlisted)

    return Format(name, title, recognise, read, rank=rank)


_ADDED: dict[str, Format] = {}


def register(format: Format) -> Format:
    """Add a format, or replace the one of its name that was added before; returns it. Those added are asked first."""
    _ADDED[format.name] = format
    return format


def formats() -> tuple[Format, ...]:
    """Return all formats in the order in which they are asked: those added, then by rank and name."""
    own = {name: one for name, one in _own().items() if name not in _ADDED}
    return (*_ADDED.values(), *sorted(own.values(), key=lambda one: (one.rank, one.name)))


def recognised(path: Path, most: int = MOST) -> bool:
    """Return whether an existing file or folder is in a format that there is; one with more than `most` files is not."""
    files = Files(path, most)
    try:
        return any(one.recognise(files) for one in formats())
    except DataError:
        return False


@cache
def _own() -> dict[str, Format]:
    """Return the formats of this package and of packages that name theirs as entry points."""
    modules = (importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__))
    found: list[Format] = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    found += [point.load() for point in entry_points(group=GROUP)]
    return {one.name: one for one in found}
