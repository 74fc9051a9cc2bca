"""What a product is pictured on, learned from what the normals show at their borders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from flawsmith.dataset.components import components
from flawsmith.dataset.sample import FEWEST_NORMALS
from flawsmith.images.channels import common_colours
from flawsmith.images.pixel_range import PixelRange
from flawsmith.images.shrinking import within_area
from flawsmith.product.surface import difference, frame, frame_median, frame_noise, object_pieces, value_shares

SIDE = 512  # pictures are looked at with at most this many pixels squared
NEEDED = 0.9  # share of the normals that must show the same background and one object on it

COVERED = 0.35  # largest share of the frame that the object may cross
STEADY = 0.1  # share of the value range by which the backgrounds of two pictures may differ

TRIED = 12  # normals on which the limits between background and object are tried
LIMITS = 16  # of them
SHARP = 0.85  # of the sharpest outline's slope: the lowest limit with as much is taken

SHARES = (0.01, 0.9)  # least and largest share of a picture that is an object on a background
APART = 4.0  # times the background's noise by which the object differs from it at the median
MAIN = 0.8  # share of all that differs from the background that is one piece
WIDE = 0.08  # of the picture's side: an outline over which the object comes up more slowly is light, not an object
ALIKE = 4.0  # largest object over the smallest; one product under one camera does not vary more

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
    return within_area(image, SIDE)


def learn_background(views: Sequence[np.ndarray], scale: PixelRange) -> Background | None:
    """Return the background of a product, or None where none is seen for sure: on a texture, on a part that fills the picture.

    views: whole normals (H, W, C) as stored, or what `shrink` made of them. A product has a background when nearly all normals
    have the same smooth one at their border, and on it one piece of similar size with a sharp outline that clearly differs from it.
    """
    if len(views) < FEWEST_NORMALS:
        return None
    small = [shrink(view) for view in views]
    colours = common_colours(small)
    middles = np.array([frame_median(value_shares(image, scale, colours)) for image in small])  # (N, C)
    colour = np.median(middles, axis=0)
    steady = np.abs(middles - colour).max(1) <= STEADY
    if steady.mean() < NEEDED:
        return None
    small = [image for image, same in zip(small, steady, strict=True) if same]
    noise = float(np.median([frame_noise(value_shares(image, scale, colours)) for image in small]))
    some = small[:: -(-len(small) // TRIED)]
    tolerance = _tolerance([difference(value_shares(image, scale, colours), noise) for image in some], noise)
    if tolerance is None:
        return None
    looks = (_clear_object(value_shares(image, scale, colours), tolerance, noise) for image in small)
    objects = [found for found in looks if found is not None]
    shares = [float(found.mean()) for found in objects]
    if len(shares) < NEEDED * len(views):
        return None
    low, high = np.quantile(shares, [1 - NEEDED, NEEDED])
    if high > ALIKE * low:
        return None
    share = (round(min(shares), 4), round(max(shares), 4))
    return Background(tuple(round(float(c), 4) for c in colour), round(noise, 4), round(tolerance, 4), share, round(_overlap(objects), 4))


def _tolerance(differences: Sequence[np.ndarray], noise: float) -> float | None:
    """Return the difference from which on a pixel is object: there the outline runs along edges. None where no outline is found.

    A lower limit takes in shadows, a higher one loses the object's brighter parts; the lowest is taken that has nearly the sharpest
    outline in the median picture.
    """
    limits = np.geomspace(2 * noise, max(2 * noise, 0.8), LIMITS)
    slopes = [[_slope(away, object_pieces(away, limit, noise)) for limit in limits] for away in differences]
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
    away = difference(view, noise)
    above = away > tolerance
    found = object_pieces(away, tolerance, noise)
    if above[frame(view.shape)].mean() > COVERED or not SHARES[0] <= found.mean() <= SHARES[1]:
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
