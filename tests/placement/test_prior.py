"""The place map and the places drawn from it: near real ones, only where it is allowed, as likely as the user says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.core.errors import DataError
from flawsmith.placement.prior import CELLS, place_map, sample_places
from flawsmith.product.exemplars import Exemplar


def example(row: float, column: float) -> Exemplar:
    nothing = np.zeros((1, 1), bool)
    return Exemplar("dent", nothing[..., None].astype(np.uint8), nothing, nothing, (row, column), 1, "a.png")


def draw(size: tuple[int, int], within: np.ndarray | None = None, seed: int = 0, count: int = 4000, **options: object) -> np.ndarray:
    chances = place_map(size, options.pop("examples", []), within, **options)  # type: ignore[arg-type]
    return sample_places(chances, size, count, np.random.default_rng(seed), within)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 10**6), st.booleans())
def test_places_lie_in_the_picture_and_where_they_may(height: int, width: int, seed: int, restricted: bool) -> None:
    g = np.random.default_rng(seed)
    within = g.random((height, width)) < 0.05 if restricted else None
    if within is not None:
        within[g.integers(height), g.integers(width)] = True
    chances = place_map((height, width), [example(*g.random(2)) for _ in range(3)], within)
    assert chances.dtype == np.float32 and chances.sum() == pytest.approx(1, abs=1e-4) and (chances >= 0).all()
    assert chances.shape[0] <= min(height, CELLS) and chances.shape[1] <= min(width, CELLS)
    places = sample_places(chances, (height, width), 50, g, within)
    assert places.shape == (50, 2) and (places >= 0).all() and (places < (height, width)).all()
    assert within is None or within[places[:, 0], places[:, 1]].all()


def test_the_map_is_coarse_and_its_cells_are_square() -> None:
    assert place_map((3072, 4096), []).shape == (96, 128)
    assert place_map((8192, 64), []).shape == (128, 1)
    assert place_map((100, 128), []).shape == (100, 128)


def test_half_are_near_real_ones_and_half_anywhere() -> None:
    places = draw((500, 700), examples=[example(0.3, 0.8)] * 3) / (500, 700)
    near = (np.abs(places - (0.3, 0.8)) < 0.12).all(1)  # three deviations
    assert near.mean() == pytest.approx(0.5 + 0.5 * 0.24**2, abs=0.03)
    assert places[near].mean(0) == pytest.approx((0.3, 0.8), abs=0.01)
    assert places[near].std(0) == pytest.approx((0.042, 0.042), abs=0.006)
    assert (places[~near] < 0.5).mean() == pytest.approx(0.5, abs=0.06)


def test_the_share_near_real_ones_can_be_chosen() -> None:
    for near, expected in ((0.0, 0.24**2), (1.0, 1.0)):
        places = draw((300, 300), examples=[example(0.5, 0.5)], near=near) / 300
        assert (np.abs(places - 0.5) < 0.12).all(1).mean() == pytest.approx(expected, abs=0.02)


def test_every_real_defect_counts_alike_one_at_the_border_too() -> None:
    chances = place_map((128, 128), [example(0.0, 0.0), example(0.5, 0.5)], near=1.0)
    assert chances[:32, :32].sum() == pytest.approx(0.5, abs=0.01)


def test_places_are_as_likely_as_the_user_says() -> None:
    likely = np.zeros((200, 1000), np.float32)
    likely[:, :500], likely[:, 900:] = 0.2, 1.0
    places = draw((200, 1000), likely > 0, likely=likely, near=0.0)
    left = places[:, 1] < 500
    assert left.mean() == pytest.approx(0.5, abs=0.03)
    assert (places[~left, 1] >= 900).all()


def test_places_are_spread_evenly_over_what_is_allowed() -> None:
    within = np.zeros((1000, 1000), bool)
    within[100:200, 100:300], within[800:900, 555:556] = True, True  # 200 times as many pixels in the first
    places = draw((1000, 1000), within, count=40000)
    assert (places[:, 0] >= 800).mean() == pytest.approx(1 / 201, rel=0.3)
    inside = places[places[:, 0] < 200] - 100
    assert inside.mean(0) == pytest.approx((49.5, 99.5), abs=2)
    assert len(np.unique(inside[:, 0])) == 100 and len(np.unique(inside[:, 1])) == 200, "any pixel, not only the cells' corners"


def test_any_pixel_can_be_drawn_not_only_the_corners_of_cells() -> None:
    assert len(np.unique(draw((1, 1000), count=20000)[:, 1])) == 1000
    assert len(np.unique(draw((1000, 1), count=20000)[:, 0])) == 1000


def test_allowed_places_far_from_every_real_one_are_used_all_the_same() -> None:
    within = np.zeros((400, 400), bool)
    within[390:, 390:] = True
    places = draw((400, 400), within, examples=[example(0.0, 0.0)], near=1.0)
    assert (places >= 390).all() and places.mean() == pytest.approx(394.5, abs=0.2), "and all alike"


def test_where_nothing_is_left_it_is_said() -> None:
    within, likely = np.zeros((50, 60), bool), np.zeros((50, 60), np.float32)
    with pytest.raises(DataError, match="leave no place for a defect"):
        place_map((50, 60), [], within)
    within[:, :30], likely[:, 30:] = True, 1
    with pytest.raises(DataError, match="leave no place for a defect"):
        place_map((50, 60), [example(0.5, 0.5)], within, likely)


@pytest.mark.usefixtures("untouched_generators")
def test_the_same_generator_draws_the_same_places() -> None:
    within = np.random.default_rng(0).random((90, 90)) < 0.3
    for mask in (None, within):
        first, second, other = (draw((90, 90), mask, seed, 20, examples=[example(0.2, 0.2)]) for seed in (3, 3, 4))
        assert np.array_equal(first, second) and not np.array_equal(first, other)
