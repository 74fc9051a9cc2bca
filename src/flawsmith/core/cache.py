"""Files that were unpacked from others, kept where a user's caches are, and no more of them than MOST_KEPT."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flawsmith.core.errors import FileError
from flawsmith.core.files import write_bytes

MOST_KEPT = 50 << 30  # bytes: above, what was not used for longest is removed when more is unpacked
IN_USE = 7 * 86_400  # seconds since its last use for which nothing is removed: a process may be at work with it
PART = "part-"  # how the names of what is being unpacked, or removed, begin
_SOMETIMES = "00"  # how the digest of a single file begins for which room is made: one in 256


def cache_folder() -> Path:
    """Return the folder for what can be made again: $FLAWSMITH_CACHE, $XDG_CACHE_HOME/flawsmith or ~/.cache/flawsmith.

    A folder of the system's temporary files where that one cannot be written to.
    """
    named = os.environ.get("FLAWSMITH_CACHE")
    try:
        folder = Path(named or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "flawsmith"))
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except (OSError, RuntimeError):  # the latter where a user without a home is not known to the system
        pass
    folder = Path(tempfile.gettempdir(), f"flawsmith-{os.getuid() if hasattr(os, 'getuid') else 'user'}")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def unpacked_folder() -> Path:
    """Return the folder in the cache for what lay inside archives and label files."""
    return cache_folder() / "unpacked"


def kept_file(content: bytes, name: str) -> Path:
    """Return a file of the cache with this content, whose name ends with `name`; written where it is not there yet."""
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = unpacked_folder() / f"{digest}-{name}"
    if not path.is_file() or path.stat().st_size != len(content):
        path.parent.mkdir(parents=True, exist_ok=True)
        if digest.startswith(_SOMETIMES):
            _make_room(len(content))
        write_bytes(path, content)
    else:
        mark_used(path)
    return path


def kept_folder(name: str, source: Path, size: int, fill: Callable[[Path], None]) -> Path:
    """Return the folder of the cache with a name; where it is not there yet, `fill` fills it with what is in `source`, `size` bytes.

    It is there as a whole or not at all. Raises FileError where the disk has no room, OSError as `fill` does.
    """
    folder = unpacked_folder() / name
    if folder.is_dir():
        mark_used(folder)
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    _make_room(size)
    if size > (free := shutil.disk_usage(folder.parent).free):
        step = "Set FLAWSMITH_CACHE to a larger disk."
        raise FileError(source, f"unfolds to {size >> 20} MiB, and {folder.parent} has room for {free >> 20}. {step}")
    temporary = Path(tempfile.mkdtemp(prefix=PART, dir=folder.parent))
    try:
        fill(temporary)
        os.rename(temporary, folder)
    except OSError:
        if not folder.is_dir():  # another process was not faster
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def mark_used(path: Path) -> None:
    """Keep what was unpacked for longer: it is in use."""
    with suppress(OSError):  # of another user, or gone
        os.utime(path)


def _make_room(size: int) -> None:
    """Remove what was unpacked and not used for longest, until what stays is, with `size` bytes more, at most MOST_KEPT.

    What was used in the last IN_USE seconds stays in any case; what was left half unpacked goes.
    """
    kept = []
    for path in unpacked_folder().iterdir():
        with suppress(OSError):  # another process may remove it meanwhile
            kept.append((path.stat().st_mtime, path.name.startswith(PART), _size(path), path))
    total = size + sum(bytes_ for _, _, bytes_, _ in kept)
    before = time.time() - IN_USE
    for used, is_part, bytes_, path in sorted(kept):
        if used < before and (is_part or total > MOST_KEPT):
            _remove(path)
            total -= bytes_


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names) if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files)


def _remove(path: Path) -> None:
    """Remove a file or a folder; it is no longer there from one moment to the next."""
    with suppress(OSError):
        if not path.is_dir():
            path.unlink()
            return
        gone = path.with_name(PART + path.name.removeprefix(PART))
        path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
