"""What lies at a path, listed once: what formats are recognised by, and where label files and pictures are looked for."""

import json
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from flawsmith.core.errors import DataError, FileError
from flawsmith.core.folders import MARKER, read_marker
from flawsmith.core.paths import relative, subfolders
from flawsmith.core.text import normal_form, read_text
from flawsmith.images.files import SUFFIXES

MOST = 2_000_000  # files below one folder
LARGEST = 1 << 30  # bytes of a label file
LOOKED_INTO = 20  # files of one suffix that are opened to recognise a format by
PROJECT = "studio"  # the kind that the marker of a studio's project names
_MADE_TO_BE_READ = "data"  # the one kind of folder that flawsmith writes as data: those of the demo
ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"}
_IGNORED_FILES = {"thumbs.db", "desktop.ini"}
_IGNORED_FOLDERS = {"__macosx"}


class Files:
    """The files below a folder, or a single file and what lies beside and below it; hidden ones left out, links to folders not followed.

    Folders in it that flawsmith wrote (runs, pairs, exports, reports, projects of the studio) are left out: what is in them was made of
    the data. Nothing is opened until it is asked for. Raises DataError for more than `most` files.
    """

    def __init__(self, path: Path, most: int = MOST) -> None:
        self._most = most
        self.path = path  # as the user gave it
        self.only = None if path.is_dir() else path  # the one label file that counts
        self.root = path if path.is_dir() else path.parent
        self._parsed: dict[Path, Any] = {}

    @cached_property
    def folders(self) -> tuple[Path, ...]:
        """The folders in the root, by name, without those that flawsmith wrote."""
        return tuple(folder for folder in subfolders(self.root) if not written_kind(folder))

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file, the shallowest first, then by path."""
        return self._listed.files

    @property
    def hidden(self) -> tuple[Path, ...]:
        """Pictures that are left out as their names begin with a dot, but for those that macOS adds."""
        return self._listed.hidden

    @property
    def written(self) -> dict[Path, str]:
        """The folders that are left out as flawsmith wrote them, with their kinds: "run", "pairs", "export", ..."""
        return self._listed.written

    @cached_property
    def _listed(self) -> "_Listed":
        found: list[Path] = []
        hidden: list[Path] = []
        written: dict[Path, str] = {}
        for folder, folders, names in os.walk(self.root):
            if MARKER in names and Path(folder) != self.root and (kind := written_kind(Path(folder))):
                written[Path(folder)] = kind
                folders.clear()
                continue
            folders[:] = sorted(d for d in folders if not d.startswith(".") and d.lower() not in _IGNORED_FOLDERS)
            hidden += [Path(folder, name) for name in names if _is_hidden_picture(name)]
            found += [Path(folder, name) for name in names if not name.startswith(".") and name.lower() not in _IGNORED_FILES]
            if len(found) > self._most:
                raise DataError(f"{self.root}: holds more than {self._most} files; name the folder of one data set in it.")
        return _Listed(tuple(sorted(found, key=lambda p: (len(p.parts), p.as_posix()))), tuple(hidden), written)

    @cached_property
    def archives(self) -> tuple[Path, ...]:
        """Every file that is called as an archive is."""
        return tuple(p for p in self.all if p.suffix.lower() in ARCHIVES)

    @cached_property
    def pictures(self) -> tuple[Path, ...]:
        """Every file with the suffix of a picture."""
        return tuple(p for p in self.all if p.suffix.lower() in SUFFIXES)

    @cached_property
    def picture_names(self) -> frozenset[str]:
        """The names of all pictures, as `name_key` makes them."""
        return frozenset(name_key(p.name) for p in self.pictures)

    def of(self, *suffixes: str) -> tuple[Path, ...]:
        """Return the files with one of the suffixes, such as ".json", in small letters; of a single file at most itself."""
        candidates = self.all if self.only is None else (self.only,)
        return tuple(p for p in candidates if p.suffix.lower() in suffixes)

    def looked_into(self, *suffixes: str) -> Iterator[Path]:
        """Yield the few files with one of the suffixes that a format may be recognised by."""
        yield from self.of(*suffixes)[:LOOKED_INTO]

    def json(self, path: Path) -> Any:
        """Return what a JSON file holds. Raises FileError for one that cannot be read; the last few are kept."""
        if path not in self._parsed:
            while len(self._parsed) >= LOOKED_INTO:
                del self._parsed[next(iter(self._parsed))]
            self._parsed[path] = read_json(path)
        return self._parsed[path]

    def glance(self, path: Path) -> Any:
        """Return what a JSON file holds, None where it cannot be read."""
        try:
            return self.json(path)
        except FileError:
            return None

    def name(self, path: Path) -> str:
        """Return `path` relative to the root, with "/"."""
        return relative(path, self.root)


class _Listed(NamedTuple):
    """What one walk through the folders finds."""

    files: tuple[Path, ...]
    hidden: tuple[Path, ...]
    written: dict[Path, str]


def _is_hidden_picture(name: str) -> bool:
    return name.startswith(".") and not name.startswith("._") and Path(name).suffix.lower() in SUFFIXES


def written_kind(folder: Path) -> str:
    """Return the kind of folder that flawsmith wrote here, "" for one that it did not write, or wrote to be read."""
    found = read_marker(folder)
    return "" if found is None or found.name == _MADE_TO_BE_READ else found.name


def name_key(name: str) -> str:
    """Return a file's name as it is compared: whatever its capitals and its kind of Unicode."""
    return normal_form(name).casefold()


def read_json(path: Path) -> Any:
    """Return what a JSON file holds. Raises FileError for what is no JSON, nested too deeply or larger than LARGEST."""
    try:
        return json.loads(read_label_text(path))
    except RecursionError:
        raise FileError(path, "is JSON that is nested too deeply for a label file; expected the export of a labelling tool.") from None
    except ValueError as error:
        raise FileError(path, f"is not JSON ({error}). Export it again, or remove it.") from error


def read_label_text(path: Path) -> str:
    """Return a label file's text. Raises FileError for what is missing, larger than LARGEST or no text."""
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise FileError(path, f"has {size >> 20} MiB; expected a label file of at most {LARGEST >> 20} MiB. Split the export.")
        return read_text(path)
    except UnicodeDecodeError as error:
        raise FileError(path, f"is no text in UTF-8 ({error}); save it as UTF-8.") from error
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror}). Check that it is there and readable.") from error
