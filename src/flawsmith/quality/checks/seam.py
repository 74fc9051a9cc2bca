"""`seam`: no line where the new pixels begin."""

from collections.abc import Iterator, Sequence

import numpy as np

from flawsmith.compositing.margins import BLEED, FEW, NEAR
from flawsmith.dataset.windows import around, distance_outside, grow
from flawsmith.quality.gradients import across_and_along
from flawsmith.quality.registry import Check, Rule, each_by_itself
from flawsmith.quality.view import View

FAINT = 0.02  # gradient per pixel, as a share of the value range: a weaker border is not noticed


def seams(picture: np.ndarray, mask: np.ndarray, feather: int, others: np.ndarray | None = None) -> dict[str, float]:
    """Return how much a border shows where a blend of `feather` pixels ends: about 1 none, more is worse.

    picture: (H, W, C) in shares of the value range; mask, others: (H, W) bool.
    In a ring of 1 px around the mask: the gradient across the border, the mean of its size and of the size of its mean (a step that goes
    one way all round is seen long before one that comes and goes). It is divided by the mean size of the gradient along the border, from
    the mask to NEAR px beyond the blend, where structure shows either way. FAINT is added to both, as weaker gradients are not noticed.
    seam: the worse of the rings `feather` + 1 and + 2 px outside the mask, just beyond the blend; halo: the ring at `feather` px, where
    almost all of the normal must be back. Nearer to the mask the defect's own edge is seen. Absent: rings of fewer than FEW pixels.
    """
    if not mask.any() or mask.all():
        return {}
    rows, columns = around(mask, feather + NEAR + 4)
    picture, mask = picture[rows, columns], mask[rows, columns]
    distance = distance_outside(mask)
    free = np.ones_like(mask) if others is None else ~grow(others[rows, columns], BLEED)
    across, along = across_and_along(picture, mask, distance)
    near = along[free & (distance > 0) & (distance <= feather + NEAR)]  # (N, C)
    texture = float(np.linalg.norm(near, axis=-1).mean()) if len(near) else 0.0
    shown = {}
    for k in range(max(1, feather), feather + 3):
        values = across[free & (distance > k - 1) & (distance <= k)]  # (N, C)
        if len(values) >= FEW:
            shown[k] = float(np.linalg.norm(values.mean(0)) + np.linalg.norm(values, axis=-1).mean()) / 2
    found = {"seam": max((shown[k] for k in shown if k > feather), default=None), "halo": shown.get(feather)}
    return {name: (value + FAINT) / (texture + FAINT) for name, value in found.items() if value is not None}


def measure(view: View) -> dict[str, float]:
    """Return `seam` and `halo` of the picture, around the exact mask: that is what was blended in."""
    return seams(view.picture, view.exact, view.blend, view.others)


def learn(views: Sequence[View]) -> dict[str, list[float]]:
    """Return what real defects show, without those that fill their window."""
    return each_by_itself(measure)([view for view in views if view.surrounded])


def faults(view: View, normal: np.ndarray, _: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield hard borders where each ring lies: the real defect pasted onto a normal, and the picture in another tone up to there."""
    for name, width in (("seam", view.blend + 1), ("halo", view.blend - 0.5)):
        inside = grow(view.mask, width)[..., None]
        for bordered in (np.where(inside, view.picture, normal), view.picture + np.float32(0.1) * inside):
            yield name, view.showing(bordered)


RULES = {
    "seam": Rule("just beyond the blend a border shows {:.2f} times as much as the texture", False, True, True, 0.45, "all"),
    "halo": Rule("where the blend ends a border shows {:.2f} times as much as the texture", False, True, True, 0.6, "all"),
}
CHECK = Check("seam", "Is there no line where the new pixels begin?", faults, measure, rules=RULES, learn=learn)
