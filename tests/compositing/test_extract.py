"""Mask extraction: hysteresis, holes, specks and regions."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.compositing.extract import extract, least_size

ALL = np.ones((24, 24), bool)


def soft(*parts: tuple[slice, slice, float]) -> np.ndarray:
    """Return shares (24, 24), zero outside the parts."""
    mask = np.zeros((24, 24), np.float32)
    for rows, columns, value in parts:
        mask[rows, columns] = value
    return mask


def test_weak_pixels_count_where_they_hang_together_with_a_strong_one() -> None:
    mask = soft((slice(2, 6), slice(2, 12), 0.4), (slice(3, 4), slice(3, 4), 0.9), (slice(15, 20), slice(2, 12), 0.4))
    found = extract(mask, ALL)
    assert found.dtype == bool and found.shape == mask.shape
    expected = np.zeros_like(ALL)
    expected[2:6, 2:12] = True  # the second part has no strong pixel
    assert np.array_equal(found, expected)


def test_the_thresholds_are_those_given() -> None:
    mask = soft((slice(2, 6), slice(2, 12), 0.4), (slice(3, 4), slice(3, 4), 0.6))
    assert extract(mask, ALL, high=0.5, low=0.3).sum() == 40
    assert extract(mask, ALL, high=0.7, low=0.3).sum() == 0
    assert extract(mask, ALL, high=0.5, low=0.45, least=1).sum() == 1
    assert extract(mask, ALL, high=0.5, low=0.45).sum() == 0, "one pixel is a speck"


def test_parts_that_touch_at_a_corner_are_one() -> None:
    mask = soft((slice(2, 6), slice(2, 6), 0.9), (slice(6, 10), slice(6, 10), 0.4))
    assert extract(mask, ALL).sum() == 32


def test_holes_stay() -> None:
    mask = soft((slice(4, 16), slice(4, 16), 0.9), (slice(8, 12), slice(8, 12), 0.0))
    found = extract(mask, ALL)
    assert found.sum() == 144 - 16 and not found[8:12, 8:12].any()


def test_specks_go_and_smaller_parts_stay() -> None:
    large, small = (slice(0, 14), slice(0, 14), 0.9), (slice(16, 20), slice(16, 20), 0.9)
    mask = soft(large, small, (slice(20, 22), slice(2, 5), 0.9), (slice(22, 23), slice(20, 22), 0.9))
    found = extract(mask, ALL)
    assert found[0:14, 0:14].all() and found[16:20, 16:20].all(), "16 of 196 pixels are more than a twentieth"
    assert not found[20:22, 2:5].any(), "6 of 196 pixels are less than a twentieth"
    assert not found[22, 20:22].any()
    alone = extract(soft((slice(20, 22), slice(2, 5), 0.9)), ALL)
    assert alone.sum() == 6, "a small part that is alone is the defect"


def test_nothing_outside_the_region_counts_or_joins() -> None:
    mask = soft((slice(4, 8), slice(2, 22), 0.9))
    region = np.zeros_like(ALL)
    region[:, 10:] = True
    assert np.array_equal(extract(mask, region), (mask > 0) & region)
    # The only strong pixel lies outside the region: what is left inside is weak.
    weak = soft((slice(4, 8), slice(2, 22), 0.4), (slice(5, 6), slice(5, 6), 0.9))
    assert extract(weak, ALL).any() and not extract(weak, region).any()
    # Two parts that meet outside the region only: the weak one has no strong pixel of its own.
    bridge = soft((slice(4, 20), slice(2, 6), 0.9), (slice(4, 8), slice(6, 20), 0.9), (slice(16, 20), slice(6, 20), 0.4))
    assert np.array_equal(extract(bridge, region), (bridge == np.float32(0.9)) & region)


@pytest.mark.parametrize("value", [0.0, 0.3, 0.5])
def test_an_undecided_mask_is_empty(value: float) -> None:
    assert not extract(np.full((24, 24), value, np.float32), ALL).any()
    assert not extract(np.ones((24, 24), np.float32), ~ALL).any()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 30))
def test_what_is_kept_is_whole_parts_of_the_weak_mask(seed: int, height: int, width: int) -> None:
    g = np.random.default_rng(seed)
    mask = cv2.GaussianBlur(g.random((height, width)).astype(np.float32), (0, 0), 1.5)
    mask = (mask - mask.min()) / max(float(mask.max() - mask.min()), 1e-6)
    region = g.random((height, width)) > 0.1
    found = extract(mask, region)
    weak = (mask > 0.3) & region
    assert not (found & ~weak).any()
    count, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    for i in range(1, count):
        part = labels == i
        assert found[part].all() or not found[part].any()
        if found[part].any():
            assert part.sum() >= 6 and (mask[part] > 0.5).any()


@pytest.mark.parametrize(("smallest", "least"), [(1, 1), (2, 1), (7, 3), (12, 6), (500, 6)])
def test_components_as_small_as_real_defects_are_kept(smallest: int, least: int) -> None:
    assert least_size(smallest) == least
    mask = np.zeros((24, 24), np.float32)
    mask[5, 2 : 2 + smallest] = 1
    assert extract(mask, ALL, least=least_size(smallest)).sum() == min(smallest, 22)
