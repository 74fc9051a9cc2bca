"""Where defects go: inside window, picture and the user's region, near what real ones were near, the same for the same generator."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.config import Config, DataConfig, GenerationConfig
from flawsmith.data.library import Example, collect
from flawsmith.data.sample import Sample
from flawsmith.errors import DataError
from flawsmith.generation.placement import Placement, context_cost, place, warp

WINDOW = 32
HOW = ["context", "position", "uniform"]


def config(how: str = "context", turned: bool = True) -> Config:
    return Config(data=DataConfig(flips=turned, rotations=turned), generation=GenerationConfig(placement=how))


def disc(radius: int = 4) -> np.ndarray:
    return cv2.circle(np.zeros((2 * radius + 1,) * 2, np.uint8), (radius, radius), radius, 1, -1).astype(bool)


SHAPES = {"disc": disc(), "line": np.ones((2, 15), bool), "speck": np.ones((1, 1), bool), "large": np.ones((50, 70), bool)}


def example(shape: np.ndarray, at: tuple[float, float] = (0.5, 0.5)) -> Example:
    g = np.random.default_rng(0)
    mask = np.zeros((WINDOW, WINDOW), bool)
    seen = shape[:WINDOW, :WINDOW]
    top, left = (WINDOW - seen.shape[0] + 1) // 2, (WINDOW - seen.shape[1] + 1) // 2
    mask[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    return Example("dent", g.integers(80, 120, (WINDOW, WINDOW, 1), dtype=np.uint8), mask, shape, at, int(shape.sum()), "a.png")


def surface(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(80, 120, (*size, 1), dtype=np.uint8)


def region_in_picture(p: Placement, size: tuple[int, int]) -> np.ndarray:
    """Return the region as a mask of the picture; fails where it leaves the picture."""
    whole = np.zeros(size, bool)
    for row, column in np.argwhere(p.region) + (p.top, p.left):
        assert 0 <= row < size[0] and 0 <= column < size[1]
        whole[row, column] = True
    return whole


@settings(max_examples=60, deadline=None)
@given(st.integers(10, 90), st.integers(10, 90), st.integers(0, 10**6), st.sampled_from(HOW), st.sampled_from(sorted(SHAPES)))
def test_the_region_lies_in_the_window_and_in_the_picture(height: int, width: int, seed: int, how: str, shape: str) -> None:
    p = place(surface((height, width)), [example(SHAPES[shape])], WINDOW, config(how), np.random.default_rng(seed))
    assert p.region.shape == (WINDOW, WINDOW) and p.region.dtype == bool and p.region.any()
    assert p.source == "a.png" and p.shape.shape == p.region.shape and not (p.shape & ~p.region).any()
    region_in_picture(p, (height, width))
    for corner, length in ((p.top, height), (p.left, width)):
        if length >= WINDOW:
            assert 0 <= corner <= length - WINDOW, "a window shows the picture where it can"
        else:
            assert corner == (length - WINDOW) // 2


@pytest.mark.parametrize("how", HOW)
def test_the_same_generator_gives_the_same_place(how: str) -> None:
    image, examples = surface((100, 120)), [example(disc()), example(SHAPES["line"])]
    first, second, other = (place(image, examples, WINDOW, config(how), np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (first.top, first.left) == (second.top, second.left) and np.array_equal(first.region, second.region)
    assert (first.top, first.left) != (other.top, other.left) or not np.array_equal(first.region, other.region)


@pytest.mark.usefixtures("untouched_generators")
def test_placing_touches_no_global_generator() -> None:
    place(surface((60, 60)), [example(disc())], WINDOW, config(), np.random.default_rng(0))


def test_all_examples_are_used() -> None:
    examples = [dataclasses.replace(example(disc()), source=f"{i}.png") for i in range(3)]
    sources = {place(surface((60, 60)), examples, WINDOW, config("uniform"), np.random.default_rng(i)).source for i in range(40)}
    assert sources == {"0.png", "1.png", "2.png"}


def centres(image: np.ndarray, examples: list[Example], conf: Config, count: int = 40) -> np.ndarray:
    """Return the centres (count, 2) of the regions that are proposed."""
    found = []
    for i in range(count):
        p = place(image, examples, WINDOW, conf, np.random.default_rng(i))
        found.append(np.argwhere(region_in_picture(p, image.shape[:2])).mean(0))
    return np.array(found)


def test_by_position_defects_go_where_real_ones_were() -> None:
    image, examples = surface((200, 300)), [example(disc(), (0.25, 0.8))]
    near = centres(image, examples, config("position")) / (200, 300)
    assert np.abs(near.mean(0) - (0.25, 0.8)).max() < 0.05 and np.abs(near - (0.25, 0.8)).max() < 0.25
    anywhere = centres(image, examples, config("uniform")) / (200, 300)
    assert (anywhere.std(0) > 0.2).all() and (anywhere.min(0) < 0.2).all() and (anywhere.max(0) > 0.8).all()


def test_by_context_defects_go_to_a_planted_place_that_looks_alike() -> None:
    # A bright seam runs down the picture at column 61; the real defect sat on such a seam, though elsewhere in its picture.
    image = surface((120, 160)).copy()
    image[:, 58:65] = 220
    real, mask = surface((120, 160), 1).copy(), np.zeros((120, 160), bool)
    real[:, 118:125] = 220
    mask[56:65, 117:126] = True
    examples = collect({"dent": [Sample(real, mask, "dent", None, Path("a.png"))]}, WINDOW)
    found = centres(image, examples, config(turned=False))
    on = np.abs(found[:, 1] - 61) <= 4
    assert on.mean() > 0.7, "on the seam"
    assert found[on, 0].std() > 10, "anywhere along it"
    assert (np.abs(centres(image, examples, config("uniform"))[:, 1] - 61) <= 4).mean() < 0.2, "which chance does not find"


def test_the_context_of_a_place_itself_costs_least() -> None:
    g = np.random.default_rng(0)
    image = g.integers(0, 4000, (60, 70, 3)).astype(np.uint16)
    mask = np.zeros((60, 70), bool)
    mask[30:35, 40:44] = True
    (e,) = collect({"dent": [Sample(image, mask, "dent", None, Path("a.png"))]}, WINDOW)
    spots = np.argwhere(np.ones(image.shape[:2], bool))
    cost = context_cost(image, e.image, e.mask, spots)
    assert cost.shape == (len(spots),) and (cost >= 0).all()
    assert tuple(spots[cost.argmin()]) == (32, 42) and cost.min() == pytest.approx(0)
    brighter = (image + 500).astype(np.uint16)
    assert tuple(spots[context_cost(brighter, e.image, e.mask, spots).argmin()]) == (32, 42), "under another exposure too"


def test_places_over_the_border_cost_more_than_a_plain_surface() -> None:
    flat = np.full((60, 60, 1), 100, np.uint8)
    e = dataclasses.replace(example(disc()), image=flat[:WINDOW, :WINDOW])
    cost = context_cost(flat, e.image, e.mask, np.array([[30, 30], [1, 30], [30, 59], [0, 0]]))
    assert cost[0] == 0 and (cost[1:] > 0).all() and cost[3] > cost[1]


@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_is_no_part_of_the_context(channels: int) -> None:
    g = np.random.default_rng(0)
    image, spots = np.repeat(surface((60, 60)), channels, axis=2), np.array([[30, 30], [5, 50], [40, 12]])
    e = dataclasses.replace(example(disc()), image=image[:WINDOW, :WINDOW])
    plain = context_cost(image, e.image, e.mask, spots)
    picture, own = (np.concatenate([a, g.integers(0, 256, (*a.shape[:2], 1), dtype=np.uint8)], axis=2) for a in (image, e.image))
    for there, here in ((picture, e.image), (image, own), (picture, own)):
        assert np.array_equal(context_cost(there, here, e.mask, spots), plain)


@pytest.mark.parametrize("how", HOW)
def test_the_users_region_is_respected(how: str) -> None:
    allowed = np.zeros((120, 160), bool)
    allowed[20:100, 90:110] = True
    regions = []
    for seed in range(20):
        p = place(surface((120, 160)), [example(disc())], WINDOW, config(how), np.random.default_rng(seed), allowed)
        region = region_in_picture(p, allowed.shape)
        assert region.any() and not (region & ~allowed).any()
        regions.append(region)
    assert len({r.tobytes() for r in regions}) > 10, "a large region is used here and there"


@pytest.mark.parametrize("width", [14, 20, 28])  # up to nine tenths of the window
def test_a_region_that_fits_the_window_is_taken_as_it_is(width: int) -> None:
    allowed = np.zeros((120, 160), bool)
    allowed[100:110, 160 - width :] = True  # at the border
    allowed[104, 150] = False
    for seed in range(5):
        p = place(surface((120, 160)), [example(disc())], WINDOW, config(), np.random.default_rng(seed), allowed)
        assert np.array_equal(region_in_picture(p, allowed.shape), allowed)


def test_a_region_in_a_picture_smaller_than_the_window() -> None:
    allowed = np.zeros((20, 24), bool)
    allowed[5:15, 3:12] = True
    p = place(surface((20, 24)), [example(disc())], WINDOW, config(), np.random.default_rng(0), allowed)
    assert np.array_equal(region_in_picture(p, allowed.shape), allowed)


@pytest.mark.parametrize("how", HOW)
def test_a_region_of_far_dots_is_met_even_by_a_hollow_defect(how: str) -> None:
    ring = cv2.circle(np.zeros((17, 17), np.uint8), (8, 8), 8, 1, 1).astype(bool)
    allowed = np.zeros((120, 160), bool)
    allowed[10, 10] = allowed[100, 150] = True
    for seed in range(10):
        p = place(surface((120, 160)), [example(ring)], WINDOW, config(how), np.random.default_rng(seed), allowed)
        region = region_in_picture(p, allowed.shape)
        assert region.any() and not (region & ~allowed).any()


def test_an_empty_region_is_an_error() -> None:
    with pytest.raises(DataError, match="--region: the mask for this picture is empty"):
        place(surface((60, 60)), [example(disc())], WINDOW, config(), np.random.default_rng(0), np.zeros((60, 60), bool))


@pytest.mark.parametrize("limit", [4.0, 10.0, 22.0])
@pytest.mark.parametrize("shape", ["disc", "line", "large"])
def test_a_warped_shape_keeps_the_limit(limit: float, shape: str) -> None:
    for seed in range(60):
        g = np.random.default_rng(seed)
        warped = warp(SHAPES[shape], g.uniform(0.8, 1.25), g.uniform(-12, 12), limit, g)
        assert warped.any() and max(warped.shape) <= limit + 1
        assert warped.any(0).all() or warped.any(1).all(), "cut to its box"
        assert warped[0].any() and warped[-1].any() and warped[:, 0].any() and warped[:, -1].any()


@pytest.mark.parametrize(("wide", "length"), [(1, 20), (2, 20), (2, 60), (3, 60)])
def test_thin_shapes_survive(wide: int, length: int) -> None:
    for seed in range(20):
        g = np.random.default_rng(seed)
        warped = warp(np.ones((wide, length), bool), 1.0, g.uniform(-12, 12), 22.0, g)
        parts = cv2.connectedComponents(warped.astype(np.uint8), connectivity=8)[0] - 1
        assert max(warped.shape) >= 0.6 * min(length, 22 / 1.25), "it keeps its length"
        assert parts == 1, "in one piece"


@pytest.mark.parametrize(("limit", "wide", "length"), [(89, 1, 400), (89, 3, 400), (45, 1, 200), (22, 1, 60)])
def test_thin_shapes_stay_in_one_piece_when_made_smaller(limit: int, wide: int, length: int) -> None:
    broken = 0
    for seed in range(40):
        g = np.random.default_rng(seed)
        warped = warp(np.ones((wide, length), bool), 1.0, g.uniform(-12, 12), limit, g)
        assert 0.5 * limit <= max(warped.shape) <= limit + 1
        broken += cv2.connectedComponents(warped.astype(np.uint8), connectivity=8)[0] - 1 > 1
    assert broken <= 4, "a sharp bend may break one now and then"


def test_a_shape_is_scaled_and_turned_as_asked() -> None:
    long = np.ones((4, 40), bool)
    g = np.random.default_rng(0)
    plain = warp(long, 1.0, 0.0, 100.0, g)
    assert abs(plain.shape[1] - 40) <= 5 and plain.shape[0] <= 12
    double = warp(long, 2.0, 0.0, 100.0, g)
    assert abs(double.shape[1] - 80) <= 10 and double.sum() == pytest.approx(4 * long.sum(), rel=0.3)
    turned = warp(long, 1.0, 90.0, 100.0, g)
    assert turned.shape[0] > 30 > 15 > turned.shape[1]
