"""A drawn defect, no more uneven than a real one that it follows.

Where a network is not sure where exactly a defect lies it draws dashes for a line, and a dark core with a pale rim for what is of one tone.
"""

from dataclasses import replace

import numpy as np

from flawsmith.compositing.margins import BLEED
from flawsmith.compositing.replacing import is_thick
from flawsmith.dataset.windows import grow
from flawsmith.images.filling import fill
from flawsmith.images.smoothing import mean_inside
from flawsmith.synthesis.task import Drawn

ALONG = 3.0  # sigma in pixels over which a line's strength at a place is taken; its neighbourhood's over four times that
FINE = 1.0  # sigma in pixels over which any defect's strength at a place is taken
PASSES = 3
FAINTEST = 0.1  # of the mean strength
HALF = 0.5  # of a label changed by half of the mean change at least: an area


def as_even(
    drawn: Drawn, normal: np.ndarray, mask: np.ndarray, real: np.ndarray, real_mask: np.ndarray, most: float, lines_only: bool
) -> Drawn:
    """Return what was drawn no more uneven than a real one: a line along itself, then an area all over.

    normal: (C, H, W) in [-1, 1]; real: (h, w, C) in shares of the value range; real_mask: (h, w) bool; lines_only: areas
    stay, as of kinds that fade at their borders or show the surface, which are uneven by that. What is too strong or too weak is made less
    so, `most` times stronger or weaker at most.
    """
    hidden = grow(real_mask, BLEED)
    if hidden.all() or not real_mask.any() or not mask.any():
        return drawn
    below = fill(real, hidden)
    if not is_thick(mask):
        drawn = _evened(drawn, normal, mask, _spread((real - below).mean(-1), real_mask, along=True), most, along=True)
    own = _evenness((drawn.image - normal).mean(0), mask, along=False)
    if lines_only or own is None or (own[mask] >= np.log(HALF)).mean() < HALF:  # a line in a wide label is no area
        return drawn
    seen, hiding = (_spread((real - surface).mean(-1), real_mask, along=False) for surface in (below, below[real_mask].mean(0)))
    surface = normal[:, mask].mean(1)[:, None, None] if hiding < seen else normal  # what hides the surface is of one tone by itself
    return _evened(drawn, surface, mask, min(hiding, seen), most, along=False)


def _evened(drawn: Drawn, below: np.ndarray, mask: np.ndarray, like: float, most: float, along: bool) -> Drawn:
    """Return what was drawn with its change from what is below, (C, H, W) or (C, 1, 1), spread by no more than `like` inside the mask."""
    change, gain = drawn.image - below, np.ones(mask.shape, np.float32)
    for _ in range(PASSES):  # a pass mends about half of what is as short as it is taken over
        own = _evenness((gain * change).mean(0), mask, along)
        if own is None or own[mask].std() <= like:
            break
        gain = np.where(mask, gain * np.exp((like / own[mask].std() - 1) * own), 1).clip(1 / most, most).astype(np.float32)
    if (gain == 1).all():
        return drawn
    image = np.where(mask, (below + gain * change).clip(-1, 1), drawn.image)
    return replace(drawn, image=image.astype(np.float32))


def _spread(change: np.ndarray, mask: np.ndarray, along: bool) -> float:
    """Return the deviation of `_evenness` in a mask; infinite where there is none."""
    found = _evenness(change, mask, along)
    return np.inf if found is None else float(found[mask].std())


def _evenness(change: np.ndarray, mask: np.ndarray, along: bool) -> np.ndarray | None:
    """Return ln of how strong a change (H, W) is about each pixel of a mask (H, W) bool over how strong it is in a wider neighbourhood.

    along: ALONG and four times that are compared, else FINE and the whole mask. None where the change has no direction of its own. What is
    weaker than FAINTEST, or of the other direction, counts as that.
    """
    mean = change[mask].mean()
    if mean == 0:
        return None
    near = mean_inside(change[..., None] / mean, mask, ALONG if along else FINE)[..., 0].clip(FAINTEST)
    if along:
        near = near / mean_inside(change[..., None] / mean, mask, 4 * ALONG)[..., 0].clip(FAINTEST)
    return np.asarray(np.log(near))
