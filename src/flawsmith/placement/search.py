"""Where the next defect goes and what region the model gets: shaped like a real defect, placed where real ones occur."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from flawsmith.config.schema import Config
from flawsmith.core.errors import NoRoomError
from flawsmith.dataset.dihedral import apply_pose, dihedral_poses
from flawsmith.dataset.windows import Box, bounding_box, cut, distance_outside, grow, inside, thickness
from flawsmith.images.channels import grey
from flawsmith.placement.context import context_cost, sample_at
from flawsmith.placement.prior import place_map, sample_places
from flawsmith.placement.shapes import Size, propose
from flawsmith.product.exemplars import Exemplar

FILL = 0.8  # largest share of the canvas's side that a proposed defect takes
ALL = 0.9  # a user's region up to this share of the window's side is given to the model whole
CANDIDATES = 512  # places looked at per proposal, each with every way to turn the defect
THOROUGH = 1536  # in binarised pictures, where edges must meet
MISFIT = 0.5  # of the variance of a defect's surroundings: a cost from which on a place of a binarised picture is unlike them
FLAT = 1e-3  # of the squared half range of values: a variance or a cost of binarised surroundings below it is none
CALM = 0.3  # of the usual changes of a shape, where its ends must meet the edges around
CHOICES = 8  # of them, the best, among which chance decides
SHIFT = 3  # pixels by which a place is moved each way to where it fits best
EVEN = 0.5  # share of a difference in brightness that is forgiven
RING = 12  # pixels around a defect whose look is compared
APART = 8  # pixels at least between two defects put into one picture
CUT_OFF = 0.1  # share of a shape that may lie beyond where the defect's pixels may be
BEYOND = 0.25  # of its side: how far a defect that reaches the picture's border is continued outside

Sides = tuple[bool, bool, bool, bool]  # top, left, bottom, right


@dataclass(frozen=True)
class PlacementRequest:
    """What is asked of a placement; every field may be left out."""

    region: np.ndarray | None = None  # (H, W) bool, the user's region: nothing is drawn outside it
    within: np.ndarray | None = None  # (H, W) bool: where the defect's centre may be (region, place map and object together)
    likely: np.ndarray | None = None  # (H, W) float32: how likely centres are, from the user's place map
    near: float | None = None  # share of places drawn near those of real defects; None = as generation.placement says
    size: Size | None = None
    taken: Sequence[Box] = field(default_factory=list)  # boxes of the picture that other defects have
    binarised: bool = False  # whether pictures have two tones: edges must meet, and a place that does not look like a real one is none
    extent: np.ndarray | None = None  # (H, W) bool: where the defect's pixels may be


@dataclass(frozen=True)
class Placement:
    """One proposal, in pixels of the picture."""

    top: int  # of the canvas; negative where a small picture is reflected
    left: int
    region: np.ndarray  # (H, W) bool: where the model may draw, inside the canvas
    shape: np.ndarray  # (H, W) bool: the proposed defect, inside the region
    source: str  # the real defect whose shape was taken
    side: float | None  # the longer side asked for in pixels, where a size was asked for


def place(
    image: np.ndarray,
    examples: Sequence[Exemplar],
    window: int,
    factor: int,
    config: Config,
    g: np.random.Generator,
    wish: PlacementRequest | None = None,
) -> Placement:
    """Return a canvas of `image` (H, W, C) and a region in it for one of `examples` (all of one defect).

    A real defect's shape is taken, turned, scaled and bent a little, now and then joined with another; with generation.placement
    "context" it goes to the candidate place whose surroundings look most like that defect's own, with "position" to where real ones
    were, with "uniform" anywhere. In binarised pictures a defect that finds no such place gives way to another one. The canvas is a
    window, or for a larger defect as many pixels as it needs, in multiples of `factor`. Raises DataError where the wishes leave no
    place.
    """
    wish = wish or PlacementRequest()
    choosy = wish.binarised and config.generation.placement == "context" and wish.region is None and wish.likely is None
    count = len(examples) if choosy else 1
    for i in g.choice(len(examples), size=count, replace=False, p=_chances(examples)):
        placed = _place(image, examples[int(i)], examples, window, factor, config, g, wish, choosy)
        if placed is not None:
            return placed
    raise NoRoomError("no place in this picture looks like the surroundings of a real defect of this kind")


def _chances(examples: Sequence[Exemplar]) -> np.ndarray:
    """Return how often each example's shape is taken, (N,): each real picture as often as the others, of its parts the larger ones more.

    Else the fragments of one long crack, which end at the picture's border, would be most of all cracks.
    """
    areas = np.array([max(1, example.area) for example in examples], float)
    pictures = [example.source for example in examples]
    totals = {name: sum(a for a, own in zip(areas, pictures, strict=True) if own == name) for name in pictures}
    return np.array([a / totals[name] for a, name in zip(areas, pictures, strict=True)]) / len(totals)


def _place(
    image: np.ndarray,
    example: Exemplar,
    examples: Sequence[Exemplar],
    window: int,
    factor: int,
    config: Config,
    g: np.random.Generator,
    wish: PlacementRequest,
    choosy: bool,
) -> Placement | None:
    """Return a canvas and a region for one example; None where a choosy one finds no place like its own."""
    size = image.shape[0], image.shape[1]
    limit = FILL * min(window * config.generation.max_windows, max(size))
    if wish.region is not None:
        limit = min(limit, max(3.0, bounding_box(wish.region).side * 0.8))
    near = {"position": 1.0, "context": 0.5, "uniform": 0.0}[config.generation.placement] if wish.near is None else wish.near
    within = wish.region if wish.within is None else wish.within
    count = THOROUGH if wish.binarised else CANDIDATES
    spots = sample_places(place_map(size, examples, within, wish.likely, near), size, count, g, within)
    turns = dihedral_poses(config.data)
    borders = [_turned_border(example.border, *t) if wish.region is None else (False,) * 4 for t in turns]
    if config.generation.placement == "context":
        even = 0.0 if wish.binarised else EVEN
        costs = np.stack([_example_cost(image, example, t, border, spots, even) for t, border in zip(turns, borders, strict=True)])
        if choosy and costs.min() > MISFIT * _variance(example) + _flat(example):
            return None
        best = np.argsort(costs, axis=None, kind="stable")[:CHOICES]
        best = best[costs.flat[best] <= 2 * costs.min() + 1]  # one place that fits far better is taken for sure
        pairs = [divmod(int(i), len(spots)) for i in g.permutation(best)]
        order = [(t, _shifted(image, example, turns[t], borders[t], spots[where], within, even)) for t, where in pairs]
    else:
        order = []
    order += [(int(g.integers(len(turns))), spots[int(g.integers(len(spots)))]) for _ in range(CHOICES)]
    padded, beyond = _beyond(example, limit, wish)
    calm = choosy and _variance(example) > _flat(example)
    best_found: tuple[float, np.ndarray, tuple[int, int], float | None] | None = None
    for turn, spot in order:
        joined, change = (0.0, CALM) if calm else (config.generation.composed_shapes, 1.0)
        shape, side = propose(padded, examples, limit, wish.size, joined, g, *turns[turn], change)
        row, column = _keep_inside(spot, shape.shape, size) if wish.region is None else (int(v) for v in spot)
        if beyond:
            row, column = _at_border((row, column), shape.shape, size, borders[turn], beyond)
        box = Box(row - shape.shape[0] // 2, column - shape.shape[1] // 2, *shape.shape)
        if any(_meet(box, other, APART) for other in wish.taken):
            continue
        lost = 0.0 if wish.extent is None else _lost(shape, box, wish.extent)
        if best_found is None or lost < best_found[0]:
            best_found = lost, shape, (row, column), side
        if lost <= CUT_OFF:
            break
    if best_found is None:
        raise NoRoomError("no place is left for one more defect in this picture")
    _, shape, at, side = best_found
    return _on_canvas(size, shape, at, window, factor, config, wish, example.source, side)


def _lost(shape: np.ndarray, box: Box, extent: np.ndarray) -> float:
    """Return the share of a shape, laid into a box of the picture, that lies in the picture and beyond where its pixels may be."""
    visible = inside(box.top, box.left, box.height, box.width, extent.shape)
    return float((shape & visible & ~cut(extent, box.top, box.left, box.height, box.width)).sum() / max(1, shape.sum()))


def place_cost(
    image: np.ndarray, example: np.ndarray, mask: np.ndarray, spots: np.ndarray, shown: np.ndarray | None = None, even: float = EVEN
) -> np.ndarray:
    """Return for each place how unlike its surroundings are to those of a real defect, (M,). spots: (M, 2) rows and columns.

    Compared over a ring around the defect, as `misfit` says. shown: the example's pixels that are not mirrored ones.
    """
    rows, columns = np.nonzero(_ring(mask, shown))
    if len(rows) == 0:
        return np.zeros(len(spots))
    thin = np.linspace(0, len(rows) - 1, min(len(rows), 200)).astype(int)
    rows, columns = rows[thin], columns[thin]
    y = spots[:, :1] + (rows - mask.shape[0] // 2)[None]  # (M, R)
    x = spots[:, 1:] + (columns - mask.shape[1] // 2)[None]
    there, seen = sample_at(image, y, x)
    return context_cost(grey(there), seen, grey(example[rows, columns]), even, 1.0)


def _ring(mask: np.ndarray, shown: np.ndarray | None) -> np.ndarray:
    """Return the pixels (H, W) bool around a defect whose look is compared."""
    distance = distance_outside(mask)
    near = (distance > 1) & (distance <= RING)
    return near if shown is None else near & shown


def _variance(example: Exemplar) -> float:
    """Return the variance of the surroundings of a real defect."""
    values = grey(example.image[_ring(example.mask, example.shown)])
    return float(values.var()) if len(values) else 0.0


def _flat(example: Exemplar) -> float:
    """Return the variance below which binarised surroundings have one tone."""
    return FLAT * (float(np.ptp(grey(example.image))) / 2) ** 2


def _example_cost(
    image: np.ndarray, example: Exemplar, turn: tuple[int, bool], border: Sides, spots: np.ndarray, even: float
) -> np.ndarray:
    """Return `context_cost` of an example turned that way; one that reaches the picture's border is looked at there."""
    shown = None if example.shown is None else apply_pose(example.shown, *turn)
    if any(border):
        shape = apply_pose(example.shape, *turn).shape
        spots = np.array([_at_border((int(r), int(c)), shape, image.shape, border, 0.0) for r, c in spots])
    return place_cost(image, apply_pose(example.image, *turn), apply_pose(example.mask, *turn), spots, shown, even)


def _shifted(
    image: np.ndarray, example: Exemplar, turn: tuple[int, bool], border: Sides, spot: np.ndarray, within: np.ndarray | None, even: float
) -> np.ndarray:
    """Return the place (2,) within SHIFT pixels of `spot` where the surroundings fit best: edges must meet to the pixel."""
    steps = np.stack(np.meshgrid(*[np.arange(-SHIFT, SHIFT + 1)] * 2, indexing="ij"), -1).reshape(-1, 2)
    places = (spot + steps).clip(0, np.array(image.shape[:2]) - 1)
    if within is not None:
        allowed = within[places[:, 0], places[:, 1]]
        places = places[allowed] if allowed.any() else spot[None]
    return places[int(np.argmin(_example_cost(image, example, turn, border, places, even)))]


def _turned_border(border: Sides, turn: int, mirror: bool) -> Sides:
    """Return the sides (top, left, bottom, right) that are reached after `turned`."""
    top, left, bottom, right = border
    sides = [top, right, bottom, left] if mirror else [top, left, bottom, right]
    for _ in range(turn):  # a quarter turn against the clock: the right side comes to the top
        sides = [sides[3], sides[0], sides[1], sides[2]]
    return sides[0], sides[1], sides[2], sides[3]


def _beyond(example: Exemplar, limit: float, wish: PlacementRequest) -> tuple[Exemplar, float]:
    """Return the example with its shape continued beyond the picture's border it reaches, and by how much of a side; 0 where it is not.

    A chip at the edge stays one: bent and turned a little, it would else leave the edge. A stretch of a longer defect, or one with a
    size or a region of its own, need not be at the border.
    """
    if not any(example.border) or wish.region is not None or wish.size is not None or max(example.shape.shape) > limit / 1.5:
        return example, 0.0
    top, left, bottom, right = example.border
    height, width = (int(np.ceil(BEYOND * n)) + 2 for n in example.shape.shape)
    pads = ((height * top, height * (bottom and not top)), (width * left, width * (right and not left)))
    return replace(example, shape=np.pad(example.shape, pads, "edge")), BEYOND


def _at_border(spot: tuple[int, int], shape: tuple[int, ...], size: tuple[int, ...], border: Sides, beyond: float) -> tuple[int, int]:
    """Return the place moved so that a shape centred there reaches the picture's border on the given sides.

    beyond: how much of the side lies outside the picture, as a share of what lies inside.
    """
    row, column = spot
    top, left, bottom, right = border
    out_rows, out_columns = (round(n * beyond / (1 + beyond)) for n in shape[:2])
    if top or bottom:
        row = shape[0] // 2 - out_rows if top else size[0] - (shape[0] - shape[0] // 2) + out_rows
    if left or right:
        column = shape[1] // 2 - out_columns if left else size[1] - (shape[1] - shape[1] // 2) + out_columns
    return row, column


def _on_canvas(
    size: tuple[int, int],
    shape: np.ndarray,
    spot: tuple[int, int],
    window: int,
    factor: int,
    config: Config,
    wish: PlacementRequest,
    source: str,
    side: float | None,
) -> Placement:
    """Return the placement of a shape centred at `spot` of a picture of `size`."""
    centre, extent = spot, shape.shape
    if wish.region is not None and (asked := bounding_box(wish.region)).side <= ALL * window:
        centre, extent = (asked.top + asked.height // 2, asked.left + asked.width // 2), (0, 0)  # the window sees all that is allowed
    height, width = (max(window, factor * int(np.ceil(n / FILL / factor))) for n in extent)
    top, left = (_corner(at, n, length) for at, n, length in zip(centre, (height, width), size, strict=True))
    proposed = np.zeros((height, width), bool)
    _stamp(proposed, shape, spot[0] - top, spot[1] - left)
    region = grow(proposed, 2 + config.generation.region_margin * thickness(shape))
    visible = inside(top, left, height, width, size)
    region &= visible
    if wish.extent is not None and (region & (there := cut(wish.extent, top, left, height, width))).any():
        region &= there
    if wish.region is not None:
        region = _restrict(region, wish.region, visible, top, left, window)
    for box in wish.taken:
        rows = slice(max(0, box.top - 2 - top), max(0, box.top + box.height + 2 - top))
        columns = slice(max(0, box.left - 2 - left), max(0, box.left + box.width + 2 - left))
        region[rows, columns] = False
    if not region.any():
        raise NoRoomError("the other defects of this picture leave nothing of the region")
    shape_here = proposed & region
    return Placement(top, left, region, shape_here if shape_here.any() else region, source, side)  # a hollow shape may miss it


def _keep_inside(spot: np.ndarray, shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, int]:
    """Return the place moved so that a shape centred there lies in the picture, or as well as it can."""
    low = np.minimum(np.array(shape), np.array(size[:2])) // 2
    row, column = np.clip(spot, low, np.array(size[:2]) - 1 - low)
    return int(row), int(column)


def _corner(centre: int, window: int, size: int) -> int:
    return (size - window) // 2 if size <= window else int(np.clip(centre - window // 2, 0, size - window))


def _stamp(canvas: np.ndarray, shape: np.ndarray, row: int, column: int) -> None:
    """Set `shape`'s pixels in `canvas`, centred at (row, column), cut off at the border."""
    rows, columns = np.nonzero(shape)
    rows, columns = rows + row - shape.shape[0] // 2, columns + column - shape.shape[1] // 2
    ok = (rows >= 0) & (rows < canvas.shape[0]) & (columns >= 0) & (columns < canvas.shape[1])
    canvas[rows[ok], columns[ok]] = True


def _restrict(region: np.ndarray, allowed: np.ndarray, visible: np.ndarray, top: int, left: int, window: int) -> np.ndarray:
    """Return the region inside `allowed`; all that is allowed here where it fits a window, or where the two do not meet."""
    here = cut(allowed, top, left, *region.shape) & visible
    whole = here.sum() == allowed.sum() and bounding_box(allowed).side <= ALL * window
    return here if whole or not (region & here).any() else region & here


def _meet(a: Box, b: Box, apart: int) -> bool:
    """Return whether two boxes come nearer than `apart` pixels."""
    return (
        a.top < b.top + b.height + apart
        and b.top < a.top + a.height + apart
        and a.left < b.left + b.width + apart
        and b.left < a.left + a.width + apart
    )
