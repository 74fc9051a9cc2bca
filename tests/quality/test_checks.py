"""The scores of one picture: each rises with the fault it looks for and with nothing else."""

import cv2
import numpy as np
import pytest

from flawsmith.data.scale import PixelRange
from flawsmith.generation.blending import band
from flawsmith.quality.checks import (
    apparent_change,
    change_map,
    fill,
    grain,
    measure,
    outside,
    overlap,
    seam,
    shape_scores,
    shares,
    visibility,
)
from flawsmith.quality.looks import looks, strangeness

SIZE = (72, 96)


def box(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top : top + height, left : left + width] = True
    return mask


MASK = box(26, 36, 18, 22)


def texture(seed: int = 0, colours: int = 1, amount: float = 0.03) -> np.ndarray:
    """Return a share picture with soft texture."""
    noise = np.random.default_rng(seed).normal(0, 1, (*SIZE, colours)).astype(np.float32)
    return (0.5 + amount * 2 * cv2.GaussianBlur(noise, (0, 0), 0.8).reshape(noise.shape)).astype(np.float32)


def raised(by: float, where: np.ndarray, picture: np.ndarray | None = None) -> np.ndarray:
    picture = texture() if picture is None else picture
    return (picture + np.float32(by) * where[..., None]).astype(np.float32)


def rises(values: list[float]) -> bool:
    return all(a < b for a, b in zip(values, values[1:], strict=False))


@pytest.mark.parametrize(("dtype", "low", "high"), [("uint8", 0.0, 255.0), ("uint16", 1000.0, 5000.0)])
def test_shares_put_black_at_0_and_white_at_1_without_alpha(dtype: str, low: float, high: float) -> None:
    image = np.zeros((2, 3, 4), dtype)
    image[0], image[1] = low, high
    picture = shares(image, PixelRange(low, high, dtype), 3)
    assert picture.shape == (2, 3, 3) and picture.dtype == np.float32
    assert picture[0] == pytest.approx(0, abs=1e-6) and picture[1] == pytest.approx(1, abs=1e-6)


def test_the_change_is_the_largest_over_the_colours() -> None:
    normal = np.full((2, 2, 3), 100, np.uint8)
    image = normal.copy()
    image[0, 0] = (110, 49, 100)
    change = change_map(image, normal, 255)
    assert change[0, 0] == pytest.approx(51 / 255) and change.sum() == change[0, 0]
    assert change_map(image.astype(np.uint16), normal.astype(np.uint16), 510)[0, 0] == pytest.approx(0.1)


def test_overlap_is_intersection_over_union() -> None:
    assert overlap(MASK, MASK) == 1 and overlap(MASK, ~MASK) == 0 and overlap(MASK & False, MASK & False) == 0
    assert overlap(box(0, 0, 2, 2), box(0, 1, 2, 2)) == pytest.approx(1 / 3)


def test_a_fill_continues_a_slope_and_leaves_the_rest() -> None:
    slope = np.linspace(0.2, 0.8, SIZE[1], dtype=np.float32)[None, :, None].repeat(SIZE[0], 0)
    spoiled = raised(0.3, MASK, slope)
    filled = fill(spoiled, MASK)
    assert np.array_equal(filled[~MASK], spoiled[~MASK])
    assert np.abs(filled - slope)[MASK].max() < 0.05
    for mask in (np.zeros_like(MASK), np.ones_like(MASK)):
        assert np.array_equal(fill(spoiled, mask), spoiled)


def test_apparent_change_rises_with_the_defect_and_other_defects_do_not_hide_it() -> None:
    found = [visibility(apparent_change(raised(by, MASK), MASK), MASK) for by in (0, 0.1, 0.2, 0.4)]
    assert rises(found) and found[0] < 0.05 and found[3] == pytest.approx(0.4, abs=0.05)
    other = box(26, 59, 18, 22)  # of the same brightness, one pixel away: the fill may not continue it
    both = raised(0.4, MASK | other)
    assert visibility(apparent_change(both, MASK, other), MASK) == pytest.approx(0.4, abs=0.05)
    assert visibility(apparent_change(both, MASK), MASK) < 0.35
    assert visibility(apparent_change(both, MASK), np.zeros_like(MASK)) == 0


def test_outside_is_the_share_of_the_change_beyond_a_pixel() -> None:
    change = MASK.astype(np.float32)
    assert outside(change, MASK) == 0
    found = [outside(np.maximum(change, box(26, 36, 18, 22 + extra)), MASK) for extra in (1, 4, 12, 30)]
    assert found[0] == 0 and rises(found)
    assert outside(np.maximum(change, box(0, 0, 22, 18)), MASK) == pytest.approx(0.5)
    assert outside(np.maximum(change, 0.03), MASK, 0.04) == 0, "what is below the floor is no change"
    assert outside(change * 0, MASK) == 0


def test_shape_scores_measure_a_mask_whichever_way_it_runs() -> None:
    assert shape_scores(box(5, 5, 4, 40))["side"] == 40 and shape_scores(box(5, 5, 4, 40))["area"] == 160
    line, block = np.zeros(SIZE, np.uint8), shape_scores(box(5, 5, 20, 20))
    cv2.line(line, (10, 10), (60, 60), 1, 3)
    slanted, straight = shape_scores(line > 0), shape_scores(box(5, 5, 3, 71))
    assert slanted["elongation"] == pytest.approx(straight["elongation"], rel=0.3)
    assert block["elongation"] == pytest.approx(1, abs=0.1) and straight["elongation"] > 10
    assert rises([shape_scores(box(5, 5, width, 40))["thickness"] for width in (1, 3, 6, 20)])
    speck = box(60, 5, 1, 2)
    assert [shape_scores(m)["parts"] for m in (MASK, MASK | speck, MASK | box(0, 0, 9, 9), line > 0)] == [1, 1, 2, 1]


@pytest.mark.parametrize("colours", [1, 3])
def test_a_seam_rises_with_the_step_where_the_blend_ends(colours: int) -> None:
    wide = band(MASK, np.ones_like(MASK), 3) > 0
    found = [seam(raised(by, wide, texture(0, colours)), MASK, 3) for by in (0, 0.05, 0.1, 0.2)]
    assert rises(found) and found[0] < 1.5 and found[3] > 3
    assert seam(raised(-0.2, wide, texture(0, colours)), MASK, 3) > 3


def test_a_hard_paste_shows_and_the_blend_of_the_same_content_less_so() -> None:
    normal, drawn = texture(0), texture(1) + np.float32(0.1)
    weights = band(MASK, np.ones_like(MASK), 3)
    hard = np.where((weights > 0)[..., None], drawn, normal)
    soft = normal * (1 - weights[..., None]) + drawn * weights[..., None]
    assert seam(hard, MASK, 3) > 1.3 * seam(soft, MASK, 3)


def test_a_defect_with_a_sharp_edge_of_its_own_has_no_seam() -> None:
    assert seam(raised(0.4, MASK), MASK, 3) < 1.5


def test_other_defects_are_no_seam() -> None:
    other = box(26, 61, 18, 20)
    picture = raised(0.4, MASK | other)
    assert seam(picture, MASK, 3, other) < 1.5 < seam(picture, MASK, 3)


def test_the_seam_is_that_of_the_surroundings_wherever_the_mask_is() -> None:
    small = raised(0.2, band(MASK, np.ones_like(MASK), 3) > 0)
    large = np.pad(small, [(64, 64), (80, 64), (0, 0)], mode="reflect")
    assert seam(large, np.pad(MASK, [(64, 64), (80, 64)]), 3) == pytest.approx(seam(small, MASK, 3), rel=1e-3)


@pytest.mark.parametrize("mask", [np.zeros_like(MASK), np.ones_like(MASK), box(0, 0, 1, 1), box(0, 0, 72, 90)])
def test_a_mask_without_surroundings_or_pixels_has_no_seam(mask: np.ndarray) -> None:
    assert 0 <= seam(texture(), mask, 3) < 5 and seam(texture(), mask, 0) >= 0


def test_grain_rises_with_noise_inside_and_falls_when_it_is_blurred() -> None:
    g = np.random.default_rng(3)
    softer = cv2.GaussianBlur(texture(), (0, 0), 1.5)[..., None]
    inside = [softer, texture(), texture() + g.normal(0, 0.1, (*SIZE, 1)), texture() + g.normal(0, 0.3, (*SIZE, 1))]
    values = [grain(np.where(MASK[..., None], x, texture()).astype(np.float32), MASK) for x in inside]
    found = [value for value in values if value is not None]
    assert len(found) == 4 and rises(found)
    assert found[1] == pytest.approx(0, abs=0.4) and found[0] < -1 and found[2] > 1


def test_grain_ignores_brightness_and_other_defects() -> None:
    assert grain(raised(0.3, MASK), MASK) == pytest.approx(0, abs=0.4)
    other = box(0, 0, 72, 32)
    rough = texture() + other[..., None] * np.random.default_rng(0).normal(0, 0.3, (*SIZE, 1))
    alone, mixed = grain(rough.astype(np.float32), MASK, other), grain(rough.astype(np.float32), MASK)
    assert alone is not None and mixed is not None and abs(alone) < 0.4 and mixed < alone


@pytest.mark.parametrize("mask", [np.zeros_like(MASK), box(10, 10, 2, 40), box(10, 10, 4, 5), np.ones_like(MASK)])
def test_grain_of_what_is_too_thin_or_has_nothing_around_it_is_unknown(mask: np.ndarray) -> None:
    assert grain(texture(), mask) is None


def test_measure_says_all_that_can_be_told() -> None:
    picture = raised(0.2, MASK)
    found = measure(picture, MASK, 3)
    assert found == {
        "visible": visibility(apparent_change(picture, MASK), MASK),
        "seam": seam(picture, MASK, 3),
        "grain": grain(picture, MASK),
    }
    assert all(type(value) is float for value in found.values())
    assert set(measure(picture, box(10, 10, 2, 40), 3)) == {"visible", "seam"}
    assert measure(picture, np.ones_like(MASK), 3) == {}


def stripes(shift: int, seed: int) -> np.ndarray:
    """Return a window of a striped product."""
    rows = 0.5 + 0.3 * np.sign(np.sin((np.arange(64) + shift) / 4))
    noise = np.random.default_rng(seed).normal(0, 0.02, (64, 64))
    return (rows[:, None] + noise)[..., None].astype(np.float32)


def test_other_windows_of_the_product_are_not_strange_and_other_content_is() -> None:
    g = np.random.default_rng(0)
    references = np.stack([looks(stripes(int(g.integers(100)), i)) for i in range(40)])
    fresh = [strangeness(looks(stripes(int(g.integers(100)), i)), references) for i in range(40, 60)]
    assert max(fresh) < 2.5
    one = stripes(3, 99)
    for pose in (one[::-1], one[:, ::-1], one.transpose(1, 0, 2)):
        assert strangeness(looks(np.ascontiguousarray(pose)), references) < 2.5
    scrambled = g.permuted(one.reshape(-1, 1), axis=0).reshape(one.shape)
    for other in (scrambled, cv2.GaussianBlur(one, (0, 0), 3)[..., None], one * 0 + 0.5, 1.3 * one):
        assert strangeness(looks(other.astype(np.float32)), references) > 1.5 * max(fresh)
    mixes = [looks((one * (1 - share) + scrambled * share).astype(np.float32)) for share in (0, 0.2, 0.5, 1)]
    assert rises([strangeness(vector, references) for vector in mixes])


def test_nothing_is_strange_without_references() -> None:
    vector = looks(texture(0, 3))
    assert strangeness(vector, np.zeros((0, len(vector)), np.float32)) == 0 == strangeness(vector, vector[None])
    assert vector.dtype == np.float32 and np.isfinite(vector).all() and np.isfinite(looks(texture()[:6, :5])).all()
