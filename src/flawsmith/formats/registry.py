"""The label formats there are: what one consists of, and where to add another.

A format is one module of this package with a constant FORMAT. A package of one's own adds formats without touching this one: by
`register(format)` before data are read, or by an entry point of the group "flawsmith.formats" that names a Format.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from flawsmith import formats as package
from flawsmith.dataset.scan import Scan

GROUP = "flawsmith.formats"  # of entry points


@dataclass(frozen=True)
class Format:
    """A way in which labelled pictures lie on disk: a pair of pure functions."""

    name: str
    recognise: Callable[[Path], bool]  # whether an existing file or folder is in this format; opens no picture
    read: Callable[[Path], Scan]  # what it holds, without groups; raises DataError for what cannot be used at all
    expected: str  # what a user would have to have, in lines, for the error when nothing was recognised


_ADDED: dict[str, Format] = {}


def register(format: Format) -> Format:
    """Add a format, or replace the one of its name that was added before; returns it. Those added are asked first."""
    _ADDED[format.name] = format
    return format


def formats() -> tuple[Format, ...]:
    """Return all formats in the order in which they are asked: those added, then by name, the MVTec AD layout last."""
    own = {name: one for name, one in _own().items() if name not in _ADDED}
    return (*_ADDED.values(), *sorted(own.values(), key=lambda one: (one.name == "mvtec", one.name)))


def recognised(path: Path) -> bool:
    """Return whether an existing file or folder is in a format that there is."""
    return any(one.recognise(path) for one in formats())


@cache
def _own() -> dict[str, Format]:
    """Return the formats of this package and of packages that name theirs as entry points."""
    modules = (importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__))
    found: list[Format] = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    found += [point.load() for point in entry_points(group=GROUP)]
    return {one.name: one for one in found}
