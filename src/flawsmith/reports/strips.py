"""Before and after: each defect close up, at the camera's own pixels or enlarged by a whole number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flawsmith.dataset.windows import Box
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.reports.drawing import Frame, crop_picture, outline, ramp, square
from flawsmith.reports.marks import PlacedMark, parts_of
from flawsmith.reports.sheets import affordable, read_views, turns

TILE = 124  # pixels a side, as shown, of each of a strip's pictures; one that needs more is not enlarged
MOST = 384  # pixels a side: what is larger is cut, never made smaller
ACROSS = 1100  # pixels that a page shows: a wider strip has its pictures in two rows
CLOSEST = 8  # times a pixel is enlarged at most
GAP, RULE = 6, 214  # pixels between the pictures, as shown, and their grey: white and black pictures both end there
FULL = 0.1  # share of the value range: a strip whose greatest change is less does not show it darker than that


@dataclass(frozen=True)
class Strip:
    """The pictures of one defect side by side."""

    defect: str
    title: str
    caption: str
    picture: np.ndarray  # (H, W, 3) uint8, at native scale
    zoom: int  # times to enlarge it when it is shown
    compared: bool  # begins with the normal and ends with the change; without a normal it has neither


def strips(out: Path, pairs: Sequence[Pair]) -> Iterator[Strip]:
    """Yield a strip for every defect of the accepted pairs, the kinds of defects taking turns; fewer where the pictures are very large."""
    folder = PairFolder(out)
    for pair in affordable(turns(folder.present(pairs))):
        mask = folder.mask(pair)
        parts = parts_of(pair, mask)
        frames = [close_up(part.box, mask) for part in parts]
        for number, (part, (frame, zoom), (normal, generated)) in enumerate(
            zip(parts, frames, read_views(folder, pair, [frame for frame, _ in frames]), strict=True)
        ):
            title = pair.id if len(parts) == 1 else f"{pair.id} · {number + 1} of {len(parts)}"
            yield _strip(title, part, frame, zoom, normal, generated, crop_picture(mask, frame))


def close_up(box: Box, mask: np.ndarray) -> tuple[Frame, int]:
    """Return what to show of a picture round a defect's box, and how many times enlarged.

    mask: (H, W) bool. A box longer than MOST is shown in part, round the defect's pixel nearest to its middle.
    """
    zoom = max(1, min(CLOSEST, int(TILE / (1.5 * box.side))))
    side = max(TILE // zoom, min(int(1.2 * box.side), MOST))
    middle = box.top + box.height // 2, box.left + box.width // 2
    if box.side > side:
        rows, columns = np.nonzero(mask[box.top : box.top + box.height, box.left : box.left + box.width])
        if len(rows):
            nearest = int(np.argmin((rows - box.height // 2) ** 2 + (columns - box.width // 2) ** 2))
            middle = box.top + int(rows[nearest]), box.left + int(columns[nearest])
    return square(middle, side, mask.shape), zoom


def _strip(
    title: str, part: PlacedMark, frame: Frame, zoom: int, normal: np.ndarray | None, generated: np.ndarray, mask: np.ndarray
) -> Strip:
    """Return the strip of one defect; normal, generated: (h, w, 3) uint8, mask: (h, w) bool, all of the frame."""
    told = [f"{part.box.width} × {part.box.height} px", "actual pixels" if zoom == 1 else f"enlarged {zoom} times"]
    if part.box.side > max(mask.shape):
        told.append(f"only the {mask.shape[1]} × {mask.shape[0]} px in its middle are shown")
    pictures = [generated, outline(generated, mask)]
    if normal is not None:
        change = np.abs(generated.astype(np.int16) - normal).max(-1) / 255
        pictures = [normal, *pictures, outline(ramp(change / max(float(change.max()), FULL)), mask)]
        told.append(f"greatest change {change.max():.0%}")
    gap = -(-GAP // zoom)
    if zoom * (len(pictures) * (generated.shape[1] + gap) - gap) <= ACROSS:
        picture = _join(pictures, gap, axis=1)
    else:
        middle = len(pictures) // 2
        picture = _join([_join(pictures[:middle], gap, axis=1), _join(pictures[middle:], gap, axis=1)], gap, axis=0)
    return Strip(part.defect, title, ", ".join(told), picture, zoom, normal is not None)


def _join(pictures: Sequence[np.ndarray], gap: int, axis: int) -> np.ndarray:
    """Return the pictures (h, w, 3) beside (axis 1) or below each other (axis 0), a rule of `gap` pixels between them."""
    size = list(pictures[0].shape)
    size[axis] = gap
    rule = np.full(size, RULE, np.uint8)
    return np.concatenate([piece for picture in pictures for piece in (rule, picture)][1:], axis=axis)
