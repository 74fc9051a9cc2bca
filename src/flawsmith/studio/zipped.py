"""A folder as a zip file that is made while it is sent: neither memory nor disk holds it."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from flawsmith.core.files import is_temporary
from flawsmith.core.locks import LOCK_FILE

PIECE = 256 * 1024  # bytes that are sent together
PACKED = {".png", ".jpg", ".jpeg", ".webp", ".tar", ".gz", ".parquet"}  # pressing these again gains nothing
LARGE = 2**31 - 2**20  # bytes of a file from which its entry needs a longer form


def zipped(folder: Path, top: str) -> Iterator[bytes]:
    """Yield the zip file of all that lies in a folder, under the folder `top`, piece by piece; links are left out.

    Raises OSError for a file that is gone before it is read.
    """
    sink = _Sink()
    with ZipFile(sink, "w") as archive:
        for path in files_below(folder):
            entry = ZipInfo.from_file(path, f"{top}/{path.relative_to(folder).as_posix()}", strict_timestamps=False)
            entry.compress_type = ZIP_STORED if path.suffix.lower() in PACKED else ZIP_DEFLATED
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=entry.file_size > LARGE) as target:
                while piece := source.read(PIECE):
                    target.write(piece)
                    if sink.held >= PIECE:
                        yield sink.take()
    yield sink.take()


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and its folders, by name, without links, locks and what is being written."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        for path in (Path(root, name) for name in sorted(names) if name != LOCK_FILE and not is_temporary(name)):
            if not path.is_symlink():
                yield path


class _Sink(io.RawIOBase):
    """What the archive is written to; it keeps what was not taken yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.held = 0  # bytes

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        piece = bytes(content)  # type: ignore[call-overload]
        self._pieces.append(piece)
        self.held += len(piece)
        return len(piece)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        found = b"".join(self._pieces)
        self._pieces, self.held = [], 0
        return found
