"""`outside`: what can be seen to have changed lies inside the exact mask."""

from collections.abc import Iterator, Mapping

import numpy as np

from flawsmith.dataset.windows import grow
from flawsmith.quality.checks.visible import changed_from
from flawsmith.quality.registry import Check
from flawsmith.quality.view import View

REACH = 8  # pixels: how far beyond its mask the fault shows the defect


def outside(change: np.ndarray, mask: np.ndarray, floor: float = 0.0, halo: int = 0) -> float:
    """Return the share of the change (H, W) that lies more than 1 px, and the halo's pixels, outside the mask (H, W) bool, 0 to 1.

    Changes of up to `floor`, a share of the value range, do not count.
    """
    counted = np.where(change > floor, change, 0)
    total = float(counted.sum())
    return float(counted[~grow(mask, 1.5 + halo)].sum()) / total if total > 0 else 0.0


def measure(view: View) -> dict[str, float]:
    """Return the share of the change outside the exact mask and its halo; nothing without a normal."""
    if view.change is None:
        return {}
    return {"outside": outside(view.change, view.exact, changed_from(view.known, view.candidate.defect), view.halo)}


def refuse(view: View, scores: Mapping[str, float]) -> str | None:
    """Return the sentence for more than `quality.outside`."""
    most = view.known.config.outside
    if scores.get("outside", 0.0) <= most:
        return None
    return f"{scores['outside']:.0%} of the change lies outside the mask, at most {most:.0%}"


def faults(view: View, normal: np.ndarray, _: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield a defect that is wider than its mask: the normal in other tones up to REACH pixels around it."""
    wide = grow(view.mask, view.halo + REACH)[..., None]
    yield "outside", view.showing(np.where(wide, 1 - normal, normal), normal)


CHECK = Check("outside", "Is all that can be seen inside the mask?", faults, measure, refuse)
