"""What one picture says about the defect in it: pure functions, each with a score that a user can recompute.

Everywhere: picture (H, W, C) float32 in shares of the value range, the product's black 0 and its white 1, without alpha (`shares`);
mask (H, W) bool, the defect; others (H, W) bool or None, further defects in the picture, which are no part of its surroundings.
"""

import cv2
import numpy as np

from flawsmith.data.scale import PixelRange
from flawsmith.data.windows import bounding_box, components, distance_outside, grow, thickness

NEAR = 8  # pixels: how far around a mask its surroundings reach
FEW = 12  # fewest pixels that a statistic is taken over
STEP = 1 / 255  # one grey level of 8 bits: smaller differences are not called structure
BLEED = 2  # pixels that a defect may show beyond its labelled mask
FAINT = 0.02  # gradient per pixel, as a share of the value range: a weaker border is not noticed


def shares(image: np.ndarray, scale: PixelRange, colours: int) -> np.ndarray:
    """Return a stored picture (H, W, C) as (H, W, colours) float32 in shares of the value range, without alpha."""
    return (scale.to_model(image, colours).transpose(1, 2, 0) + 1) / 2


def change_map(image: np.ndarray, normal: np.ndarray, span: float) -> np.ndarray:
    """Return how much each pixel differs from the normal, as a share of the value range: the largest over the colours.

    image, normal: (H, W, C) as stored; span: stored values between black and white of this product. Result: (H, W) float32.
    """
    return np.abs(image.astype(np.float32) - normal.astype(np.float32)).max(-1) / np.float32(span)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection over union of two masks (H, W) bool; 0 when both are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 0.0


def fill(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the picture with the mask's pixels replaced by a smooth continuation of what is around them.

    Push-pull (Gortler et al. 1996): the known pixels are averaged level by level into a pyramid, and each unknown pixel takes the
    value of the finest level that knows one, interpolated. A mask that covers all leaves the picture as it is.
    """
    if not mask.any() or mask.all():
        return picture.copy()
    known = (~mask).astype(np.float32)[..., None]
    filled = _push_pull(picture * known, known)
    return np.where(mask[..., None], filled, picture).astype(np.float32)


def apparent_change(picture: np.ndarray, mask: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Return how much each pixel (H, W) differs from a smooth continuation of the surroundings, the largest over the colours.

    Stands in for `change_map` where there is no normal: on structured products it sees structure as well.
    """
    hidden = grow(mask, BLEED) if others is None else grow(mask | others, BLEED)
    change = np.abs(picture - fill(picture, hidden)).max(-1)
    return np.asarray(change, np.float32)


def visibility(change: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean change inside the mask, as a share of the value range; 0 for an empty mask."""
    return float(change[mask].mean()) if mask.any() else 0.0


def outside(change: np.ndarray, mask: np.ndarray, floor: float = 0.0) -> float:
    """Return the share of the change that lies more than 1 px outside the mask, 0 to 1; changes of up to `floor` do not count."""
    counted = np.where(change > floor, change, 0)
    total = float(counted.sum())
    return float(counted[~grow(mask, 1.5)].sum()) / total if total > 0 else 0.0


def shape_scores(mask: np.ndarray) -> dict[str, float]:
    """Return what a non-empty mask measures: area in pixels, side (longer side of its box), thickness, elongation, parts.

    elongation: the longer side of the smallest rotated rectangle over the thickness, 1 for a square, large for a line whichever way it
    runs; parts: separate pieces of at least a tenth of the largest.
    """
    pieces = components(mask)
    thick = thickness(mask)
    points = cv2.findNonZero(mask.astype(np.uint8))
    length = max(cv2.minAreaRect(points)[1]) + 1  # between pixel centres
    return {
        "area": float(mask.sum()),
        "side": float(bounding_box(mask).side),
        "thickness": thick,
        "elongation": float(length) / thick,
        "parts": float(sum(piece.sum() >= 0.1 * pieces[0].sum() for piece in pieces)),
    }


def seams(picture: np.ndarray, mask: np.ndarray, feather: int, others: np.ndarray | None = None) -> dict[str, float]:
    """Return how much a border shows where a blend of `feather` pixels ends: about 1 none, more is worse.

    In a ring of 1 px around the mask: the gradient across the border, the mean of its size and of the size of its mean (a step that goes
    one way all round is seen long before one that comes and goes). It is divided by the mean size of the gradient along the border, from
    the mask to NEAR px beyond the blend, where structure shows either way. FAINT is added to both, as weaker gradients are not noticed.
    seam: the worse of the rings `feather` + 1 and + 2 px outside the mask, just beyond the blend; halo: the ring at `feather` px, where
    almost all of the normal must be back. Nearer to the mask the defect's own edge is seen. Absent: rings of fewer than FEW pixels.
    """
    if not mask.any() or mask.all():
        return {}
    rows, columns = _around(mask, feather + NEAR + 4)
    picture, mask = picture[rows, columns], mask[rows, columns]
    distance = distance_outside(mask)
    free = np.ones_like(mask) if others is None else ~grow(others[rows, columns], BLEED)
    across, along = _gradients(picture, mask, distance)
    near = along[free & (distance > 0) & (distance <= feather + NEAR)]  # (N, C)
    texture = float(np.linalg.norm(near, axis=-1).mean()) if len(near) else 0.0
    shown = {}
    for k in range(max(1, feather), feather + 3):
        values = across[free & (distance > k - 1) & (distance <= k)]  # (N, C)
        if len(values) >= FEW:
            shown[k] = float(np.linalg.norm(values.mean(0)) + np.linalg.norm(values, axis=-1).mean()) / 2
    found = {"seam": max((shown[k] for k in shown if k > feather), default=None), "halo": shown.get(feather)}
    return {name: (value + FAINT) / (texture + FAINT) for name, value in found.items() if value is not None}


def grain(picture: np.ndarray, mask: np.ndarray, others: np.ndarray | None = None) -> float | None:
    """Return log2 of how rough the inside of the mask is against its surroundings: 0 alike, 1 twice as rough, -1 half; None when too thin.

    Roughness: mean |Laplacian| of the grey picture with the kernel of Immerkaer 1996, over pixels whose 3 x 3 neighbours all belong.
    """
    rows, columns = _around(mask, BLEED + NEAR + 2) if mask.any() else (slice(None), slice(None))
    picture, mask = picture[rows, columns], mask[rows, columns]
    hidden = mask if others is None else mask | others[rows, columns]
    inner = cv2.erode(np.pad(mask, 1).astype(np.uint8), np.ones((3, 3), np.uint8))[1:-1, 1:-1] > 0
    outer = (distance_outside(hidden) > BLEED + 1) & (distance_outside(mask) <= BLEED + 1 + NEAR)
    inner[[0, -1]] = inner[:, [0, -1]] = outer[[0, -1]] = outer[:, [0, -1]] = False
    if inner.sum() < FEW or outer.sum() < FEW:
        return None
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    detail = np.abs(cv2.filter2D(np.ascontiguousarray(picture.mean(-1, dtype=np.float32)), -1, kernel))
    return float(np.log2((detail[inner].mean() + STEP / 2) / (detail[outer].mean() + STEP / 2)))


def measure(picture: np.ndarray, mask: np.ndarray, feather: int, others: np.ndarray | None = None) -> dict[str, float]:
    """Return all that one picture says: visible (`apparent_change`), seam and halo (`seams`) and grain.

    Absent is what cannot be told: grain when the mask is too thin, the others when it leaves too little of the picture around it.
    """
    scores: dict[str, float] = {}
    if (~grow(mask, BLEED)).sum() >= max(FEW, 0.05 * mask.size):
        scores["visible"] = visibility(apparent_change(picture, mask, others), mask)
        scores |= seams(picture, mask, feather, others)
    roughness = grain(picture, mask, others)
    return scores if roughness is None else {**scores, "grain": roughness}


def _push_pull(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return values / weights (H, W, C) where the weights (H, W, 1) are 1, and the coarser levels' where they are less."""
    mean = values / np.maximum(weights, 1e-6)
    if min(weights.shape[:2]) <= 1 or weights.min() >= 1:
        return mean
    low = cv2.pyrDown(np.concatenate([values, weights], axis=-1))
    share = np.minimum(1, 4 * low[..., -1:])  # a quarter of the pixels known is enough
    coarse = _push_pull(low[..., :-1] / np.maximum(low[..., -1:], 1e-6) * share, share)
    size = (weights.shape[1], weights.shape[0])
    up = cv2.pyrUp(coarse, dstsize=size).reshape(values.shape)
    share = np.minimum(weights, 1)
    return share * mean + (1 - share) * up


def _around(mask: np.ndarray, room: int) -> tuple[slice, slice]:
    """Return the rows and columns of the non-empty mask's box and `room` pixels around it."""
    box = bounding_box(mask)
    rows = slice(max(0, box.top - room), box.top + box.height + room)
    return rows, slice(max(0, box.left - room), box.left + box.width + room)


def _gradients(picture: np.ndarray, mask: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture's gradient (H, W, C) across the mask's border, outwards, and along it."""
    signed = cv2.GaussianBlur(distance - distance_outside(~mask), (0, 0), 1.0)
    nx, ny = _derivative(signed, 1), _derivative(signed, 0)
    length = np.maximum(np.hypot(nx, ny), 1e-6)
    nx, ny = (nx / length)[..., None], (ny / length)[..., None]
    gx, gy = _derivative(picture, 1), _derivative(picture, 0)
    return gx * nx + gy * ny, gy * nx - gx * ny


def _derivative(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the central difference of values (H, W, ...) per pixel."""
    return np.asarray(np.gradient(values, axis=axis), np.float32)
