"""Files that were unpacked from others, kept where a user's caches are."""

import hashlib
import os
import tempfile
from pathlib import Path

from flawsmith.core.files import write_bytes


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
    path = unpacked_folder() / f"{hashlib.sha256(content).hexdigest()[:16]}-{name}"
    if not path.is_file() or path.stat().st_size != len(content):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    return path
