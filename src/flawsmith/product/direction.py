"""Whether a product's surface has a direction: grinding marks, wood grain, windings."""

from collections.abc import Sequence

import cv2
import numpy as np

from flawsmith.images.channels import grey

CLEAR = 0.75  # of log2 (energy across / energy down): one direction varies 1.7 times as much as the other
LEAST = 1e-4  # of the larger energy: as little as the smaller one is taken to be
AGREE = 0.8  # share of the pictures that must lean to the same side


def has_direction(images: Sequence[np.ndarray]) -> bool:
    """Return whether the pictures (H, W, C) of normals vary clearly more across than down, or down than across.

    Such a surface looks like no other picture of the product when it is turned by a quarter. The energy is the mean squared
    difference of neighbouring pixels after a Gaussian of one pixel, which takes the camera's noise away.
    """
    leans = [_lean(image) for image in images]
    if not leans:
        return False
    median = float(np.median(leans))
    same = np.mean([abs(lean) >= CLEAR / 2 and (lean > 0) == (median > 0) for lean in leans])
    return abs(median) >= CLEAR and bool(same >= AGREE)


def _lean(image: np.ndarray) -> float:
    """Return log2 of the energy across over the energy down; 0 for a flat or too narrow picture."""
    values = grey(image)
    if min(values.shape) < 2:
        return 0.0
    values = cv2.GaussianBlur(values, (0, 0), 1, borderType=cv2.BORDER_REFLECT)
    across, down = (float((np.diff(values, axis=axis) ** 2).mean()) for axis in (1, 0))
    least = LEAST * max(across, down)
    return float(np.log2(max(across, least) / max(down, least))) if least > 0 else 0.0
