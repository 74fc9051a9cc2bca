"""The verification: each check says no exactly when it should."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.config import QualityConfig
from flawsmith.data.scale import PixelRange
from flawsmith.models.build import Shape
from flawsmith.models.store import Product
from flawsmith.quality.checks import Verdict, change_map, contrast, overlap, verify_free, verify_onto, visibility

CONFIG = QualityConfig(visible=3.0, change=0.04, overlap=0.5, area=1.0, branches=0.15)
SIDE = 32


def product(noise: float = 0.01, areas: tuple[int, int] = (40, 60), dtype: str = "uint8") -> Product:
    scale = PixelRange(0.0, 255.0, "uint8") if dtype == "uint8" else PixelRange(1000.0, 5000.0, "uint16")
    return Product(Shape(("dent",), 1, SIDE), scale, noise, {"dent": areas})


def square(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + height, left : left + width] = True
    return mask


MASK = square(8, 8, 7, 7)  # 49 pixels
REGION = square(5, 5, 14, 14)


def normal(dtype: str = "uint8", channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(90, 110, (SIDE, SIDE, channels)).astype(dtype)


def changed(by: float, where: np.ndarray = MASK) -> np.ndarray:
    """Return the normal with `by` of the value range added in `where`."""
    image = normal().astype(float)
    image[where] += by * 255
    return image.round().astype(np.uint8)


def onto(image: np.ndarray, mask: np.ndarray = MASK, region: np.ndarray = REGION, product: Product = product(), **changes: Any) -> Verdict:  # noqa: B008
    return verify_onto(image, normal(), mask, region, "dent", product, dataclasses.replace(CONFIG, **changes))


def failed(verdict: Verdict) -> list[str]:
    """Return which checks said no."""
    words = {"visible": "no defect to be seen", "overlap": "does not fit the change", "inside": "leaves the region", "area": "area"}
    words |= {"branches": "branches disagree", "empty": "drew no defect"}
    found = [name for reason in verdict.reasons for name, text in words.items() if text in reason]
    assert len(found) == len(verdict.reasons), verdict.reasons
    return found


def test_a_good_pair_passes_and_has_its_scores() -> None:
    verdict = onto(changed(0.2))
    assert verdict.reasons == []
    assert verdict.scores["visible"] == pytest.approx(0.2, abs=1e-3) and verdict.scores["area"] == 49
    assert verdict.scores["overlap"] == 1 and verdict.scores["inside"] == 1


@pytest.mark.parametrize(
    ("by", "noise", "bad"), [(0.06, 0.01, False), (0.06, 0.019, False), (0.06, 0.025, True), (0.2, 0.06, False), (0.2, 0.08, True)]
)
def test_a_defect_must_stand_out_of_the_noise(by: float, noise: float, bad: bool) -> None:
    verdict = onto(changed(by), product=product(noise))
    assert failed(verdict) == (["visible"] if bad else [])


def test_without_noise_a_change_must_still_be_a_change() -> None:
    assert failed(onto(changed(0.03), product=product(0.0), overlap=0)) == ["visible"]
    assert failed(onto(changed(0.05), product=product(0.0))) == []


@pytest.mark.parametrize(("shift", "bad"), [(0, False), (2, False), (3, True), (7, True)])
def test_the_mask_must_fit_the_change(shift: int, bad: bool) -> None:
    verdict = onto(changed(0.5, square(8, 8 + shift, 7, 7)), region=np.ones((SIDE, SIDE), bool))
    assert verdict.scores["overlap"] == pytest.approx((7 - shift) / (7 + shift), abs=1e-3)
    assert ("overlap" in failed(verdict)) == bad


def test_a_mask_much_smaller_than_the_change_is_no_fit() -> None:
    verdict = onto(changed(0.5, square(2, 2, 20, 20)), region=np.ones((SIDE, SIDE), bool))
    assert failed(verdict) == ["overlap"]


def test_the_mask_must_lie_in_the_region() -> None:
    assert failed(onto(changed(0.2), region=MASK)) == []
    almost = MASK.copy()
    almost[8, 8] = False
    verdict = onto(changed(0.2), region=almost)
    assert failed(verdict) == ["inside"] and verdict.scores["inside"] < 1


@pytest.mark.parametrize(
    ("areas", "share", "bad"),
    [
        ((49, 49), 0.0, False),
        ((50, 60), 0.0, True),
        ((40, 48), 0.0, True),
        ((98, 200), 1.0, False),
        ((99, 200), 1.0, True),
        ((5, 25), 1.0, False),
        ((5, 24), 1.0, True),
    ],
)
def test_the_area_must_be_one_of_real_defects_or_near(areas: tuple[int, int], share: float, bad: bool) -> None:
    assert failed(onto(changed(0.2), product=product(areas=areas), area=share)) == (["area"] if bad else [])


def test_a_pair_can_fail_in_several_ways() -> None:
    verdict = onto(changed(0.02), region=square(0, 0, 10, 10), product=product(areas=(1, 2)))
    assert sorted(failed(verdict)) == ["area", "inside", "overlap", "visible"]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["uint8", "uint16"]),
    st.integers(1, 4),
    st.floats(0, 0.1),
    st.floats(0, 10),
    st.floats(0.001, 0.5),
    st.floats(0, 1),
)
def test_an_unchanged_normal_is_always_rejected(
    seed: int, dtype: str, channels: int, noise: float, visible: float, change: float, fit: float
) -> None:
    g = np.random.default_rng(seed)
    picture = normal(dtype, channels)
    mask = g.random((SIDE, SIDE)) < g.random()
    config = QualityConfig(visible=visible, change=change, overlap=fit, area=1e9)
    verdict = verify_onto(picture, picture, mask, np.ones_like(mask), "dent", product(noise, dtype=dtype), config)
    assert verdict.reasons


def test_an_empty_mask_is_rejected_in_both_modes() -> None:
    empty = np.zeros_like(MASK)
    assert failed(onto(changed(0.5), mask=empty)) == ["empty"]
    assert failed(verify_free(changed(0.5), empty, 0.0, "dent", product(), CONFIG)) == ["empty"]


def test_scores_are_plain_numbers() -> None:
    for verdict in (onto(changed(0.2)), verify_free(changed(0.2), MASK, 0.1, "dent", product(), CONFIG)):
        assert all(type(value) is float for value in verdict.scores.values())


def test_a_free_picture_is_judged_by_its_surroundings() -> None:
    assert failed(verify_free(changed(0.2), MASK, 0.0, "dent", product(), CONFIG)) == []
    assert failed(verify_free(normal(), MASK, 0.0, "dent", product(), CONFIG)) == ["visible"]
    assert failed(verify_free(changed(0.2), MASK, 0.0, "dent", product(0.09), CONFIG)) == ["visible"]
    assert failed(verify_free(changed(0.2), MASK, 0.15, "dent", product(), CONFIG)) == []
    assert failed(verify_free(changed(0.2), MASK, 0.16, "dent", product(), CONFIG)) == ["branches"]
    assert failed(verify_free(changed(0.2), MASK, 0.0, "dent", product(areas=(1, 20)), CONFIG)) == ["area"]


def test_contrast_sees_what_is_brighter_or_rougher_than_its_surroundings() -> None:
    flat = np.full((SIDE, SIDE, 3), 100, np.uint8)
    brighter = flat.copy()
    brighter[MASK, 1] += 51  # one colour is enough
    assert contrast(brighter, MASK, 255) == pytest.approx(0.2)
    rough = flat.copy()
    rough[MASK] = np.where(np.arange(49)[:, None] % 2, 151, 49).astype(np.uint8)
    assert contrast(rough, MASK, 255) > 0.15
    assert contrast(flat, MASK, 255) == 0
    far = flat.copy()
    far[square(25, 25, 5, 5)] = 255
    assert contrast(far, MASK, 255) == 0, "what is far away does not count"
    assert contrast(flat, np.ones_like(MASK), 255) == 0 and contrast(flat, np.zeros_like(MASK), 255) == 0


def test_change_is_the_largest_over_the_colours_as_a_share_of_the_range() -> None:
    a = np.array([[[10, 20, 30]]], np.uint8)
    b = np.array([[[11, 10, 30]]], np.uint8)
    assert change_map(a, b, 100).tolist() == [[pytest.approx(0.1)]]
    deep = np.array([[[0]]], np.uint16), np.array([[[65535]]], np.uint16)
    assert change_map(*deep, 65535).item() == 1 and change_map(deep[1], deep[0], 65535).item() == 1, "no wrapping round"
    assert visibility(a, b, np.array([[True]]), 100) == pytest.approx(0.1) and visibility(a, b, np.array([[False]]), 100) == 0


def test_overlap() -> None:
    assert overlap(square(0, 0, 4, 4), square(0, 2, 4, 4)) == pytest.approx(8 / 24)
    assert overlap(MASK, MASK) == 1 and overlap(MASK, ~MASK) == 0
    assert overlap(np.zeros_like(MASK), np.zeros_like(MASK)) == 0
