"""What is labelled in the studio: masks and LabelMe files in PROJECT/labels, never over the data, in the form of `formats.overlay`.

Each picture's label has a version, so that of two tabs that change it the second is told. The database knows them all; the index that
commands read is written from it.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Row

import cv2
import numpy as np

from flawsmith.core.errors import DataError
from flawsmith.core.files import read_json, write_bytes, write_json
from flawsmith.core.paths import relative
from flawsmith.dataset.components import Component, components, whole
from flawsmith.dataset.sample import mask_trouble
from flawsmith.formats.options import LABELS_INDEX, ReadOptions
from flawsmith.formats.overlay import Label, is_kind, read_index, write_index
from flawsmith.formats.writers.labelme import tree
from flawsmith.formats.writers.row import Instance
from flawsmith.images.files import image_size, write_mask
from flawsmith.studio import listing
from flawsmith.studio.database import Database, Writing
from flawsmith.studio.listing import DEFECT, HELD_OUT, NORMAL, UNLABELLED
from flawsmith.studio.project import Project

TABLES = """
CREATE TABLE IF NOT EXISTS drawn (
    name TEXT PRIMARY KEY, version INTEGER NOT NULL, role TEXT NOT NULL, masks TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS kinds (place INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
"""
MOST_PARTS = 300  # of a mask that become shapes of their own in a LabelMe file
LONGEST = 230  # bytes of a file's name, so that there is room for what is put behind it


class Outdated(DataError):
    """What was to be saved was begun from another version than is there now."""


@dataclass(frozen=True)
class Drawn:
    """What was labelled in the studio in one picture."""

    version: int = 0  # one more each time it is saved
    role: str = ""  # DEFECT, NORMAL or UNLABELLED: nothing is known of it; "" = as the data say
    masks: Mapping[str, str] = field(default_factory=dict)  # path in the folder of labels, by kind


def drawn(project: Project, name: str) -> Drawn:
    """Return what was labelled in a picture."""
    return _drawn(_database(project), name)


def save(project: Project, name: str, version: int, masks: Mapping[str, np.ndarray], normal: bool) -> int:
    """Save a picture's masks (H, W) bool by kind, those that mark something, and return the new version.

    version: that it was begun from. normal: nothing is wrong with it; of one that is none and has no masks nothing is known. Raises
    Outdated where another was saved meanwhile, DataError for names and masks that cannot be used, a 404 as `listing.picture_of` does.
    """
    path = listing.picture_of(project, name)
    size = image_size(path)
    masks = {kind: mask for kind, mask in masks.items() if mask.any()}
    _check(masks, path, size, normal)
    role = NORMAL if normal else DEFECT if masks else UNLABELLED
    with _database(project).writing() as to:
        before = _require(project, name, version)
        files = {kind: f"masks/{kind}/{_file(name)}.png" for kind in masks}
        for kind, mask in masks.items():
            write_mask(project.drawn / files[kind], mask)
        _write_labelme(project, name, path, size, masks, role)
        label = Drawn(version + 1, role, files)
        _put(to, name, label)
        _relabel(project, to, name, label)
        _write_index(project)
    _remove(project.drawn, set(before.masks.values()) - set(files.values()))
    return version + 1


def forget(project: Project, name: str, version: int) -> None:
    """Have what the data say of a picture count again; the data are to be read anew. Raises Outdated as `save` does."""
    with _database(project).writing() as to:
        before = _require(project, name, version)
        _put(to, name, Drawn(version + 1))
        _write_index(project)
    _remove(project.drawn, {*before.masks.values(), _labelme(name)})


def versions(project: Project) -> dict[str, int]:
    """Return the version of each picture that was labelled, by name."""
    return {row["name"]: row["version"] for row in _database(project).rows("SELECT name, version FROM drawn")}


def put_over(project: Project, to: Writing, before: Mapping[str, int]) -> None:
    """Put what was labelled since `before`, as `versions` returned it, over a listing that is written from what was read then."""
    for row in project.database.rows("SELECT * FROM drawn"):
        label = _of(row)
        if label.role and before.get(row["name"]) != label.version and listing.is_listed(project, row["name"]):
            _relabel(project, to, row["name"], label)


def kinds(project: Project) -> list[str]:
    """Return the names of all kinds of defect, in the order in which they were first seen: what gives each its colour."""
    database = _database(project)
    known = [row["name"] for row in database.rows("SELECT name FROM kinds ORDER BY place")]
    boxed = [row["kind"] for row in database.rows("SELECT DISTINCT kind FROM boxes ORDER BY kind")]
    new = [kind for kind in dict.fromkeys([*listing.numbers(project)["kinds"], *boxed]) if kind not in known]
    if new:
        with database.writing() as to:
            to.many("INSERT OR IGNORE INTO kinds (name) VALUES (?)", [(kind,) for kind in new])
    return [*known, *new]


def add_kind(project: Project, kind: str) -> None:
    """Note a kind of defect, so that it can be drawn. Raises DataError for a name that cannot be one, or is nearly another's."""
    _check_free(project, kind)
    with _database(project).writing() as to:
        to.execute("INSERT INTO kinds (name) VALUES (?)", (kind,))


def rename_kind(project: Project, kind: str, name: str) -> bool:
    """Give a kind another name, in what was labelled here and in how the data's classes are read.

    Returns whether the data are to be read anew for it. Raises DataError as `add_kind` does, and for a kind that is not there.
    """
    if kind not in kinds(project):
        raise DataError(f"There is no kind {kind!r}.")
    _check_free(project, name)
    database = _database(project)
    classes = _renamed(str(project.settings.labels.get("classes", "")), kind, name)
    left = set()
    with database.writing() as to:
        to.execute("UPDATE kinds SET name = ? WHERE name = ?", (name, kind))
        for row in database.rows("SELECT * FROM drawn"):
            if kind not in (found := _of(row)).masks:
                continue
            old, new = found.masks[kind], f"masks/{name}/{_file(row['name'])}.png"
            write_bytes(project.drawn / new, (project.drawn / old).read_bytes())  # the old one stays until nothing names it
            left.add(old)
            masks = {name if each == kind else each: new if each == kind else file for each, file in found.masks.items()}
            _rename_in_labelme(project.drawn / _labelme(row["name"]), kind, name)
            _put(to, row["name"], Drawn(found.version + 1, found.role, masks))
            listing.relabel(to, row["name"], found.role, _paths(project, masks))
        of_the_data = listing.rename(project, to, kind, name)
        if of_the_data:
            project.change(labels={**project.settings.labels, "classes": classes})
        _write_index(project)
    _remove(project.drawn, left)
    return of_the_data


def _relabel(project: Project, to: Writing, name: str, label: Drawn) -> None:
    held_out = label.role == NORMAL and listing.picture(project, name).role == HELD_OUT
    listing.relabel(to, name, HELD_OUT if held_out else label.role, _paths(project, label.masks))


def _database(project: Project) -> Database:
    """Return the project's database with what the index says where it is a new one."""
    database = listing.database(project)
    database.table(TABLES)
    if (project.drawn / LABELS_INDEX).is_file() and database.one("SELECT 1 FROM drawn") is None:
        with database.writing() as to:
            for name, label in read_index(project.drawn).items():
                _put(to, name, Drawn(1, NORMAL if label.normal else DEFECT if label.masks else UNLABELLED, label.masks))
    return database


def _drawn(database: Database, name: str) -> Drawn:
    row = database.one("SELECT * FROM drawn WHERE name = ?", (name,))
    return Drawn() if row is None else _of(row)


def _of(row: Row) -> Drawn:
    return Drawn(row["version"], row["role"], json.loads(row["masks"]))


def _put(to: Writing, name: str, found: Drawn) -> None:
    values = (name, found.version, found.role, json.dumps(dict(found.masks)), time.time())
    to.execute("INSERT OR REPLACE INTO drawn VALUES (?, ?, ?, ?, ?)", values)
    to.many("INSERT OR IGNORE INTO kinds (name) VALUES (?)", [(kind,) for kind in found.masks])


def _require(project: Project, name: str, version: int) -> Drawn:
    """Return what is there, inside of a transaction; raises Outdated where it is not the version that was begun from."""
    before = _drawn(project.database, name)
    if before.version != version:
        raise Outdated(f"{name}: was saved meanwhile in another tab or by somebody else; nothing of yours was saved yet.")
    return before


def _check(masks: Mapping[str, np.ndarray], path: Path, size: tuple[int, int], normal: bool) -> None:
    if normal and masks:
        raise DataError(f"{path.name}: is to be a normal, and {', '.join(masks)} is marked in it. Clear the masks, or keep it as a defect.")
    if len({kind.casefold() for kind in masks}) < len(masks):
        raise DataError(f"{path.name}: has two kinds of the same name but for capitals ({', '.join(masks)}). Rename one.")
    for kind, mask in masks.items():
        if not is_kind(kind):
            raise DataError(_no_kind(kind))
        if trouble := mask_trouble(mask.shape, path, size):
            raise DataError(f"{kind}: {trouble}")


def _check_free(project: Project, kind: str) -> None:
    if not is_kind(kind):
        raise DataError(_no_kind(kind))
    if near := [each for each in kinds(project) if each.casefold() == kind.casefold()]:
        raise DataError(f"There is a kind {near[0]!r} already.")


def _no_kind(name: str) -> str:
    allowed = "up to 80 characters, none of them / \\ : * ? \" < > |, no space or dot at an end, and not 'good'"
    return f"{name!r} cannot be the name of a kind: use {allowed}."


def _paths(project: Project, masks: Mapping[str, str]) -> dict[str, Path]:
    return {kind: project.drawn / file for kind, file in masks.items()}


def _file(name: str) -> str:
    """Return what the files of a picture are called in folders of their own, without their suffix."""
    folder, _, last = name.rpartition("/")
    if len(last.encode()) > LONGEST:
        last = hashlib.sha256(last.encode()).hexdigest()
    return f"{folder}/{last}" if folder else last


def _labelme(name: str) -> str:
    return f"labelme/{_file(name)}.json"


def _write_labelme(project: Project, name: str, path: Path, size: tuple[int, int], masks: Mapping[str, np.ndarray], role: str) -> None:
    """Write what LabelMe opens, where anything is known of a picture."""
    file = project.drawn / _labelme(name)
    if role == UNLABELLED:
        file.unlink(missing_ok=True)
        return
    instances = [Instance(kind, one) for kind, mask in masks.items() for one in _parts(mask)]
    write_json(file, tree(relative(path, file.parent), size, instances, {}))


def _parts(mask: np.ndarray) -> Sequence[Component]:
    """Return the connected parts of a mask; as one where there are very many."""
    one = whole(mask)
    few = cv2.connectedComponents(one.shape.astype(np.uint8), connectivity=8)[0] - 1 <= MOST_PARTS
    return components(mask) if few else [one]


def _rename_in_labelme(file: Path, kind: str, name: str) -> None:
    with suppress(DataError):  # somebody's own: it is written again with the next change
        said = read_json(file)
        for shape in said["shapes"]:
            shape["label"] = name if shape["label"] == kind else shape["label"]
        write_json(file, said)


def _write_index(project: Project) -> None:
    rows = project.database.rows("SELECT name, role, masks FROM drawn WHERE role != ''")
    if rows:
        write_index(project.drawn, {row["name"]: _label_of(row) for row in rows})
    else:
        (project.drawn / LABELS_INDEX).unlink(missing_ok=True)


def _label_of(row: Row) -> Label:
    return Label(normal=True) if row["role"] == NORMAL else Label(json.loads(row["masks"]))


def _remove(folder: Path, files: Iterable[str]) -> None:
    for file in files:
        with suppress(OSError):  # it is named by nothing any more
            (folder / file).unlink()


def _renamed(classes: str, kind: str, name: str) -> str:
    """Return names of classes, as ReadOptions takes them, in which a kind has another name.

    Raises DataError where they cannot say so.
    """
    if any(letter in kind + name for letter in ",;="):
        raise DataError(f"{kind!r}: a name with a comma, semicolon or equals sign in it cannot be changed, nor can one become another's.")
    targets = {each: name if target == kind else target for each, target in ReadOptions(classes=classes).renamed.items()}
    targets.setdefault(kind, name)
    by_target: dict[str, list[str]] = {}
    for each, target in targets.items():
        by_target.setdefault(target, []).append(each)
    return "; ".join(f"{target}={','.join(each)}" for target, each in by_target.items())
