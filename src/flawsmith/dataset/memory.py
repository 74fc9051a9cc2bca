"""Pictures of normals cut down to what windows can need, within a budget of memory."""

import numpy as np

from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import Sample

BUDGET = 1 << 30  # bytes of normals kept in memory


LARGE = 8  # a picture more than this many windows wide is kept as crops of half that


MOST_CROPS = 16  # of one picture


def keep_normal(sample: Sample, window: int, share: int) -> list[np.ndarray]:
    """Return what is kept in memory of a normal: all of it, or of a large one crops from random places within `share` bytes."""
    image = sample.image
    if max(image.shape[:2]) <= LARGE * window and image.nbytes <= share:
        return [image]
    side = LARGE * window // 2
    count = int(np.clip(share // (side * side * image.shape[2] * image.itemsize), 1, MOST_CROPS))
    g = numpy_generator(0, "crops", sample.source.name)
    spare = np.maximum(np.array(image.shape[:2]) - side, 0)
    return [image[top : top + side, left : left + side].copy() for top, left in g.integers(0, spare + 1, (count, 2))]
