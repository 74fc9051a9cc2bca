"""`area`: as large as real defects of the kind, or as was asked for."""

from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from flawsmith.quality.registry import Check, Rule
from flawsmith.quality.view import View

SIZE_OFF = 1.6  # the longer side may be this many times larger or smaller than was asked for


def measure(view: View) -> dict[str, float]:
    """Return the mask's area, the longer side of its box and its thickness, in pixels."""
    return {name: view.shape[name] for name in RULES}


def refuse(view: View, scores: Mapping[str, float]) -> str | None:
    """Return the sentence for a side that was not asked for."""
    side = view.candidate.side
    if side is None or 1 / SIZE_OFF <= scores["side"] / side <= SIZE_OFF:
        return None
    return f"its longer side is {scores['side']:.0f} px, {side:.0f} px were asked for"


def faults(view: View, _: np.ndarray, __: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the picture with a quarter of the mask's side, and with a mask that fills it."""
    height, width = view.mask.shape
    small = cv2.resize(view.mask.astype(np.uint8), (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_NEAREST) > 0
    little = np.zeros_like(view.mask)
    little[: small.shape[0], : small.shape[1]] = small
    little[height // 2, width // 2] |= not small.any()
    for mask in (little, np.ones_like(view.mask)):
        for name in RULES:
            yield name, view.showing(view.picture, mask=mask)


RULES = {
    "area": Rule("it covers {:.0f} px", True, True, True, 1.0, "own", "size"),
    "side": Rule("its longer side is {:.0f} px", True, True, True, 1.0, "own", "size"),
    "thickness": Rule("it is {:.1f} px thick", True, True, True, 1.0, "own", "size"),
}
CHECK = Check("area", "Is its area within that of real ones?", faults, measure, refuse, RULES)
