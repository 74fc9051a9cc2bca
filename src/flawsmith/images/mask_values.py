"""Which values of a mask picture mark the defect."""

import numpy as np

RULES = ("auto", "nonzero", "high", "classes")
FEW, SMALL = 64, 64  # class numbers: at most so many different ones, all below this
FAINT = 0.02  # share of pixels between black and white up to which the greys are a border's
DARK, BRIGHT = 32, 223  # of 255: as good as black, as good as white


def marking(counts: np.ndarray, rule: str = "auto") -> int | None:
    """Return the least value that marks the defect, or None when the values do not tell.

    counts: pixels by value, (256,) or (65536,). rule: "nonzero", "classes" (each but 0 marks one), "high" (more than half of the range), or
    "auto": of two values the one that is not 0; few small whole numbers are classes, of which 0 is none; many greys that gather at black
    and white are a blurred border between the two, and what is above the middle of the range counts.
    """
    middle = len(counts) // 2
    if rule != "auto":
        return middle if rule == "high" else 1
    values = np.flatnonzero(counts)
    if len(values) <= 1 or (len(values) == 2 and values[0] == 0):
        return 1
    if len(values) <= FEW and values[0] == 0 and values[-1] < SMALL:
        return 1
    scale = len(counts) // 256
    between = counts[DARK * scale : (BRIGHT + 1) * scale].sum()
    ends = counts[: DARK * scale].sum(), counts[(BRIGHT + 1) * scale :].sum()
    return middle if min(ends) > 0 and between <= max(FAINT * counts.sum(), 2 * min(ends)) else None
