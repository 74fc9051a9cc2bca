import numpy as np
import pytest

from flawsmith.benchmark.baselines.textures import OPERATIONS, disturbed, equalise, posterise, turn_hue


@pytest.fixture(params=[1, 3])
def picture(request):
    return np.random.default_rng(0).uniform(0.2, 0.7, (request.param, 24, 30)).astype(np.float32)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda f: f.__name__)
def test_every_operation_changes_the_picture_and_keeps_its_shape(picture, operation):
    before = picture.copy()
    got = operation(picture, np.random.default_rng(1))
    assert got.shape == picture.shape and np.isfinite(got).all() and (picture == before).all()
    assert (np.abs(got - picture).max() > 0.01) or (operation.__name__ == "colour" and len(picture) == 1)


def test_a_disturbed_picture_stays_within_the_range(picture):
    for seed in range(20):
        got = disturbed(picture, np.random.default_rng(seed))
        assert got.min() >= 0 and got.max() <= 1 and got.dtype == np.float32


def test_hues_turn_about_grey():
    red = np.array([1.0, 0.0, 0.0]).reshape(3, 1, 1)
    assert np.allclose(turn_hue(red, 2 * np.pi / 3).ravel(), [0, 1, 0], atol=1e-6)
    grey = np.full((3, 2, 2), 0.4)
    assert np.allclose(turn_hue(grey, 1.0, 1.5), grey)


def test_few_levels_and_even_levels(picture):
    assert len(np.unique(posterise(picture, np.random.default_rng(0)))) <= 16
    ranks = equalise(picture, np.random.default_rng(0))
    assert np.allclose(np.quantile(ranks[0], [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.03)
