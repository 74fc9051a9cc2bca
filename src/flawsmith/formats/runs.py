"""Run lengths, in which label files hold masks: COCO's by its own library, all others here. Nothing is decoded beyond its stated size."""

from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco

from flawsmith.images.headers import MAX_PIXELS


def from_coco(counts: Any, size: Any) -> np.ndarray:
    """Return a mask (H, W) bool from COCO's run lengths: column by column, a list of numbers or their compressed text.

    size: [H, W]. Raises ValueError for what is neither, and for runs that do not fill the size.
    """
    height, width = checked_size(size)
    if isinstance(counts, list):
        return from_runs(counts, (height, width), "F")
    if not isinstance(counts, (str, bytes)):
        raise ValueError(f"counts are {type(counts).__name__}, expected a list of numbers or text")
    text = counts.encode("ascii") if isinstance(counts, str) else counts
    if not text or not all(48 <= c < 112 for c in text) or (text[-1] - 48) & 32:  # the library would read on behind an open end
        raise ValueError("counts are no compressed run lengths of COCO")
    columns = coco.decode({"size": [height, width], "counts": text}).T  # in memory column by column
    return cv2.transpose(columns).view(bool)  # row by row, as all other masks are: two orders cost more than this


def to_coco(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask (H, W) bool as COCO's compressed run lengths: {"size": [H, W], "counts": text}."""
    runs = coco.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(n) for n in runs["size"]], "counts": runs["counts"].decode("ascii")}


def from_runs(counts: Any, size: Any, order: str) -> np.ndarray:
    """Return a mask (H, W) bool from lengths that by turns are unmarked and marked; order: "C" row by row, "F" column by column.

    Raises ValueError for lengths that do not fill the size.
    """
    height, width = checked_size(size)
    lengths = whole_numbers(counts)
    within = ((lengths >= 0) & (lengths <= height * width)).all()  # a sum of larger ones may overflow
    if not within or int(lengths.sum()) != height * width:
        raise ValueError(f"runs of other than the {height * width} pixels that {width}x{height} has")
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return flat.reshape((height, width), order=order)  # type: ignore[call-overload]


def to_runs(mask: np.ndarray, order: str) -> list[int]:
    """Return the lengths that `from_runs` reads; the first is of unmarked pixels and may be 0."""
    flat = mask.ravel(order=order)  # type: ignore[arg-type]
    ends = np.flatnonzero(np.diff(flat, prepend=False, append=~flat[-1:])) if len(flat) else np.zeros(0, int)
    return np.diff(ends, prepend=0).tolist()


def from_spans(spans: Any, size: Any) -> np.ndarray:
    """Return a mask (H, W) bool from pairs of a marked run's first pixel and length, column by column, counted from 1 (Severstal).

    Raises ValueError for pairs outside the size.
    """
    height, width = checked_size(size)
    pairs = whole_numbers(spans)
    if len(pairs) % 2:
        raise ValueError(f"got {len(pairs)} numbers, expected pairs of start and length")
    starts, lengths = pairs[::2] - 1, pairs[1::2]
    most = height * width
    if ((starts < 0) | (starts > most) | (lengths < 0) | (lengths > most)).any() or (starts + lengths > most).any():
        raise ValueError(f"runs leave the picture of {width}x{height}")
    change = np.zeros(most + 1, np.int64)
    np.add.at(change, starts, 1)
    np.add.at(change, starts + lengths, -1)
    return (np.cumsum(change[:-1]) > 0).reshape((height, width), order="F")


def whole_numbers(values: Any) -> np.ndarray:
    """Return numbers as (N,) int64. Raises ValueError for what is not a list of whole numbers."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of several lengths
        array = np.asarray(None)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise ValueError("run lengths are no whole numbers")
    if not (np.isfinite(array) & (array == np.floor(array)) & (np.abs(array) < 2**53)).all():
        raise ValueError("run lengths are no whole numbers")
    return array.astype(np.int64)


def checked_size(size: Any) -> tuple[int, int]:
    """Return (H, W). Raises ValueError for what is no size of a picture."""
    try:
        height, width = (int(n) for n in size)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"got the size {size!r}, expected height and width") from None
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"got the size {width}x{height}, expected 1 to {MAX_PIXELS} pixels")
    return height, width
