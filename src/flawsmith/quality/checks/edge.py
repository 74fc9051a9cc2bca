"""`edge`: its own border is as soft or sharp as that of real defects."""

from collections.abc import Iterator

import cv2
import numpy as np

from flawsmith.compositing.margins import FEW
from flawsmith.quality.border import Lines
from flawsmith.quality.registry import Check, joint_rule
from flawsmith.quality.view import Known, View

FAINT = 0.01  # share of the value range, and half of it per pixel: weaker borders are not noticed
SEARCHED = 4  # pixels to either side of the mask's border in which the defect's may lie: labels are not exact
FEWEST = 4  # valid steps of a line that says something
SOFT = 3.0  # sigma in pixels of the fault's blur
WIDE = 5.0  # pixels: a border of that width is soft


def softness(lines: Lines) -> float | None:
    """Return log2 of the width of the border in pixels; None for fewer than FEW lines.

    The width is what the grey values span on a line across the border over their steepest step within SEARCHED px of it (medians over the
    lines): 1 to 2 for a hard edge, 10 for one that rises over as many pixels. Where exactly the mask runs does not matter.
    """
    values = np.where(lines.valid, lines.values, np.nan)
    steps = np.abs(values[:, 2:] - values[:, :-2]) / 2  # per pixel
    steps = steps[:, np.abs(lines.offsets[1:-1]) <= SEARCHED]
    told = np.isfinite(steps).sum(1) >= FEWEST
    if told.sum() < FEW:
        return None
    steep = np.median(np.nanmax(steps[told], 1))
    span = np.median(np.nanmax(values[told], 1) - np.nanmin(values[told], 1))
    return float(np.log2((span + FAINT) / (steep + FAINT / 2)))


def is_soft(known: Known, defect: str) -> bool:
    """Return whether the borders of real defects of a kind are at least WIDE pixels wide, in the median over those that can tell.

    Where labels are not exact the mean over many sharp borders looks soft; each by itself does not.
    """

    def make() -> bool:
        found = [value for e in known.some(defect) if (value := softness(View.of_real(e, known).lines)) is not None]
        return bool(found) and float(np.median(found)) >= np.log2(WIDE)

    return bool(known.once(("soft", defect), make))


def measure(view: View) -> dict[str, float]:
    """Return the softness of the border; nothing where it cannot be told."""
    value = softness(view.lines)
    return {} if value is None else {"softness": value}


def faults(view: View, _: np.ndarray, __: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the real defect with a hard border of its mean, and with a border blurred."""
    inside = view.mask[..., None]
    yield "edge", view.showing(np.where(inside, view.picture[view.mask].mean(0), view.picture).astype(np.float32))
    yield "edge", view.showing(cv2.GaussianBlur(view.picture, (0, 0), SOFT).reshape(view.picture.shape))


RULES = {"softness": joint_rule("its border is 2^{:.2f} px wide", 0.2, follows="look")}
CHECK = Check("edge", "Is its own edge as soft or sharp as that of real ones?", faults, measure, rules=RULES)
