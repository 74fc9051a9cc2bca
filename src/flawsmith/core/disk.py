"""Room on disks: asked for before long work, and told in numbers where there is none left."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flawsmith.core.errors import DiskFullError

SPARE = 50_000_000  # bytes that stay free beside what is needed
_FULL = (errno.ENOSPC, errno.EDQUOT)


def require_room(folder: Path, needed: float, what: str) -> None:
    """Raise DiskFullError unless the disk of `folder`, which need not exist yet, has room for `needed` bytes and some to spare.

    what: that is to be written, for the message. A file system that does not tell its size is taken to have room.
    """
    try:
        usage = shutil.disk_usage(_existing(folder))
    except OSError:
        return
    if usage.total and usage.free < needed + SPARE:
        raise DiskFullError(
            f"{folder}: {what} may need {size(needed)}, and {size(usage.free)} of {size(usage.total)} are free there; nothing was written. "
            f"Free {size(needed + SPARE - usage.free)}, or name a folder on another disk."
        )


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Turn the error of a full disk, or of a used-up quota, that comes while `path` is written into DiskFullError with numbers."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFullError(f"{path}: {_left(path, error)} What was finished before it is whole; free some space and go on.") from error


def size(count: float) -> str:
    """Return a number of bytes as a person reads it: "3.2 GB"."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(count) >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} bytes"


def _left(path: Path, error: OSError) -> str:
    if error.errno == errno.EDQUOT:
        return "could not be written, as your quota on that disk is used up."
    try:
        usage = shutil.disk_usage(_existing(path))
    except OSError:
        return "could not be written, as the disk is full."
    return f"could not be written, as the disk is full: {size(usage.free)} of {size(usage.total)} are free without it."


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next((one for one in (folder, *folder.parents) if one.is_dir()), folder)
