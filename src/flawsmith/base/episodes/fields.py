"""Random fields: what surfaces and defects are made of. All take a generator, and give (side, side) float32."""

import cv2
import numpy as np


def log_uniform(g: np.random.Generator, low: float, high: float) -> float:
    """Return a number between low and high, every octave equally likely."""
    return float(np.exp(g.uniform(np.log(low), np.log(high))))


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns (side, side) float32 of a square's pixels."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    return y, x


def value_noise(g: np.random.Generator, side: int, roughness: float, coarsest: float = 1.0) -> np.ndarray:
    """Return noise of mean 0 and spread 1, the sum of octaves of smoothly interpolated random values.

    roughness: by how much an octave is stronger than the next coarser one, 0 smooth to 1 white; coarsest: size of the coarsest
    cells as a share of the side.
    """
    total = np.zeros((side, side), np.float32)
    cells, weight = max(2.0, 1 / coarsest + 1), 1.0
    while cells < 1.5 * side and weight > 0.01:
        n = int(min(cells, side)) + 2
        octave = g.standard_normal((n, n), dtype=np.float32)
        total += weight * _enlarged(octave, side, g)
        cells, weight = 2 * cells, weight * roughness
    return normalised(total)


def streaks(g: np.random.Generator, side: int, angle: float, length: float, roughness: float) -> np.ndarray:
    """Return noise of mean 0 and spread 1 drawn out along `angle` (radians) to `length` pixels: grinding, brushing, grain of wood."""
    span = int(1.5 * side) + 2
    along = max(2, int(span / length) + 2)
    total, weight, width = np.zeros((span, span), np.float32), 1.0, 1.0
    for _ in range(4):
        rows = max(3, int(span / width))
        octave = g.standard_normal((rows, along), dtype=np.float32)
        total += weight * cv2.resize(octave, (span, span), interpolation=cv2.INTER_CUBIC)
        width, weight = 2 * width, weight * roughness
    turn = cv2.getRotationMatrix2D((span / 2, span / 2), np.degrees(angle), 1.0)
    turn[:, 2] += (side - span) / 2
    return normalised(cv2.warpAffine(total, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def normalised(values: np.ndarray) -> np.ndarray:
    """Return values with mean 0 and spread 1."""
    return ((values - values.mean()) / (values.std() + 1e-6)).astype(np.float32)


def nearest_points(g: np.random.Generator, side: int, distance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each pixel the distances to the nearest and the second nearest of scattered points, and the nearest one's number.

    distance: between neighbouring points in pixels. (Worley 1996, on a jittered grid: 9 candidates for each pixel.)
    """
    y, x = grid(side)
    n = int(np.ceil(side / distance)) + 3
    oy, ox = g.uniform(0, 1, 2)
    points = np.moveaxis(np.mgrid[:n, :n], 0, -1).astype(np.float32) + g.uniform(0.0, 1.0, (n, n, 2)).astype(np.float32)
    u, v = y / distance + 1 + oy, x / distance + 1 + ox
    iu, iv = u.astype(np.int32), v.astype(np.int32)
    first = np.full((side, side), np.inf, np.float32)
    second, number = first.copy(), np.zeros((side, side), np.int32)
    for du in (-1, 0, 1):
        for dv in (-1, 0, 1):
            a, b = np.clip(iu + du, 0, n - 1), np.clip(iv + dv, 0, n - 1)
            p = points[a, b]
            d = np.sqrt((u - p[..., 0]) ** 2 + (v - p[..., 1]) ** 2)
            nearer = d < first
            second = np.where(nearer, first, np.minimum(second, d))
            number = np.where(nearer, a * n + b, number)
            first = np.where(nearer, d, first)
    return first * distance, second * distance, number


def warped(image: np.ndarray, g: np.random.Generator, strength: float, scale: float = 0.25) -> np.ndarray:
    """Return an image (H, W, ...) float32 whose pixels come from up to about `strength` pixels away, smoothly."""
    side = image.shape[0]
    y, x = grid(side)
    dy, dx = (strength * value_noise(g, side, 0.3, scale) / 2 for _ in range(2))
    return cv2.remap(image, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the image blurred by a Gaussian of `sigma` pixels; below 0.3 px as it is."""
    return image if sigma < 0.3 else cv2.GaussianBlur(image, (0, 0), sigma).reshape(image.shape)


def largest(image: np.ndarray) -> np.ndarray:
    """Return the largest channel's value of each pixel, (H, W, 3) to (H, W); several times as fast as numpy's max over a short axis."""
    return np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2])


def grey(image: np.ndarray) -> np.ndarray:
    """Return the mean of the channels, (H, W, 3) to (H, W)."""
    return (image[..., 0] + image[..., 1] + image[..., 2]) * np.float32(1 / 3)


def smeared(image: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Return the image (H, W, ...) averaged over `length` pixels along `angle` (radians)."""
    reach = int(np.ceil(length / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    step = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    ends = np.rint(reach + np.stack([-step, step])).astype(np.int32)
    cv2.polylines(kernel, [ends], False, 1.0, 1, cv2.LINE_AA)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def _enlarged(octave: np.ndarray, side: int, g: np.random.Generator) -> np.ndarray:
    """Return an octave (n, n) as (side, side), from a random place so that its cells have no fixed position."""
    n = octave.shape[0]
    large = cv2.resize(octave, (side + 2 * side // n, side + 2 * side // n), interpolation=cv2.INTER_CUBIC)
    spare = large.shape[0] - side
    top, left = (int(v) for v in g.integers(0, spare + 1, 2))
    return large[top : top + side, left : left + side]
