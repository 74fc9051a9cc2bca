"""`apart`: where the surface goes on under it, its border stands out from what varies along it, as that of real defects does."""

from collections.abc import Iterator, Mapping

import numpy as np

from flawsmith.compositing.margins import FEW
from flawsmith.quality.border import Lines
from flawsmith.quality.checks.structure import goes_on
from flawsmith.quality.registry import Check
from flawsmith.quality.view import Known, View

INSIDE, OUTSIDE = (-8, -3), (3, 8)  # pixels from the border whose mean values are compared, line by line
HALF = 0.5  # of what real defects show in the median is enough
SEEN = 0.3  # and so is this: over a hundred lines no chance


def standing_out(lines: Lines) -> float | None:
    """Return how far inside and outside of a border differ in the mean, over how much that varies along it; None for too few lines.

    0 for a border that nobody could draw from the picture, above 1 for one that is seen nearly everywhere. Lines and specks, which have no
    inside as deep as INSIDE, are not rated.
    """
    steps = lines.mean(*INSIDE) - lines.mean(*OUTSIDE)
    steps = steps[np.isfinite(steps)]
    if len(steps) < FEW:
        return None
    return float(abs(steps.mean()) / max(float(steps.std()), 1e-6))


def usual(known: Known, defect: str) -> float | None:
    """Return the median `standing_out` of the real defects of a kind; None where it cannot be told of any."""

    def make() -> float | None:
        found = [value for e in known.some(defect) if (value := standing_out(View.of_real(e, known).lines)) is not None]
        return float(np.median(found)) if found else None

    found: float | None = known.once(("apart", defect), make)
    return found


def measure(view: View) -> dict[str, float]:
    """Return how far the border stands out; nothing where it cannot be told."""
    value = standing_out(view.lines)
    return {} if value is None else {"apart": value}


def refuse(view: View, scores: Mapping[str, float]) -> str | None:
    """Return the sentence for a border that stands out less than SEEN, and less than half as far as the median of the real ones.

    Times the severity asked for. Only for kinds under which the surface goes on: others are seen by what they show instead. A label whose
    border nothing in the picture shows teaches a detector to mark what is normal.
    """
    known, defect = view.known, view.candidate.defect
    if "apart" not in scores or known.binarised or not goes_on(known, defect) or (real := usual(known, defect)) is None:
        return None
    floor = min(1.0, view.candidate.severity) * min(SEEN, HALF * real)
    if scores["apart"] >= floor:
        return None
    return (
        f"its border stands out by {scores['apart']:.2f} of what varies along it; real ones show {real:.2f}, at least {floor:.2f} is needed"
    )


def faults(view: View, normal: np.ndarray, _: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield a normal as it is under the mask."""
    yield "apart", view.showing(normal)


CHECK = Check("apart", "Does its border stand out as that of real ones does?", faults, measure, refuse)
