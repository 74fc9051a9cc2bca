from typing import Any

import cv2
import numpy as np
import pytest

from flawsmith.benchmark.baselines.material import gather
from flawsmith.benchmark.baselines.poisson import clone, poisson
from flawsmith.core.seeds import numpy_generator


def disc(size: tuple[int, int], at: tuple[int, int], radius: int) -> np.ndarray:
    return cv2.circle(np.zeros(size, np.uint8), at, radius, 1, -1).astype(bool)


def direct(source, target, mask):
    """Return the clone of (H, W) pictures from the dense system of equations, pixel by pixel."""
    number = {tuple(p): i for i, p in enumerate(np.argwhere(mask))}
    a, b = np.zeros((len(number),) * 2), np.zeros(len(number))
    for (r, c), i in number.items():
        for q in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
            if not (0 <= q[0] < mask.shape[0] and 0 <= q[1] < mask.shape[1]):
                continue
            a[i, i] += 1
            b[i] += source[r, c] - source[q]
            if q in number:
                a[i, number[q]] -= 1
            else:
                b[i] += target[q]
    out = target.copy()
    out[mask] = np.linalg.solve(a, b)
    return out


@pytest.mark.parametrize("at", [(10, 9), (1, 9), (19, 16)])
def test_the_clone_solves_the_equations(at):
    g = np.random.default_rng(0)
    source, target = (cv2.GaussianBlur(g.normal(0, 1, (18, 21)), (0, 0), 1.5) for _ in range(2))
    mask = disc((18, 21), at, 5)
    got = clone(source[None].astype(np.float32), target[None].astype(np.float32), mask)[0]
    assert np.abs(got - direct(source, target, mask)).max() < 2e-3
    assert (got[~mask] == target.astype(np.float32)[~mask]).all()


def test_a_constant_difference_vanishes():
    g = np.random.default_rng(0)
    target = g.normal(0, 0.1, (3, 40, 50)).astype(np.float32)
    got = clone(target + 0.4, target, disc((40, 50), (25, 20), 12))
    assert np.abs(got - target).max() < 2e-3


def test_a_mask_without_a_rim_is_the_source():
    source, target = np.ones((1, 4, 5), np.float32), np.zeros((1, 4, 5), np.float32)
    assert (clone(source, target, np.ones((4, 5), bool)) == source).all()
    assert (clone(source, target, np.zeros((4, 5), bool)) == target).all()


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint8", 4), ("uint16", 1), ("uint16", 3)])
def test_nothing_outside_the_mask_changes(make_flawed, make_normal, dtype, channels):
    normal = make_normal(2, dtype, channels)
    material = gather({"disc": [make_flawed(1, dtype, channels)]}, [normal])
    pair: Any = poisson(material, normal, "disc", numpy_generator(3))
    assert pair.image.dtype == normal.image.dtype
    assert (pair.image[~pair.mask] == normal.image[~pair.mask]).all()
    inside = normal.image[pair.mask].astype(float) - pair.image[pair.mask]
    assert inside[:, 0].mean() > 0.2 * normal.image[..., 0].mean()  # the disc is there
