"""The defects of a pair by their kinds."""

import numpy as np

from flawsmith.pairs.pair import Pair


def masks_by_kind(pair: Pair, whole: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return the masks (H, W) bool of a pair by kind: the whole one, or where there are several defects what is in each's box."""
    placed = pair.placed()
    if len(placed) < 2:
        return [(placed[0].defect if placed else pair.defect, whole)]
    found = []
    for defect in placed:
        box = defect.box
        assert box is not None
        mask = np.zeros_like(whole)
        inside = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
        mask[inside] = whole[inside]
        if mask.any():
            found.append((defect.defect, mask))
    return found
