"""How noisy a product's pictures are."""

from collections.abc import Sequence

import numpy as np

from flawsmith.images.pixel_range import PixelRange

LOOKED_AT = 20  # pictures or pieces of them, the first


def find_noise(normals: Sequence[np.ndarray], colours: int, scale: PixelRange) -> float:
    """Return the typical noise of normals (H, W, C) as stored, a share of the value range: median of |Laplacian| / 6 / 0.6745.

    The kernel with weights 1, -2, 4 has norm 6 on independent noise (Immerkaer 1996); the median ignores edges. 0 without a picture
    of at least 3 x 3 pixels.
    """
    values = []
    for image in normals[:LOOKED_AT]:
        x = scale.to_model(image, colours).mean(0) / 2  # (H, W); [-1, 1] spans two units: a share of the range
        if min(x.shape) < 3:
            continue
        d = x[:-2] - 2 * x[1:-1] + x[2:]
        d = d[:, :-2] - 2 * d[:, 1:-1] + d[:, 2:]
        values.append(float(np.median(np.abs(d))) / 6 / 0.6745)
    return float(np.median(values)) if values else 0.0
