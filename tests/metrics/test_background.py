"""The background against loops."""

import math

import numpy as np
import pytest

from flawsmith.metrics.background import psnr_outside, ssim_outside


def test_psnr_is_of_the_pixels_outside() -> None:
    g = np.random.default_rng(0)
    normal, mask = g.random((20, 30, 3)).astype(np.float32), np.zeros((20, 30), bool)
    mask[5:10, 5:10] = True
    picture = normal + g.normal(0, 0.01, normal.shape).astype(np.float32)
    picture[mask] = 1
    places = [(r, c, k) for r in range(20) for c in range(30) if not mask[r, c] for k in range(3)]
    errors = [(float(picture[place]) - float(normal[place])) ** 2 for place in places]
    assert psnr_outside(picture, normal, mask) == pytest.approx(10 * math.log10(1 / np.mean(errors)))
    assert psnr_outside(np.where(mask[..., None], 1, normal), normal, mask) == pytest.approx(100)
    assert psnr_outside(picture, normal, np.ones_like(mask)) is None


def test_ssim_is_of_the_windows_outside() -> None:
    pytest.importorskip("skimage")
    g = np.random.default_rng(0)
    normal, mask = g.random((24, 30, 1)).astype(np.float32), np.zeros((24, 30), bool)
    mask[8:11, 20:24] = True
    picture = (normal + g.normal(0, 0.1, normal.shape)).astype(np.float32)
    picture[mask] = 5  # must not matter
    values = []
    for r in range(3, 21):
        for c in range(3, 27):
            part = slice(r - 3, r + 4), slice(c - 3, c + 4)
            if mask[part].any():
                continue
            x, y = (np.asarray(p[part][..., 0], np.float64) for p in (normal, picture))
            covariance = ((x - x.mean()) * (y - y.mean())).sum() / 48
            top = (2 * x.mean() * y.mean() + 0.01**2) * (2 * covariance + 0.03**2)
            values.append(top / ((x.mean() ** 2 + y.mean() ** 2 + 0.01**2) * (x.var(ddof=1) + y.var(ddof=1) + 0.03**2)))
    assert ssim_outside(picture, normal, mask) == pytest.approx(np.mean(values), abs=1e-4)
    assert ssim_outside(np.where(mask[..., None], 1, normal).astype(np.float32), normal, mask) == pytest.approx(1)
    assert ssim_outside(picture[:6], normal[:6], mask[:6]) is None
