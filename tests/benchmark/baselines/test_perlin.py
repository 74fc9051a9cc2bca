from typing import Any

import numpy as np
import pytest

from flawsmith.benchmark.baselines import perlin as module
from flawsmith.benchmark.baselines.material import gather
from flawsmith.benchmark.baselines.perlin import noise, perlin
from flawsmith.benchmark.baselines.visible import LEAST, change
from flawsmith.core.seeds import numpy_generator


def test_noise_is_smooth_at_its_scale_and_zero_at_the_lattice():
    fine, coarse = (noise((64, 96), (cell, cell), 0.0, np.random.default_rng(0)) for cell in (8.0, 32.0))
    assert np.abs(fine).max() <= np.sqrt(2) and fine.std() > 0.15
    steps = [np.abs(np.diff(x, axis=1)).mean() for x in (fine, coarse)]
    assert steps[0] > 2 * steps[1]


def test_noise_has_cells_as_high_and_wide_as_asked():
    x = noise((128, 128), (64.0, 8.0), 0.0, np.random.default_rng(0))
    down, across = np.abs(np.diff(x, axis=0)).mean(), np.abs(np.diff(x, axis=1)).mean()
    assert across > 4 * down
    y = noise((128, 128), (64.0, 8.0), np.pi / 2, np.random.default_rng(0))
    assert np.abs(np.diff(y, axis=0)).mean() > 4 * np.abs(np.diff(y, axis=1)).mean()


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint8", 4), ("uint16", 1), ("uint16", 3)])
def test_only_the_mask_changes_and_it_is_seen(make_normal, dtype, channels):
    normals = [make_normal(i, dtype, channels) for i in range(3)]
    material = gather({}, normals)
    for seed in range(6):
        pair: Any = perlin(material, normals[0], "perlin", numpy_generator(seed))
        assert pair.mask.sum() >= module.LEAST and pair.image.dtype == dtype and pair.defect == "perlin"
        assert (pair.image[~pair.mask] == normals[0].image[~pair.mask]).all()
        assert change(pair, normals[0], material.scale) >= LEAST
        if channels == 4:
            assert (pair.image[..., 3] == normals[0].image[..., 3]).all()


def test_the_opacity_is_within_its_bounds(make_normal, monkeypatch):
    normals = [make_normal(i) for i in range(2)]
    monkeypatch.setattr(module, "disturbed", lambda picture, g: np.ones_like(picture))
    shares = []
    for seed in range(30):
        pair: Any = perlin(gather({}, normals), normals[0], "perlin", numpy_generator(seed))
        old = normals[0].image[pair.mask].astype(float)
        shares.append(((pair.image[pair.mask] - old) / (255 - old)).mean())
    assert 0.08 < min(shares) < 0.35 and 0.75 < max(shares) < 1.01


def test_on_a_part_only_the_part_is_touched(make_normal, monkeypatch):
    normal = make_normal(0)
    allowed = np.zeros(normal.image.shape[:2], bool)
    allowed[30:40, 30:60] = True
    material = gather({}, [normal, make_normal(1)])
    monkeypatch.setattr(type(material), "object_mask", lambda self, picture: allowed)
    for seed in range(8):
        pair: Any = perlin(material, normal, "perlin", numpy_generator(seed))
        assert pair.mask.any() and not (pair.mask & ~allowed).any()
