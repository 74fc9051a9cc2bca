"""How unlike a place is to a defect's surroundings, against loops over points."""

import numpy as np
import pytest

from flawsmith.placement.context import context_cost, sample_at


@pytest.mark.parametrize("even", [0.0, 0.5, 1.0])
def test_the_misfit_is_its_definition(even: float) -> None:
    g = np.random.default_rng(0)
    image, values = g.normal(size=(9, 11)), g.normal(size=7)
    y, x = g.integers(-3, 12, (4, 7)), g.integers(-3, 14, (4, 7))
    found = context_cost(*sample_at(image, y, x), values, even, 0.25)
    for place in range(4):
        gaps = [image[min(max(r, 0), 8), min(max(c, 0), 10)] - v for r, c, v in zip(y[place], x[place], values, strict=True)]
        mean = sum(gaps) / 7
        costs = [
            (gap - even * mean) ** 2 if 0 <= r < 9 and 0 <= c < 11 else 2 * values.var() + 0.25
            for gap, r, c in zip(gaps, y[place], x[place], strict=True)
        ]
        assert found[place] == pytest.approx(sum(costs) / 7)


def test_the_surroundings_themselves_fit_and_another_exposure_fits_nearly() -> None:
    image = np.random.default_rng(1).normal(size=(20, 20))
    y, x = np.mgrid[4:9, 6:12].reshape(2, 1, -1)
    values = image[y[0], x[0]]
    assert context_cost(*sample_at(image, y, x), values, 0.5, 1.0)[0] == 0
    brighter = sample_at(image + 2, y, x)
    assert context_cost(*brighter, values, 1.0, 1.0)[0] == pytest.approx(0) and context_cost(*brighter, values, 0.0, 1.0)[
        0
    ] == pytest.approx(4)


def test_what_lies_outside_is_seen_to() -> None:
    there, seen = sample_at(np.arange(6.0).reshape(2, 3), np.array([[0, -1, 5]]), np.array([[2, 0, 9]]))
    assert there.tolist() == [[2, 0, 5]] and seen.tolist() == [[True, False, False]]
