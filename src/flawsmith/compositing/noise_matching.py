"""The camera's grain: a drawn defect made as sharp and as noisy as real ones are against their surroundings."""

import numpy as np

from flawsmith.compositing.roughness import grain
from flawsmith.images.smoothing import blurred

SIGMAS = (0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2)  # pixels; more would take the defect's own edges away
SHARES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # of the surroundings' own grain that is added
CLOSE = 0.1  # in log2: near enough


def match_grain(drawn: np.ndarray, normal: np.ndarray, mask: np.ndarray, target: float, adds: bool = True) -> np.ndarray:
    """Return the drawn canvas (H, W, C) blurred a little or with grain added, so that `grain` inside the mask comes near `target`.

    drawn, normal: shares of the value range; mask: (H, W) bool; target: a real defect's log2 ratio; adds: whether grain may be added.
    A canvas that is near, or too thin to say, is returned as it is. What is added is what the normal has here beyond its smooth
    part, so it is the camera's own grain and the surface's own texture.
    """
    now = grain(np.where(mask[..., None], drawn, normal), mask)
    if now is None or abs(now - target) <= CLOSE or (now < target and not adds):
        return drawn
    if now > target:
        tries = [blurred(drawn, sigma) for sigma in SIGMAS]
    else:
        own = normal - blurred(normal, 1.0)
        limit = 3 * np.median(np.abs(own), axis=(0, 1)) / 0.6745  # beyond it are edges, not grain
        tries = [drawn + share * np.clip(own, -limit, limit) for share in SHARES]
    best, gap = drawn, abs(now - target)
    for candidate in tries:
        got = grain(np.where(mask[..., None], candidate, normal), mask)
        if got is not None and abs(got - target) < gap:
            best, gap = candidate, abs(got - target)
        if gap <= CLOSE:
            break
    return best.astype(np.float32)
