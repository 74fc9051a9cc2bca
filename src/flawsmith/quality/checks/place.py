"""`place`: where defects of the kind may be."""

from collections.abc import Iterator, Mapping

import numpy as np

from flawsmith.dataset.windows import distance_outside, grow
from flawsmith.quality.registry import Check
from flawsmith.quality.view import View

NEAR_PLACE = 8  # pixels that a defect's pixels may lie from where its centre may be, at least


def measure(view: View) -> dict[str, float]:
    """Return the pixels between the mask and where its centre may be; nothing where it may be anywhere."""
    within = view.candidate.within
    return {} if within is None else {"place": float(distance_outside(within)[view.mask].min())}


def refuse(_: View, scores: Mapping[str, float]) -> str | None:
    """Return the sentence for a defect farther than NEAR_PLACE from where it may be."""
    off = scores.get("place", 0.0)
    return None if off <= NEAR_PLACE else f"it lies {off:.0f} px from where defects may be, at most {NEAR_PLACE} px"


def faults(view: View, _: np.ndarray, __: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the picture with its centre allowed more than twice NEAR_PLACE away from the mask, where there is such a place."""
    far = ~grow(view.mask, 2 * NEAR_PLACE)
    if far.any():
        yield "place", view.showing(view.picture, within=far)


CHECK = Check("place", "Is it where real ones are, or where it was asked for?", faults, measure, refuse)
