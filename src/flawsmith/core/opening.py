"""Opening what others gave: a pipe would be waited for without end, and a device may never end."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_plain(path: Path) -> BinaryIO:
    """Return a file opened to be read. Raises OSError as `Path.open` does, and for pipes and devices."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        what = "is a folder" if stat.S_ISDIR(mode) else "is a pipe or a device"
        raise OSError(errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL, f"{what}, expected a file", str(path))
    return os.fdopen(handle, "rb", buffering=1 << 16)
