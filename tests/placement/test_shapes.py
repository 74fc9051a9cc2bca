"""New shapes from real ones: as large as asked for, in one piece, never over the limit."""

import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.core.errors import ConfigError
from flawsmith.placement.shapes import Size, join, parse_size, piece, propose, warp
from flawsmith.product.exemplars import Exemplar


def disc(radius: int = 4) -> np.ndarray:
    return cv2.circle(np.zeros((2 * radius + 1,) * 2, np.uint8), (radius, radius), radius, 1, -1).astype(bool)


def slanted() -> np.ndarray:
    return cv2.line(np.zeros((40, 60), np.uint8), (0, 0), (59, 39), 1, 2).astype(bool)


SHAPES = {
    "disc": disc(10),
    "line": np.ones((2, 60), bool),
    "slanted": slanted(),
    "large": np.ones((50, 70), bool),
    "crack": np.ones((1, 400), bool),
}


def example(shape: np.ndarray) -> Exemplar:
    window = np.zeros((32, 32), bool)
    return Exemplar("dent", np.zeros((32, 32, 1), np.uint8), window, shape, (0.5, 0.5), int(shape.sum()), "a.png")


def parts(shape: np.ndarray) -> int:
    return cv2.connectedComponents(shape.astype(np.uint8), connectivity=8)[0] - 1


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# sizes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("40px", Size(40, 40, False)),
        ("20-60px", Size(20, 60, False)),
        ("40", Size(40, 40, False)),
        (40, Size(40, 40, False)),
        (12.5, Size(12.5, 12.5, False)),
        ("0.5x", Size(0.5, 0.5, True)),
        ("0.5-2x", Size(0.5, 2, True)),
        (" 20 - 60 px ", Size(20, 60, False)),
    ],
)
def test_a_size_is_read(text: str | float, expected: Size) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text", ["", "px", "0px", "0", "-5px", "60-20px", "40cm", "1.2.3px", ".", "20-", "-20px", "20-30-40px", "big", "nan", "20px-40px", -1]
)
def test_a_bad_size_is_refused_by_name(text: str | float) -> None:
    with pytest.raises(ConfigError, match="--size .*: expected pixels such as 40px or 20-60px, or multiples"):
        parse_size(text)


@given(st.floats(1, 1e9), st.floats(1, 100), st.booleans())
def test_a_size_is_written_so_that_it_is_read_back(low: float, ratio: float, relative: bool) -> None:
    size = Size(low, low * ratio, relative)
    assert parse_size(size.text()) == size


@pytest.mark.parametrize("text", ["0.5px", "0.2-40px", 0.9])
def test_a_size_of_less_than_a_pixel_is_refused(text: str | float) -> None:
    with pytest.raises(ConfigError, match=f"--size {text}: comes to less than a pixel; expected at least 1px"):
        parse_size(text)


def test_a_multiple_that_comes_to_less_than_a_pixel_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--size 0\.001x: comes to less than a pixel, as real 'dent' .* 8 to 40 px .* at least 0\.025x"):
        parse_size("0.001x").check("dent", (8, 40))
    parse_size("0.025x").check("dent", (8, 40))  # the largest comes to a pixel
    parse_size("1px").check("dent", (8, 40))
    assert parse_size("0.025x").draw(8, rng()) == 1, "a smaller one is drawn with a pixel"


def test_making_a_shape_much_smaller_costs_no_more_than_the_shape() -> None:
    real = np.zeros((1600, 1200), bool)
    real[20:1500, 300:306] = real[700:720, 20:1100] = True  # a thin cross
    begun = time.perf_counter()
    found, side = propose(example(real), [example(real)], 102.0, parse_size("12px"), 0.0, rng(), change=0.0)
    assert time.perf_counter() - begun < 1, "some hundredths of a second; 7 s without blocks"
    assert side == 12 and 11 <= max(found.shape) <= 13
    assert 11 <= found.sum() <= 60 and parts(found) == 1, "both of its arms are there"


def test_a_size_is_drawn_from_its_range() -> None:
    g = rng()
    pixels = [parse_size("20-60px").draw(999, g) for _ in range(200)]
    assert 20 <= min(pixels) < 25 and 55 < max(pixels) <= 60
    times = [parse_size("0.5-2x").draw(30, g) for _ in range(200)]
    assert 15 <= min(times) < 18 and 57 < max(times) <= 60
    assert parse_size("40px").draw(999, g) == 40


# proposals


@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize("asked", [10, 20, 40, 80])
def test_a_size_asked_for_is_reached_within_a_tenth(shape: str, asked: int) -> None:
    off = []
    for seed in range(20):
        real, size = example(SHAPES[shape]), parse_size(f"{asked}px")
        found, side = propose(real, [real, example(disc())], 102.0, size, 0.2, rng(seed))
        assert side == asked
        off.append(abs(max(found.shape) - asked))
    assert sum(o > max(1, 0.1 * asked) for o in off) <= 1, "a sharp bend may shorten one now and then"
    assert max(off) <= 0.25 * asked


@pytest.mark.parametrize("times", [0.5, 1.0, 2.0])
def test_a_relative_size_is_of_the_real_one(times: float) -> None:
    found, side = propose(example(disc(10)), [example(disc(10))], 102.0, parse_size(f"{times}x"), 0.0, rng())
    assert side == pytest.approx(21 * times) and max(found.shape) == pytest.approx(21 * times, rel=0.1)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.sampled_from(sorted(SHAPES)), st.sampled_from([6.0, 25.6, 51.2, 102.4]), st.sampled_from([None, "30px", "3x"])
)
def test_no_proposal_is_longer_than_the_limit(seed: int, shape: str, limit: float, size: str | None) -> None:
    examples = [example(SHAPES[shape]), example(disc())]
    found, side = propose(examples[0], examples, limit, None if size is None else parse_size(size), 0.3, rng(seed))
    assert found.any() and found.dtype == bool and max(found.shape) <= limit + 1
    assert (side is None) == (size is None)


def test_without_a_size_a_proposal_is_about_as_large_as_the_real_one() -> None:
    sides = [max(propose(example(disc(10)), [example(disc(10))], 102.0, None, 0.0, rng(seed))[0].shape) for seed in range(60)]
    assert 21 / 1.5 <= min(sides) < 19 and 23 < max(sides) <= 21 * 1.5
    assert len(set(sides)) > 5, "each a little different"


def test_a_proposal_is_turned_and_mirrored_as_asked() -> None:
    long = example(np.ones((6, 40), bool))
    lying, _ = propose(long, [long], 102.0, None, 0.0, rng())
    standing, _ = propose(long, [long], 102.0, None, 0.0, rng(), turn=1)
    assert lying.shape[1] > 2 * lying.shape[0] and standing.shape[0] > 2 * standing.shape[1]
    wedge = example(np.tril(np.ones((30, 30), bool)))
    plain, mirrored = (propose(wedge, [wedge], 102.0, None, 0.0, rng(), mirror=m)[0] for m in (False, True))
    assert plain[:, : plain.shape[1] // 2].sum() > plain[:, plain.shape[1] // 2 :].sum()
    assert mirrored[:, : mirrored.shape[1] // 2].sum() < mirrored[:, mirrored.shape[1] // 2 :].sum()


def test_joining_is_done_as_often_as_asked_and_needs_two() -> None:
    examples = [example(disc(6)), example(disc(6))]
    size = parse_size("13px")
    areas = {share: [propose(examples[0], examples, 102.0, size, share, rng(seed))[0].sum() for seed in range(30)] for share in (0.0, 1.0)}
    boxed = {share: np.median(found) / 13**2 for share, found in areas.items()}
    assert boxed[0.0] > boxed[1.0] + 0.1, "two discs fill less of their box than one"
    alone, plain = (propose(examples[0], examples[:1], 102.0, parse_size("13px"), share, rng())[0] for share in (1.0, 0.0))
    assert np.array_equal(alone, plain)


@pytest.mark.usefixtures("untouched_generators")
def test_the_same_generator_gives_the_same_shape() -> None:
    examples = [example(shape) for shape in SHAPES.values()]
    first, again, other = (propose(examples[0], examples, 60.0, None, 0.5, rng(seed))[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


# pieces


def test_a_thick_or_short_shape_stays_whole() -> None:
    for shape in (disc(), np.ones((50, 70), bool), np.ones((2, 30), bool)):
        assert piece(shape, 30.0, rng()) is shape


def test_of_a_long_thin_shape_a_stretch_is_taken() -> None:
    crack = SHAPES["crack"]
    lengths = [piece(crack, 50.0, rng(seed)).shape for seed in range(30)]
    assert {height for height, _ in lengths} == {1} and 18 <= min(w for _, w in lengths) <= max(w for _, w in lengths) <= 50
    bent = cv2.ellipse(np.zeros((200, 200), np.uint8), (100, 100), (90, 90), 0, 0, 300, 1, 2).astype(bool)
    found = [piece(bent, 50.0, rng(seed)) for seed in range(20)]
    assert all(parts(p) == 1 and max(p.shape) <= 50 for p in found)
    assert len({p.tobytes() for p in found}) > 10, "here and there"


# joining


def test_two_joined_shapes_hang_together_and_keep_their_area() -> None:
    speck, line = np.ones((1, 1), bool), SHAPES["line"]
    for a, b in [(disc(), disc(2)), (line, disc()), (speck, speck), (SHAPES["slanted"], line)]:
        for seed in range(20):
            both = join(a, b, rng(seed))
            assert parts(both) == 1
            assert max(a.sum(), b.sum()) <= both.sum() <= a.sum() + b.sum() - 1, "they have a pixel in common"
            assert both[0].any() and both[-1].any() and both[:, 0].any() and both[:, -1].any(), "cut to its box"
    sizes = {int(join(disc(), disc(), rng(seed)).sum()) for seed in range(20)}
    assert len(sizes) > 5 and max(sizes) > 1.5 * disc().sum(), "border to border, not one over the other"


# warps


@pytest.mark.parametrize("limit", [4.0, 10.0, 22.0])
@pytest.mark.parametrize("shape", ["disc", "line", "large"])
def test_a_warped_shape_keeps_the_limit(limit: float, shape: str) -> None:
    for seed in range(60):
        g = rng(seed)
        warped = warp(SHAPES[shape], g.uniform(0.8, 1.25), g.uniform(-12, 12), limit, g)
        assert warped.any() and max(warped.shape) <= limit + 1
        assert warped[0].any() and warped[-1].any() and warped[:, 0].any() and warped[:, -1].any(), "cut to its box"


@pytest.mark.parametrize(("wide", "length"), [(1, 20), (2, 20), (2, 60), (3, 60)])
def test_thin_shapes_survive(wide: int, length: int) -> None:
    for seed in range(20):
        g = rng(seed)
        warped = warp(np.ones((wide, length), bool), 1.0, g.uniform(-12, 12), 22.0, g)
        assert max(warped.shape) >= 0.6 * min(length, 22 / 1.25), "it keeps its length"
        assert parts(warped) == 1


@pytest.mark.parametrize(("limit", "wide", "length"), [(89, 1, 400), (89, 3, 400), (45, 1, 200), (22, 1, 60)])
def test_thin_shapes_stay_in_one_piece_when_made_smaller(limit: int, wide: int, length: int) -> None:
    broken = 0
    for seed in range(40):
        g = rng(seed)
        warped = warp(np.ones((wide, length), bool), 1.0, g.uniform(-12, 12), limit, g)
        assert 0.5 * limit <= max(warped.shape) <= limit + 1
        broken += parts(warped) > 1
    assert broken <= 4, "a sharp bend may break one now and then"


def test_a_thin_line_beside_a_blob_survives_being_made_smaller() -> None:
    shape = np.zeros((20, 90), bool)
    shape[:, :20], shape[10, 20:] = disc(10)[:20, :20], True
    for seed in range(20):
        small = warp(shape, 0.3, 0.0, 100.0, rng(seed))
        assert parts(small) == 1 and small.shape[1] >= 24 and small.sum() < 0.5 * small.size


@pytest.mark.parametrize("scale", [0.4, 0.7, 1.0, 1.6])
def test_a_thick_shape_keeps_its_area(scale: float) -> None:
    for shape in (disc(12), disc(15) & ~np.pad(disc(6), 9), np.ones((20, 40), bool)):
        areas = [warp(shape, scale, 5.0, 200.0, rng(seed)).sum() / (shape.sum() * scale**2) for seed in range(10)]
        assert np.mean(areas) == pytest.approx(1, abs=0.15)


def test_a_shape_is_scaled_and_turned_as_asked() -> None:
    long = np.ones((4, 40), bool)
    g = rng()
    plain = warp(long, 1.0, 0.0, 100.0, g)
    assert abs(plain.shape[1] - 40) <= 5 and plain.shape[0] <= 12
    double = warp(long, 2.0, 0.0, 100.0, g)
    assert abs(double.shape[1] - 80) <= 10 and double.sum() == pytest.approx(4 * long.sum(), rel=0.3)
    turned = warp(long, 1.0, 90.0, 100.0, g)
    assert turned.shape[0] > 30 > 15 > turned.shape[1]


def test_without_bending_a_warp_only_scales() -> None:
    shape = np.ones((12, 20), bool)
    assert warp(shape, 1.0, 0.0, 20.0, rng(), bend=0.0).shape == (12, 20), "the limit is its own length"
    assert warp(shape, 2.0, 0.0, 100.0, rng(), bend=0.0).shape == pytest.approx((24, 40), abs=1)
