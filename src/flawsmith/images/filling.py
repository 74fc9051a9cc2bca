"""Push-pull: masked pixels replaced by a smooth continuation of what is around them."""

import cv2
import numpy as np


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
