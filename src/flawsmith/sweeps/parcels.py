"""Folders on their way to another machine and back: archives of files, with the paths in their text set right."""

import io
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from flawsmith.core.files import is_temporary, write_bytes
from flawsmith.core.folders import LITTER
from flawsmith.core.paths import leads_out, relative

PIECE = 256 << 20  # bytes of files in an archive, unless a single file has more
TEXT = (".json", ".jsonl", ".yaml", ".html", ".md", ".log")  # suffixes of what commands write about themselves, and may name paths in

Paths = Mapping[str, str]  # folders as one machine names them, to how another one does


def files_in(folder: Path) -> list[Path]:
    """Return every file in a folder, by path, those behind links included; locks and what was being written are left out."""
    found: list[Path] = []
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(place))
        folders[:] = sorted(name for name in folders if os.path.realpath(os.path.join(place, name)) not in seen)  # no circles
        found += [Path(place, name) for name in sorted(names) if name not in LITTER and not is_temporary(name)]
    return [path for path in found if path.is_file()]


def pack(files: Iterable[Path], root: Path, paths: Paths) -> Iterator[bytes]:
    """Yield archives of the files, named as seen from `root`, with the folders in their text called as `paths` says."""
    waiting: list[tuple[str, bytes]] = []
    for path in files:
        content = path.read_bytes()
        content = renamed(content, paths) if path.name.endswith(TEXT) else content
        if waiting and sum(len(each) for _, each in waiting) + len(content) > PIECE:
            yield _archive(waiting)
            waiting = []
        waiting.append((relative(path, root), content))
    yield _archive(waiting)


def unpack(piece: bytes, into: Path, write: Callable[[Path, bytes], object] = write_bytes) -> None:
    """Write the files of an archive into a folder; raises ValueError for a name that leads out of it."""
    with tarfile.open(fileobj=io.BytesIO(piece)) as archive:
        for member in archive:
            stream = archive.extractfile(member)
            if stream is None or leads_out(member.name):
                raise ValueError(f"{member.name!r} is no file, or leads out of {into}.")
            write(into / member.name, stream.read())


def write_new(path: Path, content: bytes) -> None:
    """Write a file of a folder that is of no use before it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def renamed(content: bytes, paths: Paths) -> bytes:
    """Return text in which folders are called as `paths` says, the longest name first, plain or as in JSON."""
    forms = {form(old): form(new) for old, new in paths.items() for form in (_plain, _in_json)}
    if not forms:
        return content
    names = b"|".join(re.escape(name) for name in sorted(forms, key=len, reverse=True))
    return re.sub(b"(?:" + names + rb")(?![\w-])", lambda found: forms[found[0]], content)


def _archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:  # pictures and weights are not made smaller by compression
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _plain(path: str) -> bytes:
    return os.fsencode(path)


def _in_json(path: str) -> bytes:
    return json.dumps(path)[1:-1].encode()
