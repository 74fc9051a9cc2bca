"""The scores of one picture: each rises with the fault it looks for and with nothing else."""

import math

import cv2
import numpy as np
import pytest

from flawsmith.compositing.blending import band
from flawsmith.compositing.change import change_map, overlap
from flawsmith.compositing.roughness import grain
from flawsmith.dataset.windows import grow
from flawsmith.images.filling import fill
from flawsmith.images.pixel_range import PixelRange, shares
from flawsmith.quality.checks.outside import outside
from flawsmith.quality.checks.seam import seams
from flawsmith.quality.checks.visible import apparent_change, visibility
from flawsmith.quality.mask_shape import shape_scores

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
    around = np.maximum(change, box(26, 30, 18, 22))
    assert outside(around, MASK) > 0.1 and outside(around, MASK, halo=6) == 0, "the halo belongs to the defect"


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


def paste(content: np.ndarray, reach: float, where: np.ndarray = MASK) -> np.ndarray:
    """Return the textured picture with `content` hard-pasted over the mask grown by `reach` pixels."""
    return np.where(grow(where, reach)[..., None], content, texture(0, content.shape[-1]))


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_seam_rises_with_the_step_just_beyond_the_blend(colours: int, sign: int) -> None:
    wide = grow(MASK, 4)
    found = [seams(raised(sign * by, wide, texture(0, colours)), MASK, 3)["seam"] for by in (0, 0.05, 0.1, 0.2)]
    assert rises(found) and found[0] < 1.1 and found[2] > 1.5


@pytest.mark.parametrize("feather", [1, 3, 6])
def test_each_score_looks_at_its_own_ring(feather: int) -> None:
    plain, other = texture(), texture(1) + np.float32(0.2)
    clean = seams(plain, MASK, feather)
    beyond, within = (seams(paste(other, feather + by), MASK, feather) for by in (1, -0.5))
    assert beyond["seam"] > 1.5 * clean["seam"] and within["halo"] > 1.5 * clean["halo"]
    assert within["seam"] < beyond["seam"] and beyond["halo"] < within["halo"]


def test_the_blend_of_the_same_content_shows_less_than_a_hard_paste() -> None:
    normal, drawn = texture(0), texture(1) + np.float32(0.1)
    weights = band(MASK, np.ones_like(MASK), 3)[..., None]
    soft = seams(normal * (1 - weights) + drawn * weights, MASK, 3)
    assert soft["seam"] < 1.2 < 1.5 < seams(paste(drawn, 4), MASK, 3)["seam"]
    assert soft["halo"] < 0.8 * seams(paste(drawn, 2.5), MASK, 3)["halo"]


def test_a_step_that_goes_one_way_shows_more_than_one_that_comes_and_goes() -> None:
    wide = grow(MASK, 4)
    left = np.arange(SIZE[1])[None, :] < 47
    steady, changing = raised(0.1, wide), raised(0.1, wide & left) - np.float32(0.1) * (wide & ~left)[..., None]
    assert seams(steady, MASK, 3)["seam"] > 1.2 * seams(changing, MASK, 3)["seam"]


def test_a_rough_texture_hides_what_shows_on_a_smooth_one() -> None:
    wide = grow(MASK, 4)
    found = [seams(raised(0.1, wide, texture(0, 1, amount)), MASK, 3)["seam"] for amount in (0.1, 0.03, 0.003)]
    assert rises(found)
    assert seams(raised(0.003, wide, texture() * 0), MASK, 3)["seam"] < 1.2, "what nobody would see is no seam"


def test_a_defect_with_a_sharp_edge_of_its_own_has_no_seam() -> None:
    found = seams(raised(0.4, MASK), MASK, 3)
    assert found["seam"] < 1.2 and found["halo"] < 1.2


def test_other_defects_are_no_seam() -> None:
    other = box(20, 62, 30, 20)
    picture = raised(0.4, MASK | other)
    assert seams(picture, MASK, 3, other)["seam"] < 1.2 < seams(picture, MASK, 3)["seam"]


def test_the_seam_is_that_of_the_surroundings_wherever_the_mask_is() -> None:
    small = raised(0.2, grow(MASK, 4))
    large = np.pad(small, [(64, 64), (80, 64), (0, 0)], mode="reflect")
    assert seams(large, np.pad(MASK, [(64, 64), (80, 64)]), 3) == pytest.approx(seams(small, MASK, 3), rel=1e-3)


def test_no_border_is_looked_for_where_there_is_none() -> None:
    assert seams(texture(), np.zeros_like(MASK), 3) == {} == seams(texture(), np.ones_like(MASK), 3)
    assert set(seams(texture(), MASK, 0)) == {"seam"}, "without a blend there is no place where it ends"
    assert set(seams(texture(), box(0, 0, 72, 95), 3)) == set(), "too few pixels are left"
    for mask in (box(0, 0, 1, 1), box(71, 95, 1, 1), box(0, 0, 72, 90)):
        assert all(math.isfinite(value) and value > 0 for value in seams(texture(), mask, 3).values())


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
