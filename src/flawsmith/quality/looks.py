"""Does a whole window still look like the product? Hand-made features at several scales, compared with windows of normals.

No feature says where in the window something is or which way it runs, so that every place and pose of the product passes.
"""

import cv2
import numpy as np

LEVELS = 4  # halvings at which structure is measured
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
NEAREST = 3  # the distance is that to the third nearest reference: one odd reference vouches for nothing
SHRINK = 0.1  # added to the variance of every standardised feature
STEP = 1 / 255  # one grey level of 8 bits


def looks(picture: np.ndarray) -> np.ndarray:
    """Return the features (F,) float32 of a share picture (H, W, C).

    Quantiles of the values of each colour and how far each colour departs from grey; per level of a Laplacian pyramid of the grey picture
    the log of the mean size of the detail, how peaked it is (few strong edges, or texture everywhere) and how much it runs one way.
    """
    ordered = np.sort(picture[::2, ::2].reshape(-1, picture.shape[-1]), axis=0)  # a quarter of the pixels is enough
    values = [ordered[[int(q * (len(ordered) - 1)) for q in QUANTILES]].ravel()]
    grey = picture.mean(-1, dtype=np.float32)
    if picture.shape[-1] > 1:
        values.append((picture - grey[..., None]).std((0, 1)))
    for _ in range(LEVELS):
        if min(grey.shape) < 8:
            values.append(np.zeros(3))
            continue
        low = cv2.pyrDown(grey)
        detail = grey - cv2.pyrUp(low, dstsize=(grey.shape[1], grey.shape[0]))
        size = float(np.abs(detail).mean()) + STEP / 4
        peaked = np.log2((float(np.sqrt((detail**2).mean())) + STEP / 4) / size)
        values.append(np.array([np.log2(size) / 8, peaked / 4, _direction(grey)]))
        grey = low
    return np.concatenate(values).astype(np.float32)


def strangeness(vector: np.ndarray, references: np.ndarray) -> float:
    """Return how far the features (F,) are from those of normals (R, F): 1 as far as normals are from one another, more is stranger.

    The distance is that of Mahalanobis, so that features which always go together count when they do not; SHRINK keeps directions in which
    normals hardly vary from deciding. That to the NEAREST-th of the references is divided by what it is for a reference itself (median).
    0 with fewer than two references.
    """
    if len(references) < 2:
        return 0.0
    centre, spread = references.mean(0, dtype=np.float64), references.std(0, dtype=np.float64) + 0.02
    scaled, own = (references - centre) / spread, (vector - centre) / spread
    lengths, axes = np.linalg.eigh(np.cov(scaled.T) + SHRINK * np.eye(len(own)))
    turn = axes / np.sqrt(lengths)
    scaled, own = scaled @ turn, own @ turn
    squares = (scaled**2).sum(1)
    among = np.sqrt(np.maximum(squares[:, None] + squares - 2 * scaled @ scaled.T, 0))
    rank = min(NEAREST, len(references) - 1)
    typical = float(np.median(np.partition(among, rank, 1)[:, rank]))  # column 0 is the reference itself
    found = float(np.sort(np.sqrt(((scaled - own) ** 2).sum(1)))[rank - 1])
    return found / (typical + 0.1)


def _direction(grey: np.ndarray) -> float:
    """Return how much the picture's structure runs one way: the coherence of its structure tensor, 0 (none) to 1."""
    gy, gx = np.gradient(grey)
    xx, yy, xy = float((gx * gx).mean()), float((gy * gy).mean()), float((gx * gy).mean())
    return float(np.hypot(xx - yy, 2 * xy)) / (xx + yy + STEP**2)
