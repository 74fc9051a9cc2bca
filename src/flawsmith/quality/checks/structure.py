"""`structure`: what reaches the border of the defect goes on inside, or ends, as it does in real defects of the kind."""

from collections.abc import Iterator

import cv2
import numpy as np

from flawsmith.compositing.margins import FEW
from flawsmith.quality.border import SLANT, Lines
from flawsmith.quality.registry import Check, joint_rule
from flawsmith.quality.view import Known, View

OUTSIDE, INSIDE = (3, 5), (-4, -2)  # pixels from the border where lines are compared
SHOWN = 0.03  # deviation along the border, in shares of the value range: with less there is nothing that could go on
FAINT = 0.005  # added to deviations, in shares of the value range
LEAST = 0.03  # of the share that goes on: what is less, or goes on inverted, counts as this
HALF = -1.0  # log2 of the share that goes on in kinds in which the surface is said to go on
THIRD = -1.58  # and in which it is said to end
SOFT = 2.0  # sigma in pixels of the fault's border


def continuation(lines: Lines) -> dict[str, float]:
    """Return how far what is seen along the border outside is seen inside, in log2; {} where there is nothing to be seen outside.

    continues: the slope of the inside values over the outside values of the same lines, 0 for all (1), LEAST for nothing; along: the
    deviation along the border inside over that outside. Lines follow what runs across the border, and count by how far it does.
    """
    outside, inside = lines.mean(*OUTSIDE), lines.mean(*INSIDE)
    both = np.isfinite(outside) & np.isfinite(inside)
    outside, inside, weights = outside[both], inside[both], np.where(lines.crossing >= SLANT**2, lines.crossing, 0)[both]
    if weights.sum() < FEW:
        return {}
    weights = weights / weights.sum()
    outside, inside = outside - weights @ outside, inside - weights @ inside
    deviations = [float(np.sqrt(weights @ values**2)) for values in (outside, inside)]
    if deviations[0] <= SHOWN:
        return {}
    slope = float(weights @ (outside * inside)) / deviations[0] ** 2
    return {
        "continues": float(np.log2(max(slope, LEAST))),
        "along": float(np.log2((deviations[1] + FAINT) / (deviations[0] + FAINT))),
    }


def goes_on(known: Known, defect: str) -> bool:
    """Return whether in real defects of a kind, in the median, at least half of what reaches their border is seen inside.

    At least a third of them must say something of it.
    """

    seen = _seen(known, defect)
    return seen is not None and seen >= HALF


def ends(known: Known, defect: str) -> bool:
    """Return whether in real defects of a kind, in the median, at most a third of what reaches their border is seen inside.

    At least a third of them must say something of it.
    """
    seen = _seen(known, defect)
    return seen is not None and seen <= THIRD


def _seen(known: Known, defect: str) -> float | None:
    """Return the median `continues` of the real defects of a kind; None where less than a third of them say something of it."""

    def make() -> float | None:
        scores = [continuation(View.of_real(example, known).running) for example in known.some(defect)]
        found = [score["continues"] for score in scores if score]
        return float(np.median(found)) if 3 * len(found) >= len(scores) > 0 else None

    found: float | None = known.once(("seen", defect), make)
    return found


def measure(view: View) -> dict[str, float]:
    """Return the continuation across the border."""
    return continuation(view.running)


def faults(view: View, normal: np.ndarray, _: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield a normal on which the mask is filled with one tone, as much darker or brighter as the real one, with a soft border."""
    found = view.surroundings
    if not found.enough:
        return
    ratio = (found.picture[found.mask].mean(0) + 0.02) / (found.picture[found.ring].mean(0) + 0.02)
    soft = cv2.GaussianBlur(view.mask.astype(np.float32), (0, 0), SOFT)[..., None]
    wiped = normal * (1 - soft) + soft * (normal[~view.mask].mean(0) * ratio).clip(0, 1)
    yield "structure", view.showing(wiped.astype(np.float32))


RULES = {
    "continues": joint_rule("2^{:.2f} of the structure that reaches its border goes on inside", 0.3, follows="look"),
    "along": joint_rule("along its border the inside deviates 2^{:.2f} times as much as the outside", 0.25, follows="look"),
}
CHECK = Check("structure", "Does what reaches its border go on inside as in real ones?", faults, measure, rules=RULES)
