"""A project of the studio: a folder with what was made for one data folder, which itself is never written to."""

import os
import re
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError
from flawsmith.core.files import read_json, write_json
from flawsmith.core.folders import Kind, check_output, mark, read_marker
from flawsmith.formats.files import PROJECT
from flawsmith.formats.options import LABELS_INDEX
from flawsmith.studio.database import Database

FILE = "project.json"
STUDIO = Kind(
    PROJECT,
    (
        r"(project|card|check)\.json",
        r"studio\.sqlite(-wal|-shm)?",
        r"(thumbnails|jobs|labels|data|regions|requests|trash)/.+",
        r"(runs|pairs|exports|reports)/[^/]+/",
    ),
)
UNPACKED = "CREATE TABLE IF NOT EXISTS unpacked (path BLOB NOT NULL)"
NAME = re.compile(r"\w[\w .()+-]{0,63}")  # of what a user names: runs, pairs, exports


@dataclass(frozen=True)
class Settings:
    """What PROJECT/project.json says."""

    name: str
    data: str  # the data folder, label file or archive
    labels: dict[str, Any] = field(default_factory=dict)  # how labels are read: fields of ReadOptions by name
    created: str = ""  # local time
    reasons: list[str] = field(default_factory=list)  # for which pairs are rejected, instead of those that are usual


class Project:
    """A folder with project.json.

    In it lie runs/, pairs/, exports/, reports/, jobs/, labels/ and thumbnails/, and the state beside files in one database.
    """

    def __init__(self, folder: Path, key: str) -> None:
        """key: what its pages' addresses call it. Raises DataError where project.json is none."""
        self.folder, self.key = folder, key
        self.settings = _read(folder)

    @property
    def name(self) -> str:
        """What it is called on pages."""
        return self.settings.name

    @property
    def data(self) -> Path:
        """The data folder, label file or archive."""
        return Path(self.settings.data)

    @property
    def owns_data(self) -> bool:
        """Whether the data are the project's own, brought to it; all others are never written to."""
        return self.data == self.folder.absolute() / "data"

    @property
    def drawn(self) -> Path:
        """The folder of what was labelled in the studio; without an index nothing was."""
        return self.folder / "labels"

    @property
    def labels(self) -> dict[str, Any]:
        """How its labels are read, as fields of ReadOptions by name: as was told, with what was labelled in the studio over them."""
        return {**self.settings.labels, **({"labels": str(self.drawn)} if (self.drawn / LABELS_INDEX).is_file() else {})}

    @property
    def label_options(self) -> tuple[str, ...]:
        """How its labels are read, as options of a command such as `flawsmith fit DATA`; of all that take its data, DATA or REAL."""
        return tuple(word for name, value in self.labels.items() for word in (f"--{name.replace('_', '-')}", str(value)))

    @cached_property
    def database(self) -> Database:
        """Its state beside what lies in files."""
        return Database(self.folder / "studio.sqlite")

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders of which anything may be shown."""
        normals = self.settings.labels.get("normals")
        found = [self.folder, self.data.parent if self.data.is_file() else self.data, *([Path(normals)] if normals else [])]
        return *found, *self.unpacked

    @property
    def unpacked(self) -> list[Path]:
        """The folders of the cache that hold what lies inside files of the data."""
        self.database.table(UNPACKED)
        return [Path(os.fsdecode(row["path"])) for row in self.database.rows("SELECT path FROM unpacked")]

    def unpacked_in(self, folders: Iterable[Path]) -> None:
        """Note where what its data hold inside other files is unpacked: it may be shown."""
        self.database.table(UNPACKED)
        with self.database.writing() as to:
            to.execute("DELETE FROM unpacked")
            to.many("INSERT INTO unpacked VALUES (?)", [(os.fsencode(folder),) for folder in folders])

    def change(self, **changes: Any) -> None:
        """Write settings that were changed."""
        settings = replace(self.settings, **changes)
        write_json(self.folder / FILE, asdict(settings))
        self.settings = settings

    def place(self, room: str, name: str) -> Path:
        """Return where something that a user named lies: in "runs", "pairs", "exports" or "reports". Raises DataError for such a name."""
        return self.folder / room / checked_name(name)

    def names(self, room: str) -> list[str]:
        """Return what lies in a room, the newest first."""
        folder = self.folder / room
        found = [path for path in folder.iterdir() if path.is_dir() and NAME.fullmatch(path.name)] if folder.is_dir() else []
        return [path.name for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)]

    def free_name(self, room: str, stem: str) -> str:
        """Return a name that nothing in a room has: stem, or stem-2, stem-3, ..."""
        taken, number = set(self.names(room)), 1
        while (name := stem if number == 1 else f"{stem}-{number}") in taken:
            number += 1
        return name

    def allowed(self, path: Path) -> bool:
        """Whether a file lies in what may be shown, links followed."""
        real = path.resolve()
        return any(real.is_relative_to(root.resolve()) for root in self.roots)


def create(folder: Path, name: str, data: Path, key: str) -> Project:
    """Make a project in an empty folder, or return the one that is there.

    Raises OutputExistsError for a folder that holds anything else.
    """
    if not is_project(folder):
        check_output(folder, STUDIO, overwrite=False)
        mark(folder, STUDIO)
        write_json(folder / FILE, asdict(Settings(name, str(data.absolute()), {}, time.strftime("%Y-%m-%d %H:%M"))))
    return Project(folder, key)


def is_project(folder: Path) -> bool:
    """Whether a folder is a project of the studio."""
    found = read_marker(folder)
    return found is not None and found.name == STUDIO.name and (folder / FILE).is_file()


def checked_name(name: str) -> str:
    """Return a name that can be a folder's; raises DataError for another."""
    if not NAME.fullmatch(name) or name.endswith((".", " ")):
        raise DataError(f"{name!r}: cannot be a name here; use up to 64 letters, digits, spaces and - _ . ( ) +, and begin with a letter.")
    return name


def _read(folder: Path) -> Settings:
    path = folder / FILE
    said = read_json(path)
    try:
        settings = Settings(**said)
        ok = isinstance(settings.name, str) and isinstance(settings.data, str) and isinstance(settings.labels, dict)
        ok = ok and isinstance(settings.reasons, list) and all(isinstance(each, str) for each in settings.reasons)
    except TypeError:
        ok = False
    if not ok:
        raise DataError(f"{path}: expected the name, data, labels and reasons of a project, as the studio writes them.")
    return settings
