"""What one picture says about the defect in it: pure functions, each with a score that a user can recompute.

Everywhere: picture (H, W, C) float32 in shares of the value range, the product's black 0 and its white 1, without alpha (`shares`);
mask (H, W) bool, the defect; others (H, W) bool or None, further defects in the picture, which are no part of its surroundings.
"""

import cv2
import numpy as np

from flawsmith.compositing.margins import BLEED, FEW, NEAR
from flawsmith.compositing.roughness import grain
from flawsmith.dataset.components import SPECK, components
from flawsmith.dataset.windows import around, bounding_box, distance_outside, grow, thickness
from flawsmith.images.filling import fill

FAINT = 0.02  # gradient per pixel, as a share of the value range: a weaker border is not noticed


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
        "parts": float(sum(piece.area >= SPECK * pieces[0].area for piece in pieces)),
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
    rows, columns = around(mask, feather + NEAR + 4)
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
