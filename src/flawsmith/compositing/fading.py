"""A drawn defect that fades across the border of its mask as real ones fade across the border of their labels."""

from dataclasses import dataclass

import numpy as np

from flawsmith.compositing.margins import DARK
from flawsmith.dataset.windows import distance_outside
from flawsmith.images.smoothing import mean_inside
from flawsmith.product.halo import FAINT, INSIDE, THICK, rings

TAIL = 4.0  # pixels beyond the last ring until nothing is left outside, and nothing is changed inside
NOISE = 1.0  # sigma in pixels through which is seen how much of its contrast a defect has at a place
CLEAR = 0.1  # in log2: of a fainter contrast nothing is filled out
SPREAD = 5.0  # pixels: sigma over which the change inside is carried outwards


@dataclass(frozen=True)
class Fading:
    """How real defects of a kind fade: shares of their contrast in rings of 1 px."""

    rim: np.ndarray  # (INSIDE,) from the border of the label inwards, `product.halo.rim`
    beyond: np.ndarray  # (rings that count,) outwards, `product.halo.beyond`


def soften(drawn: np.ndarray, normal: np.ndarray, mask: np.ndarray, fading: Fading) -> np.ndarray:
    """Return a drawn canvas (C, h, w) whose change fades across the border of its mask as real defects do.

    normal: (C, h, w), what it was drawn into, both in [-1, 1]; mask: (h, w) bool. The change deep inside is carried to the border and
    beyond. Everything stays as it was drawn where the defect is thin or has no contrast, and for kinds that end at their labels.
    """
    within, reach = distance_outside(~mask), len(fading.beyond)
    if not reach or within.max() < THICK:
        return drawn
    change = (drawn - normal).transpose(1, 2, 0)  # (h, w, C)
    deep = within >= 0.5 * within.max()
    contrast = np.median(change[deep], axis=0)
    if float(contrast @ contrast) < (2 * FAINT) ** 2:  # two units are the whole range
        return drawn
    outside, inside = distance_outside(mask), np.arange(INSIDE) + 1.0  # most pixels of a ring lie at its far end
    own = np.nan_to_num(rings(change, mask, within, contrast, INSIDE), nan=1.0)
    carried = mean_inside(change, within >= min(0.5 * within.max(), INSIDE), SPREAD)  # farther in is too far to be carried from
    gain = np.interp(within, [*inside, INSIDE + TAIL], [*np.minimum(fading.rim / np.maximum(own, 1e-3), 1.0), 1.0])
    lacking = np.interp(within, [*inside, INSIDE + TAIL], [*np.maximum(fading.rim - own, 0.0), 0.0])
    inner = change * gain[..., None] + carried * lacking[..., None]
    share = np.interp(outside, np.arange(reach) + 1.0, fading.beyond) * _ending(outside, reach)
    outer = np.where((outside < reach + TAIL)[..., None], carried * share[..., None], change)
    return (normal + np.where(mask[..., None], inner, outer).transpose(2, 0, 1)).astype(drawn.dtype)


def fill_out(drawn: np.ndarray, normal: np.ndarray, mask: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """Return a drawn canvas (C, h, w) that has, up to the border of its mask, no less of its contrast than real defects have there.

    A network that is not sure where a border lies draws one that rises over several pixels. normal: (C, h, w), both in [-1, 1]; mask:
    (h, w) bool; rim: (INSIDE,), `product.halo.seen_rim`. In log2 of the brightness, so that what the surface shows stays in proportion.
    All stays where the defect is thin or has no contrast.
    """
    within = distance_outside(~mask)
    if within.max() < THICK:
        return drawn
    below = (normal.transpose(1, 2, 0) + 1) / 2 + DARK
    change = np.log2(((drawn.transpose(1, 2, 0) + 1) / 2 + DARK) / below)  # (h, w, C)
    contrast = np.median(change[within >= 0.5 * within.max()], axis=0)
    strength = float(contrast @ contrast)
    if strength < CLEAR**2:
        return drawn
    wanted = np.interp(within, [*(np.arange(INSIDE) + 1.0), INSIDE + TAIL], [*rim, 0.0])
    own = mean_inside((change @ contrast / strength)[..., None], mask, NOISE)[..., 0]
    lacking = np.where(mask, (wanted - own).clip(0), 0)
    filled = below * 2 ** (change + lacking[..., None] * contrast) - DARK
    return np.where(mask, 2 * filled.transpose(2, 0, 1) - 1, drawn).clip(-1, 1).astype(drawn.dtype)


def _ending(outside: np.ndarray, reach: int) -> np.ndarray:
    """Return weights for pixels so far `outside` a mask: 1 up to a third of the rings that count, then a raised-cosine fall to 0.

    Of a strong defect what is left in the last ring is still to be seen, and would end in a contour of its own.
    """
    fall = (outside - reach / 3) / (reach * 2 / 3 + TAIL)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * fall.clip(0, 1)))
