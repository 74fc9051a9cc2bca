"""New shapes from real ones: a real mask scaled, turned, bent, cut to a stretch, or joined with another."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.core.errors import ConfigError
from flawsmith.dataset.components import components
from flawsmith.dataset.windows import bounding_box, thickness
from flawsmith.product.exemplars import Exemplar

THIN = 0.25  # a shape thinner than this share of the largest length is cut to fit, a thicker one is made smaller
SPREAD = 1.25  # a shape of its own size becomes at most this many times larger or smaller
DEGREES = 12.0  # by which a shape is turned to either side
FINE = 8  # blocks along a pixel of the result, into which a shape is made coarser before it is made much smaller
LEAST = 1.0  # pixels: no shape is shorter
BEND = 0.03  # by which it is bent: standard deviation as a share of its longer side
_SIZE = re.compile(r"([0-9.]+)(?:-([0-9.]+))?(px|x)?")


@dataclass(frozen=True)
class Size:
    """How large a defect is wanted: the longer side of its bounding box."""

    low: float
    high: float
    relative: bool  # a multiple of the real defect's own; else pixels

    def draw(self, side: int, g: np.random.Generator) -> float:
        """Return the wanted side in pixels for a real shape whose longer side has `side` pixels."""
        value = float(g.uniform(self.low, self.high))
        return max(LEAST, value * side) if self.relative else value

    def check(self, defect: str, sides: tuple[int, int]) -> None:
        """Raise ConfigError for a multiple that is less than a pixel even of the largest real defect.

        sides: the least and the largest longer side of the real defects of this name in pixels.
        """
        if self.relative and self.low * sides[1] < LEAST:
            real = f"{sides[0]}" if sides[0] == sides[1] else f"{sides[0]} to {sides[1]}"
            least = np.ceil(1000 * LEAST / sides[1]) / 1000
            raise ConfigError(
                f"--size {self.text()}: comes to less than a pixel, as real {defect!r} defects are {real} px long; "
                f"expected at least {least:g}x."
            )

    def text(self) -> str:
        """Return what `parse_size` reads back."""
        unit = "x" if self.relative else "px"
        low, high = (np.format_float_positional(value, trim="-") for value in (self.low, self.high))  # every digit, no exponent
        return f"{low}{unit}" if low == high else f"{low}-{high}{unit}"


def parse_size(text: str | float) -> Size:
    """Return the size that "40px", "20-60px", "0.5x" or "0.5-2x" describes; a bare number is pixels. Raises ConfigError."""
    found = _SIZE.fullmatch(str(text).replace(" ", ""))
    try:
        low = float(found[1]) if found else 0.0
        high = float(found[2] or found[1]) if found else 0.0
    except ValueError:
        low = high = 0.0
    if found and not found[3] == "x" and 0 < low < LEAST:
        raise ConfigError(f"--size {text}: comes to less than a pixel; expected at least 1px.")
    if found is None or not 0 < low <= high:
        raise ConfigError(f"--size {text}: expected pixels such as 40px or 20-60px, or multiples of real ones such as 0.5x or 0.5-2x.")
    return Size(low, high, found[3] == "x")


def propose(
    example: Exemplar,
    others: Sequence[Exemplar],
    limit: float,
    size: Size | None,
    joined: float,
    g: np.random.Generator,
    turn: int = 0,
    mirror: bool = False,
    change: float = 1.0,
) -> tuple[np.ndarray, float | None]:
    """Return a new shape (h, w) bool at most `limit` pixels long, and the wanted side in pixels where a size was asked for.

    `example` gives the shape, turned by `turn` quarter turns after `mirror`; with the chance `joined` one of `others` (of the same
    defect) is joined to it. change: how much it is scaled, turned and bent, as a share of the usual.
    """
    shape = _posed(example.shape, turn, mirror)
    wanted = None if size is None else size.draw(max(shape.shape), g)
    if wanted is None:
        shape = piece(shape, limit, g)
    if len(others) > 1 and g.random() < joined:
        other = _posed(others[int(g.integers(len(others)))].shape, int(g.integers(4)), bool(g.random() < 0.5))
        shape = join(shape, piece(other, min(limit, float(max(shape.shape))), g), g)
    scale = float(g.uniform(1 / SPREAD, SPREAD)) ** change if wanted is None else min(wanted, limit) / max(shape.shape)
    degrees = change * float(g.uniform(-DEGREES, DEGREES))
    shape = warp(shape, scale, degrees, limit, g, change * BEND)
    if wanted is not None:  # turning and bending have changed the side a little
        shape = warp(shape, min(wanted, limit) / max(shape.shape), 0.0, limit, g, bend=0.0)
    return shape, wanted


def is_cut(shape: np.ndarray, limit: float) -> bool:
    """Return whether a shape (h, w) bool is long and thin, so that a stretch of it is taken where it is longer than `limit` pixels."""
    return max(shape.shape) > limit and thickness(shape) <= THIN * limit


def piece(shape: np.ndarray, limit: float, g: np.random.Generator) -> np.ndarray:
    """Return a shape (h, w) bool whole, or of a long thin one a random stretch that is about `limit` pixels long.

    A long crack made smaller would become thinner than any real one.
    """
    if not is_cut(shape, limit):
        return shape
    rows, columns = np.nonzero(shape)
    middle = int(g.integers(len(rows)))
    y, x = np.ogrid[: shape.shape[0], : shape.shape[1]]
    near = shape & ((y - rows[middle]) ** 2 + (x - columns[middle]) ** 2 <= (limit / 2 / SPREAD) ** 2)
    return components(near)[0].shape


def join(a: np.ndarray, b: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return two shapes (h, w) bool as one: a border pixel of `b` laid on a border pixel of `a`."""
    size = 2 * (max(a.shape) + max(b.shape)) + 2
    canvas = np.zeros((size, size), bool)
    top, left = (size - a.shape[0]) // 2, (size - a.shape[1]) // 2
    canvas[top : top + a.shape[0], left : left + a.shape[1]] = a
    at, own = _border_pixel(a, g), _border_pixel(b, g)
    row, column = top + at[0] - own[0], left + at[1] - own[1]
    canvas[row : row + b.shape[0], column : column + b.shape[1]] |= b
    return _cropped(canvas)


def warp(shape: np.ndarray, scale: float, degrees: float, limit: float, g: np.random.Generator, bend: float = BEND) -> np.ndarray:
    """Return a mask (h, w) bool scaled, turned and bent a little, its longer side at most `limit` pixels, cut to its box.

    bend: standard deviation of the bending as a share of the shape's longer side.
    """
    side = max(shape.shape)
    scale = min(scale, limit / ((SPREAD if degrees or bend else 1) * side))  # turning and bending may make it longer
    shape, times = _coarser(shape, scale)
    side, scale = max(shape.shape), scale * times
    size = int(np.ceil(side * scale * 1.6)) + 8
    angle = np.deg2rad(degrees)
    rows, columns = np.mgrid[:size, :size].astype(np.float32) - (size - 1) / 2
    coarse = g.normal(0, bend * side * scale, (4, 4, 2)).astype(np.float32)  # pixels, on a grid of 4 x 4
    moves = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    rows, columns = rows + moves[..., 0], columns + moves[..., 1]
    y = ((np.cos(angle) * rows - np.sin(angle) * columns) / scale + (shape.shape[0] - 1) / 2).astype(np.float32)
    x = ((np.sin(angle) * rows + np.cos(angle) * columns) / scale + (shape.shape[1] - 1) / 2).astype(np.float32)
    rim = int(np.ceil(2 / scale))
    soft = _soft(np.pad(shape, rim), scale)
    moved = cv2.remap(soft, x + rim, y + rim, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    mask = moved > 0.5 * min(1.0, float(moved.max()))
    return _cropped(mask) if mask.any() else np.ones((2, 2), bool)


def _coarser(shape: np.ndarray, scale: float) -> tuple[np.ndarray, int]:
    """Return a shape (h, w) bool in blocks of n x n pixels, and n: FINE or more blocks to a pixel of the result; marked where any was.

    What follows costs as much as the square of the reduction.
    """
    times = int(1 / (FINE * scale))
    if times < 2:
        return shape, 1
    height, width = (-(-length // times) for length in shape.shape)
    padded = np.pad(shape, ((0, height * times - shape.shape[0]), (0, width * times - shape.shape[1])))
    blocks: np.ndarray = padded.reshape(height, times, width, times)
    return np.asarray(blocks.any((1, 3))), times


def _soft(shape: np.ndarray, scale: float) -> np.ndarray:
    """Return a shape (H, W) float32 blurred by 0.6 pixels of the result, in which also its lines thinner than such a pixel come to 1.

    They would else be lost beside a thick part when the shape is made smaller.
    """
    blur = 0.6 / scale
    soft = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), blur)
    kernel = np.ones((2 * int(np.ceil(0.75 / scale - 0.5)) + 1,) * 2, np.uint8)
    thin = shape & (cv2.morphologyEx(shape.astype(np.uint8), cv2.MORPH_OPEN, kernel) == 0)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(thin.astype(np.uint8), connectivity=8)
    lines = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(1) >= 3 / scale  # not the corners of a thick part
    lines[0] = False
    faint = cv2.GaussianBlur(lines[labels].astype(np.float32), (0, 0), blur)
    near = cv2.dilate(faint, np.ones((2 * int(np.ceil(1.5 / scale)) + 1,) * 2, np.uint8))  # the line's own height at this place
    return soft + (1 / near.clip(1e-6, 1) - 1) * faint


def _posed(shape: np.ndarray, turn: int, mirror: bool) -> np.ndarray:
    return np.rot90(shape[:, ::-1] if mirror else shape, turn)


def _border_pixel(shape: np.ndarray, g: np.random.Generator) -> tuple[int, int]:
    inner = cv2.erode(np.pad(shape, 1).astype(np.uint8), np.ones((3, 3), np.uint8))[1:-1, 1:-1] > 0
    rows, columns = np.nonzero(shape & ~inner)
    i = int(g.integers(len(rows)))
    return int(rows[i]), int(columns[i])


def _cropped(mask: np.ndarray) -> np.ndarray:
    box = bounding_box(mask)
    return mask[box.top : box.top + box.height, box.left : box.left + box.width]
