"""Heat maps: where defects were put, beside where the real ones are."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from flawsmith.core.errors import FlawsmithError
from flawsmith.images.channels import without_alpha
from flawsmith.images.files import image_size, read_image
from flawsmith.images.shrinking import within_side
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.reports.drawing import FAINT, limits, pool, ramp, to_display
from flawsmith.reports.marks import Mark

PANEL = 260  # pixels of a heat map's longer side
NORMALS = 5  # of them the faint picture behind the heat is the mean
SPOT, THIN = 5, 3  # pixels that the smallest defect and the thinnest line take up in a heat map


def panel_size(size: Sequence[float]) -> tuple[int, int]:
    """Return (h, w) of the heat map for pictures of `size` (H, W)."""
    scale = PANEL / max(size)
    return max(SPOT, round(size[0] * scale)), max(SPOT, round(size[1] * scale))


def usual_size(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Return the median (H, W) in pixels of the pairs' pictures, and a square where they do not tell."""
    sizes = [pair.size for pair in pairs if pair.size]
    height, width = np.median(sizes, axis=0) if sizes else (PANEL, PANEL)
    return float(height), float(width)


def heat(marks: Sequence[Mark], height: int, width: int) -> np.ndarray:
    """Return how many of the marks cover each place, (height, width) float32, a little blurred; marks without a place add nothing.

    Each counts as one wherever its shape is, however small: one of less than SPOT pixels covers a disc of that
    width, and a line is THIN pixels wide.
    """
    total = np.zeros((height, width), np.float32)
    spot, line = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)) for side in (SPOT, THIN))
    for mark in marks:
        if mark.extent is None:
            continue
        (top, bottom), (left, right) = (_span(mark.extent[axis], mark.extent[axis + 2], n) for axis, n in enumerate((height, width)))
        covered = np.zeros((height, width), np.uint8)
        covered[top:bottom, left:right] = pool(mark.shape, bottom - top, right - left)
        total += cv2.dilate(covered, spot if max(bottom - top, right - left) < SPOT else line)
    return cv2.GaussianBlur(total, (0, 0), 1.5)


def heat_map(values: np.ndarray, background: np.ndarray | None) -> np.ndarray:
    """Return the heat (h, w) as a picture (h, w, 3) uint8: dark blue where it is greatest, over a faint background or a blank frame."""
    share = values / max(float(values.max()), 1e-6)
    height, width = values.shape
    base = np.full((height, width, 3), 255, np.uint8) if background is None else faint(background)
    # the heat covers the background more the greater it is, and nowhere where there is none
    cover = np.clip(share * 2.5, 0, 0.9)[..., None]
    picture = (base * (1 - cover) + ramp(0.15 + 0.85 * share) * cover).round().astype(np.uint8)
    picture[[0, -1]] = picture[:, [0, -1]] = FAINT
    return picture


def faint(picture: np.ndarray) -> np.ndarray:
    """Return a picture (h, w, 3) uint8 with little contrast, near white, so that what is drawn over it stands out."""
    grey = picture.mean(-1, keepdims=True)
    return np.broadcast_to(255 - (255 - grey) * 0.4, picture.shape).astype(np.uint8)


def mean_normal(out: Path, pairs: Sequence[Pair], height: int, width: int) -> np.ndarray | None:
    """Return the mean (height, width, 3) uint8 of a few of the pairs' normals, one in memory at a time.

    None where they are not all of one size, or are no longer there: places would then not fit the picture.
    """
    sizes = {pair.size for pair in pairs}
    if len(sizes) != 1:
        return None
    folder = PairFolder(out)
    found = {normal for pair in pairs if (normal := folder.normal_path(pair)) is not None}
    total, count = np.zeros((height, width, 3), np.float32), 0
    for path in sorted(found)[:: max(1, len(found) // NORMALS)][:NORMALS]:
        try:
            if image_size(path) not in sizes:
                return None
            small = within_side(np.ascontiguousarray(without_alpha(read_image(path))), max(height, width))
        except FlawsmithError:
            continue
        total += cv2.resize(to_display(small, *limits(small)), (width, height), interpolation=cv2.INTER_AREA)
        count += 1
    return None if count == 0 else (total / count).round().astype(np.uint8)


def _span(first: float, last: float, length: int) -> tuple[int, int]:
    """Return the pixels from `first` to `last`, shares of a length, at least one of them."""
    start = min(int(first * length), length - 1)
    return start, max(start + 1, min(length, int(np.ceil(last * length))))
