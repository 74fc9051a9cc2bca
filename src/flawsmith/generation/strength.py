"""A drawn defect, as strong against its surroundings as a real one that it follows, and of its hue.

A network that is not sure where exactly a thin or small defect lies draws the mean of what it may be, which is paler than each of them.
"""

from dataclasses import replace

import cv2
import numpy as np

from flawsmith.compositing.replacing import of_one_hue
from flawsmith.dataset.windows import grow
from flawsmith.quality.border import surroundings
from flawsmith.quality.checks.contrast import DARK, contrasts
from flawsmith.synthesis.task import Drawn

FAINT = 0.05  # in log2: of a defect that is as bright as its surroundings the strength does not tell
SOFT = 1.0  # sigma in pixels over which the change of strength ends
HUE_SOFT = 2.0  # sigma in pixels of what has changed, as hue follows it
MOST_CHANGED = 2.0  # times the mean change: what changed more than this gets no more of the hue


def tone(picture: np.ndarray, mask: np.ndarray, others: np.ndarray | None = None) -> float | None:
    """Return log2 of the grey mean inside a mask (H, W) over that around it; None where nothing is around or inside.

    picture: (H, W, C) in shares of the value range; others: (H, W) bool, further defects.
    """
    if not mask.any():
        return None
    return contrasts(surroundings(picture.mean(-1, keepdims=True), mask, others)).get("tone0")


def as_strong(drawn: Drawn, normal: np.ndarray, mask: np.ndarray, real: float | None, severity: float, most: float, halo: int) -> Drawn:
    """Return what was drawn with its change from the normal, in and `halo` pixels around its mask (H, W), as strong as a real one's.

    normal: (C, H, W) in [-1, 1]; real: the `tone` of a real defect; severity: times this. The change is made `most` times as strong at
    most, or weaker by as much. Where one is darker and the other brighter than its surroundings nothing is done.
    """
    now = tone(_shares(drawn.image), mask)
    if real is None or now is None or real * now <= 0 or abs(now) < FAINT:
        return drawn
    gain = float(np.clip(severity * (2**real - 1) / (2**now - 1), 1 / most, most))
    near = cv2.GaussianBlur(grow(mask, halo + SOFT).astype(np.float32), (0, 0), SOFT)
    image = normal + (1 + (gain - 1) * near) * (drawn.image - normal)
    return replace(drawn, image=image.clip(-1, 1).astype(np.float32))


def of_hue(drawn: Drawn, normal: np.ndarray, mask: np.ndarray, real: np.ndarray, real_mask: np.ndarray, others: np.ndarray | None) -> Drawn:
    """Return what was drawn with the hue against its surroundings that a real defect has against its own, and about as bright as before.

    normal: (C, H, W) in [-1, 1]; real: (h, w, C) in shares of the value range; real_mask, others: (h, w) bool. Pixels count as far as they
    changed: what goes on of a surface keeps its hue. Nothing is done where nothing is around one of them, and where what is around them is
    not of one hue: what a defect looks like on another unit is for the network to say, which sees that.
    """
    own, like = surroundings(_shares(drawn.image), mask, None), surroundings(real, real_mask, others)
    change = cv2.GaussianBlur(np.abs(drawn.image - normal).mean(0) * mask, (0, 0), HUE_SOFT)
    if not (own.enough and like.enough) or not change[mask].any():
        return drawn
    rings = [found.picture[found.ring].mean(0) for found in (own, like)]
    if not of_one_hue(*rings):
        return drawn
    now, wanted = (np.log2((found.picture[found.mask].mean(0) + DARK) / (r + DARK)) for found, r in zip((own, like), rings, strict=True))
    hue = (wanted - now) - (wanted - now).mean()  # (C,) in log2
    share = (change / change[mask].mean()).clip(0, MOST_CHANGED) * mask
    values = (_shares(drawn.image) + DARK) * 2 ** (share[..., None] * hue) - DARK
    return replace(drawn, image=(2 * values.transpose(2, 0, 1) - 1).clip(-1, 1).astype(np.float32))


def _shares(image: np.ndarray) -> np.ndarray:
    """Return a canvas (C, H, W) in [-1, 1] as a picture (H, W, C) in shares of the value range."""
    return np.ascontiguousarray((image.transpose(1, 2, 0) + 1) / 2)
