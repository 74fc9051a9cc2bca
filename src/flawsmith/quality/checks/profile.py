"""`profile`: as even or uneven inside as real defects, and as different in the middle from the rim."""

from collections.abc import Iterator

import numpy as np

from flawsmith.compositing.margins import FEW
from flawsmith.quality.border import Surroundings
from flawsmith.quality.checks.contrast import DARK
from flawsmith.quality.registry import Check, joint_rule
from flawsmith.quality.view import View

FAINT = 0.01  # share of the value range added to deviations: less is not seen
THIRD = 1 / 3  # of the depth of a defect: the rim is nearer to the border, the middle farther than two of them
SHALLOW = 2  # pixels: a thinner defect has no middle
FEWEST = 4  # pixels of the rim and of the middle


def profile(found: Surroundings) -> dict[str, float]:
    """Return log2 of: the deviation inside (`unevenness`), that over the surroundings' (`spread`), and middle over rim (`middle`).

    unevenness: in shares of the value range; middle: absent for defects of a pixel or two across; {} without surroundings.
    """
    if not found.enough or found.mask.sum() < FEW:
        return {}
    grey = found.picture.mean(-1)
    inside, ring = float(grey[found.mask].std()), float(grey[found.ring].std())
    scores = {"unevenness": float(np.log2(inside + FAINT)), "spread": float(np.log2((inside + FAINT) / (ring + FAINT)))}
    deep = float(np.quantile(found.depth[found.mask], 0.9))
    middle = found.mask & (found.depth >= (1 - THIRD) * deep)
    rim = found.mask & (found.depth <= max(1.01, THIRD * deep))
    if deep >= SHALLOW and middle.sum() >= FEWEST and rim.sum() >= FEWEST:
        tones = grey.clip(min=0)  # pixels of 16 bit may lie below the range
        scores["middle"] = float(np.log2((tones[middle].mean() + DARK) / (tones[rim].mean() + DARK)))
    return scores


def measure(view: View) -> dict[str, float]:
    """Return the profile of the picture."""
    return profile(view.surroundings)


def faults(view: View, _: np.ndarray, __: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the real defect filled with its mean."""
    inside = view.mask[..., None]
    yield "profile", view.showing(np.where(inside, view.picture[view.mask].mean(0), view.picture).astype(np.float32))


RULES = {
    "unevenness": joint_rule("its inside deviates by 2^{:.2f} of the value range", 0.3, follows="look"),
    "spread": joint_rule("its inside deviates 2^{:.2f} times as much as its surroundings", 0.2, follows="look"),
    "middle": joint_rule("its middle is 2^{:.2f} times as bright as its rim", 0.1, follows="severity"),
}
CHECK = Check("profile", "Is its inside as even or uneven as that of real ones?", faults, measure, rules=RULES)
