"""How defects fade across the border of their labels: how far beyond it they still show, and where inside they have all their contrast."""

from collections.abc import Sequence

import numpy as np

from flawsmith.dataset.windows import around, distance_outside
from flawsmith.images.pixel_range import PixelRange, shares
from flawsmith.product.exemplars import Exemplar

INSIDE = 10  # pixels: rings inside a label
THICK = 6  # pixels from the border to the middle of a defect: a thinner one does not show how it fades inwards
REACHED = 0.8  # of their contrast: what the innermost ring must have
MOST = 12  # pixels: the farthest that is believed
BESIDE = 8  # pixels: the ring beyond MOST that shows the surroundings
FADED = 0.15  # of a defect's contrast: what is left of it is no longer called the defect
RISE = 0.05  # by how much more of it the next ring may show: farther out it is something else
FEW = 12  # fewest pixels of the surroundings that say anything
FAINT = 0.02  # least contrast of a defect that says anything, as a share of the value range


def halo(exemplars: Sequence[Exemplar], scale: PixelRange, colours: int) -> int:
    """Return how many pixels beyond their labels the defects of a kind still show, 0 to MOST: the rings of `beyond`."""
    return len(beyond(exemplars, scale, colours))


def beyond(exemplars: Sequence[Exemplar], scale: PixelRange, colours: int) -> np.ndarray:
    """Return what share of their contrast the defects of a kind still have in each ring of 1 px beyond their labels, (0 to MOST,).

    In rings around each mask the median colour, less that of the surroundings, is compared with the middle of the defect; over the
    defects the median is taken, so that what lies beside a single one counts for little. Counted are rings from the mask outwards, as
    long as they fade and more than FADED is left.
    """
    found = [profile for e in exemplars if (profile := _profile(e, scale, colours)) is not None]
    if not found:
        return np.zeros(0)
    left = np.median(np.stack(found), axis=0)
    before = 1.0
    for reached, value in enumerate(left):
        if not FADED < value <= before + RISE:
            return left[:reached]
        before = float(value)
    return left


def rim(exemplars: Sequence[Exemplar], scale: PixelRange, colours: int) -> np.ndarray:
    """Return what share of their contrast the defects of a kind have in each ring of 1 px inside their labels, from the border, (INSIDE,).

    1 where they have all of it, and all 1 where `seen_rim` does not know.
    """
    found = seen_rim(exemplars, scale, colours)
    return np.ones(INSIDE) if found is None else found


def seen_rim(exemplars: Sequence[Exemplar], scale: PixelRange, colours: int) -> np.ndarray | None:
    """Return `rim` as it is seen, medians over the defects; no ring has less than the one before it.

    None where no defect is thick enough to say, and where they do not come to most of their contrast: what differs there is no tone.
    """
    found = [profile for e in exemplars if (profile := _profile(e, scale, colours, inside=True)) is not None]
    if not found:
        return None
    left = np.maximum.accumulate(np.median(np.stack(found), axis=0)).clip(0.0, 1.0)
    return left if left[-1] >= REACHED else None


def rings(change: np.ndarray, free: np.ndarray, distance: np.ndarray, contrast: np.ndarray, count: int) -> np.ndarray:
    """Return the median change in each ring of 1 px as a share of the contrast, (count,); NaN where a ring has no pixels.

    change: (h, w, C); free: (h, w) bool, the pixels that count; distance: (h, w) pixels, 0 on the far side of the border; contrast: (C,).
    """
    strength = float(contrast @ contrast)
    found = [change[free & (distance > k) & (distance <= k + 1)] for k in range(count)]
    return np.array([np.median(ring, axis=0) @ contrast / strength if len(ring) else np.nan for ring in found])


def _profile(exemplar: Exemplar, scale: PixelRange, colours: int, inside: bool = False) -> np.ndarray | None:
    """Return what is left of one defect's contrast in each ring outside its mask, (MOST,), or inside, (INSIDE,).

    None where its contrast or its surroundings say nothing; inside, where it is too thin, too.
    """
    rows, columns = around(exemplar.mask, MOST + BESIDE + 2)
    mask = exemplar.mask[rows, columns]
    picture = shares(exemplar.image[rows, columns], scale, colours)
    free = np.ones_like(mask) if exemplar.shown is None else exemplar.shown[rows, columns]
    if exemplar.others is not None:
        free = free & ~exemplar.others[rows, columns]
    outside, within = distance_outside(mask), distance_outside(~mask)
    beside = free & (outside > MOST) & (outside <= MOST + BESIDE)
    middle = free & (within >= max(1.0, 0.5 * float(within.max())))
    if beside.sum() < FEW or not middle.any() or (inside and within.max() < THICK):
        return None
    plain = np.median(picture[beside], axis=0)
    contrast = np.median(picture[middle], axis=0) - plain
    if float(contrast @ contrast) < FAINT**2:
        return None
    if inside:
        return np.nan_to_num(rings(picture - plain, free, within, contrast, INSIDE), nan=1.0)  # the middle is nearer than that
    return np.nan_to_num(rings(picture - plain, free, outside, contrast, MOST), nan=0.0)
