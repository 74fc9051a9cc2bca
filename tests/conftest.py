"""A drawn product, and models of it that are trained in seconds; what tests share is never written to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawn_pairs import make_pairs, small
from generated_pairs import alike, loud, marked, pairs, run_copy
from small_base import base

from flawsmith.config.resolve import from_dict
from flawsmith.config.schema import Config

# fixtures that several folders of tests use
__all__ = ["alike", "base", "loud", "make_pairs", "marked", "pairs", "run_copy", "small"]

SIZE = (48, 56)  # height and width of the drawn pictures
WINDOW = 32


def texture(g: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Return a cloudy surface (H, W) float, about 40 to 160."""
    clouds = cv2.GaussianBlur(g.normal(0, 30, size).astype(np.float32), (0, 0), 2)
    return 100 + clouds + g.normal(0, 2, size)


def blob(g: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Return the mask (H, W) uint8 of a disc."""
    mask = np.zeros(size, np.uint8)
    centre = int(g.integers(12, size[1] - 12)), int(g.integers(12, size[0] - 12))
    return cv2.circle(mask, centre, int(g.integers(4, 6)), 1, -1)


def line(g: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Return the mask (H, W) uint8 of a short line."""
    mask = np.zeros(size, np.uint8)
    x, y, angle = int(g.integers(12, size[1] - 12)), int(g.integers(12, size[0] - 12)), g.uniform(0, np.pi)
    dx, dy = int(8 * np.cos(angle)), int(8 * np.sin(angle))
    return cv2.line(mask, (x - dx, y - dy), (x + dx, y + dy), 1, 2)


def save(path: Path, grey: np.ndarray, dtype: str = "uint8", channels: int = 1) -> Path:
    """Write a grey picture (H, W) of 0 to 255 in the depth and with the channels asked for; 16 bits hold 12-bit values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.clip(grey, 0, 255) * (4095 / 255 if dtype == "uint16" else 1)
    planes = [pixels * (1 - 0.05 * c) for c in range(min(channels, 3))]
    if channels == 4:
        planes.append(np.linspace(0, 65535 if dtype == "uint16" else 255, pixels.size).reshape(pixels.shape))  # alpha of every value
    content = np.stack(planes, axis=-1).round().astype(dtype)
    assert cv2.imwrite(str(path), content)
    return path


def product(root: Path, dtype: str = "uint8", channels: int = 1, each: int = 6) -> Path:
    """Write a folder in the MVTec AD layout: 5 normals, 2 held out, `each` pictures of bright blobs and of bright lines."""
    g = np.random.default_rng(0)
    for name, count in (("train/good", 5), ("test/good", 2)):
        for i in range(count):
            save(root / f"{name}/{i:03}.png", texture(g, SIZE), dtype, channels)
    for defect, shape in (("blob", blob), ("line", line)):
        for i in range(each):
            mask, grey = shape(g, SIZE), texture(g, SIZE)
            grey[mask > 0] = 0.2 * grey[mask > 0] + 180
            save(root / f"test/{defect}/{i:03}.png", grey, dtype, channels)
            save(root / f"ground_truth/{defect}/{i:03}_mask.png", 255.0 * mask)
    return root


@pytest.fixture(scope="session")
def make_product() -> Callable[..., Path]:
    """Return the function that writes a drawn product: (root, dtype, channels, each) -> root."""
    return product


@pytest.fixture(scope="session")
def save_picture() -> Callable[..., Path]:
    """Return the function that writes one drawn picture: (path, grey, dtype, channels) -> path."""
    return save


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Config]:
    """Return a function that makes the configuration of a small model: (group={key: value}, ...) -> Config."""
    base: dict[str, dict[str, Any]] = {  # the tests do not depend on the defaults, which are there to be tuned
        "data": {"window": WINDOW},
        "model": {"cells": 8, "width": 32, "depth": 2, "head_dim": 16, "pixels": 4, "token_dim": 32, "tokens": 2}
        | {"dual": True, "interaction": "saim", "saim_rank": 4, "bcm": False},
        "training": {
            "init": "none",
            "steps": 4,
            "batch": 2,
            "precision": "fp32",
            "learning_rate": 3e-3,
            "warmup": 2,
            "ema": 0.95,
            "log_every": 1,
            "checkpoint_every": 250,
            "preview_every": 500,
            "patience": 0,
        },
        "generation": {"steps": 2, "guidance": 1.5, "free_shapes": 0.2, "precision": "fp32"},
    }

    def make(**groups: dict[str, Any]) -> Config:
        return from_dict({name: {**base.get(name, {}), **groups.get(name, {})} for name in base.keys() | groups.keys()})

    return make


@pytest.fixture(scope="session")
def data8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An 8-bit grey product. Read only."""
    return product(tmp_path_factory.mktemp("data8"))


@pytest.fixture(scope="session")
def data16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 16-bit RGB product. Read only."""
    return product(tmp_path_factory.mktemp("data16"), "uint16", 3)


def learn(data: Path, run: Path, config: Config) -> Path:
    from flawsmith.workflows.fit import fit

    fit(data, run, config, device="cpu", threads=1, quiet=True)
    return run


@pytest.fixture(scope="session")
def run8(data8: Path, tiny: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned to draw the 8-bit product's defects. Read only."""
    config = tiny(training={"steps": 70, "batch": 8, "preview_every": 1000, "checkpoint_every": 1000})
    return learn(data8, tmp_path_factory.mktemp("run8") / "run", config)


@pytest.fixture(scope="session")
def run16(data16: Path, tiny: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the 16-bit colour product. Read only."""
    config = tiny(training={"steps": 50, "batch": 8, "preview_every": 1000, "checkpoint_every": 1000})
    return learn(data16, tmp_path_factory.mktemp("run16") / "run", config)


@pytest.fixture
def untouched_generators() -> Any:
    """Fail when the test changes the state of a global random generator."""
    import random

    import torch

    def states() -> tuple[Any, ...]:
        kind, keys, *rest = np.random.get_state()
        return random.getstate(), (kind, np.asarray(keys).tolist(), *rest), torch.get_rng_state().tolist()

    before = states()
    yield
    assert states() == before
