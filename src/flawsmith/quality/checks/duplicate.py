"""`duplicate`: unlike the pairs that were accepted before. Asked when a pair is written, since it depends on all before it."""

from collections.abc import Iterator, Sequence

import numpy as np

from flawsmith.quality.copies import Crop, closest
from flawsmith.quality.registry import Check
from flawsmith.quality.view import View


def refuse_duplicate(mine: Crop, accepted: Sequence[Crop], ids: Sequence[str], most: float) -> str | None:
    """Return the sentence for a defect more than `most` (0 to 1) alike to an accepted one; None when there is none."""
    alike, which = closest(mine, accepted)
    return None if alike <= most else f"{alike:.2f} alike to pair {ids[which]}, at most {most:.2f}"


def faults(view: View, _: np.ndarray, __: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the picture as it is: it is its own duplicate."""
    yield "duplicate", view


CHECK = Check("duplicate", "Is it unlike the other accepted pairs?", faults)
