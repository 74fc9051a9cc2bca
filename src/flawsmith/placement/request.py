"""What is asked of a placement."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flawsmith.dataset.windows import Box
from flawsmith.placement.shapes import Size


@dataclass(frozen=True)
class PlacementRequest:
    """What is asked of a placement; every field may be left out."""

    region: np.ndarray | None = None  # (H, W) bool, the user's region: nothing is drawn outside it
    within: np.ndarray | None = None  # (H, W) bool: where the defect's centre may be (region, place map and object together)
    likely: np.ndarray | None = None  # (H, W) float32: how likely centres are, from the user's place map
    near: float | None = None  # share of places drawn near those of real defects; None = as generation.placement says
    size: Size | None = None
    taken: Sequence[Box] = field(default_factory=list)  # boxes of the picture that other defects have
    binarised: bool = False  # whether pictures have two tones: edges must meet, and a place that does not look like a real one is none
    extent: np.ndarray | None = None  # (H, W) bool: where the defect's pixels may be
    halo: int = 0  # pixels beyond its mask over which the defect fades
