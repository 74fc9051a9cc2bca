"""Shapes, surfaces and examples with which placement is tested."""

from typing import Any

import cv2
import numpy as np

from flawsmith.config.schema import Config, DataConfig, GenerationConfig
from flawsmith.placement.canvas import Placement
from flawsmith.product.exemplars import Exemplar

WINDOW, FACTOR = 32, 4
HOW = ["context", "position", "uniform"]


def config(how: Any = "context", turned: bool = True, canvas: int = 4) -> Config:
    return Config(data=DataConfig(flips=turned, rotations=turned), generation=GenerationConfig(placement=how, max_windows=canvas))


def disc(radius: int = 4) -> np.ndarray:
    return cv2.circle(np.zeros((2 * radius + 1,) * 2, np.uint8), (radius, radius), radius, 1, -1).astype(bool)


SHAPES = {"disc": disc(), "line": np.ones((2, 15), bool), "speck": np.ones((1, 1), bool), "large": np.ones((50, 70), bool)}


def example(shape: np.ndarray, at: tuple[float, float] = (0.5, 0.5)) -> Exemplar:
    g = np.random.default_rng(0)
    mask = np.zeros((WINDOW, WINDOW), bool)
    seen = shape[:WINDOW, :WINDOW]
    top, left = (WINDOW - seen.shape[0] + 1) // 2, (WINDOW - seen.shape[1] + 1) // 2
    mask[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    return Exemplar("dent", g.integers(80, 120, (WINDOW, WINDOW, 1), dtype=np.uint8), mask, shape, at, int(shape.sum()), "a.png")


def surface(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(80, 120, (*size, 1), dtype=np.uint8)


def region_in_picture(p: Placement, size: tuple[int, int]) -> np.ndarray:
    """Return the region as a mask of the picture; fails where it leaves the picture."""
    whole = np.zeros(size, bool)
    for row, column in np.argwhere(p.region) + (p.top, p.left):
        assert 0 <= row < size[0] and 0 <= column < size[1]
        whole[row, column] = True
    return whole
