"""Small untrained models and tasks for them to draw."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from shaken import shake

from flawsmith.config.schema import Config
from flawsmith.models.build import build_model
from flawsmith.models.dual_model import Condition, DualModel
from flawsmith.product.shape import ModelSpec
from flawsmith.synthesis.task import Drawn, Task

SIDE = 32


def model(config: Config, colours: int = 1, empty: bool = False) -> DualModel:
    """Return an untrained model that draws something; with `empty` it draws hardly any mask."""
    built = shake(build_model(config.model, ModelSpec(("blob", "line"), colours, SIDE), 0))
    if empty:
        last(built).bias.data[-1] = -1.6
    return built.eval().requires_grad_(False)


def last(m: DualModel) -> Any:
    """Return the last layer: of the image's planes, the anomaly's if there is one, and the mask."""
    return m.net.head[-1]


def tasks(colours: int = 1) -> list[Task]:
    g = np.random.default_rng(0)
    found = []
    for i in range(3):
        region = np.zeros((SIDE, SIDE), bool)
        region[4 + i : 20, 6:24] = True
        normal = g.uniform(-1, 1, (colours, SIDE, SIDE)).astype(np.float32)
        found.append(Task(normal, region, shape=None, entry=1 + i % 2, seed=100 + i))
    return [*found, Task(None, np.ones((SIDE, SIDE), bool), shape=None, entry=1, seed=200)]


def same(a: Drawn, b: Drawn) -> bool:
    """Return whether two drawn canvases are alike to the bit."""
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(Drawn))


def large(height: int = 48, width: int = 72, seed: int = 300) -> Task:
    """Return a canvas larger than a window, with a region that needs several."""
    region = np.zeros((height, width), bool)
    region[8 : height - 8, 8 : width - 8] = True
    normal = np.random.default_rng(seed).uniform(-1, 1, (1, height, width)).astype(np.float32)
    return Task(normal, region, shape=None, entry=1, seed=seed)


def gaussian(m: DualModel, mean: float, std: float) -> Callable[..., torch.Tensor]:
    """Return a network that knows pictures of independent normal values: E[clean | (1 - t) clean + t noise]."""

    def forward(x: torch.Tensor, t: torch.Tensor, _condition: Condition) -> torch.Tensor:
        time = t[None, :, None, None, None]
        gain = (1 - time) * std**2 / ((1 - time).square() * std**2 + time.square())
        return mean + gain * (x - (1 - time) * mean)

    return forward


def everywhere(count: int, normal: bool, colours: int = 1, **more: object) -> list[Task]:
    """Return canvases to be drawn all over, onto mid-grey or from nothing."""
    region, picture = np.ones((SIDE, SIDE), bool), np.zeros((colours, SIDE, SIDE), np.float32)
    return [Task(picture if normal else None, region, shape=None, entry=1, seed=seed, **more) for seed in range(count)]  # type: ignore[arg-type]
