"""A drawn defect, as strong against its surroundings as a real one that it follows.

A network that is not sure where exactly a thin or small defect lies draws the mean of what it may be, which is paler than each of them.
"""

from dataclasses import replace

import cv2
import numpy as np

from flawsmith.dataset.windows import grow
from flawsmith.quality.border import surroundings
from flawsmith.quality.checks.contrast import contrasts
from flawsmith.synthesis.task import Drawn

FAINT = 0.05  # in log2: of a defect that is as bright as its surroundings the strength does not tell
SOFT = 1.0  # sigma in pixels over which the change of strength ends


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
    now = tone(np.ascontiguousarray((drawn.image.transpose(1, 2, 0) + 1) / 2), mask)
    if real is None or now is None or real * now <= 0 or abs(now) < FAINT:
        return drawn
    gain = float(np.clip(severity * (2**real - 1) / (2**now - 1), 1 / most, most))
    near = cv2.GaussianBlur(grow(mask, halo + SOFT).astype(np.float32), (0, 0), SOFT)
    image = normal + (1 + (gain - 1) * near) * (drawn.image - normal)
    return replace(drawn, image=image.clip(-1, 1).astype(np.float32))
