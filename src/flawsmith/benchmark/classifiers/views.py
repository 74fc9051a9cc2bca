"""What a classifier sees of a labelled defect: a square cut at the defect's own scale, or the whole picture, in many poses."""

import cv2
import numpy as np

from flawsmith.core.errors import DataError
from flawsmith.dataset.components import components
from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import bounding_box, grow
from flawsmith.images.channels import without_alpha
from flawsmith.images.pixel_range import PixelRange
from flawsmith.metrics.features import rgb

AROUND = 2.0  # a window's side as a multiple of the defect's longer side
LEAST = 32  # pixels of a window's side at least
JOINED = 8  # pixels: parts of a mask nearer than twice this are one defect


def place_of(sample: Sample, whole: bool) -> tuple[float, float, float]:
    """Return (row, column, side) in pixels of what is seen: the square around the largest defect, or around the picture.

    Raises DataError for a defect without a mask.
    """
    height, width = sample.image.shape[:2]
    if whole:
        return height / 2, width / 2, float(max(height, width))
    if sample.mask is None or not sample.mask.any():
        raise DataError(f"{sample.source}: has no mask, so there is no place to look at; expected the mask of its defect.")
    box = bounding_box(main_defect(sample.mask))
    return box.top + box.height / 2, box.left + box.width / 2, float(min(max(LEAST, AROUND * box.side), max(height, width)))


def main_defect(mask: np.ndarray) -> np.ndarray:
    """Return the largest defect in a non-empty mask (H, W) as (H, W) bool: the group of nearby parts with the most pixels."""
    best, most = mask, -1
    for group in components(grow(mask, JOINED)):
        members = group.mask(mask.shape) & mask
        if (count := int(members.sum())) > most:
            best, most = members, count
    return best


def view(
    sample: Sample, side: int, values: PixelRange, whole: bool = False, turns: bool = True, g: np.random.Generator | None = None
) -> np.ndarray:
    """Return what is seen of a sample, (side, side, 3) float32 in [0, 1]; reflected where it leaves the picture.

    values: the stored values that are black and white. With a generator it is shifted, scaled, turned by up to 12 degrees, mirrored,
    turned by quarters where `turns` allows them, and toned at random. A whole picture is squeezed into the square, as is usual.
    """
    row, column, extent = place_of(sample, whole)
    height, width = sample.image.shape[:2]
    fy, fx = (side / height, side / width) if whole else (side / extent, side / extent)
    angle, quarter, mirror = 0.0, 0, False
    if g is not None:
        angle, grown = g.uniform(-12, 12), np.exp(g.uniform(-0.2, 0.2))
        row, column = row + g.uniform(-0.12, 0.12) * side / fy, column + g.uniform(-0.12, 0.12) * side / fx
        fy, fx = fy * grown, fx * grown
        quarter, mirror = int(g.integers(4)) if turns else 2 * int(g.integers(2)), bool(g.integers(2))
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = np.array([[cos * fx, sin * fy, 0], [-sin * fx, cos * fy, 0]])
    matrix[:, 2] = side / 2 - 0.5 - matrix[:, :2] @ (column - 0.5, row - 0.5)
    own = without_alpha(sample.image).astype(np.float32)
    shares = (own - np.float32(values.low)) / np.float32(values.high - values.low)
    if min(fy, fx) < 0.7:  # what is shrunk is smoothed first, or fine structure turns into false patterns
        shares = cv2.GaussianBlur(shares, (0, 0), sigmaX=max(0.5 / fx, 0.3), sigmaY=max(0.5 / fy, 0.3))
    seen = cv2.warpAffine(shares, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101).reshape(side, side, -1)
    if g is not None:
        seen = pose(seen, quarter, mirror)
        centre = seen.mean()
        seen = (seen - centre) * np.float32(np.exp(g.normal(0, 0.15))) + np.float32(centre + g.normal(0, 0.06))
    return rgb(seen)


def poses(seen: np.ndarray, turns: bool) -> list[np.ndarray]:
    """Return a view in the 8 poses of a square, or the 4 that a surface with a direction has."""
    return [pose(seen, quarter, mirror) for quarter in ((0, 1, 2, 3) if turns else (0, 2)) for mirror in (False, True)]


def pose(seen: np.ndarray, quarter: int, mirror: bool) -> np.ndarray:
    """Return a square view (S, S, C) turned by quarters and mirrored."""
    seen = np.rot90(seen, quarter)
    return np.ascontiguousarray(seen[:, ::-1] if mirror else seen)
