"""The pictures of a project's data, as `reading` found them: asked here by name and by page, never by a path.

A name is the picture's path as seen from the data's root, with "/", made to stay in any folder by `core.paths.inside`. Nothing here opens
the data but what is asked for; `reading.renew` has them read in the background.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Row
from typing import Any

import numpy as np
from starlette.exceptions import HTTPException

from flawsmith.core.errors import DataError
from flawsmith.dataset.sample import Item
from flawsmith.formats.drawing import Drawing
from flawsmith.formats.kept_marks import from_text, mask_files
from flawsmith.studio.database import Database, Writing
from flawsmith.studio.pictures import check_allowed
from flawsmith.studio.project import Project

NORMAL, HELD_OUT, DEFECT, UNLABELLED = ROLES = ("normal", "held out", "defect", "unlabelled")
TABLES = """
CREATE TABLE IF NOT EXISTS reading (
    one INTEGER PRIMARY KEY CHECK (one = 1), stamp TEXT NOT NULL, at REAL NOT NULL, format TEXT NOT NULL, error TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS pictures (
    place INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, path BLOB NOT NULL, role TEXT NOT NULL, kinds TEXT NOT NULL, specimen TEXT,
    height INTEGER, width INTEGER, stamp TEXT NOT NULL, shown INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS pictures_by_role ON pictures (role);
CREATE TABLE IF NOT EXISTS labels (name TEXT NOT NULL, kind TEXT NOT NULL, file BLOB, rule TEXT NOT NULL, marks TEXT);
CREATE INDEX IF NOT EXISTS labels_by_name ON labels (name);
CREATE INDEX IF NOT EXISTS labels_by_kind ON labels (kind, name);
CREATE TABLE IF NOT EXISTS boxes (name TEXT NOT NULL, kind TEXT NOT NULL, file BLOB, rule TEXT NOT NULL, marks TEXT);
CREATE INDEX IF NOT EXISTS boxes_by_name ON boxes (name);
CREATE TABLE IF NOT EXISTS findings (list TEXT NOT NULL, path TEXT NOT NULL, message TEXT NOT NULL, name TEXT);
CREATE INDEX IF NOT EXISTS findings_by_name ON findings (name, list);
"""
TO_MEND, WARNING = "problem", "warning"  # lists of findings


@dataclass(frozen=True)
class Picture:
    """One picture of the data."""

    name: str  # as seen from the data's root, with "/"
    role: str  # one of ROLES
    kinds: tuple[str, ...]  # of defects that are labelled in it; each has a mask
    group: str | None  # the physical specimen, where known
    size: tuple[int, int] | None  # (H, W); None where it is not known yet, or the file is bad
    shown: bool  # false: a link leads to it out of the data, so that it is used and not shown

    def to_json(self) -> dict[str, Any]:
        """Return it for pages."""
        return {**vars(self), "kinds": list(self.kinds), "size": list(self.size) if self.size else None}


@dataclass(frozen=True)
class Label:
    """What is labelled of one kind in a picture."""

    kind: str
    files: tuple[Path, ...]  # that it is read from
    read: Callable[[], np.ndarray]  # returns the mask (H, W) bool; raises FileError where it cannot be read


@dataclass(frozen=True)
class Reading:
    """What the last reading of the data said."""

    at: float = 0.0  # when; 0 = never. Another number means another listing
    format: str = ""  # what they were read as, and by what that was recognised
    error: str = ""  # why no labels could be read; the pictures are listed all the same
    stamp: str = ""  # of the files as they were read, see reading.stamp_of


@dataclass(frozen=True)
class Which:
    """Which of the pictures; what is empty asks for nothing."""

    role: str = ""  # one of ROLES
    kind: str = ""  # labelled with this kind of defect
    group: str = ""  # of this specimen
    text: str = ""  # somewhere in its name
    bad: bool = False  # something in it, or in its label, must be mended


ALL = Which()


def database(project: Project) -> Database:
    """Return a project's database, with the tables of the listing."""
    project.database.table(TABLES)
    return project.database


def reading(project: Project) -> Reading:
    """Return what the last reading said."""
    row = database(project).one("SELECT at, format, error, stamp FROM reading")
    return Reading(*row) if row else Reading()


def number(project: Project, which: Which = ALL) -> int:
    """Return how many pictures there are."""
    condition, values = _where(which)
    row = database(project).one(f"SELECT count(*) FROM pictures WHERE {condition}", values)
    assert row is not None
    return int(row[0])


def listed(project: Project, offset: int, count: int, which: Which = ALL) -> list[Picture]:
    """Return `count` pictures from the one numbered `offset` on, by name."""
    condition, values = _where(which)
    rows = database(project).rows(f"SELECT * FROM pictures WHERE {condition} ORDER BY place LIMIT ? OFFSET ?", (*values, count, offset))
    return [_picture(row) for row in rows]


def place(project: Project, name: str, which: Which = ALL) -> int:
    """Return how many pictures come before this one. Raises a 404 for one that is not in the listing."""
    condition, values = _where(which)
    row = database(project).one(f"SELECT count(*) FROM pictures WHERE {condition} AND place < ?", (*values, _row(project, name)["place"]))
    assert row is not None
    return int(row[0])


def numbers(project: Project) -> dict[str, dict[str, int]]:
    """Return how many pictures have each role ("roles"), and each kind of defect ("kinds"), by name."""
    asked = database(project)
    kinds = asked.rows("SELECT kind, count(DISTINCT name) FROM labels GROUP BY kind ORDER BY kind")
    roles = dict(map(tuple, asked.rows("SELECT role, count(*) FROM pictures GROUP BY role")))
    return {"roles": {role: roles.get(role, 0) for role in ROLES}, "kinds": dict(map(tuple, kinds))}


def picture(project: Project, name: str) -> Picture:
    """Return one picture. Raises a 404 for one that is not in the listing."""
    return _picture(_row(project, name))


def is_listed(project: Project, name: str) -> bool:
    """Whether there is a picture of this name."""
    return database(project).one("SELECT 1 FROM pictures WHERE name = ?", (name,)) is not None


def picture_of(project: Project, name: str) -> Path:
    """Return a picture's file. Raises a 404 for one that is not in the listing, is gone, or must not be shown."""
    path = Path(os.fsdecode(_row(project, name)["path"]))
    check_allowed(project, path)
    return path


def masks_of(project: Project, name: str) -> tuple[Label, ...]:
    """Return what is labelled in a picture, by kind; nothing where nothing is. Raises a 404 as `picture_of` does, for its masks, too."""
    path = picture_of(project, name)
    rows = database(project).rows("SELECT * FROM labels WHERE name = ? ORDER BY kind, rowid", (name,))
    return tuple(_label(project, path, row) for row in rows)


def boxes_of(project: Project, name: str) -> tuple[Label, ...]:
    """Return the boxes in a picture in which no mask is drawn, each read as a filled rectangle. Raises as `masks_of` does."""
    path = picture_of(project, name)
    rows = database(project).rows("SELECT * FROM boxes WHERE name = ? ORDER BY rowid", (name,))
    return tuple(_label(project, path, row) for row in rows if row["marks"] is not None)


def neighbour(project: Project, name: str, forward: bool, which: Which = ALL) -> str | None:
    """Return the name of the next picture, or of the one before; None where there is none. Raises a 404 as `place` does."""
    condition, values = _where(which)
    compared, order = (">", "ASC") if forward else ("<", "DESC")
    query = f"SELECT name FROM pictures WHERE {condition} AND place {compared} ? ORDER BY place {order} LIMIT 1"
    row = database(project).one(query, (*values, _row(project, name)["place"]))
    return None if row is None else str(row["name"])


def relabel(to: Writing, name: str, role: str, masks: Mapping[str, Path]) -> None:
    """Note what a picture is from now on, and its masks (pictures of 0 and 255) by kind; until the data are read anew."""
    to.execute("UPDATE pictures SET role = ?, kinds = ? WHERE name = ?", (role, json.dumps(list(masks)), name))
    to.execute("DELETE FROM labels WHERE name = ?", (name,))
    rows = [(name, kind, os.fsencode(path), "high", None) for kind, path in masks.items()]
    to.many("INSERT INTO labels VALUES (?, ?, ?, ?, ?)", rows)


def boxed(project: Project, names: Sequence[str]) -> set[str]:
    """Return those of some pictures in which there are boxes and no mask is drawn."""
    marks = ",".join("?" * len(names))
    return {row["name"] for row in database(project).rows(f"SELECT DISTINCT name FROM boxes WHERE name IN ({marks})", tuple(names))}


def rename(project: Project, to: Writing, kind: str, name: str) -> bool:
    """Give a kind of defect another name, until the data are read anew; returns whether any picture or box is of it."""
    asked = database(project)
    pictures = asked.rows("SELECT name, kinds FROM pictures WHERE name IN (SELECT name FROM labels WHERE kind = ?)", (kind,))
    changed = [(json.dumps([name if each == kind else each for each in json.loads(row["kinds"])]), row["name"]) for row in pictures]
    boxed = asked.one("SELECT 1 FROM boxes WHERE kind = ?", (kind,)) is not None
    to.many("UPDATE pictures SET kinds = ? WHERE name = ?", changed)
    to.execute("UPDATE labels SET kind = ? WHERE kind = ?", (name, kind))
    to.execute("UPDATE boxes SET kind = ? WHERE kind = ?", (name, kind))
    return boxed or bool(changed)


def _label(project: Project, path: Path, row: Row) -> Label:
    if row["marks"] is None and row["file"] is None:
        raise DataError(f"{row['kind']}: is drawn by a format of another package, and is not shown here; it is used all the same.")
    file = None if row["file"] is None else Path(os.fsdecode(row["file"]))
    draw = None
    files = () if file is None else (file,)
    if row["marks"] is not None:
        marks = from_text(row["marks"])
        draw = Drawing(path, marks)
        files = tuple(dict.fromkeys((*mask_files(marks), *files)))
    for one in files:
        check_allowed(project, one)
    return Label(row["kind"], files, Item(path, file, row["kind"], rule=row["rule"], draw=draw).read_mask)


def _row(project: Project, name: str) -> Row:
    row = database(project).one("SELECT * FROM pictures WHERE name = ?", (name,))
    if row is None:
        raise HTTPException(404)
    return row


def _picture(row: Row) -> Picture:
    size = None if row["height"] is None else (row["height"], row["width"])
    return Picture(row["name"], row["role"], tuple(json.loads(row["kinds"])), row["specimen"], size, bool(row["shown"]))


def _where(which: Which) -> tuple[str, tuple[str, ...]]:
    """Return the condition and its values in SQL."""
    parts = {
        "role = ?": which.role,
        "name IN (SELECT name FROM labels WHERE kind = ?)": which.kind,
        "specimen = ?": which.group,
        "instr(lower(name), lower(?)) > 0": which.text,
    }
    asked = {condition: value for condition, value in parts.items() if value}
    if which.bad:
        asked["name IN (SELECT name FROM findings WHERE list = ?)"] = TO_MEND
    return " AND ".join(asked) or "1", tuple(asked.values())
