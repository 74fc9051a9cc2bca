"""What the model is to draw on one canvas, and what it drew."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Task:
    """One canvas to draw: a window of the model's, or a larger one, with sides that are multiples of the model's factor."""

    normal: np.ndarray | None  # (C, H, W) float32 in [-1, 1]: the background; None = from nothing
    region: np.ndarray  # (H, W) bool: where the model may draw
    shape: np.ndarray | None  # (H, W) bool: the proposed defect; None = the model invents its own
    entry: int  # of the token table: 0 good, 1.. the defects
    seed: int
    severity: float = 1.0  # how far the defect is from the normal: 1 as learned, less fainter, more stronger
    exemplars: np.ndarray | None = None  # (K, C + 1, S, S) float32: windows in [-1, 1] and masks of defects to follow; None = of none
    halo: int = 0  # pixels beyond its mask that the defect may show
    shown: bool = False  # whether the model sees the normal in the region, too


@dataclass(frozen=True)
class Drawn:
    """One canvas as drawn."""

    image: np.ndarray  # (C, H, W) float32, about -1 to 1
    anomaly: np.ndarray  # (C, H, W) float32, 0 outside the defect
    mask: np.ndarray  # (H, W) float32, 0 to 1
