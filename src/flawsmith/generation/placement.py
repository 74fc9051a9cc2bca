"""Where the next defect goes and what region the model gets: shaped like a real defect, placed where real ones occur."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.config import Config
from flawsmith.data.library import Example
from flawsmith.data.windows import bounding_box, components, distance_outside, grow, thickness
from flawsmith.errors import DataError

FILL = 0.8  # largest share of the window's side that a proposed defect takes
ALL = 0.9  # a user's region up to this share of the window's side is given to the model whole
CANDIDATES = 512  # places looked at per proposal, each with every way to turn the defect
CHOICES = 8  # of them, the best, among which chance decides
THIN = 0.25  # a shape thinner than this share of the largest length is cut to fit, a thicker one is made smaller
RING = 12  # pixels around a defect whose look is compared


@dataclass(frozen=True)
class Placement:
    """One proposal, in pixels of the picture."""

    top: int  # of the window; negative where a small picture is reflected
    left: int
    region: np.ndarray  # (S, S) bool: where the model may draw, inside the window
    shape: np.ndarray  # (S, S) bool: the proposed defect, inside the region
    source: str  # the real defect whose shape was taken


def place(
    image: np.ndarray, examples: Sequence[Example], window: int, config: Config, g: np.random.Generator, allowed: np.ndarray | None = None
) -> Placement:
    """Return a window of `image` (H, W, C) and a region in it for one of `examples` (all of one defect).

    A real defect's shape is taken, turned, scaled and bent a little; with generation.placement "context" it goes to the
    candidate place whose surroundings look most like that defect's own, with "position" to where real ones were, with
    "uniform" anywhere. allowed: (H, W) bool, where regions may be; a mask that fits the window is the region itself.
    """
    example = examples[int(g.integers(len(examples)))]
    limit = FILL * min(window, max(image.shape[:2]))
    if allowed is not None and allowed.any():
        limit = min(limit, max(3.0, bounding_box(allowed).side * 0.8))
    spots = _candidates(image.shape[:2], examples, config.generation.placement, g, allowed)
    turns = _turns(config)
    if config.generation.placement == "context":
        costs = np.stack([context_cost(image, turn(example.image), turn(example.mask), spots) for turn in turns])  # (turns, M)
        best = np.argsort(costs, axis=None, kind="stable")[:CHOICES]
        best = best[costs.flat[best] <= 2 * costs.min() + 1]  # one place that fits far better is taken for sure
        which, where = divmod(int(best[g.integers(len(best))]), len(spots))
    else:
        which, where = int(g.integers(len(turns))), int(g.integers(len(spots)))
    shape = piece(turns[which](example.shape), limit, g)
    shape = warp(shape, float(g.uniform(0.8, 1.25)), float(g.uniform(-12, 12)), limit, g)
    row, column = _keep_inside(spots[where], shape.shape, image.shape) if allowed is None else (int(v) for v in spots[where])
    centre = (row, column)
    if allowed is not None and bounding_box(allowed).side <= ALL * window:
        box = bounding_box(allowed)  # the window sees all that is allowed
        centre = (box.top + box.height // 2, box.left + box.width // 2)
    top, left = (_corner(at, window, size) for at, size in zip(centre, image.shape[:2], strict=True))
    proposed = np.zeros((window, window), bool)
    _stamp(proposed, shape, row - top, column - left)
    region = grow(proposed, 2 + config.generation.region_margin * thickness(shape))
    region &= _inside(top, left, window, image.shape[:2])
    if allowed is not None:
        region = _restrict(region, allowed, top, left, window)
    return Placement(top, left, region, proposed & region, example.source)


def piece(shape: np.ndarray, limit: float, g: np.random.Generator) -> np.ndarray:
    """Return a shape (h, w) bool whole, or of a long thin one a random stretch that is about `limit` pixels long.

    A long crack made smaller would become thinner than any real one.
    """
    if max(shape.shape) <= limit or thickness(shape) > THIN * limit:
        return shape
    rows, columns = np.nonzero(shape)
    middle = int(g.integers(len(rows)))
    y, x = np.ogrid[: shape.shape[0], : shape.shape[1]]
    near = shape & ((y - rows[middle]) ** 2 + (x - columns[middle]) ** 2 <= (limit / 2 / 1.25) ** 2)
    near = components(near)[0]
    box = bounding_box(near)
    return near[box.top : box.top + box.height, box.left : box.left + box.width]


def warp(shape: np.ndarray, scale: float, degrees: float, limit: float, g: np.random.Generator) -> np.ndarray:
    """Return a mask (h, w) bool scaled, turned and bent a little, its longer side at most `limit` pixels, cut to its box."""
    side = max(shape.shape)
    scale = min(scale, limit / (1.25 * side))  # turning and bending may make it longer
    size = int(np.ceil(side * scale * 1.6)) + 8
    angle = np.deg2rad(degrees)
    rows, columns = np.mgrid[:size, :size].astype(np.float32) - (size - 1) / 2
    coarse = g.normal(0, 0.03 * side * scale, (4, 4, 2)).astype(np.float32)  # pixels, on a grid of 4 x 4
    bend = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    rows, columns = rows + bend[..., 0], columns + bend[..., 1]
    y = ((np.cos(angle) * rows - np.sin(angle) * columns) / scale + (shape.shape[0] - 1) / 2).astype(np.float32)
    x = ((np.sin(angle) * rows + np.cos(angle) * columns) / scale + (shape.shape[1] - 1) / 2).astype(np.float32)
    blur = 0.6 / scale  # a line as thin as a pixel of the result must reach the nearest one
    rim = int(np.ceil(3 * blur))
    soft = cv2.GaussianBlur(np.pad(shape, rim).astype(np.float32), (0, 0), blur)
    moved = cv2.remap(soft, x + rim, y + rim, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    mask = moved > 0.5 * min(1.0, float(moved.max()))
    if not mask.any():
        return np.ones((2, 2), bool)
    box = bounding_box(mask)
    return mask[box.top : box.top + box.height, box.left : box.left + box.width]


def context_cost(image: np.ndarray, example: np.ndarray, mask: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """Return for each place how unlike its surroundings are to those of a real defect, (M,). spots: (M, 2) rows and columns.

    Mean squared difference over a ring around the defect, where a difference in mean brightness counts a quarter (exposures
    vary); pixels outside the picture count as twice the example's variance.
    """
    distance = distance_outside(mask)
    rows, columns = np.nonzero((distance > 1) & (distance <= RING))
    if len(rows) == 0:
        return np.zeros(len(spots))
    thin = np.linspace(0, len(rows) - 1, min(len(rows), 200)).astype(int)
    rows, columns = rows[thin], columns[thin]
    values = _grey(example[rows, columns])  # (R,)
    y = spots[:, :1] + (rows - mask.shape[0] // 2)[None]  # (M, R)
    x = spots[:, 1:] + (columns - mask.shape[1] // 2)[None]
    inside = (y >= 0) & (y < image.shape[0]) & (x >= 0) & (x < image.shape[1])
    there = _grey(image[y.clip(0, image.shape[0] - 1), x.clip(0, image.shape[1] - 1)])  # (M, R)
    gap = there - values
    gap = gap - 0.5 * gap.mean(1, keepdims=True)
    return np.where(inside, gap**2, 2 * values.var() + 1).mean(1)


def _candidates(
    size: tuple[int, ...],
    examples: Sequence[Example],
    how: str,
    g: np.random.Generator,
    allowed: np.ndarray | None,
) -> np.ndarray:
    """Return places (M, 2) for a defect's centre, as rows and columns of the picture."""
    if allowed is not None:
        spots = np.argwhere(allowed)
        if len(spots) == 0:
            raise DataError("--region: the mask for this picture is empty; mark where the defect may be.")
        return spots[g.integers(len(spots), size=CANDIDATES)]
    near = np.array([example.place for example in examples])[g.integers(len(examples), size=CANDIDATES)]
    near = near + g.normal(0, 0.04, near.shape)
    anywhere = g.random((CANDIDATES, 2))
    share = {"position": 1.0, "context": 0.5, "uniform": 0.0}[how]
    spots = np.where(g.random((CANDIDATES, 1)) < share, near, anywhere) * np.array(size)
    return np.clip(spots.astype(int), 0, np.array(size) - 1)


def _grey(pixels: np.ndarray) -> np.ndarray:
    """Return the mean over the colours, without alpha, (...) float32, of pixels (..., C)."""
    return pixels[..., : pixels.shape[-1] - (pixels.shape[-1] in (2, 4))].mean(-1, dtype=np.float32)


def _keep_inside(spot: np.ndarray, shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, int]:
    """Return the place moved so that a shape centred there lies in the picture, or as well as it can."""
    low = np.minimum(np.array(shape), np.array(size[:2])) // 2
    row, column = np.clip(spot, low, np.array(size[:2]) - 1 - low)
    return int(row), int(column)


def _turns(config: Config) -> list[Callable[[np.ndarray], np.ndarray]]:
    """Return the functions that mirror and turn an array as training windows were, each different way once."""
    ways = [(k, flip) for k in (range(4) if config.data.rotations else (0,)) for flip in ((False, True) if config.data.flips else (False,))]
    if config.data.flips and not config.data.rotations:
        ways += [(2, False), (2, True)]  # mirroring both ways is a half turn

    def turn(way: tuple[int, bool]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda a: np.rot90(a, way[0])[:, ::-1] if way[1] else np.rot90(a, way[0])

    return [turn(way) for way in ways]


def _corner(centre: int, window: int, size: int) -> int:
    return (size - window) // 2 if size <= window else int(np.clip(centre - window // 2, 0, size - window))


def _stamp(canvas: np.ndarray, shape: np.ndarray, row: int, column: int) -> None:
    """Set `shape`'s pixels in `canvas`, centred at (row, column), cut off at the border."""
    rows, columns = np.nonzero(shape)
    rows, columns = rows + row - shape.shape[0] // 2, columns + column - shape.shape[1] // 2
    ok = (rows >= 0) & (rows < canvas.shape[0]) & (columns >= 0) & (columns < canvas.shape[1])
    canvas[rows[ok], columns[ok]] = True


def _inside(top: int, left: int, window: int, size: tuple[int, ...]) -> np.ndarray:
    """Return (S, S) bool: the window's pixels that lie in the picture."""
    rows, columns = np.arange(top, top + window), np.arange(left, left + window)
    return ((rows >= 0) & (rows < size[0]))[:, None] & ((columns >= 0) & (columns < size[1]))[None]


def _restrict(region: np.ndarray, allowed: np.ndarray, top: int, left: int, window: int) -> np.ndarray:
    """Return the region inside `allowed`; all that is allowed here where it fits this window, or where the two do not meet."""
    rows, columns = np.arange(top, top + window), np.arange(left, left + window)
    inside = _inside(top, left, window, allowed.shape)
    here = allowed[rows.clip(0, allowed.shape[0] - 1)[:, None], columns.clip(0, allowed.shape[1] - 1)[None]] & inside
    whole = here.sum() == allowed.sum() and bounding_box(allowed).side <= ALL * window
    return here if whole or not (region & here).any() else region & here
