"""Where the next defect goes: shaped like a real defect, placed where real ones occur or where the surroundings look like its own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from flawsmith.config.schema import Config
from flawsmith.core.errors import NoRoomError
from flawsmith.dataset.dihedral import apply_pose, dihedral_poses
from flawsmith.dataset.windows import Box, bounding_box, cut, inside
from flawsmith.images.channels import grey
from flawsmith.placement.borders import Continued, Sides, at_border, continue_beyond, inside_picture, turn_border
from flawsmith.placement.canvas import FILL, Placement, on_canvas
from flawsmith.placement.context import (
    CHOICES,
    EVEN,
    FLAT,
    NEAR,
    as_good,
    candidate_count,
    context_cost,
    fits_nowhere,
    forgiven,
    ring,
    sample_at,
    shifts,
)
from flawsmith.placement.prior import place_map, sample_places
from flawsmith.placement.request import PlacementRequest
from flawsmith.placement.shapes import propose
from flawsmith.product.exemplars import Exemplar

CALM = 0.3  # of the usual changes of a shape, where its ends must meet the edges around
LITTLE = 0.2  # the same, of a shape without freedom
APART = 8  # pixels at least between two defects put into one picture
CUT_OFF = 0.1  # share of a shape that may lie beyond where the defect's pixels may be


def place(
    image: np.ndarray,
    examples: Sequence[Exemplar],
    window: int,
    factor: int,
    config: Config,
    g: np.random.Generator,
    wish: PlacementRequest | None = None,
    freedom: float = 1.0,
) -> Placement:
    """Return a canvas of `image` (H, W, C) and a region in it for one of `examples` (all of one defect).

    A real defect's shape is taken, turned, scaled and bent a little, now and then joined with another; with generation.placement
    "context" it goes to the candidate place whose surroundings look most like that defect's own, with "position" to where real ones
    were, with "uniform" anywhere. In binarised pictures a defect that finds no such place gives way to another one. The canvas is a
    window, or for a larger defect as many pixels as it needs, in multiples of `factor`. freedom: from 1 to 0, where shapes are changed by
    LITTLE of the usual and never joined. Raises DataError where the wishes leave no place.
    """
    wish = wish or PlacementRequest()
    choosy = wish.binarised and config.generation.placement == "context" and wish.region is None and wish.likely is None
    count = len(examples) if choosy else 1
    for i in g.choice(len(examples), size=count, replace=False, p=_chances(examples)):
        placed = _place(image, examples[int(i)], examples, window, factor, config, g, wish, choosy, freedom)
        if placed is not None:
            return replace(placed, number=int(i))
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
    freedom: float,
) -> Placement | None:
    """Return a canvas and a region for one example; None where a choosy one finds no place like its own."""
    size = image.shape[0], image.shape[1]
    most = config.generation.max_windows  # 0 = no limit
    longest = min(window * most, max(size)) if most else max(size)  # of a canvas
    limit = FILL * longest
    if wish.region is not None:
        limit = min(limit, max(3.0, bounding_box(wish.region).side * 0.8))
    near = {"position": 1.0, "context": NEAR, "uniform": 0.0}[config.generation.placement] if wish.near is None else wish.near
    within = wish.region if wish.within is None else wish.within
    count = candidate_count(wish.binarised)
    spots = sample_places(place_map(size, examples, within, wish.likely, near), size, count, g, within)
    turns = dihedral_poses(config.data)
    borders = [turn_border(example.border, *t) if wish.region is None else (False,) * 4 for t in turns]
    if config.generation.placement == "context":
        costs = np.stack([_example_cost(image, example, t, b, spots, wish) for t, b in zip(turns, borders, strict=True)])
        if choosy and fits_nowhere(costs, _variance(example), _flat(example)):
            return None
        best = np.argsort(costs, axis=None, kind="stable")[:CHOICES]
        best = best[as_good(costs.flat[best], 1.0)]
        pairs = [divmod(int(i), len(spots)) for i in g.permutation(best)]
        order = [(t, _shifted(image, example, turns[t], borders[t], spots[where], within, wish)) for t, where in pairs]
    else:
        order = []
    order += [(int(g.integers(len(turns))), spots[int(g.integers(len(spots)))]) for _ in range(CHOICES)]
    own = wish.region is not None or wish.size is not None  # with these it need not be at the border
    calm = choosy and _variance(example) > _flat(example)
    usual = LITTLE + (1 - LITTLE) * freedom
    joined, change = (0.0, min(CALM, usual)) if calm else (config.generation.composed_shapes * freedom, usual)
    best_found: tuple[float, np.ndarray, tuple[int, int], float | None, int] | None = None
    for turn, spot in order:
        odd = turns[turn][0] % 2
        long = Continued(example) if own else continue_beyond(example, limit, size[::-1] if odd else size, longest)
        through = any(long.through)  # its sides are those of the picture
        chance, changed, most_side = (0.0, min(CALM, usual), np.inf) if through else (joined, change, limit)
        shape, side = propose(long.example, examples, most_side, wish.size, chance, g, *turns[turn], changed)
        row, column = _keep_inside(spot, shape.shape, size) if wish.region is None else (int(v) for v in spot)
        if any(long.beyond):
            row, column = at_border((row, column), shape.shape, size, borders[turn], long.turned() if odd else long)
        if through:
            shape, (row, column) = inside_picture(shape, (row, column), size)
        box = Box(row - shape.shape[0] // 2, column - shape.shape[1] // 2, *shape.shape)
        if any(_meet(box, other, APART) for other in wish.taken):
            continue
        lost = 0.0 if wish.extent is None else _lost(shape, box, wish.extent)
        if best_found is None or lost < best_found[0]:
            best_found = lost, shape, (row, column), side, turn
        if lost <= CUT_OFF:
            break
    if best_found is None:
        raise NoRoomError("no place is left for one more defect in this picture")
    _, shape, at, side, turn = best_found
    placed = on_canvas(size, shape, at, window, factor, config.generation.region_margin, wish, example.source, side)
    return replace(placed, pose=turns[turn])


def _lost(shape: np.ndarray, box: Box, extent: np.ndarray) -> float:
    """Return the share of a shape, laid into a box of the picture, that lies in the picture and beyond where its pixels may be."""
    visible = inside(box.top, box.left, box.height, box.width, extent.shape)
    return float((shape & visible & ~cut(extent, box.top, box.left, box.height, box.width)).sum() / max(1, shape.sum()))


def place_cost(
    image: np.ndarray,
    example: np.ndarray,
    mask: np.ndarray,
    spots: np.ndarray,
    shown: np.ndarray | None = None,
    even: float = EVEN,
    halo: int = 0,
) -> np.ndarray:
    """Return for each place how unlike its surroundings are to those of a real defect, (M,). spots: (M, 2) rows and columns.

    Compared over a ring around the defect and its halo, as `context_cost` says. shown: the example's pixels that are not mirrored ones.
    """
    rows, columns = np.nonzero(ring(mask, shown, halo))
    if len(rows) == 0:
        return np.zeros(len(spots))
    thin = np.linspace(0, len(rows) - 1, min(len(rows), 200)).astype(int)
    rows, columns = rows[thin], columns[thin]
    y = spots[:, :1] + (rows - mask.shape[0] // 2)[None]  # (M, R)
    x = spots[:, 1:] + (columns - mask.shape[1] // 2)[None]
    there, seen = sample_at(image, y, x)
    return context_cost(grey(there), seen, grey(example[rows, columns]), even, 1.0)


def _variance(example: Exemplar) -> float:
    """Return the variance of the surroundings of a real defect."""
    values = grey(example.image[ring(example.mask, example.shown)])
    return float(values.var()) if len(values) else 0.0


def _flat(example: Exemplar) -> float:
    """Return the variance below which binarised surroundings have one tone."""
    return FLAT * (float(np.ptp(grey(example.image))) / 2) ** 2


def _example_cost(
    image: np.ndarray, example: Exemplar, turn: tuple[int, bool], border: Sides, spots: np.ndarray, wish: PlacementRequest
) -> np.ndarray:
    """Return `context_cost` of an example turned that way; one that reaches the picture's border is looked at there."""
    shown = None if example.shown is None else apply_pose(example.shown, *turn)
    if any(border):
        shape = apply_pose(example.shape, *turn).shape
        spots = np.array([at_border((int(r), int(c)), shape, image.shape, border) for r, c in spots])
    own, mask = apply_pose(example.image, *turn), apply_pose(example.mask, *turn)
    return place_cost(image, own, mask, spots, shown, forgiven(wish.binarised), wish.halo)


def _shifted(
    image: np.ndarray,
    example: Exemplar,
    turn: tuple[int, bool],
    border: Sides,
    spot: np.ndarray,
    within: np.ndarray | None,
    wish: PlacementRequest,
) -> np.ndarray:
    """Return the place (2,) within SHIFT pixels of `spot` where the surroundings fit best: edges must meet to the pixel."""
    places = (spot + shifts()).clip(0, np.array(image.shape[:2]) - 1)
    if within is not None:
        allowed = within[places[:, 0], places[:, 1]]
        places = places[allowed] if allowed.any() else spot[None]
    return places[int(np.argmin(_example_cost(image, example, turn, border, places, wish)))]


def _keep_inside(spot: np.ndarray, shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, int]:
    """Return the place moved so that a shape centred there lies in the picture, or as well as it can."""
    low = np.minimum(np.array(shape), np.array(size[:2])) // 2
    row, column = np.clip(spot, low, np.array(size[:2]) - 1 - low)
    return int(row), int(column)


def _meet(a: Box, b: Box, apart: int) -> bool:
    """Return whether two boxes come nearer than `apart` pixels."""
    return (
        a.top < b.top + b.height + apart
        and b.top < a.top + a.height + apart
        and a.left < b.left + b.width + apart
        and b.left < a.left + a.width + apart
    )
