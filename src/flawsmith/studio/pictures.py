"""Pictures for a browser: as they are where it can show them, else in 8 bits; small ones are made once and kept."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from flawsmith.core.errors import DiskFullError
from flawsmith.core.files import write_bytes
from flawsmith.images.files import bit_depth, image_size, orientation, read_image, read_small, type_of
from flawsmith.studio.project import Project

SIDE = 224  # pixels of a thumbnail's longer side
SHOWN = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}  # what browsers show
MOST_DECODED = 32_000_000  # pixels of all pictures that are decoded at a time; a larger one is decoded alone
KEPT = {"Cache-Control": "private, no-cache"}  # may be kept, but is asked about: a file may change


def picture(project: Project, path: Path) -> Response:
    """Return a picture at its native size. Raises a 404 for one that is missing or not the project's, FileError for one that is damaged."""
    check_allowed(project, path)
    image_size(path)  # one that is too large is no browser's task, either
    kind = SHOWN.get(path.suffix.lower())
    if kind is not None and bit_depth(path) == 8 and orientation(path) == 1:
        return FileResponse(path, media_type=kind, headers=KEPT)
    with decoding(path):
        return Response(as_png(eight_bit(read_image(path))), media_type="image/png", headers=KEPT)


def mask(label: np.ndarray) -> Response:
    """Return a mask (H, W) bool as a grey picture of 0 and 255."""
    return Response(as_png(label[..., None].astype(np.uint8) * 255), media_type="image/png", headers=KEPT)


@contextmanager
def decoding(path: Path, share: float = 1) -> Iterator[None]:
    """Hold a place for a picture that is decoded in the block: of large ones few are at a time, however many are asked for.

    share: how much of it is in memory at once. Raises FileError for a picture without a readable header.
    """
    height, width = image_size(path)
    with _PLACES.taken(min(MOST_DECODED, int(height * width * share))):
        yield


class _Places:
    """Pixels that may be decoded at a time."""

    def __init__(self, most: int) -> None:
        self._free, self._changed = most, threading.Condition()

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._free >= count)
            self._free -= count
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()


def thumbnail(project: Project, name: str, sources: tuple[Path, ...], draw: Callable[[], np.ndarray], known: str = "") -> Response:
    """Return a small picture that is drawn once, and again when one of its sources changes.

    name: what tells it from others of the same sources; sources: the files it is drawn from, all the project's; draw: returns it, (H, W, C)
    uint8, C 1, 3 or 4; known: the request's If-None-Match: which one the browser has.
    """
    marks = [name]
    for path in sources:
        check_allowed(project, path)
        found = path.stat()
        marks.append(f"{path}:{found.st_mtime_ns}:{found.st_size}")
    key = hashlib.sha256("\n".join(marks).encode()).hexdigest()[:32]
    headers = {**KEPT, "ETag": f'"{key}"'}
    if headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    kept = project.folder / "thumbnails" / key[:2] / f"{key}.jpg"
    if not kept.is_file():
        content = as_jpeg(draw())
        with suppress(OSError, DiskFullError):  # it is shown, and drawn again next time
            write_bytes(kept, content)
        return Response(content, media_type="image/jpeg", headers=headers)
    return FileResponse(kept, media_type="image/jpeg", headers=headers)


_PLACES = _Places(MOST_DECODED)


def check_allowed(project: Project, path: Path) -> None:
    """Raise a 404 for a file that is missing, or not in what the project may show, links followed."""
    if not project.allowed(path) or not path.is_file():
        raise HTTPException(404)


def small_of(path: Path, side: int = SIDE) -> np.ndarray:
    """Return a picture's thumbnail (H, W, C) uint8. Raises FileError for one that cannot be read."""
    with decoding(path, 0.2 if type_of(path) in ("PNG", "JPEG") else 1):
        return small(read_small(path, side), side)


def small(image: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Return a picture (H, W, C) uint8 | uint16 in 8 bits, its longer side at most `side` pixels; one that is smaller keeps its size."""
    found = eight_bit(image)
    share = side / max(found.shape[:2])
    if share < 1:
        size = (max(1, round(found.shape[1] * share)), max(1, round(found.shape[0] * share)))
        found = cv2.resize(found, size, interpolation=cv2.INTER_AREA)
    return found if found.ndim == 3 else found[..., None]


def eight_bit(image: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, C) in 8 bits: one of 16 from its least value, black, to its largest, white."""
    if image.dtype == np.uint8:
        return image
    least, most = int(image.min()), int(image.max())
    return ((image.astype(np.float32) - least) * (255 / max(1, most - least))).round().astype(np.uint8)


def as_png(image: np.ndarray) -> bytes:
    """Return a picture (H, W, C) uint8 as PNG, compressed a little."""
    return _encoded(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def as_jpeg(image: np.ndarray) -> bytes:
    """Return a picture (H, W, C) uint8 as JPEG; alpha is left out."""
    colours = image[..., : 3 if image.shape[2] >= 3 else 1]
    return _encoded(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, 88])


def _encoded(kind: str, image: np.ndarray, options: list[int]) -> bytes:
    order = {1: [0], 2: [0, 0, 0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[image.shape[2]]
    done, content = cv2.imencode(kind, np.ascontiguousarray(image[..., order]), options)
    assert done
    return content.tobytes()
