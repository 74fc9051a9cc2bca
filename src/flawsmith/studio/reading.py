"""`python -m flawsmith.studio.reading PROJECT`: reads a project's data into its listing, in a process of its own.

What a label file makes of memory and time is thus not the server's, and a file that brings the process down brings no page down.
"""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flawsmith.core.cache import mark_used, unpacked_folder
from flawsmith.core.errors import DataError, FlawsmithError, FolderBusyError
from flawsmith.core.locks import hold
from flawsmith.dataset.sample import Item
from flawsmith.dataset.scan import Scan
from flawsmith.formats.archives import is_archive, unpacked
from flawsmith.formats.drawing import Drawing
from flawsmith.formats.files import Files
from flawsmith.formats.kept_marks import to_text
from flawsmith.formats.options import LABELS_INDEX, ReadOptions
from flawsmith.formats.reading import scan
from flawsmith.images.files import image_size
from flawsmith.studio import labels
from flawsmith.studio.card import write_card
from flawsmith.studio.listing import DEFECT, HELD_OUT, NORMAL, UNLABELLED, database, reading
from flawsmith.studio.project import Project

NICE = 10  # below the server
AT_A_TIME = 500  # pictures whose sizes are written at once
BUSY = 75  # exit status: another process reads these data
MOST_AT_ONCE = threading.Semaphore(2)  # processes of this server that read

_lock = threading.Lock()  # of _asked
_asked: dict[Path, list[bool]] = {}  # readings under way, by the project's folder: what `always` was for each asked for meanwhile


def renew(project: Project, always: bool = False) -> None:
    """Have the data read in the background where they are new or changed; returns at once. always: also where they are as before.

    Where they are being read already they are read once more afterwards: what is under way may have seen them as they were.
    """
    with _lock:
        if project.folder in _asked:
            _asked[project.folder].append(always)
            return
        _asked[project.folder] = []
    threading.Thread(target=_read_while_asked, args=(project, always), name="reading", daemon=True).start()


def is_reading(project: Project) -> bool:
    """Whether this server has a project's data read just now, or is about to."""
    with _lock:
        return project.folder in _asked


def _read_while_asked(project: Project, always: bool) -> None:
    try:
        while True:
            _wait_for_process(project, always)
            with _lock:
                asked, _asked[project.folder] = _asked[project.folder], []
                if not asked:
                    del _asked[project.folder]
                    return
            always = any(asked)
    except BaseException:
        with _lock:
            del _asked[project.folder]
        raise


def _wait_for_process(project: Project, always: bool) -> None:
    command = [sys.executable, "-m", "flawsmith.studio.reading", str(project.folder), *(["--always"] if always else [])]
    with MOST_AT_ONCE:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode in (0, BUSY):
        return
    why = (done.stderr.strip().splitlines() or ["the process was killed; the machine may have run out of memory"])[-1]
    try:
        _write(project, "", f"The data could not be read: {why}", None)
    except (sqlite3.Error, FlawsmithError) as error:  # a full disk, say
        print(f"flawsmith studio: {project.data} could not be read ({why}), nor could that be noted ({error}).", file=sys.stderr)


def main(folder: Path, always: bool) -> int:
    """Read the data of the project in a folder where they changed since the last time, or always; returns the exit status."""
    with suppress(AttributeError, OSError):  # not on Windows
        os.nice(NICE)
    project = Project(folder, "")
    try:
        with hold(folder / "reading"):
            stamp = stamp_of(project)
            row = database(project).one("SELECT stamp FROM reading")
            gone = [folder for folder in project.unpacked if not folder.is_dir()]  # the cache keeps nothing for ever
            if always or gone or row is None or row["stamp"] != stamp:
                _read(project, stamp)
            for folder in project.unpacked:
                mark_used(folder)
            _measure(project)
    except FolderBusyError:
        return BUSY
    except (FlawsmithError, sqlite3.Error) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def stamp_of(project: Project) -> str:
    """Return what is another text when a file of the data came, went or changed, or they are to be read in another way."""
    digest = hashlib.sha256(json.dumps(project.labels, sort_keys=True).encode())
    for path in _files(project):
        with suppress(OSError):
            found = path.stat()
            digest.update(f"{path}\0{found.st_mtime_ns}\0{found.st_size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(project: Project) -> Iterator[Path]:
    """Yield the files that the data consist of."""
    if not project.data.exists():
        return
    with suppress(DataError):
        yield from [project.data] if is_archive(project.data) else Files(project.data).all
        if normals := project.settings.labels.get("normals"):
            yield from Files(Path(normals)).all
    yield project.drawn / LABELS_INDEX


def _read(project: Project, stamp: str) -> None:
    drawn = labels.versions(project)
    try:
        found = scan(project.data, ReadOptions(**project.labels))
        error = ""
    except FlawsmithError as wrong:
        found, error = _pictures_alone(project.data), str(wrong)
    _write(project, stamp, error, found, drawn)


def _pictures_alone(data: Path) -> Scan:
    """Return every picture below data in which nothing is labelled that could be read."""
    if not data.exists():
        return Scan(data)
    try:
        files = Files(unpacked(data) if is_archive(data) else data)
        return Scan(files.root, unlisted=list(files.pictures))
    except (FlawsmithError, OSError):
        return Scan(data)


def _write(project: Project, stamp: str, error: str, found: Scan | None, drawn: Mapping[str, int] | None = None) -> None:
    """Write a reading, and with `found` the listing: the old one or the whole new one is there, never a part.

    drawn: versions of what was labelled in the studio when the reading began; what was labelled since then counts.
    """
    at = max(time.time(), reading(project).at + 0.001)
    said = "INSERT OR REPLACE INTO reading VALUES (1, ?, ?, ?, ?)", (stamp, at, found.format if found else "", error)
    if found is None:
        with database(project).writing() as to:
            to.execute(*said)
        return
    project.unpacked_in(_kept_in(found))
    names = found.names()
    pictures, labelled = list(_pictures(project, found, names)), list(_labels(found, names))
    boxes = [(names[item.image], item.defect, *_label(item)) for item in found.boxes]
    with database(project).writing() as to:
        to.execute(*said)
        to.execute("DELETE FROM pictures")
        to.execute("DELETE FROM labels")
        to.execute("DELETE FROM boxes")
        to.many("INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", pictures)
        to.many("INSERT INTO labels VALUES (?, ?, ?, ?, ?)", labelled)
        to.many("INSERT INTO boxes VALUES (?, ?, ?, ?, ?)", boxes)
        labels.put_over(project, to, drawn or {})
    write_card(project)


def _kept_in(found: Scan) -> set[Path]:
    """Return the folders of the cache that pictures of the data were unpacked into: those of archives and of tables, or of label files."""
    cache = unpacked_folder()
    inside = {path.relative_to(cache).parts for path in (*found.pictures(), *found.unlisted) if path.is_relative_to(cache)}
    return {cache / parts[0] if len(parts) > 1 else cache for parts in inside}


def _pictures(project: Project, found: Scan, names: Mapping[Path, str]) -> Iterator[tuple[Any, ...]]:
    """Yield a row of the listing for each picture that is there; one that has not changed since it was listed before keeps its size."""
    before = database(project).rows("SELECT path, stamp, height, width FROM pictures")
    known = {(os.fsdecode(row["path"]), row["stamp"]): (row["height"], row["width"]) for row in before}
    roles: dict[Path, str] = dict.fromkeys((*found.unlisted, *found.lone_images), UNLABELLED)
    roles |= dict.fromkeys(found.held_out_normals, HELD_OUT) | dict.fromkeys(found.normals, NORMAL)
    kinds: dict[Path, list[str]] = {}
    for kind, items in sorted(found.defects.items()):
        for item in items:
            roles[item.image] = DEFECT
            kinds.setdefault(item.image, []).append(kind)
    roots = [root.resolve() for root in project.roots]
    for place, (name, path) in enumerate(sorted((names[path], path) for path in roles)):
        try:
            state, real = path.stat(), path.resolve()
        except (OSError, RuntimeError):  # gone meanwhile, or links in a circle
            continue
        stamp, own = f"{state.st_mtime_ns}:{state.st_size}", json.dumps(list(dict.fromkeys(kinds.get(path, ()))))
        shown = any(real.is_relative_to(root) for root in roots)
        size = known.get((str(path), stamp), (None, None))
        yield place, name, os.fsencode(path), roles[path], own, found.groups.get(path), *size, stamp, shown


def _labels(found: Scan, names: Mapping[Path, str]) -> Iterator[tuple[Any, ...]]:
    for kind, items in found.defects.items():
        for item in items:
            yield names[item.image], kind, *_label(item)


def _label(item: Item) -> tuple[bytes | None, str, str | None]:
    """Return file, rule and marks of a label as they are kept; no file where it cannot be drawn again."""
    assert item.mask is not None
    if item.draw is None:
        return os.fsencode(item.mask), item.rule, None
    if isinstance(item.draw, Drawing):
        with suppress(TypeError, ValueError):
            return os.fsencode(item.mask), item.rule, to_text(item.draw.marks)
    return None, item.rule, None


def _measure(project: Project) -> None:
    """Write the sizes of pictures that are not known yet, a few hundred at a time; of bad files none."""
    rows = database(project).rows("SELECT name, path FROM pictures WHERE height IS NULL AND shown")
    for start in range(0, len(rows), AT_A_TIME):
        sizes = list(_sizes((row["name"], Path(os.fsdecode(row["path"]))) for row in rows[start : start + AT_A_TIME]))
        with database(project).writing() as to:
            to.many("UPDATE pictures SET height = ?, width = ? WHERE name = ?", sizes)


def _sizes(pictures: Iterable[tuple[str, Path]]) -> Iterator[tuple[int, int, str]]:
    for name, path in pictures:
        with suppress(FlawsmithError):
            yield *image_size(path), name


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), "--always" in sys.argv[2:]))
