"""Mirroring and turning of training windows."""

from collections.abc import Callable

import numpy as np

Pose = Callable[[np.ndarray], np.ndarray]


def augment(
    image: np.ndarray, mask: np.ndarray, region: np.ndarray, flips: bool, rotations: bool, g: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return picture, mask and region (H, W, ...) mirrored and turned alike."""
    pose = random_pose(flips, rotations, g)
    return pose(image), pose(mask), pose(region)


def random_pose(flips: bool, rotations: bool, g: np.random.Generator) -> Pose:
    """Return a function that mirrors and turns squares (S, S, ...), all alike."""
    turns = int(g.integers(4)) if rotations else 0
    up, across = (bool(g.random() < 0.5), bool(g.random() < 0.5)) if flips else (False, False)

    def move(a: np.ndarray) -> np.ndarray:
        a = np.rot90(a, turns)
        a = a[::-1] if up else a
        return np.ascontiguousarray(a[:, ::-1] if across else a)

    return move
