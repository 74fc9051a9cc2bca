import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.dataset.sample import Sample
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.exemplars import collect_exemplars
from flawsmith.quality.copies import HIGHEST, LOWEST, MARGIN, Crop, closest, copy_threshold, crop_of, grey_crop, leave_one_out, similarities


def blob(seed: int, size: int = 30, canvas: int = 64, colours: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture (H, W, C) in shares with an irregular textured defect in its middle, and its mask."""
    g = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(g.normal(size=(canvas, canvas)), (0, 0), 4)
    away = np.hypot(*(np.mgrid[:canvas, :canvas] - canvas / 2))
    mask = away < size / 2 * (1 + 0.35 * noise / noise.std())
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    mask = labels == labels[canvas // 2, canvas // 2]
    texture = cv2.GaussianBlur(g.normal(size=(canvas, canvas)), (0, 0), 2)
    picture = np.where(mask, 0.4 + 0.1 * texture / texture.std(), 0.7).astype(np.float32)
    return np.repeat(picture[..., None], colours, 2), mask


def pasted(seed: int, gain: float = 0.8, offset: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return the defect of `blob(seed)` blended over 3 px into another background, its brightness and contrast changed."""
    picture, mask = blob(seed)
    weight = np.clip(1 - cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) / 3, 0, 1)[..., None]
    normal = np.random.default_rng(seed + 100).normal(0.3, 0.05, picture.shape)
    return (weight * (gain * picture + offset) + (1 - weight) * normal).astype(np.float32), mask


SQUARE, CROSS = np.ones((3, 3), np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
DERIVED = {
    "as it is": lambda mask: mask,
    "wider": lambda mask: cv2.dilate(mask.astype(np.uint8), SQUARE) > 0,
    "narrower": lambda mask: cv2.erode(mask.astype(np.uint8), CROSS) > 0,
}


@pytest.mark.parametrize("derived", list(DERIVED))
@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_a_pasted_defect_is_found_in_every_pose(turns, flipped, derived):
    reals = [grey_crop(*blob(seed)) for seed in range(6)]
    picture, mask = pasted(3)
    mask = DERIVED[derived](mask)
    if flipped:
        picture, mask = picture[:, ::-1], mask[:, ::-1]
    value, index = closest(grey_crop(np.rot90(picture, turns), np.rot90(mask, turns)), reals)
    assert index == 3
    assert value > (0.95 if derived == "as it is" else 0.87)


def test_different_defects_are_less_alike_than_any_copy():
    reals = [grey_crop(*blob(seed)) for seed in range(12)]
    assert max(leave_one_out(reals, range(12))) < 0.6


def test_the_same_shape_with_another_pattern_is_no_copy_but_a_flat_one_is():
    picture, mask = blob(0)
    other = np.where(mask[..., None], blob(1)[0].mean() + np.random.default_rng(0).normal(0, 0.1, picture.shape), picture)
    flat, bright = (np.where(mask[..., None], level, picture).astype(np.float32) for level in (0.2, 0.9))
    assert similarities(grey_crop(picture, mask), [grey_crop(other.astype(np.float32), mask)])[0] < 0.4
    assert similarities(grey_crop(picture, mask), [grey_crop(flat, mask)])[0] < 0.4
    assert similarities(grey_crop(flat, mask), [grey_crop(bright, mask)])[0] == pytest.approx(1, abs=1e-3)


def test_the_same_pattern_in_another_shape_is_no_copy():
    picture, mask = blob(0)
    half = mask & (np.arange(64) < 32)
    assert similarities(grey_crop(picture, half), [grey_crop(picture, mask)])[0] < 0.7


@pytest.mark.parametrize("area", [1, 2, 5])
def test_tiny_and_constant_defects_give_numbers(area):
    mask = np.zeros((20, 20), bool)
    mask[10, 8 : 8 + area] = True
    flat = grey_crop(np.zeros((20, 20, 1), np.float32), mask)
    values = similarities(flat, [flat, grey_crop(*blob(0)), grey_crop(np.ones((20, 20, 3), np.float32), mask.T)])
    assert np.isfinite(values).all()
    assert values == pytest.approx([1, 0, 1], abs=1e-3)


def test_a_large_copy_is_found_after_shrinking():
    picture, mask = blob(5, size=110, canvas=200)
    mine = grey_crop(cv2.GaussianBlur(picture, (0, 0), 0.7)[..., None], mask)
    others = [grey_crop(*blob(seed, size=110, canvas=200)) for seed in (4, 5)]
    assert closest(mine, others)[1] == 1
    assert closest(mine, others)[0] > 0.9 > 0.6 > similarities(mine, others)[0]


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_fine_texture_of_a_large_copy_agrees_after_a_turn_and_an_odd_cut(turns, flipped):
    """One pixel off, shrinking mixes other pixels of the stripes."""
    picture, mask = blob(5, size=150, canvas=200)
    picture = picture + np.random.default_rng(0).normal(0, 0.15, (1, 200, 1)).astype(np.float32) * mask[..., None]
    real = grey_crop(picture, mask, 64)
    if flipped:
        picture, mask = picture[:, ::-1], mask[:, ::-1]
    assert similarities(grey_crop(np.rot90(picture, turns), np.rot90(mask, turns), 64), [real])[0] > 0.95


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 60), st.integers(0, 3), st.booleans(), st.floats(0.5, 1.5), st.floats(-0.2, 0.2))
def test_a_turned_defect_of_another_brightness_is_the_same_defect(seed, size, turns, flipped, gain, offset):
    picture, mask = blob(seed, size, canvas=size + 20)
    other, place = gain * picture + offset, mask
    if flipped:
        other, place = other[::-1], place[::-1]
    there = grey_crop(np.rot90(other, turns).astype(np.float32), np.rot90(place, turns))
    assert similarities(grey_crop(picture, mask), [there])[0] > 0.93


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 70), st.integers(1, 70), st.booleans())
def test_any_two_defects_give_a_share_nearly_the_same_both_ways(seed, first, second, flat):
    a, b = grey_crop(*blob(seed, first, canvas=100)), grey_crop(*blob(seed + 1, second, canvas=100))
    if flat:
        a = Crop(np.zeros_like(a.image), a.mask)
    there, back = similarities(a, [b])[0], similarities(b, [a])[0]
    assert 0 <= there <= 1 and 0 <= back <= 1
    assert there == pytest.approx(back, abs=0.15)


def test_nothing_to_compare_with():
    assert closest(grey_crop(*blob(0)), []) == (0.0, -1)
    assert similarities(grey_crop(*blob(0)), []).shape == (0,)
    assert leave_one_out([grey_crop(*blob(0))], ["a"]) == []


def test_leave_one_out_skips_the_same_source():
    crops = [grey_crop(*blob(0)), grey_crop(*blob(0)), grey_crop(*blob(1))]
    assert max(leave_one_out(crops, ["a", "a", "b"])) < 0.6
    assert leave_one_out(crops, ["a", "b", "c"])[:2] == pytest.approx([1, 1], abs=1e-3)


def test_the_limit_follows_the_real_defects_within_its_bounds():
    assert LOWEST < copy_threshold([]) < HIGHEST
    assert copy_threshold([0.2] * 20) < copy_threshold([0.5] * 20) < copy_threshold([0.7] * 20)
    assert copy_threshold([1.0] * 50) == HIGHEST
    assert copy_threshold([0.0] * 50) == LOWEST
    assert abs(copy_threshold([0.1]) - copy_threshold([])) < abs(copy_threshold([0.1] * 50) - copy_threshold([]))


def test_a_crop_is_its_box_with_a_margin_in_grey_shares():
    picture = np.zeros((20, 30, 3), np.float32)
    picture[5:9, 10:16] = (0.2, 0.4, 0.9)
    mask = picture.max(-1) > 0
    found = grey_crop(picture, mask)
    assert found.image.shape == found.mask.shape == (4 + 2 * MARGIN, 6 + 2 * MARGIN)
    assert found.image.dtype == np.float32
    assert found.image[found.mask] == pytest.approx(0.5)
    assert not found.image[~found.mask].any()


@pytest.mark.parametrize("top", [0, 40])
@pytest.mark.parametrize("size", [20, 50])
def test_a_kept_example_is_found_again_in_its_picture(tmp_path, top, size):
    """Also one at the picture's border, where the window holds its mirror image too, and one larger than the window."""
    picture, mask = blob(2, size=size, canvas=100)
    rows = np.flatnonzero(mask.any(1))
    start = rows[0] if top == 0 else 0  # cut so that the defect touches the upper border
    pixels, mask = (picture[start:] * 255).astype(np.uint8), mask[start:]
    sample = Sample(image=pixels, mask=mask, defect="dent", group=None, source=tmp_path / "a.png")
    [example] = collect_exemplars({"dent": [sample]}, 32)
    real = crop_of(example, PixelRange(0.0, 255.0, "uint8"), 1)
    assert isinstance(real, Crop)
    assert real.image.max() <= 1
    turned = grey_crop(np.rot90(picture[start:]), np.rot90(mask), 32)
    assert similarities(turned, [real])[0] > 0.85
