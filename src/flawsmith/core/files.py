"""Writing without loss: temporary file, fsync, `os.replace`, fsync of the folder."""

import errno
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

from flawsmith.core.disk import full_disk_told
from flawsmith.core.errors import DataError, FileError
from flawsmith.core.parsing import parse_json
from flawsmith.core.text import read_text

_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF, errno.EISDIR)  # of folders, on some file systems
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


def write_bytes(path: Path, content: bytes, settled: bool = True) -> None:
    """Write `content` to `path` so that a reader sees the old file or the whole new one, never a part.

    settled: its name is on the disk, too; one who writes many files settles their folders once, behind the last of them.
    """
    write_pieces(path, [content], settled)


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview], settled: bool = True) -> None:
    """Write the pieces one after the other as `write_bytes` writes its content; one at a time is held.

    Raises DiskFullError, with nothing left of the new file, where there is no room for it.
    """
    with full_disk_told(path):
        made = list(takewhile(lambda folder: not folder.exists(), path.parents))
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(path)  # named before it is there, so that no interrupt leaves one that has no name here
        try:
            # with the mode that the umask leaves from the start: changing a file's mode is not permitted on many shares
            with open(temporary, "xb") as stream:
                for piece in pieces:
                    stream.write(piece)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        for folder in (*([path.parent] if settled else []), *(new.parent for new in made)):
            settle(folder)


def settle(folder: Path) -> None:
    """Have the names in `folder` on the disk, so that a file that was put there is there after a loss of power."""
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON atomically."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def is_temporary(name: str) -> bool:
    """Return whether a file is called as those are that become another when they are complete."""
    return _TEMPORARY.fullmatch(name) is not None


def append_line(path: Path, line: str, sync: bool = False) -> None:
    """Append one line to a log and flush it; a process that is killed meanwhile can spoil only the last line.

    sync: it is on the disk when this returns. Raises DiskFullError, with nothing of the line in the file, where there is no room for it.
    """
    left, new = memoryview((line + "\n").encode("utf-8")), not path.exists()
    with full_disk_told(path), path.open("ab", buffering=0) as stream:
        end = stream.seek(0, os.SEEK_END)
        try:
            while left:
                left = left[stream.write(left) :]
            if sync:
                os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                stream.truncate(end)
            raise
    if sync and new:
        settle(path.parent)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSON-lines file; a half-written last line is dropped. Raises DataError for another line that is no object."""
    rows = []
    lines = read_text(path).splitlines()
    for number, line in enumerate(lines):
        try:
            row = parse_json(line)
        except json.JSONDecodeError as error:
            if number == len(lines) - 1:
                break
            raise DataError(f"{path}: line {number + 1} is no JSON ({error}); expected the lines that were written.") from error
        if not isinstance(row, dict):
            raise DataError(f"{path}: line {number + 1} is a {type(row).__name__}; expected an object.")
        rows.append(row)
    return rows


def read_json(path: Path) -> Any:
    """Return what a small JSON file of our own holds. Raises FileError for one that is missing or is none."""
    try:
        return parse_json(path.read_bytes())
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise FileError(path, f"is no JSON ({error}); it is damaged, or was edited by hand.") from error


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _temporary(path: Path) -> Path:
    """Return the name of a file beside `path` that is not there."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        if not os.path.lexists(temporary):
            return temporary
