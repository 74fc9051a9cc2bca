"""How far beyond their labels defects still show: soft ones fade over pixels that a labeller leaves out."""

from collections.abc import Sequence

import numpy as np

from flawsmith.dataset.windows import around, distance_outside
from flawsmith.images.pixel_range import PixelRange, shares
from flawsmith.product.exemplars import Exemplar

MOST = 12  # pixels: the farthest that is believed
BESIDE = 8  # pixels: the ring beyond MOST that shows the surroundings
FADED = 0.15  # of a defect's contrast: what is left of it is no longer called the defect
RISE = 0.05  # by how much more of it the next ring may show: farther out it is something else
FEW = 12  # fewest pixels of the surroundings that say anything
FAINT = 0.02  # least contrast of a defect that says anything, as a share of the value range


def halo(exemplars: Sequence[Exemplar], scale: PixelRange, colours: int) -> int:
    """Return how many pixels beyond their labels the defects of a kind still show, 0 to MOST.

    In rings of 1 px around each mask the median colour, less that of the surroundings, is compared with the middle of the defect; over the
    defects the median is taken, so that what lies beside a single one counts for little. Counted are rings from the mask outwards, as
    long as they fade and more than FADED is left.
    """
    found = [profile for e in exemplars if (profile := _profile(e, scale, colours)) is not None]
    if not found:
        return 0
    left = np.nanmedian(np.stack(found), axis=0)
    before = 1.0
    for reached, value in enumerate(left):
        if not FADED < value <= before + RISE:
            return reached
        before = float(value)
    return MOST


def _profile(exemplar: Exemplar, scale: PixelRange, colours: int) -> np.ndarray | None:
    """Return what is left of one defect's contrast in each ring, (MOST,); None where its contrast or its surroundings say nothing."""
    rows, columns = around(exemplar.mask, MOST + BESIDE + 2)
    mask = exemplar.mask[rows, columns]
    picture = shares(exemplar.image[rows, columns], scale, colours)
    free = np.ones_like(mask) if exemplar.shown is None else exemplar.shown[rows, columns]
    if exemplar.others is not None:
        free = free & ~exemplar.others[rows, columns]
    outside, within = distance_outside(mask), distance_outside(~mask)
    beside = free & (outside > MOST) & (outside <= MOST + BESIDE)
    middle = free & (within >= max(1.0, 0.5 * float(within.max())))
    if beside.sum() < FEW or not middle.any():
        return None
    plain = np.median(picture[beside], axis=0)
    contrast = np.median(picture[middle], axis=0) - plain
    strength = float(contrast @ contrast)
    if strength < FAINT**2:
        return None
    rings = [picture[free & (outside > k) & (outside <= k + 1)] for k in range(MOST)]
    return np.array([(np.median(ring, axis=0) - plain) @ contrast / strength if len(ring) else 0.0 for ring in rings])
