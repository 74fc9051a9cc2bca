"""A made defect that nobody can see teaches a detector to mark nothing: it is drawn again."""

from collections.abc import Callable

import numpy as np

from flawsmith.dataset.sample import Sample
from flawsmith.images.pixel_range import PixelRange

LEAST = 0.02  # mean change inside the mask, as a share of the value range
TRIES = 10


def until_seen(draw: Callable[[], Sample], normal: Sample, scale: PixelRange) -> Sample:
    """Return the first pair of those drawn one after the other that differs from the normal to the eye, or of TRIES the clearest."""
    pairs, changes = [], []
    for _ in range(TRIES):
        pairs.append(draw())
        changes.append(change(pairs[-1], normal, scale))
        if changes[-1] >= LEAST:
            break
    return pairs[int(np.argmax(changes))]


def change(pair: Sample, normal: Sample, scale: PixelRange) -> float:
    """Return the mean absolute change inside a pair's mask, as a share of the value range."""
    assert pair.mask is not None
    new, old = (image[pair.mask][:, : pair.colours].astype(np.float64) for image in (pair.image, normal.image))
    return float(np.abs(new - old).mean() / (scale.high - scale.low))
