"""Zip files as tools export them, unpacked into the cache: bounded, and nothing outside it."""

import hashlib
import re
import shutil
import stat
import zipfile
import zlib
from functools import partial
from pathlib import Path

from flawsmith.core.cache import kept_folder
from flawsmith.core.errors import FileError
from flawsmith.core.paths import entries
from flawsmith.core.text import normal_form

MOST_FILES, MOST_BYTES = 500_000, 64 << 30
LOOSE, RATIO = 1 << 30, 100  # an archive that unfolds to more bytes than LOOSE, and more than RATIO times its own, is no pictures'
# what zipfile raises for a damaged archive; NotImplementedError is of a compression that it does not know
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, UnicodeError)
_IGNORED = {"__macosx", ".ds_store", "thumbs.db"}


def is_archive(path: Path) -> bool:
    """Return whether a path is called as a zip file is."""
    return path.suffix.lower() == ".zip" and path.is_file()


def unpacked(path: Path) -> Path:
    """Return the folder that holds what a zip file does; of one that holds a single folder, that folder.

    It is unpacked once, into the cache. Raises FileError for what is no zip file, is encrypted, holds links or paths that lead out of it,
    or unfolds to more than the cache's disk or the limits above allow.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = members_of(path, archive)
            listed = "\n".join(f"{name}\0{info.CRC}\0{info.file_size}" for name, info in sorted(members.items()))
            name = f"{hashlib.sha256(listed.encode()).hexdigest()[:16]}-{path.stem}"
            size = sum(info.file_size for info in members.values())
            folder = kept_folder(name, path, size, partial(_unpack, archive, members))
    except BROKEN as error:
        raise FileError(
            path, f"is a zip file that cannot be unpacked ({error}). Copy it again, or unpack it and name the folder."
        ) from error
    except OSError as error:
        raise FileError(path, f"cannot be unpacked ({error.strerror or error}). Unpack it yourself, and name the folder.") from error
    while len(inside := entries(folder)) == 1 and inside[0].is_dir():
        folder = inside[0]
    return folder


def members_of(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files in an archive by their paths, without those that systems add.

    Raises FileError for what is encrypted, links or paths that lead out of it, and for more than the limits above allow.
    """
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.replace("\\", "/")
        parts = name.split("/")
        if info.is_dir() or any(part.casefold() in _IGNORED or part.startswith("._") for part in parts):
            continue
        what = None
        if ".." in parts or name.startswith("/") or re.match(r"[A-Za-z]:", name):
            what = "a path that leads out of it"
        elif stat.S_ISLNK(info.external_attr >> 16):
            what = "a link"
        elif info.flag_bits & 1:
            what = "an encrypted file"
        elif found.setdefault(normal_form(name), info) is not info:
            what = "two files of one name"
        if what:
            raise FileError(path, f"holds {what} ({name[:80]!r}). Unpack it yourself if you trust it, and name the folder.")
    total = sum(info.file_size for info in found.values())
    loose = total > LOOSE and total > RATIO * path.stat().st_size
    if len(found) > MOST_FILES or total > MOST_BYTES or loose:
        limits = f"at most {MOST_FILES} files and {MOST_BYTES >> 30} GiB, and {RATIO} times its own size above {LOOSE >> 30} GiB"
        raise FileError(
            path, f"would unfold to {len(found)} files and {total >> 20} MiB; expected {limits}. Unpack it yourself if you trust it."
        )
    return found


def _unpack(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], into: Path) -> None:
    for name, info in members.items():
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as source, target.open("xb") as stream:
            shutil.copyfileobj(source, stream, 1 << 20)
