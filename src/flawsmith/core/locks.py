"""One writer per folder: a lock that the operating system drops when its process ends, however it ends."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flawsmith.core.errors import FolderBusyError

LOCK_FILE = ".flawsmith.lock"
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)  # what network file systems without locks answer


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold `folder` as the only one that writes to it; it is made if missing, and removed again if nothing was written to it.

    The lock is a file in the folder, so that machines which share the folder see it; it goes at the end of the block. Raises
    FolderBusyError when another process or thread holds the folder. Where the file system knows no locks, none is held.
    """
    from filelock import FileLock, Timeout  # here, as what only reads need not wait for its import

    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_FILE
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise FolderBusyError(
            f"{folder}: another flawsmith process is writing there ({LOCK_FILE} is locked); wait for its end, or name another folder."
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file; a file without a holder blocks nobody
            path.unlink(missing_ok=True)  # while it is held: who opened it meanwhile sees that it has no name, and takes a new one
        lock.release()
        if made:
            with suppress(OSError):
                folder.rmdir()  # refuses unless empty
