"""Which of the accepted pairs to keep when fewer are wanted: those that differ most from each other."""

import numpy as np

from flawsmith.dataset.windows import bounding_box
from flawsmith.quality.copies import Crop

THUMBNAIL = 12  # side in pixels of the picture whose pattern is described
RINGS = 3  # bands from the middle of the thumbnail outwards


def features(crop: Crop, place: tuple[float, float]) -> np.ndarray:
    """Return what a defect is like (F,) float32, the same in every flip and quarter turn but for its place.

    Size (log pixels) and shape; place: row and column of its centre as shares of the picture; brightness against its border and
    texture, in shares of the value range; and how mask and brightness spread from the middle of its box outwards.
    """
    inside, border = crop.image[crop.mask], crop.image[~crop.mask]
    outer = border if len(border) else inside
    box = bounding_box(crop.mask)
    area = float(crop.mask.sum())
    measures = [
        np.log(area),
        np.log(box.side),
        np.log(_elongation(crop.mask)),
        area / (box.height * box.width),
        place[0],
        place[1],
        inside.mean() - outer.mean(),
        inside.std() - outer.std(),
    ]
    window = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
    mask = _thumbnail(crop.mask[window].astype(np.float32))
    image = _thumbnail(crop.image[window] - outer.mean())
    return np.array([*measures, *_rings(mask), *_rings(image), np.ptp(image)], np.float32)


def pick(vectors: np.ndarray, count: int) -> list[int]:
    """Return the sorted indices of `count` of the vectors (N, F) that lie far apart, all of them when there are no more.

    Farthest-point traversal (Gonzalez 1985): each next one is the farthest from those already taken, which keeps the least distance
    at half of the possible or more. The first is the farthest from the mean; of equals the first index is taken. Features are standardised.
    """
    if count >= len(vectors):
        return list(range(len(vectors)))
    if count <= 0:
        return []
    x = vectors.astype(np.float64)
    spread = x.std(0)
    x = (x - x.mean(0)) / np.where(spread > 1e-9 * (1 + np.abs(x).max(0)), spread, np.inf)  # what is equal for all tells nothing
    taken = [int((x**2).sum(1).argmax())]
    nearest = np.full(len(x), np.inf)
    while len(taken) < count:
        nearest = np.minimum(nearest, ((x - x[taken[-1]]) ** 2).sum(1))
        nearest[taken[-1]] = -1  # taken: even a twin comes before it
        taken.append(int(nearest.argmax()))
    return sorted(taken)


def _elongation(mask: np.ndarray) -> float:
    """Return the ratio of the deviations along the principal axes of a mask (H, W), at least 1; pixels count as squares."""
    covariance = np.cov(np.stack(np.nonzero(mask)), bias=True) + np.eye(2) / 12
    low, high = np.linalg.eigvalsh(covariance)
    return float(np.sqrt(high / low))


def _thumbnail(x: np.ndarray) -> np.ndarray:
    """Return x (h, w) as (THUMBNAIL, THUMBNAIL), each the mean of what it covers; OpenCV's enlarging is not the same in every flip."""
    fine = np.repeat(np.repeat(x, THUMBNAIL, 0), THUMBNAIL, 1)
    return np.asarray(fine.reshape(THUMBNAIL, x.shape[0], THUMBNAIL, x.shape[1]).mean((1, 3)))


def _rings(x: np.ndarray) -> list[float]:
    """Return the mean and the deviation of x (n, n) in RINGS square rings around its middle."""
    middle = (len(x) - 1) / 2
    away = np.abs(np.arange(len(x)) - middle)
    ring = (np.maximum(away[:, None], away) * 2 * RINGS / len(x)).astype(int)
    return [float(f(x[ring == i])) for i in range(RINGS) for f in (np.mean, np.std)]
