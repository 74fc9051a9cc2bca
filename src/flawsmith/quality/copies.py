"""Is a generated defect a copy: of a defect the model learned from, or of another accepted pair?

Two defects are laid over each other in eight poses (flips and quarter turns) and at small shifts. A copy agrees there in its mask
and in the pattern of its pixels; brightness and contrast may differ, since pasting onto another normal changes both.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.dataset.components import centre, whole
from flawsmith.dataset.windows import bounding_box, cut, paste
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.exemplars import Exemplar

MARGIN = 3  # pixels kept around the box, so that a mask grown by a pixel still finds picture under it
LARGEST = 48  # a longer crop is shrunk to this side first, in pixels
FINEST = 128  # and then those most like it are looked at again with this side
AGAIN = 2  # of them, at most
REACH = 2  # shifts tried on either side of the centred position, in pixels of the (shrunk) crop
FAINT = 2e-4  # variance, squared shares of the value range, below which a pattern counts as flat: about 1.4 % of the range
NOT_COMPARED = 0.15  # masks whose areas differ by more than this ratio are no copies: not compared, similarity 0
COVERED = 0.25  # share of a shrunk pixel from which on it belongs to the grown mask
STEP = 0.5  # the limit lies this share of the way from what real defects reach among themselves to 1
EXPECTED = 0.6  # what they reach, counted as PRIOR values: few real defects say little about it
PRIOR = 4
QUERIES = 100  # real defects that are compared with all others, at most
LOWEST, HIGHEST = 0.6, 0.9  # of the limit; training defects pasted with the product's blend scored 0.95 or more on five products


@dataclass(frozen=True)
class Crop:
    """A defect cut to its box and MARGIN pixels around it."""

    image: np.ndarray  # (h, w) float32, the mean of the colours in shares of the value range: 0 black, 1 white
    mask: np.ndarray  # (h, w) bool


@dataclass(frozen=True)
class _Canvas:
    mask: np.ndarray  # (n, n) float32, share of each pixel that is defect
    grown: np.ndarray  # (n, n) float32, 1 where the defect grown by a pixel is, else 0
    image: np.ndarray  # (n, n) float32, grey less its mean over the defect; 0 where the crop ends
    lost: float  # defect that fell off the canvas, in its pixels


def grey_crop(picture: np.ndarray, mask: np.ndarray, side: int | None = None) -> Crop:
    """Return the defect of a share picture (H, W, C) cut to the box of its non-empty mask (H, W).

    side: the product's window; of a larger defect only that window is kept, as of the real ones (`crop_of`), so that both can be compared.
    """
    box = bounding_box(mask)
    if side is not None and box.side > side:
        row, column = centre(whole(mask), side)
        rows, columns = (slice(max(0, middle - side // 2), middle - side // 2 + side) for middle in (row, column))
        picture, mask = picture[rows, columns], mask[rows, columns]
        box = bounding_box(mask)
    window = (box.top - MARGIN, box.left - MARGIN, box.height + 2 * MARGIN, box.width + 2 * MARGIN)
    inner = mask[box.top : box.top + box.height, box.left : box.left + box.width]
    return Crop(cut(picture, *window).mean(-1, dtype=np.float32), np.pad(inner, MARGIN))


def crop_of(example: Exemplar, scale: PixelRange, colours: int) -> Crop:
    """Return the crop of a real defect; colours: channels of the model."""
    side, shape = example.image.shape[0], example.shape
    row, column = example.centre()
    top, left = row + side - side // 2, column + side - side // 2
    mask = np.pad(shape, side)[top : top + side, left : left + side]  # example.mask also has the mirror image beyond the picture's border
    return grey_crop((scale.to_model(example.image, colours).transpose(1, 2, 0) + 1) / 2, mask)


def similarities(query: Crop, others: Sequence[Crop]) -> np.ndarray:
    """Return how alike each other defect (N,) is, 0 to 1; 1 for a copy, also one turned, mirrored or of another brightness and contrast.

    The best over poses and shifts of (share of one mask within a pixel of the other, times the reverse) times the correlation of the grey
    values where both masks are. The pixel makes a mask that was drawn wider or narrower cost little, since in a small defect that is half
    of its area; outside both masks another normal may lie. A flat defect has no pattern: two flat ones differ by their masks alone.
    """
    result = np.zeros(len(others), np.float32)
    areas = np.array([other.mask.sum() for other in others], np.float64)
    area = float(query.mask.sum())
    alike = np.flatnonzero(np.minimum(areas, area) > NOT_COMPARED * np.maximum(areas, area))
    if len(alike):
        result[alike] = _best(query, [others[int(i)] for i in alike])
    return result


def closest(query: Crop, others: Sequence[Crop]) -> tuple[float, int]:
    """Return the greatest similarity and its index, the first of equals; (0.0, -1) when there are none."""
    if not len(others):
        return 0.0, -1
    values = similarities(query, others)
    index = int(values.argmax())
    return float(values[index]), index


def leave_one_out(crops: Sequence[Crop], sources: Sequence[Hashable]) -> list[float]:
    """Return each real defect's similarity to the nearest one of another source (picture or group); those without one are left out.

    Of more than QUERIES defects that many are asked, spread evenly: the time grows with their number times that of all.
    """
    values = []
    asked = range(len(crops)) if len(crops) <= QUERIES else np.linspace(0, len(crops) - 1, QUERIES).round().astype(int)
    for query, source in ((crops[i], sources[i]) for i in asked):
        others = [other for other, of in zip(crops, sources, strict=True) if of != source]
        if others:
            values.append(closest(query, others)[0])
    return values


def copy_threshold(real: Sequence[float]) -> float:
    """Return the similarity above which a defect counts as a copy, LOWEST to HIGHEST.

    real: what real defects reach among themselves (`leave_one_out`), possibly nothing. A product whose real defects are alike gets a higher
    limit, but never one that a pasted training defect passes.
    """
    reached = float(np.quantile(real, 0.95)) if len(real) else EXPECTED
    reached = (len(real) * reached + PRIOR * EXPECTED) / (len(real) + PRIOR)
    return float(np.clip(reached + STEP * (1 - reached), LOWEST, HIGHEST))


def _best(query: Crop, others: Sequence[Crop]) -> np.ndarray:
    """Return the similarities (N,); of a shrunk defect the best few are taken again in the best pose, finer.

    Cut to its window, a turned copy lies a pixel off, and shrinking then mixes other pixels: fine texture would no longer agree.
    """
    values = _by_pose(query, others, LARGEST, range(8))  # (8, N)
    best = values.max(0)
    if _side(query) > LARGEST:
        for i in np.argsort(-best, kind="stable")[:AGAIN]:
            fine = _by_pose(query, [others[i]], FINEST, [int(values[:, i].argmax())])
            best[i] = max(best[i], fine.max())
    return best


def _by_pose(query: Crop, others: Sequence[Crop], largest: int, poses: Sequence[int]) -> np.ndarray:
    """Return the best of all shifts (poses, N): the query in each pose against every other defect.

    Everything is a sum over pixels, so all poses, shifts and defects together are a handful of matrix products.
    """
    factor = min(1.0, largest / _side(query))
    n = round(_side(query) * factor) + 2 * REACH + 2
    own = _canvas(query, factor, n)
    placed = [_canvas(other, factor, n) for other in others]
    m, g, a = (_placed(x, poses) for x in (own.mask, own.grown, own.image))  # (P, n * n)
    k, grown, b = (np.stack([x.ravel() for x in xs], 1) for xs in zip(*((c.mask, c.grown, c.image) for c in placed), strict=True))
    areas = k.sum(0) + np.array([canvas.lost for canvas in placed], np.float32)  # (N,)
    overlap = (m @ grown / m.sum(1)[:, None]).clip(0, 1) * (g @ k / areas).clip(0, 1)  # (P, N)

    # Moments of a and b under the weight m k.
    weight = np.maximum(m @ k, 1e-6)
    ma, kb = m * a, k * b
    mean_a, mean_b = ma @ k / weight, m @ kb / weight
    var_a = (ma * a) @ k / weight - mean_a**2
    var_b = m @ (kb * b) / weight - mean_b**2
    product = ma @ kb / weight - mean_a * mean_b
    spread = np.sqrt((var_a.clip(0) + FAINT) * (var_b.clip(0) + FAINT))
    pattern = ((product + FAINT) / spread).clip(0, 1)
    return np.asarray((overlap * pattern).reshape(len(poses), -1, len(others)).max(1), np.float32)


def _side(grey_crop: Crop) -> int:
    return max(grey_crop.mask.shape) - 2 * MARGIN


def _canvas(grey_crop: Crop, factor: float, n: int) -> _Canvas:
    """Return the crop shrunk by `factor` in the middle of a square of side n."""
    mask = grey_crop.mask.astype(np.float32)
    grown = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    image = grey_crop.image - grey_crop.image[grey_crop.mask].mean()
    if factor < 1:
        size = tuple(max(1, round(length * factor)) for length in reversed(mask.shape))
        mask, grown, image = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (mask, grown, image))
    whole = float(mask.sum())
    mask, image = _centred(mask, n), _centred(image, n)
    grown = (_centred(grown, n) > COVERED).astype(np.float32)  # of a shrunk hairline no pixel is full
    return _Canvas(mask, grown, image, max(0.0, whole - float(mask.sum())))


def _centred(x: np.ndarray, n: int) -> np.ndarray:
    """Return x (h, w) in the middle of a square of side n, cut or filled with 0."""
    square = np.zeros((n, n), x.dtype)
    paste(square, x, *(int((n - length) / 2) for length in x.shape))
    return square


def _placed(x: np.ndarray, poses: Sequence[int]) -> np.ndarray:
    """Return x (n, n) in the poses (0 to 7) times (2 REACH + 1) ** 2 shifts, flattened: (P, n * n)."""
    n, rows = len(x), []
    for pose in poses:
        padded = np.pad(np.rot90(x[:, ::-1] if pose >= 4 else x, pose % 4), REACH)
        rows += [padded[i : i + n, j : j + n].ravel() for i in range(2 * REACH + 1) for j in range(2 * REACH + 1)]
    return np.stack(rows)
