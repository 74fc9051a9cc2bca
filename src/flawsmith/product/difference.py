"""Where a picture differs from the normals that are most like it: a proposal of what may be a defect, to be looked at by somebody.

Where normals can be brought onto the picture they say between which values each of its pixels lies when nothing is wrong, with an edge
that lies a pixel further allowed for; what lies outside, also in a smoothed picture, where faint stains are seen, is the difference. A
surface that lies differently in every picture is told by its texture instead: how unusual smoothed values, contrasts and gradients
around a pixel are among those of normals. How much of either means nothing is told by the normals themselves.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np

SEEN = 64  # value of the difference from which on something is proposed
ALIKE = 6  # normals that a picture is compared with
ALIGNED = 0.9  # correlation with the nearest normal from which on the two lie alike
_SMALL = 32  # pixels of the side of what pictures are told alike by
_COARSE = 256  # pixels of the longer side of what is aligned
_STAIN = 3.0  # pixels: the sigma of the smoothed picture
_CALM = 0.999  # share of a normal's pixels that are not proposed
_BORDER = 0.25  # of what is strongest nearby: less is its soft border
_EVEN = 3.0  # values that an even surface differs from its mean by, shrunk
_FAR = 40.0  # values: a difference beyond is no larger, as the defect is not to be moved away
_MARGIN = 24  # pixels around what features are taken of
_BAND = 1 << 20  # pixels that features are taken of at a time
_EVERY = 7  # of a normal's pixels is learned from


@dataclass(frozen=True)
class Difference:
    """How a picture differs from normals."""

    values: np.ndarray  # (H, W) uint8; SEEN and more: proposed
    normal: np.ndarray  # (H, W, C) uint8: the most alike, brought onto the picture
    aligned: bool  # whether it was compared pixel by pixel; else by texture


def small(image: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, C) uint8 as a small one that is compared by: (S,) float32 of mean 0 and length 1."""
    found = cv2.resize(_grey(image), (_SMALL, _SMALL), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    found -= found.mean()
    return found / max(1e-6, float(np.linalg.norm(found)))


def nearest(picture: np.ndarray, normals: np.ndarray, count: int = ALIKE) -> list[int]:
    """Return which normals are most like a picture, the most alike first. picture: (S,), normals: (N, S), as `small` returns them."""
    return [int(i) for i in np.argsort(normals @ -picture, kind="stable")[:count]]


def difference(image: np.ndarray, normals: Iterable[np.ndarray]) -> Difference:
    """Return where a picture differs from normals.

    image: (H, W, C) uint8, C 1 or 3; normals: one or more of the same channels, of any size, the most alike first; each is taken when it
    is its turn, so that they may be read one by one.
    """
    others = iter(normals)
    nearest = next(others)
    first = brought_onto(nearest, image)
    if _alike(image, first) < ALIGNED:
        return Difference(_unusual(image, chain([nearest], others)), first, aligned=False)
    del nearest
    return Difference(_outside(image, [first, *(brought_onto(normal, image) for normal in others)]), first, aligned=True)


def _scaled(found: np.ndarray, level: float, least: float) -> np.ndarray:
    return np.clip(found * (SEEN / max(level, least)), 0, 255).astype(np.uint8)


# pixel by pixel


def brought_onto(normal: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return a normal moved and turned a little, and made as bright, so that it lies on a picture; both (H, W, C) uint8."""
    height, width = image.shape[:2]
    if normal.shape[:2] != (height, width):
        normal = _channels(cv2.resize(normal, (width, height), interpolation=cv2.INTER_AREA))
    share = min(1.0, _COARSE / max(height, width))
    size = max(8, round(width * share)), max(8, round(height * share))
    coarse = [cv2.resize(_grey(each), size, interpolation=cv2.INTER_AREA).astype(np.float32) for each in (image, normal)]
    best = _movement(*coarse)
    if best is not None:
        best[:, 2] *= width / size[0], height / size[1]
        normal = _channels(_moved(normal, best, (width, height)))
    return _as_bright(normal, image)


def _movement(image: np.ndarray, normal: np.ndarray) -> np.ndarray | None:
    """Return the affine matrix (2, 3) that leads from points of the picture to those of the normal; None where none is better."""
    unmoved = np.eye(2, 3, dtype=np.float32)
    shifted = unmoved.copy()
    shifted[:, 2] = cv2.phaseCorrelate(image, normal, cv2.createHanningWindow(image.shape[::-1], cv2.CV_32F))[0]
    tried = [unmoved, shifted]
    for start in (unmoved, shifted):
        try:
            stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
            tried.append(cv2.findTransformECC(image, normal, start.copy(), cv2.MOTION_EUCLIDEAN, stop, None, 3)[1])
        except cv2.error:  # it does not converge: the two are too unlike
            continue
    costs = [_cost(image, normal, each) for each in tried]
    least = int(np.argmin(costs))
    return tried[least] if costs[least] < 0.95 * costs[0] else None


def _cost(image: np.ndarray, normal: np.ndarray, matrix: np.ndarray) -> float:
    if not np.isfinite(matrix).all() or np.abs(matrix[:, 2]).max() > 0.25 * max(image.shape):
        return float("inf")
    return float(np.minimum(np.abs(_moved(normal, matrix, image.shape[::-1]) - image), _FAR).mean())


def _moved(image: np.ndarray, matrix: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT)


def _as_bright(normal: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return a normal with the middle and the spread of a picture's values in each channel."""
    low, middle, high = np.quantile(normal[::4, ::4], (0.1, 0.5, 0.9), axis=(0, 1))
    least, aim, most = np.quantile(image[::4, ::4], (0.1, 0.5, 0.9), axis=(0, 1))
    gain = np.clip((most - least) / np.maximum(high - low, 4), 0.7, 1.4)
    table = np.clip(np.rint((np.arange(256)[:, None] - middle) * gain + aim), 0, 255).astype(np.uint8)
    return np.stack([cv2.LUT(np.ascontiguousarray(normal[..., c]), table[:, c]) for c in range(normal.shape[2])], axis=2)


def _alike(image: np.ndarray, normal: np.ndarray) -> float:
    """Return how alike two pictures of one size lie: their correlation, -1 to 1; 1 where the normal is even, so that all lies alike."""
    a, b = (cv2.resize(_grey(each), (4 * _SMALL, 4 * _SMALL), interpolation=cv2.INTER_AREA).astype(np.float64) for each in (image, normal))
    a, b = a - a.mean(), b - b.mean()
    if b.std() < _EVEN:
        return 1.0
    return float((a * b).sum() / max(1e-6, float(np.sqrt((a * a).sum() * (b * b).sum()))))


def _outside(image: np.ndarray, normals: Sequence[np.ndarray]) -> np.ndarray:
    """Return how far a picture's values lie outside of those of normals that lie on it, (H, W) uint8 as of Difference."""
    first, others = normals[0], normals[1:] or normals
    fine = _scaled(_snapped(_beyond(image, normals, 3), 11), _level(_beyond(first, others, 3)), 4.0)
    # what is told already is no stain: smoothed, it would reach far around itself
    told = cv2.dilate((fine >= SEEN).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    rest = _smoothed(np.where(told[..., None], first, image))
    calm = _beyond(_smoothed(first), map(_smoothed, others), 7)
    stain = _scaled(_beyond(rest, map(_smoothed, normals), 7), _level(calm), 2.0)
    return np.maximum(fine, stain)


def _snapped(found: np.ndarray, side: int) -> np.ndarray:
    """Return a difference without what is only the soft border of something stronger within a square of `side` pixels.

    What lies between strong places stays, as far as the square spans it.
    """
    near = np.ones((side, side), np.uint8)
    kept = np.where(found >= _BORDER * cv2.dilate(found, near), found, np.float32(0))
    return cv2.morphologyEx(kept, cv2.MORPH_CLOSE, near)


def _level(calm: np.ndarray) -> float:
    return float(np.quantile(calm, _CALM))


def _beyond(image: np.ndarray, normals: Iterable[np.ndarray], side: int) -> np.ndarray:
    """Return how far values lie outside of those that normals have within a square of `side` pixels, (H, W) float32."""
    near = np.ones((side, side), np.uint8)
    most, least = np.zeros_like(image), np.full_like(image, 255)
    for normal in normals:
        np.maximum(most, _channels(cv2.dilate(normal, near)), out=most)
        np.minimum(least, _channels(cv2.erode(normal, near)), out=least)
    found = np.maximum(_channels(cv2.subtract(image, most)), _channels(cv2.subtract(least, image))).max(axis=2)
    return cv2.GaussianBlur(found.astype(np.float32), (0, 0), 0.8)


def _smoothed(image: np.ndarray) -> np.ndarray:
    return _channels(cv2.GaussianBlur(image, (0, 0), _STAIN))


# by texture


def _unusual(image: np.ndarray, normals: Iterable[np.ndarray]) -> np.ndarray:
    """Return how far the features of a picture's pixels are from those of the normals' pixels, (H, W) uint8 as of Difference."""
    known = np.concatenate([band.reshape(-1, band.shape[2])[::_EVERY] for normal in normals for band in _features(normal)])
    mean = known.mean(axis=0)
    spread = np.cov(known.T) + 1e-3 * np.eye(len(mean))
    inverse = np.linalg.inv(spread).astype(np.float32)

    def distance(features: np.ndarray) -> np.ndarray:
        apart = features - mean
        found: np.ndarray = np.sqrt(np.maximum((apart @ inverse * apart).sum(axis=-1), 0))
        return found

    found = np.concatenate([distance(band) for band in _features(image)])
    return _scaled(cv2.GaussianBlur(found, (0, 0), 1), _level(distance(known)), 1.0)


def _features(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yield bands of rows of what is told of each pixel, (h, W, F) float32; values count from a picture's middle, in its own spread."""
    low, middle, high = np.quantile(_grey(image)[::2, ::2], (0.1, 0.5, 0.9))
    scale = np.float32(100 / max(20, high - low))
    rows = max(1, _BAND // image.shape[1])
    for top in range(0, len(image), rows):
        start, end = max(0, top - _MARGIN), top + rows + _MARGIN
        found = _features_of((image[start:end].astype(np.float32) - np.float32(middle)) * scale)
        yield found[top - start : top - start + rows]


def _features_of(part: np.ndarray) -> np.ndarray:
    def smooth(values: np.ndarray, sigma: float) -> np.ndarray:
        return cv2.GaussianBlur(values, (0, 0), sigma)

    grey = np.ascontiguousarray(part.mean(axis=2))
    one, two, four = (smooth(grey, sigma) for sigma in (1, 2, 4))
    contrasts = [smooth(np.abs(grey - two), 2), smooth(np.abs(two - four), 3)]
    slopes = [smooth(np.abs(cv2.Sobel(one, cv2.CV_32F, *way)), 3) for way in ((1, 0), (0, 1))]
    colours = [smooth(np.ascontiguousarray(part[..., c]) - grey, 2) for c in (0, 2)] if part.shape[2] == 3 else []
    return np.stack([one, four, one - four, *(np.log1p(each) for each in (*contrasts, *slopes)), *colours], axis=2)


def _grey(image: np.ndarray) -> np.ndarray:
    return image[..., 0] if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _channels(image: np.ndarray) -> np.ndarray:
    """Return what OpenCV returns as (H, W, C): it drops a single channel."""
    return image if image.ndim == 3 else image[..., None]
