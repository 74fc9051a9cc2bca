"""Shapes against geometry, and windows against plain slices."""

import math

import cv2
import numpy as np
import pytest

from flawsmith.metrics.masks import defects_of, mask_shape, vectors, window, window_side


def blank(height: int = 60, width: int = 80) -> np.ndarray:
    return np.zeros((height, width), bool)


def box(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = blank()
    mask[top : top + height, left : left + width] = True
    return mask


def test_a_square_a_line_and_a_disc() -> None:
    square, line = mask_shape(box(10, 20, 9, 9)), mask_shape(box(10, 20, 2, 40))
    disc = mask_shape(cv2.circle(blank().astype(np.uint8), (40, 30), 20, 1, -1) > 0)
    assert square.area == 81 and square.side == 9 and square.solidity == pytest.approx(1)
    assert square.compactness == pytest.approx(81 / (math.pi * (4.5**2 + 4.5**2)), rel=1e-3)
    assert (square.row, square.column) == (pytest.approx(14.5 / 60), pytest.approx(24.5 / 80))
    assert line.solidity == pytest.approx(1) and line.compactness < 0.08 and line.elongation > 10
    assert disc.solidity > 0.95 and disc.compactness > 0.93 and disc.elongation < 1.2


def test_solidity_is_the_share_of_the_hull_of_the_pixels() -> None:
    spatial = pytest.importorskip("scipy.spatial")
    mask = np.random.default_rng(0).random((12, 15)) < 0.3
    corners = [(r + y, c + x) for r, c in zip(*np.nonzero(mask), strict=True) for y in (0, 1) for x in (0, 1)]
    assert mask_shape(mask).solidity == pytest.approx(mask.sum() / spatial.ConvexHull(corners).volume, rel=1e-5)  # of 2-D: the area


def test_one_pixel_has_a_shape() -> None:
    found = mask_shape(box(5, 5, 1, 1))
    assert (found.area, found.side, found.solidity) == (1, 1, pytest.approx(1))
    assert found.compactness == pytest.approx(2 / math.pi, rel=1e-2)


def test_a_window_of_noise_has_no_place() -> None:
    found = mask_shape(box(5, 5, 3, 3), placed=False)
    assert found.row is None and found.column is None


def test_separate_defects_are_apart_and_specks_go_along() -> None:
    two = box(5, 5, 10, 10) | box(30, 40, 8, 8)
    assert sorted(int(part.sum()) for part in defects_of(two | box(50, 5, 2, 2))) == [64, 100]
    one = box(5, 5, 10, 10) | box(50, 5, 2, 2)
    assert [int(part.sum()) for part in defects_of(one)] == [104]


def test_vectors_are_standardised_by_the_real_ones() -> None:
    real = [mask_shape(box(3 * i, 4 * i, 3 + i, 5 + 2 * i)) for i in range(8)]
    found = vectors(real, real, place=True)
    assert found.shape == (8, 7) and found.mean(0) == pytest.approx(np.zeros(7), abs=1e-9)
    assert found.std(0)[[0, 1, 5, 6]] == pytest.approx(1)
    larger = vectors([mask_shape(box(0, 0, 30, 60))], real, place=False)
    assert larger.shape == (1, 5) and larger[0, 0] > 1


@pytest.mark.parametrize(("sides", "expected"), [([3, 4], 32), ([40] * 4, 64), ([100, 10, 10, 10, 10], 32), ([500], 224)])
def test_the_window_holds_three_quarters_of_the_defects(sides: list[int], expected: int) -> None:
    assert window_side(sides) == expected


@pytest.mark.parametrize(("corner", "expected"), [((20, 30), (8, 18)), ((0, 0), (0, 0)), ((55, 75), (28, 48))])
def test_windows_are_slices_of_the_picture_moved_inside(corner: tuple[int, int], expected: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).random((60, 80, 1))
    top, left = expected
    assert (window(picture, box(*corner, 8, 8), 32) == picture[top : top + 32, left : left + 32]).all()


def test_a_small_picture_is_in_the_middle_of_its_window() -> None:
    picture = np.random.default_rng(0).random((20, 100, 3))
    found = window(picture, np.eye(20, 100, dtype=bool), 40)
    assert found.shape == (40, 40, 3) and (found[10:30] == picture[:, :40]).all()
