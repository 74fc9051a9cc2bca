"""One writer per folder: a lock that the operating system drops when its process ends, however it ends."""

import errno
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from flawsmith.core.disk import full_disk_told
from flawsmith.core.errors import FolderBusyError, OutputExistsError
from flawsmith.core.files import is_temporary

LOCK_FILE = ".flawsmith.lock"
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)  # what network file systems without locks answer


@dataclass(frozen=True)
class Owner:
    """Who writes to a folder, as the lock file says it."""

    pid: int
    host: str
    since: str  # local time
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}: {self.command}"

    @property
    def may_live(self) -> bool:
        """Whether the process is still there; on another machine, and on Windows, nobody knows."""
        if self.host != socket.gethostname() or os.name == "nt":  # where `os.kill` would send Ctrl-C
            return True
        try:
            os.kill(self.pid, 0)  # sends nothing
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return True


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold `folder` as the only one that writes to it; it is made if missing, and removed again if nothing was written to it.

    The lock is a file in the folder that says who holds it, so that machines which share the folder see it; it goes at the end of the
    block. One that a killed process left holds nobody up, and what that process was writing is removed. Raises FolderBusyError when
    another process or thread holds the folder, OutputExistsError for what is a file or can be no folder, and DiskFullError where the block
    finds its disk full. Where the file system knows no locks, what the file says is believed.
    """
    from filelock import FileLock, Timeout  # here, as what only reads need not wait for its import

    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:  # the last of /proc and the like
        what = "is a file" if folder.exists() else f"cannot be made ({error.strerror})"
        raise OutputExistsError(f"{folder}: {what}; name a folder to write to.") from error
    path = folder / LOCK_FILE
    lock, left, before = FileLock(path, timeout=0), path.exists(), _owner(path)
    try:
        lock.acquire()
    except Timeout:
        who = _owner(path) or f"{LOCK_FILE} is locked"
        raise FolderBusyError(
            f"{folder}: another flawsmith process is writing there ({who}); wait for its end, or name another folder."
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        if before is not None and before.may_live:
            raise FolderBusyError(
                f"{folder}: another flawsmith process is writing there ({before}); wait for its end, or name another folder. This file "
                f"system cannot tell whether it still runs: if it does not, delete {path}."
            ) from None
    try:
        with full_disk_told(folder):
            if left:  # by one that was killed, else the file would have gone with it; empty if that was before it had said who it is
                remove_temporaries(folder)
            with suppress(OSError):  # on Windows nobody writes to what is locked; then the lock alone tells
                path.write_text(json.dumps(asdict(_this_process())), encoding="utf-8")
            yield
    finally:
        with suppress(OSError):  # Windows removes no open file; a file without a holder blocks nobody
            path.unlink(missing_ok=True)  # while it is held: who opened it meanwhile sees that it has no name, and takes a new one
        lock.release()
        if made:
            with suppress(OSError):
                folder.rmdir()  # refuses unless empty


def holder(folder: Path) -> Owner | None:
    """Return who holds a folder; None where nobody does, or who did is gone."""
    from filelock import FileLock, Timeout

    path = folder / LOCK_FILE
    owner = _owner(path)
    if owner is None or not owner.may_live:
        return None
    try:
        with FileLock(path, timeout=0):
            return None  # its process ended without a word, and another has its number
    except Timeout:
        return owner
    except OSError:  # a file system that knows no locks: what the file says is believed
        return owner


def remove_temporaries(folder: Path) -> int:
    """Remove what writes into `folder` that were killed left there and in its folders; return how many files that were.

    Folders in it that are held, or were when their own process was killed, are left to whoever holds them next.
    """
    count = 0
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not Path(root, name, LOCK_FILE).exists()]
        for name in filter(is_temporary, names):
            Path(root, name).unlink(missing_ok=True)
            count += 1
    return count


def _this_process() -> Owner:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return Owner(os.getpid(), socket.gethostname(), time.strftime("%Y-%m-%d %H:%M:%S"), command[:200])


def _owner(path: Path) -> Owner | None:
    """Return who the lock file says holds the folder; None where it says nothing."""
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
