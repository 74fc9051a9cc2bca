"""Files that only grow, taken into the project's database line by line from where the last look ended.

What was taken and how far stand in one transaction, so that servers and threads may take the same file at the same time, and none takes a
line twice. A file that was written anew, as its inode or the bytes before that place tell, is taken again from its beginning.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flawsmith.studio.database import Database, Writing

TAIL = 64  # bytes before the place of the last look: where they differ, it is another file
TABLE = """
CREATE TABLE IF NOT EXISTS appended (
    path TEXT PRIMARY KEY, inode INTEGER NOT NULL, place INTEGER NOT NULL, tail BLOB NOT NULL, count INTEGER NOT NULL, error TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Reach:
    """How much of a file is in the database."""

    place: int = 0  # bytes
    size: int = 0  # of the file, bytes
    count: int = 0  # lines that were taken
    error: str = ""  # of the first line that could not be; "" where there was none
    complete: bool = True  # whether all whole lines are there; one that is being written may be left


@dataclass
class New:
    """Lines that are taken now."""

    lines: list[tuple[int, bytes]]  # with the byte where each begins
    anew: bool  # what was taken before counts no more
    count: int  # lines that were taken before; whoever takes some counts on
    error: str  # the first that was wrong; whoever finds one sets it


def take(database: Database, name: str, path: Path, most: int, put: Callable[[Writing, New], None]) -> Reach:
    """Have about `most` more bytes of a file taken by `put`, and return how far it is then; name: of the file in the database.

    `put` is called where there are new whole lines, or what was taken counts no more.
    """
    database.table(TABLE)
    known, size, fresh = _state(database, name), 0, True
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            fresh = known is None or not _is_same(stream, *known[:3])
            if not fresh and known is not None and known[1] == size:
                return Reach(known[1], size, known[3], known[4])
            return _take(database, name, stream, most, put)
    except FileNotFoundError:
        if known is not None:
            with database.writing() as to:
                put(to, New([], True, 0, ""))
                to.execute("DELETE FROM appended WHERE path = ?", (name,))
        return Reach()


def reach(database: Database, name: str, path: Path) -> Reach:
    """Return how much of a file is in the database, taking nothing."""
    database.table(TABLE)
    known = _state(database, name)
    size = path.stat().st_size if path.is_file() else 0
    return Reach(0, size, complete=not size) if known is None else Reach(known[1], size, known[3], known[4], known[1] == size)


def _take(database: Database, name: str, stream: BinaryIO, most: int, put: Callable[[Writing, New], None]) -> Reach:
    with database.writing() as to:
        known = _state(database, name)  # again: another may have been quicker
        found = os.fstat(stream.fileno())
        same = known is not None and _is_same(stream, *known[:3])
        place, count, error = (known[1], known[3], known[4]) if known is not None and same else (0, 0, "")
        stream.seek(place)
        piece = _whole_lines(stream, most)
        anew = known is not None and not same
        if piece or anew:
            new = New(_lines(piece, place), anew, count, error)
            put(to, new)
            place += len(piece)
            count, error = new.count, new.error
            stream.seek(max(0, place - TAIL))
            tail = stream.read(min(TAIL, place))
            to.execute("INSERT OR REPLACE INTO appended VALUES (?, ?, ?, ?, ?, ?)", (name, found.st_ino, place, tail, count, error))
    return Reach(place, found.st_size, count, error, place == found.st_size or not piece)


def _state(database: Database, name: str) -> tuple[int, int, bytes, int, str] | None:
    row = database.one("SELECT inode, place, tail, count, error FROM appended WHERE path = ?", (name,))
    return None if row is None else tuple(row)


def _is_same(stream: BinaryIO, inode: int, place: int, tail: bytes) -> bool:
    """Whether a file is the one that was read up to a place."""
    if os.fstat(stream.fileno()).st_ino != inode:
        return False
    stream.seek(place - len(tail))
    return stream.read(len(tail)) == tail


def _whole_lines(stream: BinaryIO, most: int) -> bytes:
    """Return whole lines, `most` bytes at most but one line at least; nothing where none is whole."""
    piece = stream.read(most)
    while (end := piece.rfind(b"\n")) < 0 and (more := stream.read(most)):
        piece += more
    return piece[: end + 1]


def _lines(piece: bytes, place: int) -> list[tuple[int, bytes]]:
    found = []
    for line in piece.split(b"\n")[:-1]:
        found.append((place, line))
        place += len(line) + 1
    return found
