"""Mirroring and turning what was learned, as the training windows were."""

import numpy as np

from flawsmith.config.schema import DataConfig


def dihedral_poses(config: DataConfig) -> list[tuple[int, bool]]:
    """Return the ways to mirror and turn an array as training windows were, each different one once: quarter turns, mirrored."""
    ways = [(k, flip) for k in (range(4) if config.rotations else (0,)) for flip in ((False, True) if config.flips else (False,))]
    if config.flips and not config.rotations:
        ways += [(2, False), (2, True)]  # mirroring both ways is a half turn
    return ways


def apply_pose(array: np.ndarray, turn: int, mirror: bool) -> np.ndarray:
    """Return an array (H, W, ...) mirrored across, where asked for, and then turned by so many quarters."""
    return np.rot90(array[:, ::-1] if mirror else array, turn)
