"""The shapes that people label with, and the pixels that they mark.

Coordinates are in pixels from the picture's upper left corner: the centre of the first pixel is at (0.5, 0.5). `units` is the size (H, W)
that they count in, where it is not the picture's own: (1, 1) for shares, (100, 100) for percent, or the size of a picture that was scaled
since. A shape marks the pixels whose centre it holds; one that holds none marks those that its outline touches, so that nothing small is
lost. Small shapes draw into their box alone: a hundred thousand of them in a large picture cost no pass over it each.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from PIL import Image

from flawsmith.formats import runs
from flawsmith.images.codes import read_codes
from flawsmith.images.files import read_mask

Size = tuple[float, float]  # height, width
MOST_CROSSINGS = 10_000_000  # of a polygon's sides with rows of pixels
MOST_STROKED = 300_000_000  # pixels that the parts of a line are compared with
_BAND = 1 << 20  # of these at a time
FAR = 1e7  # pixels: no coordinate is farther away
OVER = 0.005  # of a picture's side: nearer to its border a corner that lies outside is a matter of rounding


class Shape(Protocol):
    """What marks an area."""

    def draw(self, whole: np.ndarray, units: Size) -> None:
        """Mark its pixels in the mask (H, W) bool of a picture; others stay. Raises ValueError for what cannot be drawn."""
        ...


@dataclass(frozen=True, eq=False)
class Polygon:
    """Rings of corners; a pixel that lies in an odd number of them is marked."""

    rings: tuple[np.ndarray, ...]  # each (N, 2) x, y

    def draw(self, whole: np.ndarray, units: Size) -> None:
        """See Shape."""
        rings = [_scaled(ring, whole.shape, units) for ring in self.rings]
        if not _fill(whole, rings):
            _trace(whole, rings)


@dataclass(frozen=True)
class Rectangle:
    """An upright rectangle between two corners, as somebody drew it to mark all that is in it."""

    left: float
    top: float
    right: float
    bottom: float

    def draw(self, whole: np.ndarray, units: Size) -> None:
        """See Shape."""
        corners = np.array([[self.left, self.top], [self.right, self.top], [self.right, self.bottom], [self.left, self.bottom]])
        Polygon((corners,)).draw(whole, units)


@dataclass(frozen=True)
class Ellipse:
    """An ellipse, perhaps turned; a circle has two equal radii."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    degrees: float = 0.0  # clockwise

    def draw(self, whole: np.ndarray, units: Size) -> None:
        """See Shape."""
        turn = np.linspace(0, 2 * np.pi, 256, endpoint=False)
        x, y = self.radius_x * np.cos(turn), self.radius_y * np.sin(turn)
        # the radii are shares of the picture's sides in some tools, so what is turned is what is seen
        ring = _scaled(np.stack([x, y], 1), whole.shape, units)
        angle = np.radians(self.degrees)
        turned = ring @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        Polygon((turned + _scaled([[self.x, self.y]], whole.shape, units),)).draw(whole, whole.shape)


@dataclass(frozen=True, eq=False)
class Line:
    """A line through points, or points alone, of a width that is asked for: the tool stores none."""

    points: np.ndarray  # (N, 2) x, y
    width: float  # pixels of the picture
    joined: bool = True  # false: each point stands for itself

    def draw(self, whole: np.ndarray, units: Size) -> None:
        """See Shape."""
        points = _scaled(self.points, whole.shape, units)
        ends = list(zip(points[:-1], points[1:], strict=True)) if self.joined and len(points) > 1 else [(p, p) for p in points]
        looked_at = 0
        for start, end in ends:
            looked_at += _add_stroke(whole, start, end, max(self.width, 1.0) / 2)
            if looked_at > MOST_STROKED:
                raise ValueError(f"a line of {len(points)} points, which is too long to be drawn")


@dataclass(frozen=True)
class Runs:
    """Run lengths of the whole picture, or of a part of it."""

    counts: Any  # numbers, or COCO's compressed text
    size: tuple[int, int]  # of what they fill, (H, W)
    kind: str = "coco"  # coco, rows (numbers, row by row) or spans (pairs of start and length)
    corner: tuple[int, int] | None = None  # top, left of the part; None: they fill the picture

    def draw(self, whole: np.ndarray, units: Size) -> None:
        """See Shape."""
        if self.kind == "coco" and self.corner is None and self.size == whole.shape:
            runs.draw_coco(whole, self.counts)
            return
        if self.kind == "coco":
            mask = runs.from_coco(self.counts, self.size)
        elif self.kind == "rows":
            mask = runs.from_runs(self.counts, self.size, "C")
        else:
            mask = runs.from_spans(self.counts, self.size)
        _lay(whole, mask, self.corner, units)


@dataclass(frozen=True)
class Bitmap:
    """A picture inside a label file, in base64, in which what is not 0 (or, where it has alpha, not transparent) is marked."""

    data: str
    corner: tuple[int, int] | None = None  # top, left; None: it fills the picture

    def draw(self, whole: np.ndarray, units: Size) -> None:
        """See Shape."""
        _lay(whole, _decoded(self.data), self.corner, units)


@dataclass(frozen=True)
class MaskFile:
    """A mask picture of the picture's own size."""

    path: Path
    values: str = "auto"  # which values mark the defect, see images.mask_values
    code: int | None = None  # the one value that does
    colours: bool = False  # it is a colour 0xRRGGBB

    def draw(self, whole: np.ndarray, units: Size) -> None:
        """See Shape. Raises FileError for a file that cannot be used."""
        found = read_mask(self.path, self.values) if self.code is None else read_codes(self.path, self.colours).values == self.code
        if found.shape != whole.shape:
            sizes = f"mask is {found.shape[1]}x{found.shape[0]} but the picture is {whole.shape[1]}x{whole.shape[0]}"
            raise ValueError(f"{sizes}; masks must match their picture")
        whole |= found


@dataclass(frozen=True)
class Unmarked:
    """What was labelled without an area: a box around a defect, a point, a line whose width nobody said, the whole picture."""

    what: str  # box, point, line, whole picture, ...
    place: Rectangle | None = None  # of a box: a mask is still to be drawn in it


def box(left: Any, top: Any, right: Any, bottom: Any) -> Unmarked:
    """Return a box around a defect; it has no place where its corners are no numbers, or two of them one."""
    try:
        corners = coordinates([[left, top], [right, bottom]])
    except ValueError:
        return Unmarked("box")
    (left, top), (right, bottom) = corners.min(0), corners.max(0)
    return Unmarked("box", Rectangle(left, top, right, bottom) if left < right and top < bottom else None)


def sized_box(values: Any) -> Unmarked:
    """Return a box by the x and y of its upper left corner, its width and its height, as `box` does."""
    try:
        x, y, width, height = (number(value) for value in values)
    except (TypeError, ValueError):
        return Unmarked("box")
    return box(x, y, x + width, y + height)


def polygon(points: Any) -> Polygon:
    """Return a polygon of one ring of x, y pairs or of a flat list. Raises ValueError for less than three corners or for no numbers."""
    corners = coordinates(points)
    if len(corners) < 3:
        raise ValueError(f"a polygon of {len(corners)} points, expected three or more")
    return Polygon((corners,))


def stroke(points: Any, width: float, joined: bool = True) -> Line | Unmarked:
    """Return a line through points, or points alone; without a width they mark nothing. Raises as `coordinates` does."""
    array = coordinates(points)
    return Line(array, width, joined) if width > 0 else Unmarked("line" if joined else "point")


def coordinates(points: Any) -> np.ndarray:
    """Return points as (N, 2) float64 x, y, from pairs or a flat list. Raises ValueError for what is no number, or too far away."""
    try:
        array = np.asarray(points, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("coordinates that are no numbers") from None
    if array.size % 2 or array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] != 2):
        raise ValueError("coordinates that are no pairs of x and y")
    if not np.isfinite(array).all() or (np.abs(array) > FAR).any():
        raise ValueError("coordinates that are not finite")
    return array.reshape(-1, 2)


def number(value: Any) -> float:
    """Return a finite number. Raises ValueError for what is none."""
    return float(coordinates([value, 0])[0, 0])


def reaches_over(shape: Shape | Unmarked, units: Size) -> bool:
    """Return whether a polygon or rectangle has a corner outside of its picture, by more than OVER; units: of the coordinates."""
    if isinstance(shape, Rectangle):
        corners = np.array([[shape.left, shape.top], [shape.right, shape.bottom]])
    elif isinstance(shape, Polygon):
        corners = np.concatenate(shape.rings)
    else:
        return False
    shares = corners / (units[1], units[0])
    return bool((np.abs(shares - 0.5) > 0.5 + OVER).any())


def _scaled(points: Any, size: tuple[int, ...], units: Size) -> np.ndarray:
    scaled: np.ndarray = np.asarray(points, np.float64) * (size[1] / units[1], size[0] / units[0])
    if not np.isfinite(scaled).all() or (np.abs(scaled) > 100 * FAR).any():
        raise ValueError("coordinates that are not finite")
    return scaled


def _fill(whole: np.ndarray, rings: Sequence[np.ndarray]) -> bool:
    """Mark the pixels whose centres lie in an odd number of rings, each (N, 2) x, y; return whether there are any.

    Every side flips, in each row whose middle it crosses, all pixels to the right of where it does.
    """
    left, top, right, bottom = _box(whole, rings)
    if left >= right or top >= bottom:
        return False
    flips = np.zeros((bottom - top, right - left + 1), np.int32)
    crossings = 0
    for ring in rings:
        start, end = ring, np.roll(ring, -1, 0)
        start, end = (np.where((start[:, 1] <= end[:, 1])[:, None], a, b) for a, b in ((start, end), (end, start)))
        first, last = (np.clip(np.ceil(side[:, 1] - 0.5), top, bottom).astype(np.int64) for side in (start, end))
        counts = last - first
        crossings += int(counts.sum())
        if crossings > MOST_CROSSINGS:
            raise ValueError(f"polygons of more than {MOST_CROSSINGS} crossings with rows of pixels")
        side = np.repeat(np.arange(len(ring)), counts)
        row = np.arange(len(side)) - np.repeat(np.cumsum(counts) - counts, counts) + first[side]
        a, b = start[side], end[side]
        x = a[:, 0] + (row + 0.5 - a[:, 1]) * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1])
        np.add.at(flips, (row - top, np.clip(np.ceil(x - 0.5), left, right).astype(np.int64) - left), 1)
    inside = np.cumsum(flips[:, :-1], axis=1) % 2 == 1
    whole[top:bottom, left:right] |= inside
    return bool(inside.any())


def _trace(whole: np.ndarray, rings: Sequence[np.ndarray]) -> None:
    """Mark the pixels that the outlines of rings touch."""
    left, top, right, bottom = _box(whole, rings, 1)
    if left >= right or top >= bottom:
        return
    limit = 4 * max(whole.shape)
    points = [np.clip(np.floor(ring), -limit, limit).astype(np.int32) - (left, top) for ring in rings]
    drawn: np.ndarray = np.zeros((bottom - top, right - left), np.uint8)
    cv2.polylines(drawn, points, True, 1)
    whole[top:bottom, left:right] |= drawn > 0


def _box(whole: np.ndarray, rings: Sequence[np.ndarray], more: int = 0) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what rings may mark of a picture, with so many pixels more to the right and below."""
    corners = np.concatenate(rings)
    size = whole.shape[1], whole.shape[0]
    left, top = (int(np.clip(np.floor(v), 0, side)) for v, side in zip(corners.min(0), size, strict=True))
    right, bottom = (int(np.clip(np.ceil(v) + more, 0, side)) for v, side in zip(corners.max(0), size, strict=True))
    return left, top, right, bottom


def _add_stroke(found: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> int:
    """Mark the pixels whose centre is at most `radius` from the line between two points (x, y); return how many were looked at."""
    height, width = found.shape
    (x0, y0), (x1, y1) = np.minimum(start, end) - radius, np.maximum(start, end) + radius
    left, right = (int(np.clip(v, 0, width)) for v in (np.floor(x0), np.ceil(x1)))
    top, bottom = (int(np.clip(v, 0, height)) for v in (np.floor(y0), np.ceil(y1)))
    if left >= right or top >= bottom:
        return 0
    along = end - start
    length = float(along @ along)
    rows = max(1, _BAND // (right - left))  # at a time, so that a line across a large picture needs little memory
    for first in range(top, bottom, rows):
        last = min(first + rows, bottom)
        y, x = np.mgrid[first:last, left:right] + 0.5
        share = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length, 0, 1) if length else 0.0
        found[first:last, left:right] |= np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1]) <= radius
    return (bottom - top) * (right - left)


def _lay(whole: np.ndarray, mask: np.ndarray, corner: tuple[int, int] | None, units: Size) -> None:
    """Mark what a mask does: one of the whole picture at any size of it, or a part at its corner in a picture of the size `units`."""
    if corner is None:
        whole |= resized(mask, whole.shape)
    elif whole.shape == units:
        _paste(whole, mask, corner)
    else:
        other = np.zeros(runs.checked_size(units), bool)
        _paste(other, mask, corner)
        whole |= resized(other, whole.shape)


def _paste(whole: np.ndarray, mask: np.ndarray, corner: tuple[int, int]) -> None:
    top, left = corner
    bottom, right = min(top + mask.shape[0], whole.shape[0]), min(left + mask.shape[1], whole.shape[1])
    if top < bottom and left < right and bottom > 0 and right > 0:
        whole[max(top, 0) : bottom, max(left, 0) : right] |= mask[max(-top, 0) : bottom - top, max(-left, 0) : right - left]


def resized(mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return a mask (H, W) bool of a whole picture at another size of it."""
    if mask.shape == size:
        return mask
    return cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT) > 0


def _decoded(data: str) -> np.ndarray:
    """Return what a picture in base64 marks, (H, W) bool."""
    try:
        content = base64.b64decode(data.partition(",")[2] if data.startswith("data:") else data, validate=False)
        with Image.open(io.BytesIO(content), formats=["PNG", "JPEG", "BMP"]) as image:
            runs.checked_size((image.height, image.width))
            band = image.getchannel("A") if "A" in image.getbands() else image
            values = np.asarray(band)
    except (OSError, ValueError, TypeError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"a mask that cannot be decoded ({error})") from error
    return np.asarray(values > 0) if values.ndim == 2 else np.asarray((values > 0).any(2))
