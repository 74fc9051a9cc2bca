"""Names and paths as people give them."""

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from flawsmith.core.text import normal_form

_IGNORED = {"thumbs.db", "desktop.ini"}  # and every name that starts with a dot


def relative(path: Path, root: Path) -> str:
    """Return `path` as seen from `root`, with "/"; it may begin with ".."."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:  # on another drive
        return path.as_posix()


def inside(name: str) -> str:
    """Return a path, as seen from a folder with "/", as one that stays in any folder: what leads out of it is written `__`.

    Thus "../other/a.png" is "__/other/a.png". Bytes that are no UTF-8 are replaced.
    """
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if not leads_out(name):
        return name
    return "/".join("__" if part in ("..", "/") else part.replace(":", "_") for part in PurePosixPath(name).parts)


def leads_out(text: str) -> bool:
    """Return whether a path that a file names may lie outside the folder it is seen from, on any system."""
    posix, windows = PurePosixPath(text), PureWindowsPath(text)
    return posix.is_absolute() or bool(windows.anchor) or ".." in (*posix.parts, *windows.parts) or "\0" in text


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted by name, without hidden files; nothing when there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted((e for e in folder.iterdir() if not e.name.startswith(".") and e.name.lower() not in _IGNORED), key=lambda e: e.name)


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name, without hidden ones."""
    return [entry for entry in entries(folder) if entry.is_dir()]


def stored(path: Path) -> Path:
    """Return the path as its folders and file are really called where they differ in Unicode normalisation alone; else as given."""
    if path.exists() or not path.name:
        return path
    folder = stored(path.parent)
    alike = [e for e in folder.iterdir() if normal_form(e.name) == normal_form(path.name)] if folder.is_dir() else []
    return alike[0] if alike else path
