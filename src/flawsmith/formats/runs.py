"""Run lengths, in which label files hold masks. Nothing is decoded beyond its stated size.

COCO's own library packs; unpacked they are here, as it makes a whole mask, in the other order, of every small defect.
"""

from typing import Any

import numpy as np
from pycocotools import mask as coco

from flawsmith.images.headers import MAX_PIXELS

_MOST_CHARACTERS = 7  # of a number


def from_coco(counts: Any, size: Any) -> np.ndarray:
    """Return a mask (H, W) bool from COCO's run lengths: column by column, a list of numbers or their compressed text.

    size: [H, W]. Raises ValueError for what is neither, and for runs that do not fill the size.
    """
    whole = np.zeros(checked_size(size), bool)
    draw_coco(whole, counts)
    return whole


def draw_coco(whole: np.ndarray, counts: Any) -> None:
    """Mark in a mask (H, W) bool what COCO's run lengths of its size do, as `from_coco` takes them; only the columns that hold some."""
    if not isinstance(counts, (list, str, bytes)):
        raise ValueError(f"counts are {type(counts).__name__}, expected a list of numbers or text")
    if len(counts) > _MOST_CHARACTERS * (whole.size + 1):  # more than one number for each pixel
        raise ValueError(f"runs of other than the {whole.size} pixels that {whole.shape[1]}x{whole.shape[0]} has")
    lengths = _filling(whole_numbers(counts) if isinstance(counts, list) else unpacked(counts), whole.shape)
    height, ends = whole.shape[0], np.cumsum(lengths)
    marked = np.flatnonzero(lengths[1::2]) * 2 + 1
    if not len(marked):
        return
    left, right = int(ends[marked[0] - 1]) // height, (int(ends[marked[-1]]) - 1) // height + 1
    within = np.diff(np.clip(ends, left * height, right * height), prepend=left * height)
    whole[:, left:right] |= _alternating(within).reshape(right - left, height).T


def unpacked(counts: str | bytes) -> np.ndarray:
    """Return COCO's run lengths (N,) int64 from their compressed text. Raises ValueError for what is none.

    A number is some characters of five bits, the lowest first; a sixth says that more follow, and the highest of the last is the sign.
    From the fourth number on it is the difference to the one before the last (pycocotools, rleFrString).
    """
    codes = np.frombuffer(counts.encode("ascii", "replace") if isinstance(counts, str) else counts, np.uint8).astype(np.int64) - 48
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError("counts are no compressed run lengths of COCO")
    ends = np.flatnonzero(~codes & 32)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if (ends - starts).max() >= _MOST_CHARACTERS:
        raise ValueError("counts are no compressed run lengths of COCO")
    place = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    numbers = np.add.reduceat((codes & 31) << (5 * place), starts)
    numbers -= (codes[ends] & 16) << (5 * (ends - starts) + 1)
    for first in (1, 2):
        numbers[first::2] = np.cumsum(numbers[first::2])
    return numbers


def to_coco(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask (H, W) bool as COCO's compressed run lengths: {"size": [H, W], "counts": text}."""
    runs = coco.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(n) for n in runs["size"]], "counts": runs["counts"].decode("ascii")}


def from_runs(counts: Any, size: Any, order: str) -> np.ndarray:
    """Return a mask (H, W) bool from lengths that by turns are unmarked and marked; order: "C" row by row, "F" column by column.

    Raises ValueError for lengths that do not fill the size.
    """
    height, width = checked_size(size)
    lengths = _filling(whole_numbers(counts), (height, width))
    return _alternating(lengths).reshape((height, width), order=order)  # type: ignore[call-overload]


def _filling(lengths: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return run lengths (N,) int64. Raises ValueError unless they fill the size (H, W)."""
    height, width = size
    within = ((lengths >= 0) & (lengths <= height * width)).all()  # a sum of larger ones may overflow
    if not within or int(lengths.sum()) != height * width:
        raise ValueError(f"runs of other than the {height * width} pixels that {width}x{height} has")
    return lengths


def _alternating(lengths: np.ndarray) -> np.ndarray:
    """Return runs of by turns unmarked and marked pixels, (N,) bool."""
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)


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
