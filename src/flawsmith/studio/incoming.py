"""Pictures and label files that somebody brings: held apart, file by file, until all are there; then they become a project's data at once.

What a file is, its first bytes say: a picture that can be read, of no more pixels than a picture may have; a label file, which is text; an
archive, whose members are treated alike. A name never leads out of the folder. What was not finished is removed.
"""

import codecs
import json
import os
import re
import secrets
import shutil
import socket
import threading
import time
import unicodedata
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool

from flawsmith.core.disk import full_disk_told, require_room, size
from flawsmith.core.errors import DataError, FileError, FlawsmithError
from flawsmith.core.locks import Owner
from flawsmith.core.paths import leads_out
from flawsmith.dataset.sample import GOOD
from flawsmith.formats.archives import BROKEN, members_of
from flawsmith.formats.files import LARGEST
from flawsmith.images.files import READABLE, SUFFIXES, content_type, image_size
from flawsmith.studio.home import Home
from flawsmith.studio.project import Project

FOLDER, OWNER, FILES = ".incoming", "owner.json", "files"  # in the home; in the folder of one
MOST_FILES, MOST_BYTES = 200_000, 64 << 30  # of one bringing
MOST_OPEN = 8  # at a time
IDLE = 6 * 3600.0  # seconds after which one that nobody goes on with is given up
LABELS = (".json", ".jsonl", ".ndjson", ".xml", ".csv", ".tsv", ".txt", ".yaml", ".yml")  # suffixes of label files
WHOLE, NORMAL, DEFECT, MASK = PLACES = ("whole", "normal", "defect", "mask")
PIECE = 1 << 20  # bytes written at a time
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}  # and what begins with a dot
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # no file can be called so on Windows
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class Place:
    """Where what is brought belongs."""

    role: str = WHOLE  # one of PLACES: as it lies in its folders; a normal; of a kind of defect; its mask
    kind: str = ""  # the kind of defect

    def path(self, name: PurePosixPath, flat: bool = True) -> PurePosixPath:
        """Return the path in the data of a file that is called so; flat: without its folders where it is sorted."""
        if self.role == WHOLE:
            return name
        own = name.name if flat else "_".join(name.parts[-2:])
        folder = {NORMAL: ("train", GOOD), DEFECT: ("test", self.kind), MASK: ("ground_truth", self.kind)}[self.role]
        return PurePosixPath(*folder, own)


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
        target = _checked(place, written)
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
            root = _laid_out(bringing.folder / FILES)
            files = sorted(path for path in root.rglob("*") if path.is_file())
            if not files:
                raise DataError("Nothing was brought that can be used.")
            if project is None:
                project = self._home.new(title)
                project.data.rmdir()
                os.rename(root, project.data)
            else:
                _add(root, files, project)
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
            head = stream.read(16)
        if head.startswith(_ZIP):
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
                    own = _checked(place, f"{target.stem}/{written}" if place.role == WHOLE else written)
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
                            head = stream.read(16)
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
    await run_in_threadpool(stream.write, bytes(waiting))


def _checked(place: Place, written: str) -> PurePosixPath | None:
    """Return the name of a file with its folders; None for what systems add. Raises DataError for one that leads elsewhere."""
    text = unicodedata.normalize("NFC", written.replace("\\", "/"))
    if len(text) > 1000 or leads_out(text) or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise DataError(f"{written[:80]!r}: is no name of a file that can be taken.")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts or any(part.startswith(".") or part.lower() in _LITTER for part in parts):
        return None
    name = PurePosixPath(*(_portable(part) for part in parts))
    if place.role in (DEFECT, MASK):
        _check_kind(place.kind)
    return name


def _portable(part: str) -> str:
    """Return a name that is one on every system."""
    kept = re.sub(r'[<>:"|?*]', "_", part).rstrip(". ")
    while len(kept.encode()) > 200:
        kept = kept[: len(kept) // 2 - 8] + kept[-(len(kept) // 2 - 8) :]
    return f"_{kept}" if not kept or _DEVICES.fullmatch(kept) else kept


def _check_kind(kind: str) -> None:
    if (
        kind.strip() != kind
        or not 0 < len(kind) <= 64
        or kind == GOOD
        or _portable(kind) != kind
        or kind.startswith(".")
        or re.search(r"[/\\]", kind)
    ):
        raise DataError(f"{kind!r}: cannot be the name of a defect; use letters, digits, spaces and - _ ( ), and another name than {GOOD}.")


def _store(bringing: _Bringing, place: Place, name: PurePosixPath, temporary: Path, head: bytes) -> None:
    """Move a file that was received to its place. Raises DataError for one that is not of a kind that is taken."""
    kind = content_type(head)
    if kind in SUFFIXES.values():
        try:
            image_size(temporary)
        except FileError as error:
            raise DataError(f"{name}: {error.what}") from error
        if SUFFIXES.get(name.suffix.lower()) != kind:
            stem = name.stem if name.suffix.lower() in SUFFIXES else name.name
            name = name.with_name(stem + next(suffix for suffix, own in SUFFIXES.items() if own == kind))
    elif place.role != WHOLE or name.suffix.lower() not in LABELS:
        found = f"a {kind} file" if kind else "an archive in an archive" if head.startswith(_ZIP) else "no picture"
        labels = "" if place.role != WHOLE else f", label files ({', '.join(LABELS)}) and zip files"
        raise DataError(f"{name}: is {found}; expected pictures ({READABLE}){labels}.")
    else:
        _check_text(name, temporary)
    with bringing.lock:
        target = bringing.folder / FILES / place.path(name)
        if target.exists() and place.role != WHOLE:
            target = bringing.folder / FILES / place.path(name, flat=False)
        if target.exists() or any(parent.is_file() for parent in target.parents):
            raise DataError(f"{name}: another file of this name was brought before it. Rename one.")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(temporary, target)


def _check_text(name: PurePosixPath, path: Path) -> None:
    if path.stat().st_size > LARGEST:
        raise DataError(f"{name}: has {size(path.stat().st_size)}; expected a label file of at most {size(LARGEST)}.")
    with path.open("rb") as stream:
        wide = stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-16" if wide else "utf-8")()
        try:
            for piece in iter(lambda: stream.read(PIECE), b""):
                if "\0" in decoder.decode(piece):
                    raise UnicodeError("it holds zero bytes")
            decoder.decode(b"", final=True)
        except UnicodeError as error:
            raise DataError(f"{name}: is called as a label file and is no text ({error}).") from error


def _laid_out(files: Path) -> Path:
    """Return the folder that becomes the data: what one folder alone was brought in; kinds of defect have a folder for masks."""
    root = files
    while len(inside := list(root.iterdir())) == 1 and inside[0].is_dir() and inside[0].name not in ("train", "test", "ground_truth"):
        root = inside[0]
    if root == files:
        for folder in (files / "test").iterdir() if (files / "test").is_dir() else ():
            if folder.is_dir() and folder.name != GOOD:
                (files / "ground_truth" / folder.name).mkdir(parents=True, exist_ok=True)
    return root


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
