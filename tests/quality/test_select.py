from itertools import combinations

import numpy as np
import pytest

from flawsmith.quality.copies import grey_crop
from flawsmith.quality.select import features, pick


def defect(height: int = 8, width: int = 20, level: float = 0.2, noise: float = 0.0, corner: int = 0) -> tuple[np.ndarray, np.ndarray]:
    picture = np.full((64, 64, 1), 0.6, np.float32)
    picture[10 : 10 + height, 10 : 10 + width] = level + noise * np.random.default_rng(0).normal(size=(height, width, 1))
    mask = np.zeros((64, 64), bool)
    mask[10 : 10 + height, 10 : 10 + width] = True
    mask[10 : 10 + corner, 10 : 10 + corner] = False
    return picture, mask


def test_features_are_finite_and_do_not_depend_on_the_pose():
    picture, mask = defect(noise=0.1, corner=4)
    own = features(grey_crop(picture, mask), (0.3, 0.7))
    assert np.isfinite(own).all()
    assert own.ndim == 1 and own.dtype == np.float32
    for turns in range(4):
        for step in (1, -1):
            turned = grey_crop(np.rot90(picture[:, ::step], turns), np.rot90(mask[:, ::step], turns))
            assert features(turned, (0.3, 0.7)) == pytest.approx(own, abs=1e-4)


@pytest.mark.parametrize("change", [{"height": 16, "width": 40}, {"height": 16}, {"level": 0.5}, {"noise": 0.1}, {"corner": 6}])
def test_features_tell_size_shape_brightness_and_texture_apart(change):
    own, other = features(grey_crop(*defect()), (0.5, 0.5)), features(grey_crop(*defect(**change)), (0.5, 0.5))
    assert np.abs(own - other).max() > 0.05


def test_features_tell_the_place():
    assert np.abs(features(grey_crop(*defect()), (0.1, 0.5)) - features(grey_crop(*defect()), (0.9, 0.5))).max() == pytest.approx(
        0.8, abs=1e-5
    )


def test_features_of_a_single_pixel():
    assert np.isfinite(features(grey_crop(*defect(1, 1)), (0.5, 0.5))).all()


def test_pick_takes_one_of_each_cluster():
    g = np.random.default_rng(1)
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
    vectors = np.concatenate([centre + g.normal(0, 0.1, (n, 2)) for centre, n in zip(centres, (50, 3, 1, 2), strict=True)])
    chosen = pick(vectors, 4)
    assert chosen == sorted(chosen)
    assert [sum(low <= i < high for i in chosen) for low, high in ((0, 50), (50, 53), (53, 54), (54, 56))] == [1, 1, 1, 1]


def test_pick_keeps_half_of_the_best_least_distance():
    vectors = np.random.default_rng(2).normal(size=(11, 3))
    x = (vectors - vectors.mean(0)) / vectors.std(0)

    def least(chosen):
        return min(np.linalg.norm(x[i] - x[j]) for i, j in combinations(chosen, 2))

    assert least(pick(vectors, 4)) >= 0.5 * max(least(c) for c in combinations(range(11), 4))


def test_pick_spreads_wider_than_chance():
    g = np.random.default_rng(4)
    vectors = g.normal(size=(2000, 6))
    x = (vectors - vectors.mean(0)) / vectors.std(0)

    def least(chosen):
        return min(np.linalg.norm(x[i] - x[j]) for i, j in combinations(chosen, 2))

    assert least(pick(vectors, 30)) > 1.5 * max(least(g.choice(2000, 30, replace=False)) for _ in range(20))


def test_pick_gives_every_feature_the_same_weight():
    g = np.random.default_rng(3)
    vectors = g.uniform(size=(40, 3))
    assert pick(vectors, 5) == pick(vectors * [1, 1000, 0.001], 5) == pick(np.column_stack([vectors, np.full(40, 0.1)]), 5)


@pytest.mark.parametrize(("count", "expected"), [(0, []), (2, [0, 1]), (3, [0, 1, 2]), (5, [0, 1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])])
def test_pick_of_equal_vectors_goes_by_index(count, expected):
    assert pick(np.ones((5, 4), np.float32), count) == expected


def test_pick_of_nothing():
    assert pick(np.empty((0, 4)), 3) == []
