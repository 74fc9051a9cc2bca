"""The connected components of a mask and its separate defects."""

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from flawsmith.dataset.components import centre, components, separate, whole
from flawsmith.dataset.windows import Box


def marked(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (40, 60)) -> np.ndarray:
    mask = np.zeros(size, bool)
    for top, left, height, width in boxes:
        mask[top : top + height, left : left + width] = True
    return mask


def test_components_are_eight_connected_the_largest_first() -> None:
    mask = np.zeros((12, 12), bool)
    mask[0, 0] = mask[2:4, 2:4] = mask[4, 4] = mask[7:10, 7:11] = True
    found = components(mask)
    assert [one.area for one in found] == [12, 5, 1]
    assert [one.box for one in found] == [Box(7, 7, 3, 4), Box(2, 2, 3, 3), Box(0, 0, 1, 1)]
    assert np.array_equal(np.sum([one.mask(mask.shape) for one in found], axis=0), mask), "together the mask, no pixel in two"
    assert components(np.zeros((3, 3), bool)) == []


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.sampled_from([False] * 9 + [True])))
def test_components_of_scattered_pixels_are_those_of_the_whole_mask(mask: np.ndarray) -> None:
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    expected = {tuple(np.flatnonzero(labels == i)) for i in range(1, count)}
    assert {tuple(np.flatnonzero(one.mask(mask.shape))) for one in components(mask)} == expected


@pytest.mark.parametrize("corner", [(-3, -4), (0, 0), (5, 20), (38, 55), (60, 90)])
def test_a_window_shows_the_component_where_it_is(corner: tuple[int, int]) -> None:
    mask = marked((2, 3, 10, 30))
    mask[4:6, 5:9] = False
    (one,) = components(mask)
    expected = np.zeros((100, 150), bool)
    expected[:40, :60] = mask
    padded = np.pad(expected, 10)
    top, left = corner[0] + 10, corner[1] + 10
    assert np.array_equal(one.window(*corner, 16, 24), padded[top : top + 16, left : left + 24])


def test_specks_go_with_a_defect_that_is_alone_and_with_none_of_several() -> None:
    assert [one.area for one in separate(marked((5, 5, 10, 10), (5, 30, 8, 8), (30, 50, 2, 2)))] == [100, 64]
    (alone,) = separate(marked((5, 5, 10, 10), (30, 50, 2, 2)))
    assert alone.area == 104 and alone.box == Box(5, 5, 27, 47)


def test_the_centre_of_a_large_defect_is_one_of_its_pixels() -> None:
    ring = marked((5, 5, 30, 50))
    ring[6:34, 6:54] = False
    assert centre(whole(ring), 64) == (20, 30), "of its box"
    row, column = centre(whole(ring), 16)
    assert ring[row, column]


def test_a_thousand_specks_take_no_thousand_pictures() -> None:
    mask = np.zeros((512, 512), bool)
    mask[8::16, 8::16] = mask[9::16, 8::16] = True
    tracemalloc.start()
    found = separate(mask)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 1024 and peak < 16 * mask.nbytes
