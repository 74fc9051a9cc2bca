"""Drawn pictures for the baselines: dark discs on a cloudy surface, or a bright part on a dark ground."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from flawsmith.dataset.sample import GOOD, Sample

HEIGHT, WIDTH = 72, 90


def surface(seed: int, dtype: str = "uint8", channels: int = 1) -> np.ndarray:
    """Return a cloudy surface (H, W, C) of 90 to 170, or that times 16, with an alpha of every value."""
    g = np.random.default_rng(seed)
    clouds = cv2.GaussianBlur(g.normal(0, 60, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 3)
    grey = np.clip(130 + clouds + g.normal(0, 2, (HEIGHT, WIDTH)), 90, 170)
    planes = [grey * (1 - 0.1 * c) for c in range(3 if channels >= 3 else 1)]
    if channels in (2, 4):
        planes.append(np.linspace(0, 255, grey.size).reshape(grey.shape))
    return (np.stack(planes, -1) * (16 if dtype == "uint16" else 1)).astype(dtype)


def flawed(seed: int, dtype: str = "uint8", channels: int = 1, at: tuple[int, int] = (40, 50), radius: int = 6) -> Sample:
    """Return a surface with a dark disc whose middle is at a row and column."""
    image = surface(seed, dtype, channels)
    mask = cv2.circle(np.zeros((HEIGHT, WIDTH), np.uint8), at[::-1], radius, 1, -1).astype(bool)
    colours = channels - (channels in (2, 4))
    image[mask, :colours] = image[mask, :colours] // 4
    return Sample(image, mask, "disc", None, Path(f"disc{seed}.png"))


def normal(seed: int, dtype: str = "uint8", channels: int = 1) -> Sample:
    """Return a surface without a defect."""
    return Sample(surface(seed, dtype, channels), None, GOOD, f"part{seed}", Path(f"good{seed}.png"))


@pytest.fixture(scope="session")
def make_flawed() -> Callable[..., Sample]:
    """Return the function that draws a picture with a defect: (seed, dtype, channels, at, radius) -> Sample."""
    return flawed


@pytest.fixture(scope="session")
def make_normal() -> Callable[..., Sample]:
    """Return the function that draws a normal: (seed, dtype, channels) -> Sample."""
    return normal
