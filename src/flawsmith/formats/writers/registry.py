"""The formats that an export can be in: what one consists of, and where to add another.

A target is one module of this package with a constant WRITER. A package of one's own adds targets without touching this one: by
`register(writer)` before an export, or by an entry point of the group "flawsmith.writers" that names a Writer.
"""

import difflib
import importlib
import pkgutil
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np

from flawsmith.core.errors import ConfigError
from flawsmith.formats import writers as package
from flawsmith.formats.writers.row import Entry, Place, Row

GROUP = "flawsmith.writers"  # of entry points


@dataclass(frozen=True)
class Writer:
    """A format that data sets are written in."""

    name: str
    description: str  # one line
    exact: bool  # whether masks come back bit for bit; otherwise outlines are all that it holds
    write: Callable[[Iterable[Row], Place], Iterator[tuple[str, Entry]]]  # writes rows; yields each one's Line.image and Line.entry
    finish: Callable[[Place], list[str]]  # writes the files about all rows anew; returns their paths
    use: str  # how the one who trains opens it, in a few lines; {folder} is the folder, {quoted} as one types it in a shell
    classes: bool = True  # whether each class of a picture with several keeps its own mask
    polygons: bool = False  # whether there are outlines instead of exact masks for those who ask
    # yields Line.image and the masks of what lies in the folder, by class; None: `formats.reading.read` does it
    read: Callable[[Place], Iterator[tuple[str, Mapping[str, np.ndarray]]]] | None = None

    def opened(self, folder: Path) -> str:
        """Return how an export in a folder is opened."""
        return self.use.format(folder=folder, quoted=shlex.quote(str(folder)), parent=folder.parent, name=folder.name)


_ADDED: dict[str, Writer] = {}


def register(writer: Writer) -> Writer:
    """Add a writer, or replace the one of its name; returns it."""
    _ADDED[writer.name] = writer
    return writer


def writers() -> tuple[Writer, ...]:
    """Return all writers by name."""
    return tuple(sorted({**_own(), **_ADDED}.values(), key=lambda one: one.name))


def find_writer(name: str) -> Writer:
    """Return a writer by its name. Raises ConfigError that names the nearest for one that is not there."""
    known = {one.name: one for one in writers()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise ConfigError(f"--to {name}: there is no such format. {hint}The formats are {', '.join(known)}.")
    return known[name]


def nothing_more(_: Place) -> list[str]:
    """Write no files about all rows: for formats whose files say everything by where they lie."""
    return []


@cache
def _own() -> dict[str, Writer]:
    """Return the writers of this package and of packages that name theirs as entry points."""
    modules = (importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__))
    found: list[Writer] = [module.WRITER for module in modules if hasattr(module, "WRITER")]
    found += [point.load() for point in entry_points(group=GROUP)]
    return {one.name: one for one in found}
