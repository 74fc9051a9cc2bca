"""Proposals of what to label in a picture: made in the background, one at a time, and kept while picture and normals stay as they are."""

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from starlette.exceptions import HTTPException

from flawsmith.core.errors import FlawsmithError
from flawsmith.core.files import read_json, write_bytes, write_json
from flawsmith.images.channels import without_alpha
from flawsmith.images.files import image_size, read_image
from flawsmith.product.difference import difference, nearest, small
from flawsmith.studio import listing
from flawsmith.studio.listing import NORMAL
from flawsmith.studio.pictures import as_png, decoding, eight_bit
from flawsmith.studio.project import Project

WORKING, READY, FAILED = STATES = ("working", "ready", "failed")
DIFFERENCE, ALIGNED, SAID = "difference.png", "normal.png", "said.json"
NORMALS = 48  # are looked at to find those that are most alike
PIXELS = 3_000_000  # of what is compared; larger pictures are shrunk for it
LARGEST = 64_000_000  # pixels of a picture for which a proposal is made
MOST_WAITING = 4
KEPT = 60  # proposals of a project
NICE = 10  # below the server's other threads, where the system knows that of threads
SMALL = "CREATE TABLE IF NOT EXISTS small (name TEXT PRIMARY KEY, stamp TEXT NOT NULL, seen BLOB NOT NULL)"


@dataclass(frozen=True)
class Proposal:
    """What is known of a proposal."""

    state: str  # of STATES
    key: str  # of its files
    words: str = ""  # what it was compared with, or why there is none


class Worker:
    """Does one thing at a time; what was asked for last goes first, and of more than MOST_WAITING the oldest are dropped."""

    def __init__(self) -> None:
        self._waiting: dict[Path, Callable[[], None]] = {}  # by what it makes
        self._made: Path | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def ask(self, made: Path, work: Callable[[], None]) -> None:
        """Have something made soon, if it is not being made."""
        with self._lock:
            if made == self._made:
                return
            self._waiting.pop(made, None)
            self._waiting[made] = work
            while len(self._waiting) > MOST_WAITING:
                del self._waiting[next(iter(self._waiting))]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="proposals", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        with suppress(AttributeError, OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while True:
            with self._lock:
                if not self._waiting:
                    self._made = self._thread = None
                    return
                self._made, work = self._waiting.popitem()
            work()


_WORKER = Worker()


def propose(project: Project, name: str) -> Proposal:
    """Return the proposal for a picture; it is begun where there is none. Raises a 404 as `listing.picture_of` does."""
    path = listing.picture_of(project, name)
    normals = _normals(project, name)
    state = path.stat()
    told = "\n".join([name, str(state.st_mtime_ns), str(state.st_size), *(f"{other}\t{stamp}" for other, stamp in normals)])
    key = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    folder = _folder(project, key)
    if (folder / SAID).is_file():
        return Proposal(**read_json(folder / SAID))
    if not normals:
        return Proposal(FAILED, key, "There are no normals to compare with. Mark some pictures as normals first.")
    _WORKER.ask(folder, lambda: _work(project, path, [other for other, _ in normals], folder, key))
    return Proposal(WORKING, key)


def file_of(project: Project, key: str, name: str) -> Path:
    """Return a file of a proposal that is ready; raises a 404 for anything else."""
    path = _folder(project, key) / name
    if len(key) != 32 or not key.isalnum() or name not in (DIFFERENCE, ALIGNED) or not path.is_file():
        raise HTTPException(404)
    return path


def _folder(project: Project, key: str) -> Path:
    return project.folder / "thumbnails/proposals" / key


def _normals(project: Project, name: str) -> list[tuple[str, str]]:
    """Return names and stamps of normals from all of the listing, NORMALS at most, without the picture itself."""
    query = """
        SELECT name, stamp FROM (SELECT name, stamp, row_number() OVER (ORDER BY place) - 1 AS i, count(*) OVER () AS n FROM pictures
        WHERE role = ? AND shown AND name != ?) WHERE i % ((n + ? - 1) / ?) = 0
    """
    return [(row["name"], row["stamp"]) for row in listing.database(project).rows(query, (NORMAL, name, NORMALS, NORMALS))]


def _work(project: Project, path: Path, normals: Sequence[str], folder: Path, key: str) -> None:
    try:
        _make(project, path, normals, folder, key)
    except (FlawsmithError, OSError, HTTPException, cv2.error, MemoryError) as error:
        with suppress(FlawsmithError, OSError):  # a full disk: it is tried again
            write_json(folder / SAID, asdict(Proposal(FAILED, key, f"No proposal could be made: {error}")))
    _tidy(folder.parent)


def _make(project: Project, path: Path, names: Sequence[str], folder: Path, key: str) -> None:
    height, width = image_size(path)
    if height * width > LARGEST:
        words = f"The picture is too large for a proposal: {width} x {height}, at most {LARGEST // 1_000_000} million pixels."
        write_json(folder / SAID, asdict(Proposal(FAILED, key, words)))
        return
    image = _read(path)
    seen = [(name, values) for name in names if (values := _seen(project, name)) is not None]
    if not seen:
        write_json(folder / SAID, asdict(Proposal(FAILED, key, "None of the normals can be read; the data page says why.")))
        return
    chosen = nearest(small(image), np.stack([values for _, values in seen]))
    alike = [seen[i][0] for i in chosen]
    found = difference(image, (_of_channels(_read(listing.picture_of(project, name)), image.shape[2]) for name in alike))
    size = width, height
    values = found.values if found.values.shape == (height, width) else cv2.resize(found.values, size, interpolation=cv2.INTER_LINEAR)
    normal = found.normal if found.normal.shape[:2] == (height, width) else cv2.resize(found.normal, size).reshape(height, width, -1)
    write_bytes(folder / DIFFERENCE, as_png(values[..., None]))
    write_bytes(folder / ALIGNED, as_png(normal))
    how = "pixel by pixel" if found.aligned else "by their texture, as they lie differently"
    others = f" and {len(alike) - 1} more normals that are most alike" if len(alike) > 1 else ""
    write_json(folder / SAID, asdict(Proposal(READY, key, f"Compared with {alike[0]}{others}, {how}.")))


def _read(path: Path) -> np.ndarray:
    """Return a picture as it is compared, (H, W, C) uint8, C 1 or 3."""
    with decoding(path):
        image = np.ascontiguousarray(without_alpha(eight_bit(read_image(path))))
    share = (PIXELS / (image.shape[0] * image.shape[1])) ** 0.5
    if share < 1:
        size = max(1, round(image.shape[1] * share)), max(1, round(image.shape[0] * share))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    return image


def _of_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Return a picture (H, W, C) uint8 as grey where another is, or in colours."""
    if image.shape[2] == channels:
        return image
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] if channels == 1 else image.repeat(3, axis=2)


def _seen(project: Project, name: str) -> np.ndarray | None:
    """Return what a normal is told alike by, kept once it is known; None where it cannot be read."""
    database = listing.database(project)
    database.table(SMALL)
    try:
        path = listing.picture_of(project, name)
        state = path.stat()
        stamp = f"{state.st_mtime_ns}:{state.st_size}"
        row = database.one("SELECT seen FROM small WHERE name = ? AND stamp = ?", (name, stamp))
        if row is not None:
            return np.frombuffer(row["seen"], np.float32)
        found = small(_read(path))
    except (FlawsmithError, OSError, HTTPException):
        return None
    with database.writing() as to:
        to.execute("INSERT OR REPLACE INTO small VALUES (?, ?, ?)", (name, stamp, found.tobytes()))
    return found


def _tidy(folder: Path) -> None:
    """Remove all but the newest proposals."""
    with suppress(OSError):
        found = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found[KEPT:]:
            shutil.rmtree(path, ignore_errors=True)
