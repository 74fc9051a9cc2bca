"""Photographs to cut pieces from: those of scikit-image that are CC0 or in the public domain."""

import functools

import cv2
import numpy as np

from flawsmith.base.episodes.fields import log_uniform, normalised

TEXTURES = ("brick", "gravel", "grass")  # even all over
SCENES = ("camera", "chelsea", "coffee", "clock", "rocket")  # with edges, things and blur


@functools.cache
def photograph(name: str) -> np.ndarray:
    """Return a photograph (H, W, 3) float32, 0 to 1. Raises ImportError without scikit-image (extra `metrics`)."""
    from skimage import data

    picture = getattr(data, name)().astype(np.float32) / 255
    return np.repeat(picture[..., None], 3, -1) if picture.ndim == 2 else picture


@functools.cache
def relief(name: str) -> np.ndarray:
    """Return a photograph's brightness (H, W) float32 of mean 0 and spread 1."""
    return normalised(photograph(name).mean(-1))


def piece(picture: np.ndarray, g: np.random.Generator, side: int, scale: float, turn: float, mirror: bool = False) -> np.ndarray:
    """Return a piece (side, side, ...) of a picture from a random place, enlarged by `scale` and turned by `turn` degrees."""
    reach = side / scale
    middle = [g.uniform(min(0.75 * reach, length / 2), max(length - 0.75 * reach, length / 2)) for length in picture.shape[:2]]
    matrix = cv2.getRotationMatrix2D((float(middle[1]), float(middle[0])), turn, scale)
    matrix[:, 2] += side / 2 - np.array(middle[::-1])
    cut = cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return cut[:, ::-1] if mirror else cut


def draw_scale(g: np.random.Generator, unit: float) -> float:
    """Return by how much a photograph is enlarged where structures are `unit` times as large as usual."""
    return log_uniform(g, 0.4, 1.4) * unit
