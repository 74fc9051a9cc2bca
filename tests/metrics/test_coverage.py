"""Precision, recall, density and coverage against loops."""

import math

import numpy as np
import pytest

from flawsmith.metrics.coverage import coverage


def naive(real: np.ndarray, made: np.ndarray, k: int) -> tuple[float, ...]:
    def reach(points: np.ndarray, i: int) -> float:
        return sorted(math.dist(points[i], points[j]) for j in range(len(points)) if j != i)[k - 1]

    balls = [reach(real, i) for i in range(len(real))]
    made_balls = [reach(made, j) for j in range(len(made))]
    precision = sum(any(math.dist(y, x) <= r for x, r in zip(real, balls, strict=True)) for y in made) / len(made)
    recall = sum(any(math.dist(x, y) <= r for y, r in zip(made, made_balls, strict=True)) for x in real) / len(real)
    density = sum(math.dist(y, x) <= r for y in made for x, r in zip(real, balls, strict=True)) / (k * len(made))
    covered = sum(any(math.dist(y, x) <= r for y in made) for x, r in zip(real, balls, strict=True)) / len(real)
    return precision, recall, density, covered


@pytest.mark.parametrize("k", [1, 3, 5])
def test_all_four_are_their_definitions(k: int) -> None:
    g = np.random.default_rng(k)
    real, made = g.normal(0, 1, (20, 3)), g.normal(0.7, 0.6, (15, 3))
    found = coverage(real, made, k)
    assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(naive(real, made, k))
    assert coverage(real[::-1], made[::-1], k) == found


def test_far_away_is_nothing_and_one_spot_is_precise_without_recall() -> None:
    g = np.random.default_rng(0)
    real = g.normal(0, 1, (30, 2))
    far = coverage(real, real + 100)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)
    spot = coverage(real, real[:1] + 1e-3 * g.normal(0, 1, (30, 2)))
    assert spot.precision == 1 and spot.recall < 0.1 and spot.coverage < 0.3


def test_twins_do_not_hide_a_neighbour() -> None:
    real = np.array([[0.0], [0], [0], [0], [5]])  # the third nearest other one of a twin is a twin
    assert coverage(real, np.array([[1.0], [1], [1], [1], [4]]), 3).coverage == pytest.approx(1 / 5)
