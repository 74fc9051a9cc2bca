"""How unlike a place in a picture is to the surroundings of a real defect, and which of many places are taken.

Every search for a place goes by this: ours, and that of the baselines.
"""

import numpy as np

from flawsmith.dataset.windows import distance_outside

CANDIDATES = 512  # places looked at, each with every way to turn the defect
THOROUGH = 1536  # in binarised pictures, where edges must meet
CHOICES = 8  # of them, the best, among which chance decides
NEAR = 0.5  # share of the candidates that are near places of real defects; the others are anywhere
SHIFT = 3  # pixels by which a place is moved each way to where it fits best
RING = 12  # pixels around a defect whose look is compared
EVEN = 0.5  # share of a difference in brightness that is forgiven; none in binarised pictures
MISFIT = 0.5  # of the variance of a defect's surroundings: a cost from which on a place of a binarised picture is unlike them
FLAT = 1e-3  # of the squared half range of values: a variance or a cost of binarised surroundings below it is none


def candidate_count(binarised: bool) -> int:
    """Return how many places are looked at."""
    return THOROUGH if binarised else CANDIDATES


def forgiven(binarised: bool) -> float:
    """Return the share of a difference in mean brightness that `context_cost` takes away."""
    return 0.0 if binarised else EVEN


def ring(mask: np.ndarray, shown: np.ndarray | None = None, halo: int = 0) -> np.ndarray:
    """Return the pixels (H, W) bool around a defect's mask whose look is compared.

    shown: those that are not mirrored ones; halo: pixels beyond its mask over which the defect itself fades.
    """
    distance = distance_outside(mask) - halo
    near = (distance > 1) & (distance <= RING)
    return near if shown is None else near & shown


def shifts() -> np.ndarray:
    """Return the steps (49, 2) int, rows and columns, by which a place is moved about."""
    return np.stack(np.meshgrid(*[np.arange(-SHIFT, SHIFT + 1)] * 2, indexing="ij"), -1).reshape(-1, 2)


def fits_nowhere(costs: np.ndarray, variance: float, flat: float) -> bool:
    """Return whether even the best of the costs (M,) is that of a place unlike the surroundings of this variance; flat: in their unit."""
    return bool(costs.min() > MISFIT * variance + flat)


def as_good(costs: np.ndarray, flat: float) -> np.ndarray:
    """Return the indices (K,) of costs (M,) near the best: one place that fits far better is taken for sure."""
    return np.flatnonzero(costs <= 2 * costs.min() + flat)


def sample_at(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an image's (H, W, ...) values at points, those outside taken from its border, and whether they lie in it."""
    height, width = image.shape[:2]
    seen = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return image[y.clip(0, height - 1), x.clip(0, width - 1)], seen


def context_cost(there: np.ndarray, seen: np.ndarray, values: np.ndarray, even: float, least: float) -> np.ndarray:
    """Return for each of M places how unlike it is to the surroundings of a real defect, (M,).

    there, seen: (M, R) grey values of the R points that are compared, and whether they lie in the picture; values: (R,) the real ones.
    Mean squared difference, from which the share `even` of a difference in mean brightness is taken away first (exposures vary);
    points outside the picture count as twice the variance of `values`, and `least` more.
    """
    gap = there - values
    gap = gap - even * gap.mean(1, keepdims=True)
    return np.where(seen, gap**2, 2 * values.var() + least).mean(1)
