"""A picture's masks as one, with the number of a class at each pixel."""

import numpy as np

from flawsmith.core.errors import DataError
from flawsmith.formats.writers.row import Place, Row

MOST = 254  # classes: 255 means "do not care" to many readers


def class_indexes(row: Row, place: Place) -> np.ndarray:
    """Return (H, W) uint8 with 0 where there is nothing and 1 for the first class; of two that overlap the later, which is told.

    Raises DataError for more than MOST classes.
    """
    if len(place.classes) > MOST:
        raise DataError(f"these masks hold {MOST} classes at most, and there are {len(place.classes)}; use another format, such as coco.")
    values: np.ndarray = np.zeros(row.size, np.uint8)
    for number, name in enumerate(place.classes, start=1):
        if name in row.classes:
            values[row.masks[name]] = number
    if sum(np.count_nonzero(mask) for mask in row.masks.values()) > np.count_nonzero(values):
        place.tell("pictures in which classes overlap: the one with the higher number is kept there")
    return values
