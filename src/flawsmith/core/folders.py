"""Folders that flawsmith writes: each has a marker of what it is, and only what the marker names is ever removed."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flawsmith.core.errors import OutputExistsError
from flawsmith.core.files import is_temporary, write_json
from flawsmith.core.locks import LOCK_FILE
from flawsmith.version import __version__

MARKER = ".flawsmith.json"
FORMAT = 1  # of the marker
LITTER = (".DS_Store", "Thumbs.db", "desktop.ini", LOCK_FILE)  # what file managers and our own lock leave; neither counted nor removed


@dataclass(frozen=True)
class Kind:
    """A kind of folder: its name, and regular expressions of the paths in it that flawsmith writes."""

    name: str  # "run", "pairs", "report", ...
    files: tuple[str, ...]  # with "/" between folders; one that ends in "/" is of folders with a marker of their own


def check_output(folder: Path, kind: Kind, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise OutputExistsError unless `folder` may be written to: it changes nothing, so ask it before the long work.

    A folder that holds anything needs `overwrite`, flawsmith's marker of the same kind, and nothing that flawsmith did not write; none
    of the `inputs` may lie in it.
    """
    for path in inputs:
        if path.resolve().is_relative_to(folder.resolve()):
            raise OutputExistsError(f"{path}: lies in the output folder {folder}; name an output folder of its own.")
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"{folder}: is a file; name a folder to write to.")
    if is_empty(folder):
        return
    if not overwrite:
        raise OutputExistsError(f"{folder}: is not empty; nothing was written. Name another folder, or add --overwrite to replace it.")
    found = read_marker(folder)
    if found is None:
        raise OutputExistsError(
            f"{folder}: --overwrite replaces only folders that flawsmith wrote, and this has no {MARKER} that says so. Name another "
            "folder, or empty it yourself."
        )
    if found.name != kind.name:
        raise OutputExistsError(f"{folder}: holds a {found.name} of flawsmith, expected a {kind.name} to replace; name another folder.")
    for path, ours in _files(folder):
        if not ours:
            raise OutputExistsError(
                f"{path}: lies in {folder}, but flawsmith did not write it, so nothing was removed. Move it away, or name another folder."
            )


def prepare_output(folder: Path, kind: Kind, overwrite: bool) -> None:
    """Make `folder` an empty folder with the marker of `kind`. Raises as `check_output` does, and then changes nothing."""
    check_output(folder, kind, overwrite)
    if folder.exists():
        kept = folder / MARKER  # until all else is gone, so that an interrupted removal can be repeated
        for path, _ in list(_files(folder)):
            if path != kept:
                path.unlink()
        for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):
                path.rmdir()  # stays if a file manager's litter is in it
    mark(folder, kind)


def mark(folder: Path, kind: Kind) -> None:
    """Make `folder`, if it is missing, and write the marker that says what flawsmith keeps in it."""
    write_json(folder / MARKER, {"kind": kind.name, "format": FORMAT, "flawsmith": __version__, "files": list(kind.files)})


def read_marker(folder: Path) -> Kind | None:
    """Return what the marker in `folder` says, None where there is none or it is not flawsmith's."""
    try:
        said = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return Kind(str(said["kind"]), tuple(map(str, said["files"]))) if said["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_empty(folder: Path) -> bool:
    """Return whether there is nothing in `folder`, or no folder; a marker alone is nothing, nor is one that was being written."""
    return not folder.exists() or all(entry.name == MARKER or is_temporary(entry.name) for entry in contents(folder))


def contents(folder: Path) -> list[Path]:
    """Return what lies in `folder`, beside the lock of who is writing there and the litter of file managers."""
    return [entry for entry in folder.iterdir() if entry.name not in LITTER]


def _files(folder: Path, outer: Kind | None = None, root: Path | None = None) -> Iterator[tuple[Path, bool]]:
    """Yield every file under `folder`, and whether the marker of its folder, or else of one above, says that flawsmith writes it.

    A link counts as a file, whatever it leads to.
    """
    kind, base = outer or Kind("", ()), root or folder
    found = read_marker(folder)
    if found is not None and (outer is None or _matches(kind, f"{folder.relative_to(base).as_posix()}/")):
        kind, base = found, folder
    for entry in contents(folder):
        if entry.is_dir() and not entry.is_symlink():
            yield from _files(entry, kind, base)
        else:
            ours = base == folder and entry.name == MARKER or _matches(kind, entry.relative_to(base).as_posix())
            yield entry, ours and not entry.is_symlink()


def _matches(kind: Kind, name: str) -> bool:
    cut_off = r"(.*/)?\.[^/]+\.\w+\.tmp"  # a write that was killed
    return any(re.fullmatch(pattern, name) for pattern in (cut_off, *kind.files))
