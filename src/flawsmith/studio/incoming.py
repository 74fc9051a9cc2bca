"""Pictures and label files that somebody brings: held apart, file by file, until all are there; then they become a project's data at once.

Members of an archive are treated as files of their own. What was not finished is removed.
"""

import json
import os
import secrets
import shutil
import socket
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool

from flawsmith.core.disk import full_disk_told, require_room, size
from flawsmith.core.errors import DataError, FileError, FlawsmithError
from flawsmith.core.locks import Owner
from flawsmith.dataset.sample import GOOD
from flawsmith.formats.archives import BROKEN, members_of
from flawsmith.studio.home import Home
from flawsmith.studio.project import Project
from flawsmith.studio.taking import HEAD, WHOLE, Place, checked_name, is_archive, kept_as

FOLDER, OWNER, FILES = ".incoming", "owner.json", "files"  # in the home; in the folder of one
MOST_FILES, MOST_BYTES = 200_000, 64 << 30  # of one bringing
MOST_OPEN = 8  # at a time
IDLE = 6 * 3600.0  # seconds after which one that nobody goes on with is given up
PIECE = 1 << 20  # bytes written at a time
LAYOUT = ("train", "test", "ground_truth")  # folders that mean something by themselves


@dataclass
class _Bringing:
    """One that is going on."""

    folder: Path
    count: int = 0
    bytes: int = 0
    touched: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Incoming:
    """What is being brought to a home."""

    def __init__(self, home: Home) -> None:
        self._home, self._folder = home, home.folder / FOLDER
        self._open: dict[str, _Bringing] = {}
        self._lock = threading.Lock()

    def begin(self, count: int, bytes: int) -> str:
        """Return a name for what will be brought: so many files and bytes. Raises DataError for too many, DiskFullError for no room."""
        if count > MOST_FILES or bytes > MOST_BYTES:
            raise DataError(
                f"{count:,} files of {size(bytes)}: at most {MOST_FILES:,} files and {size(MOST_BYTES)} can be brought at once. Copy them "
                "to a folder of this machine, and open that."
            )
        require_room(self._home.folder, bytes, "what is brought")
        with self._lock:
            self._clean()
            if len(self._open) >= MOST_OPEN:
                raise DataError(f"{len(self._open)} uploads are going on; wait for the end of one, or stop it.")
            name = secrets.token_hex(8)
            folder = self._folder / name
            (folder / FILES).mkdir(parents=True)
            owner = Owner(os.getpid(), socket.gethostname(), time.strftime("%Y-%m-%d %H:%M:%S"), "flawsmith studio")
            (folder / OWNER).write_text(json.dumps(asdict(owner)), encoding="utf-8")
            self._open[name] = _Bringing(folder)
        return name

    async def receive(self, name: str, place: Place, written: str, body: AsyncIterator[bytes]) -> list[str]:
        """Store a file that is called `written`, and return what was left out of it, in words: members of an archive.

        Raises DataError for what cannot be taken, with nothing left of it.
        """
        bringing = self._found(name)
        target = checked_name(place, written)
        temporary = bringing.folder / f"part-{secrets.token_hex(8)}"
        try:
            with full_disk_told(temporary):
                with temporary.open("xb") as stream:
                    await _write(stream, body, self._counter(bringing, written))
                if target is None:
                    return []
                return await run_in_threadpool(self._keep, bringing, place, target, temporary)
        finally:
            temporary.unlink(missing_ok=True)

    def finish(self, name: str, title: str, project: Project | None = None) -> Project:
        """Make what was brought the data of a new project of this title, or more data of one; returns it.

        Raises DataError where nothing was brought, and for files that a project has already; then nothing changes.
        """
        bringing = self._found(name)
        with bringing.lock:
            brought = bringing.folder / FILES
            files = sorted(path for path in brought.rglob("*") if path.is_file())
            if not files:
                raise DataError("Nothing was brought that can be used.")
            _give_masks_a_folder(brought)
            if project is None:
                project = self._home.new(title)
                project.data.rmdir()
                os.rename(_unwrapped(brought), project.data)
            else:
                _add(brought, files, project)
            self._drop(name)
        return project

    def cancel(self, name: str) -> None:
        """Remove all that was brought."""
        if name in self._open:
            self._drop(name)

    def _found(self, name: str) -> _Bringing:
        bringing = self._open.get(name)
        if bringing is None:
            raise DataError("This upload is known no more: it was stopped, or the studio was started anew. Bring the files again.")
        bringing.touched = time.monotonic()
        return bringing

    def _drop(self, name: str) -> None:
        shutil.rmtree(self._open.pop(name).folder, ignore_errors=True)

    def _clean(self) -> None:
        """Give up what nobody goes on with, and remove what processes left that are gone."""
        for name, bringing in list(self._open.items()):
            if time.monotonic() - bringing.touched > IDLE:
                self._drop(name)
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            try:
                alive = Owner(**json.loads((folder / OWNER).read_text(encoding="utf-8"))).may_live
            except (OSError, ValueError, TypeError):
                alive = False
            if folder.name not in self._open and not alive:
                shutil.rmtree(folder, ignore_errors=True)

    def _counter(self, bringing: _Bringing, written: str) -> "_Counter":
        with bringing.lock:
            bringing.count += 1
            if bringing.count > MOST_FILES:
                raise DataError(f"{written}: more than {MOST_FILES:,} files cannot be brought at once.")
        return _Counter(bringing)

    def _keep(self, bringing: _Bringing, place: Place, target: PurePosixPath, temporary: Path) -> list[str]:
        with temporary.open("rb") as stream:
            head = stream.read(HEAD)
        if is_archive(head):
            return self._unfold(bringing, place, target, temporary)
        _store(bringing, place, target, temporary, head)
        return []

    def _unfold(self, bringing: _Bringing, place: Place, target: PurePosixPath, path: Path) -> list[str]:
        """Keep the members of an archive, and return what was left out."""
        left: list[str] = []
        try:
            with zipfile.ZipFile(path) as archive:
                members = members_of(path, archive)
                require_room(bringing.folder, sum(info.file_size for info in members.values()), f"what is in {target.name}")
                for written, info in members.items():
                    if bringing.folder.name not in self._open:
                        raise DataError("This upload was stopped.")
                    own = checked_name(place, f"{target.stem}/{written}" if place.role == WHOLE else written)
                    if own is None:
                        continue
                    count = self._counter(bringing, written)
                    temporary = bringing.folder / f"part-{secrets.token_hex(8)}"
                    try:
                        with archive.open(info) as source, temporary.open("xb") as stream:
                            for piece in iter(lambda source=source: source.read(PIECE), b""):  # type: ignore[misc]
                                count.add(len(piece))
                                stream.write(piece)
                        with temporary.open("rb") as stream:
                            head = stream.read(HEAD)
                        _store(bringing, place, own, temporary, head)
                    except FlawsmithError as error:
                        left.append(str(error))
                    finally:
                        temporary.unlink(missing_ok=True)
        except FileError as error:
            raise DataError(f"{target.name}: {error.what}") from error
        except BROKEN as error:
            raise DataError(f"{target.name}: is a zip file that cannot be unpacked ({error}). Make it anew.") from error
        return left


class _Counter:
    """Counts the bytes of a bringing. Raises DataError for too many."""

    def __init__(self, bringing: _Bringing) -> None:
        self._bringing = bringing

    def add(self, count: int) -> None:
        with self._bringing.lock:
            self._bringing.bytes += count
            if self._bringing.bytes > MOST_BYTES:
                raise DataError(f"More than {size(MOST_BYTES)} cannot be brought at once.")


async def _write(stream: BinaryIO, body: AsyncIterator[bytes], count: _Counter) -> None:
    """Write what comes, a piece at a time, beside the work of the server."""
    waiting = bytearray()
    async for piece in body:
        count.add(len(piece))
        waiting += piece
        if len(waiting) >= PIECE:
            await run_in_threadpool(stream.write, bytes(waiting))
            waiting.clear()
    stream.write(waiting)  # less than a piece: to wait for a thread would take longer


def _store(bringing: _Bringing, place: Place, name: PurePosixPath, temporary: Path, head: bytes) -> None:
    """Move a file that was received to its place. Raises DataError for one that is not of a kind that is taken."""
    name = kept_as(place, name, temporary, head)
    with bringing.lock:
        target = bringing.folder / FILES / place.path(name)
        if target.exists() and place.role != WHOLE:
            target = bringing.folder / FILES / place.path(name, flat=False)
        if target.exists() or any(parent.is_file() for parent in target.parents):
            raise DataError(f"{name}: another file of this name was brought before it. Rename one.")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(temporary, target)


def _give_masks_a_folder(files: Path) -> None:
    """Make a folder for the masks of each kind of defect: the layout is known by them, and masks may be drawn later."""
    for folder in (files / "test").iterdir() if (files / "test").is_dir() else ():
        if folder.is_dir() and folder.name != GOOD:
            (files / "ground_truth" / folder.name).mkdir(parents=True, exist_ok=True)


def _unwrapped(files: Path) -> Path:
    """Return the folder that becomes the data: one that alone was brought, with all in it, is not a folder in a folder."""
    while len(inside := list(files.iterdir())) == 1 and inside[0].is_dir() and inside[0].name not in LAYOUT:
        files = inside[0]
    return files


def require_own(project: Project) -> None:
    """Raise DataError for a project whose data the studio never writes to."""
    if not project.owns_data:
        raise DataError(f"{project.data} is no folder of the studio's own, and is never written to. Add pictures to it yourself.")


def _add(root: Path, files: list[Path], project: Project) -> None:
    """Move files to the data of a project. Raises DataError where some are there already, and then moves none."""
    require_own(project)
    targets = [project.data / path.relative_to(root) for path in files]
    there = [target.relative_to(project.data).as_posix() for target in targets if target.exists() or target.is_symlink()]
    if there:
        raise DataError(
            f"{len(there)} files are there already ({', '.join(there[:3])}); nothing was added. Rename them, or leave them out."
        )
    for path, target in zip(files, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(path, target)
    for folder in _folders(root):
        (project.data / folder.relative_to(root)).mkdir(parents=True, exist_ok=True)


def _folders(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_dir())
