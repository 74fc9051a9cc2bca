"""How unlike a place in a picture is to the surroundings of a real defect."""

import numpy as np


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
