"""The canvas a defect is drawn on: which pixels of the picture the model sees, and where on them it may draw."""

from dataclasses import dataclass

import numpy as np

from flawsmith.core.errors import NoRoomError
from flawsmith.dataset.windows import bounding_box, cut, grow, inside, thickness
from flawsmith.placement.request import PlacementRequest

FILL = 0.8  # largest share of the canvas's side that a proposed defect takes
ALL = 0.9  # a user's region up to this share of the window's side is given to the model whole


@dataclass(frozen=True)
class Placement:
    """One proposal, in pixels of the picture."""

    top: int  # of the canvas; negative where a small picture is reflected
    left: int
    region: np.ndarray  # (H, W) bool: where the model may draw, inside the canvas
    shape: np.ndarray  # (H, W) bool: the proposed defect, inside the region
    source: str  # the defect whose shape was taken
    side: float | None  # the longer side asked for in pixels, where a size was asked for
    number: int = 0  # of that defect among the examples
    pose: tuple[int, bool] = (0, False)  # in which it was taken: quarter turns, after mirroring


def on_canvas(
    size: tuple[int, int],
    shape: np.ndarray,
    spot: tuple[int, int],
    window: int,
    factor: int,
    margin: float,
    wish: PlacementRequest,
    source: str,
    side: float | None,
) -> Placement:
    """Return the placement of a shape (h, w) bool centred at `spot` (row, column) of a picture of `size`.

    margin: by how many of its thicknesses the region is wider than the shape and its halo.
    Raises NoRoomError where other defects leave nothing.
    """
    centre, extent = spot, shape.shape
    if wish.region is not None and (asked := bounding_box(wish.region)).side <= ALL * window:
        centre, extent = (asked.top + asked.height // 2, asked.left + asked.width // 2), (0, 0)  # the window sees all that is allowed
    # what goes through the picture needs no canvas longer than that
    height, width = (
        max(window, factor * int(np.ceil(min(n / FILL, max(n, length)) / factor))) for n, length in zip(extent, size, strict=True)
    )
    top, left = (_corner(at, n, length) for at, n, length in zip(centre, (height, width), size, strict=True))
    proposed = np.zeros((height, width), bool)
    _stamp(proposed, shape, spot[0] - top, spot[1] - left)
    region = grow(proposed, 2 + wish.halo + margin * thickness(shape))
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
