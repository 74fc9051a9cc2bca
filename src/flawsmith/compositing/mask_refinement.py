"""The two forms of a drawn defect's mask, brought to the real change or left as labels are drawn, and the score of the former."""

import cv2
import numpy as np

from flawsmith.compositing.extract import LEAST, extract

SMOOTH = 0.7  # pixels; a single noisy pixel is no edge
EDGE = 0.35  # a pixel has changed when it did so by this share of the defect's own strength
SMALLEST = 4  # pixels of a component that is kept after the drawn mask was compared with the change, at most
TRUST = 0.35  # weight of the drawn mask against what is seen to have changed


def refine(soft: np.ndarray, change: np.ndarray, region: np.ndarray, floor: float, least: int = LEAST) -> np.ndarray:
    """Return the mask (H, W) bool of a drawn defect: what the model calls defect and what is seen to differ, decided pixel by pixel.

    soft: (H, W) 0 to 1, the mask channel; change: (H, W) how far the drawn canvas is from the normal, as a share of the value range;
    region: (H, W) bool; floor: the change below which nothing is to be seen; least: as for `extract`; of what has changed
    components of SMALLEST pixels are kept, too.
    A pixel's score is TRUST * soft + (1 - TRUST) * evidence, where the evidence is 1/2 at the level of `changed`, taken of those pixels of
    the drawn mask that are above the floor: a thin line has its own strength, however wide a stroke it is labelled with. Both are smooth,
    so the border runs where they cross and not along cells. Enclosed holes that the model calls defect are filled, the others stay; what
    has not changed at all is dropped even where the model is sure.
    """
    core = extract(soft, region, least=least)
    if not core.any():
        return core
    smooth = _smooth(change)
    evidence = np.clip(smooth / (2 * _level(smooth, core & (smooth > floor), floor)), 0, 1)
    score = TRUST * soft + (1 - TRUST) * evidence
    near = cv2.dilate(core.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0  # a change far from the drawn defect is not the defect
    mask = extract(np.where(near, score, 0), region, low=0.5, least=min(least, SMALLEST))
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0
    mask |= closed & (soft > 0.5) & region
    return _fill(mask, soft) & region


def labelled(soft: np.ndarray, exact: np.ndarray, region: np.ndarray, least: int = LEAST) -> np.ndarray:
    """Return the mask (H, W) bool as the labeller of the exemplars would have drawn it, empty where nothing is to be seen.

    The mask channel learned from labels, with their habits. It is taken as it was drawn, together with `exact`, without pieces in which
    nothing has changed. soft: (H, W) 0 to 1, the mask channel; exact: (H, W) bool, what `refine` returned of it; region, least: as there.
    """
    marked = (extract(soft, region, least=least) | exact).astype(np.uint8)
    _, pieces = cv2.connectedComponents(marked, connectivity=8)
    return np.isin(pieces, np.unique(pieces[exact]))


def changed(change: np.ndarray, mask: np.ndarray, floor: float) -> np.ndarray:
    """Return where the picture has changed (H, W) bool, measured by the defect's own strength.

    The change is smoothed by a Gaussian of 0.7 px; a pixel has changed when it is above EDGE times the 75th percentile of the change inside
    the mask, and above `floor`. Outside the mask its own change must be above `floor`, too: beside a single changed pixel the smoothed
    one is.
    """
    smooth = _smooth(change)
    return (smooth > _level(smooth, mask, floor)) & (mask | (change > floor))


def consistency(change: np.ndarray, mask: np.ndarray, floor: float) -> float:
    """Return how well the mask fits the change: the intersection over union of the mask and `changed`, 0 to 1.

    change: (H, W) of the finished picture against its normal, as a share of the value range. 0 for an empty mask or an unchanged picture.
    """
    if not mask.any():
        return 0.0
    seen = changed(change, mask, floor)
    return float((seen & mask).sum() / (seen | mask).sum())


def consistency_free(whole: np.ndarray, part: np.ndarray, mask: np.ndarray, floor: float) -> float:
    """Return the consistency of a canvas made without a normal, 0 to 1, from its two branches.

    The part branch shows the defect on grey (0). A pixel counts as drawn by it when the part is nearer to the whole than to grey; where the
    whole itself is as good as grey (nearer than `floor`) the mask is believed. Intersection over union of those pixels and the mask.
    whole, part: (C, H, W) in [-1, 1]; floor: a share of the value range.
    """
    if not mask.any():
        return 0.0
    from_whole = np.abs(whole - part).max(0) / 2  # [-1, 1] spans two units
    from_grey = np.abs(part).max(0) / 2
    undecided = np.abs(whole).max(0) / 2 < floor
    drawn = np.where(undecided, mask, from_whole < from_grey)
    return float((drawn & mask).sum() / (drawn | mask).sum())


def _smooth(change: np.ndarray) -> np.ndarray:
    """Return change (H, W), in shares of the value range, through a Gaussian of SMOOTH pixels."""
    return cv2.GaussianBlur(change.astype(np.float32), (0, 0), SMOOTH, borderType=cv2.BORDER_REFLECT)


def _level(smooth: np.ndarray, mask: np.ndarray, floor: float) -> float:
    """Return the smoothed change (H, W) from which on a pixel has changed, as a share of the value range; mask: (H, W) bool."""
    return max(floor, EDGE * float(np.percentile(smooth[mask], 75))) if mask.any() else floor


def _fill(mask: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) bool with those of its enclosed holes filled that the model calls defect on the whole."""
    count, labels = cv2.connectedComponents(np.pad(~mask, 1, constant_values=True).astype(np.uint8), connectivity=4)
    outside, labels = labels[0, 0], labels[1:-1, 1:-1]  # the padding joins all that is open to the border
    sums, areas = (np.bincount(labels.ravel(), values, count) for values in (soft.ravel(), None))
    means = sums / np.maximum(areas, 1)  # a mask that fills the canvas leaves no pixel outside
    means[[0, outside]] = 0  # label 0 is the mask itself
    return mask | (means > 0.5)[labels]
