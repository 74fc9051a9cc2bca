"""Pictures distorted until they are textures foreign to the product: the operations of DRAEM."""

from collections.abc import Callable

import cv2
import numpy as np

CHOSEN = 3  # operations on each picture


def disturbed(picture: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return a picture (C, H, W) of shares, 0 black, 1 white, after CHOSEN different operations out of all, within 0 to 1."""
    for i in g.permutation(len(OPERATIONS))[:CHOSEN]:
        picture = OPERATIONS[i](picture, g).clip(0, 1).astype(np.float32)
    return picture


def gamma(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return the picture with its values raised to a power from 0.5 to 2, each colour to its own."""
    return x.clip(0, 1) ** g.uniform(0.5, 2.0, (len(x), 1, 1))


def brightness(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return the picture times 0.8 to 1.2 plus up to 0.12."""
    return x * g.uniform(0.8, 1.2) + g.uniform(-0.12, 0.12)


def sharpen(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return the picture with 0.5 to 2 times its fine detail added."""
    smooth = np.stack([cv2.GaussianBlur(plane, (0, 0), 1.5, borderType=cv2.BORDER_REFLECT) for plane in x.astype(np.float32)])
    return x + g.uniform(0.5, 2.0) * (x - smooth)


def colour(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return the picture with its hue turned by up to 50 degrees and its saturation halved to one and a half; grey as it is."""
    return turn_hue(x, np.deg2rad(g.uniform(-50, 50)), g.uniform(0.5, 1.5))


def solarise(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return the picture with all above a limit of 0.125 to 0.5 inverted."""
    return np.where(x > g.uniform(0.125, 0.5), 1 - x, x)


def posterise(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return the picture with 2 to 16 levels."""
    levels = 2.0 ** int(g.integers(1, 5)) - 1
    return np.rint(x * levels) / levels


def invert(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return the negative."""
    return 1 - x


def stretch(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return the picture with each colour's values spread over the whole range."""
    low, high = np.percentile(x, [1, 99], axis=(1, 2), keepdims=True)
    return (x - low) / np.maximum(high - low, 1e-3)


def equalise(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return the picture with each colour's values evenly distributed, told from 256 levels."""
    planes = []
    for plane in x:
        counts, edges = np.histogram(plane, 256, (0, 1))
        planes.append(np.interp(plane, edges[1:], np.cumsum(counts) / plane.size))
    return np.stack(planes)


def rotate(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return the picture turned by up to 45 degrees about its middle, mirrored beyond its border."""
    height, width = x.shape[1:]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), g.uniform(-45, 45), 1.0)
    return np.stack([cv2.warpAffine(p, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101) for p in x.astype(np.float32)])


def turn_hue(x: np.ndarray, angle: float, saturation: float = 1.0) -> np.ndarray:
    """Return the picture (C, H, W) with its colours turned about the grey axis and made stronger or weaker; grey as it is."""
    if len(x) != 3:
        return x
    part, whole = (1 - np.cos(angle)) / 3, np.sin(angle) / np.sqrt(3)
    # Rodrigues' rotation about (1, 1, 1)
    matrix = np.cos(angle) * np.eye(3) + part + whole * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    middle = x.mean(0, keepdims=True)
    return middle + saturation * np.einsum("ij,jhw->ihw", matrix, x - middle)


OPERATIONS: tuple[Callable[[np.ndarray, np.random.Generator], np.ndarray], ...] = (
    gamma,
    brightness,
    sharpen,
    colour,
    solarise,
    posterise,
    invert,
    stretch,
    equalise,
    rotate,
)
