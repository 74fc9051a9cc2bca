"""Where the product is in a picture, told from the background that the normals show at their borders."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from flawsmith.dataset.components import SPECK, components
from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import distance_outside
from flawsmith.images.channels import common_colours
from flawsmith.images.pixel_range import PixelRange

SIDE = 512  # pictures are looked at with at most this many pixels squared
LOOKED_AT = 40  # normals, spread evenly over all
FEWEST = 3  # normals from which a background can be told
NEEDED = 0.9  # share of the normals that must show the same background and one object on it

FRAME = 0.03  # width of the border that should show background, as a share of the shorter side
COVERED = 0.35  # largest share of the frame that the object may cross
STEADY = 0.1  # share of the value range by which the backgrounds of two pictures may differ
FINEST = 0.01  # share of the value range: no background is taken to be smoother

TRIED = 12  # normals on which the limits between background and object are tried
LIMITS = 16  # of them
SHARP = 0.85  # of the sharpest outline's slope: the lowest limit with as much is taken

SHARES = (0.01, 0.9)  # least and largest share of a picture that is an object on a background
APART = 4.0  # times the background's noise by which the object differs from it at the median
MAIN = 0.8  # share of all that differs from the background that is one piece
WIDE = 0.08  # of the picture's side: an outline over which the object comes up more slowly is light, not an object
ALIKE = 4.0  # largest object over the smallest; one product under one camera does not vary more

OPEN = 0.01  # of the object: a hole at least this large through which the background is seen stays open
MOST = 0.9  # share of a defect's real places that its reach takes in
NEARLY = 0.98  # share of the pixels of a real defect that its extent takes in
FIXED = 0.7  # mean overlap of the normals' objects with their common part from which the object is taken to lie in one pose
REACH = 0.05  # of the longer side: a defect that occurs farther from the object is not bound to it


@dataclass(frozen=True)
class Background:
    """What the product is pictured on; values as a share of the value range, 0 black, 1 white."""

    colour: tuple[float, ...]  # the median over the normals' borders, one number for each colour
    noise: float  # nearly all pixels of a background are within it of their picture's smooth background
    tolerance: float  # a pixel farther than this from its picture's smooth background is object
    share: tuple[float, float]  # least and largest share of a normal that is object
    overlap: float  # mean intersection over union of the normals' objects with what is object in most of them
    reaches: dict[str, float] = field(default_factory=dict)  # of each defect: how far its centre is from the object, in longer sides
    extents: dict[str, float] = field(default_factory=dict)  # and how far its pixels are

    @property
    def fixed(self) -> bool:
        """Whether the object lies alike in all pictures, so that a place in one picture means something in another."""
        return self.overlap >= FIXED

    def reach(self, defect: str) -> float | None:
        """Return how far from the object a defect's centre may be, as a share of the longer side; None when it may be anywhere."""
        reach = self.reaches.get(defect)
        return reach if reach is not None and reach <= REACH else None

    def extent(self, defect: str) -> float | None:
        """Return how far from the object a defect's pixels may be, as a share of the longer side; None when they may be anywhere."""
        return None if self.reach(defect) is None else self.extents.get(defect)


def background_from(tree: Mapping[str, Any] | None) -> Background | None:
    """Return the Background that `dataclasses.asdict` turned into plain values; None for None."""
    if tree is None:
        return None
    low, high = tree["share"]
    numbers = tree["noise"], tree["tolerance"], (low, high), tree["overlap"]
    return Background(tuple(tree["colour"]), *numbers, dict(tree["reaches"]), dict(tree.get("extents", {})))


def shrink(image: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, C) with at most SIDE ** 2 pixels, each the mean of those it stands for; the type is kept."""
    factor = SIDE / float(np.sqrt(image.shape[0] * image.shape[1]))
    if factor >= 1:
        return image
    size = (max(1, int(image.shape[1] * factor)), max(1, int(image.shape[0] * factor)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)


def learn_background(normals: Sequence[np.ndarray], scale: PixelRange) -> Background | None:
    """Return the background of a product, or None where none is seen for sure: on a texture, on a part that fills the picture.

    normals: whole pictures (H, W, C) as stored, or what `shrink` made of them. A product has a background when nearly all normals
    have the same smooth one at their border, and on it one piece of similar size with a sharp outline that clearly differs from it.
    """
    if len(normals) < FEWEST:
        return None
    chosen = sorted(set(np.linspace(0, len(normals) - 1, LOOKED_AT).round().astype(int).tolist()))
    small = [shrink(normals[i]) for i in chosen]
    colours = common_colours(small)
    middles = np.array([_middle(_shares(image, scale, colours)) for image in small])  # (N, C)
    colour = np.median(middles, axis=0)
    steady = np.abs(middles - colour).max(1) <= STEADY
    if steady.mean() < NEEDED:
        return None
    small = [image for image, same in zip(small, steady, strict=True) if same]
    noise = float(np.median([_noise(_shares(image, scale, colours)) for image in small]))
    some = small[:: -(-len(small) // TRIED)]
    tolerance = _tolerance([_difference(_shares(image, scale, colours), noise) for image in some], noise)
    if tolerance is None:
        return None
    looks = (_clear_object(_shares(image, scale, colours), tolerance, noise) for image in small)
    objects = [found for found in looks if found is not None]
    shares = [float(found.mean()) for found in objects]
    if len(shares) < NEEDED * len(chosen):
        return None
    low, high = np.quantile(shares, [1 - NEEDED, NEEDED])
    if high > ALIKE * low:
        return None
    share = (round(min(shares), 4), round(max(shares), 4))
    return Background(tuple(round(float(c), 4) for c in colour), round(noise, 4), round(tolerance, 4), share, round(_overlap(objects), 4))


def foreground(image: np.ndarray, background: Background, scale: PixelRange, reach: float = 0.0) -> np.ndarray:
    """Return where the object is in a picture (H, W, C) as stored: (H, W) bool, without specks, small holes filled.

    A large hole through which the background is seen stays open. reach: how far around the object still counts, as a share of the
    longer side. In a picture so unlike the normals that its background cannot be told, the object is everywhere.
    """
    found = _find(image, background, scale)
    if found is None:
        return np.ones(image.shape[:2], bool)
    if reach > 0:
        found = distance_outside(found) <= reach * max(found.shape)
    return cv2.resize(found.astype(np.uint8) * 255, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR) > 127


def measure_reaches(background: Background, defects: Mapping[str, Iterable[Sample]], scale: PixelRange) -> Background:
    """Return the background with how far from the object each defect's centres (MOST of them) and pixels (NEARLY all in any picture) are.

    defects: whole pictures with their masks, taken one at a time. A defect none of whose pictures shows the object gets neither.
    """
    reaches, extents = {}, {}
    for name, samples in defects.items():
        distances = [found for sample in samples if (found := _distances(sample, background, scale)) is not None]
        if distances:
            reaches[name] = round(float(np.quantile([d for centres, _ in distances for d in centres], MOST)), 4)
            extents[name] = round(max(farthest for _, farthest in distances), 4)
    return replace(background, reaches=reaches, extents=extents)


def _distances(sample: Sample, background: Background, scale: PixelRange) -> tuple[list[float], float] | None:
    """Return how far the centre of each defect of a picture is from the object, and nearly all of their pixels; None without an object.

    As shares of the longer side.
    """
    assert sample.mask is not None
    found = _find(sample.image, background, scale)
    if found is None or not found.any() or not sample.mask.any():
        return None
    outside = distance_outside(found) / max(found.shape)
    distances = []
    pieces = components(sample.mask)
    for piece in pieces:
        if piece.area >= SPECK * pieces[0].area:
            box = piece.box
            row = int((box.top + box.height / 2) * found.shape[0] / sample.mask.shape[0])
            column = int((box.left + box.width / 2) * found.shape[1] / sample.mask.shape[1])
            distances.append(float(outside[row, column]))
    rows, columns = (at * n // m for at, n, m in zip(np.nonzero(sample.mask), found.shape, sample.mask.shape, strict=True))
    return distances, float(np.quantile(outside[rows, columns], NEARLY))


def _find(image: np.ndarray, background: Background, scale: PixelRange) -> np.ndarray | None:
    """Return where the object is in a picture once shrunk, (h, w) bool; None when it is too unlike the normals to tell."""
    view = _shares(shrink(image), scale, len(background.colour))
    if np.abs(_middle(view) - np.array(background.colour)).max() > STEADY + background.tolerance:
        return None
    found = _object(_difference(view, background.noise), background.tolerance, background.noise)
    return found if background.share[0] / ALIKE <= found.mean() <= SHARES[1] else None


def _shares(image: np.ndarray, scale: PixelRange, colours: int) -> np.ndarray:
    """Return the picture as (colours, H, W) float32, 0 black, 1 white."""
    return (scale.to_model(image, colours) + 1) / 2


def _frame(shape: tuple[int, ...]) -> np.ndarray:
    """Return the border of a picture (..., H, W) as (H, W) bool."""
    width = max(2, round(FRAME * min(shape[-2:])))
    frame = np.ones(shape[-2:], bool)
    frame[width:-width, width:-width] = False
    return frame


def _middle(view: np.ndarray) -> np.ndarray:
    """Return the median of the frame, (C,)."""
    return np.median(view[:, _frame(view.shape)], axis=1)


def _difference(view: np.ndarray, noise: float | None = None) -> np.ndarray:
    """Return how far each pixel of (C, H, W) is from the picture's smooth background, (H, W): the largest over the colours.

    The background is a second-order surface, for light that falls off, through the frame's pixels without those that an object
    covers; given the noise, then through all pixels that are background by it.
    """
    terms, frame = _terms(view.shape), _frame(view.shape)
    around, here = view[:, frame], terms[:, frame]  # (C, N), (6, N)
    away = np.abs(around - np.median(around, axis=1, keepdims=True)).max(0)
    for _ in range(4):  # fewer pixels of the object each time
        ground = away <= max(3 * float(np.median(away)), FINEST)
        weights = _fit(around[:, ground], here[:, ground])
        away = _away(around, here, weights)
    away = _away(view, terms, weights)
    if noise is not None:
        ground = away <= noise
        away = _away(view, terms, _fit(view[:, ground], terms[:, ground]))
    return away


def _terms(shape: tuple[int, ...]) -> np.ndarray:
    """Return 1, x, y and their products for each pixel, (6, H, W), x and y from -1 to 1 over the picture."""
    y, x = np.meshgrid(np.linspace(-1, 1, shape[-2]), np.linspace(-1, 1, shape[-1]), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y]).astype(np.float32)


def _fit(values: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Return the weights (C, 6) with which the terms (6, N) come nearest to the values (C, N)."""
    return np.linalg.lstsq(terms @ terms.T, terms @ values.T, rcond=None)[0].T


def _away(values: np.ndarray, terms: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the distance of the values (C, ...) from the weighted terms (6, ...), the largest over the colours."""
    return np.abs(values - np.tensordot(weights, terms, 1)).max(0)


def _noise(view: np.ndarray) -> float:
    """Return how far the frame's pixels are from the smooth background.

    4.5 times the median distance: three standard deviations where values are normally distributed.
    """
    return max(4.5 * float(np.median(_difference(view)[_frame(view.shape)])), FINEST)


def _tolerance(differences: Sequence[np.ndarray], noise: float) -> float | None:
    """Return the difference from which on a pixel is object: there the outline runs along edges. None where no outline is found.

    A lower limit takes in shadows, a higher one loses the object's brighter parts; the lowest is taken that has nearly the sharpest
    outline in the median picture.
    """
    limits = np.geomspace(2 * noise, max(2 * noise, 0.8), LIMITS)
    slopes = [[_slope(away, _object(away, limit, noise)) for limit in limits] for away in differences]
    sharpness = np.median(slopes, axis=0)
    return float(limits[int(np.argmax(sharpness >= SHARP * sharpness.max()))]) if sharpness.max() > 0 else None


def _slope(away: np.ndarray, found: np.ndarray) -> float:
    """Return the mean slope of the difference along the outline of a mask, in shares of the value range a pixel; 0 without one."""
    outline = found & (cv2.erode(found.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    if not outline.any():
        return 0.0
    smooth = cv2.GaussianBlur(away, (0, 0), 1)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8))
    return float(slope[outline].mean())


def _clear_object(view: np.ndarray, tolerance: float, noise: float) -> np.ndarray | None:
    """Return the object in a normal, (H, W) bool; None unless it is one clear piece that leaves most of the frame free."""
    away = _difference(view, noise)
    above = away > tolerance
    found = _object(away, tolerance, noise)
    if above[_frame(view.shape)].mean() > COVERED or not SHARES[0] <= found.mean() <= SHARES[1]:
        return None
    piece = components(found)[0].mask(found.shape)
    height = float(np.median(away[piece]))
    one = (above & piece).sum() >= MAIN * above.sum()
    sharp = height <= _slope(away, found) * WIDE * float(np.sqrt(found.size))
    return found if one and sharp and height >= APART * noise else None


def _overlap(objects: Sequence[np.ndarray]) -> float:
    """Return the mean intersection over union of masks (H, W), of any sizes, with what is true in at least half of them."""
    small = np.stack([cv2.resize(found.astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA) >= 0.5 for found in objects])
    common = small.mean(0) >= 0.5
    return float(np.mean((small & common).sum((1, 2)) / np.maximum((small | common).sum((1, 2)), 1)))


def _object(away: np.ndarray, tolerance: float, noise: float) -> np.ndarray:
    """Return the pieces that are farther from the background than the tolerance, (H, W) bool: gaps closed, holes filled, no specks."""
    radius = max(1, round(0.006 * min(away.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    found = cv2.morphologyEx((away > tolerance).astype(np.uint8), cv2.MORPH_CLOSE, disc)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    if count == 1:
        return found.astype(bool)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= SPECK * areas[1:].max()
    kept[0] = False
    found = kept[labels]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~found).astype(np.uint8), connectivity=4)
    outside = {0, *labels[0].tolist(), *labels[-1].tolist(), *labels[:, 0].tolist(), *labels[:, -1].tolist()}
    area = found.sum()
    for hole in set(range(count)) - outside:
        inside = labels == hole
        if stats[hole, cv2.CC_STAT_AREA] < OPEN * area or np.median(away[inside]) > noise:
            found |= inside
    return found
