"""Windows: cut and pasted back bit for bit, reflected at borders, and around what they should show."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from flawsmith.dataset.windows import (
    Box,
    bounding_box,
    choose_grid,
    choose_window,
    cut,
    distance_outside,
    grow,
    paste,
    window_around,
)

PROFILE = settings(max_examples=80, deadline=None)
LENGTH, CORNER = st.integers(1, 14), st.integers(-13, 13)


def picture(height: int, width: int, channels: int, dtype: str) -> np.ndarray:
    shape = (height, width, channels) if channels else (height, width)
    return np.random.default_rng(height * 100 + width).integers(0, 2 if dtype == "bool" else 250, shape).astype(dtype)


@PROFILE
@given(LENGTH, LENGTH, st.sampled_from([(0, "bool"), (1, "uint8"), (4, "uint16")]), st.integers(-30, 30), st.integers(-30, 30), LENGTH)
def test_a_window_is_the_picture_reflected_as_numpy_does(
    height: int, width: int, kind: tuple[int, str], top: int, left: int, side: int
) -> None:
    image = picture(height, width, *kind)
    padded = np.pad(image, ((50, 50), (50, 50), (0, 0))[: image.ndim], mode="reflect")
    window = cut(image, top, left, side)
    assert window.dtype == image.dtype
    assert np.array_equal(window, padded[50 + top : 50 + top + side, 50 + left : 50 + left + side])


@PROFILE
@given(LENGTH, LENGTH, st.sampled_from(["uint8", "uint16"]), CORNER, CORNER, LENGTH)
def test_cut_and_pasted_back_nothing_has_changed(height: int, width: int, dtype: str, top: int, left: int, side: int) -> None:
    assume(-side < top < height and -side < left < width)  # a window that shows some of the picture
    image = picture(height, width, 3, dtype)
    copy = image.copy()
    window = cut(copy, top, left, side)
    paste(copy, window, top, left)
    assert np.array_equal(copy, image)
    window += 1
    assert np.array_equal(copy, image), "a window is a copy"


@PROFILE
@given(LENGTH, LENGTH, CORNER, CORNER, LENGTH)
@example(1, 1, 0, 2, 3)  # beside the picture
@example(4, 4, -3, 0, 2)
def test_pasting_writes_the_window_s_pixels_and_no_others(height: int, width: int, top: int, left: int, side: int) -> None:
    image = np.zeros((height, width), int)
    window = 1 + np.arange(side * side).reshape(side, side)
    paste(image, window, top, left)
    for row in range(height):
        for column in range(width):
            inside = 0 <= row - top < side and 0 <= column - left < side
            assert image[row, column] == (window[row - top, column - left] if inside else 0)


@PROFILE
@given(st.integers(0, 10**6), LENGTH, LENGTH)
def test_the_bounding_box_is_the_smallest_that_holds_the_mask(seed: int, height: int, width: int) -> None:
    g = np.random.default_rng(seed)
    mask = g.random((height, width)) < 0.1
    mask[g.integers(height), g.integers(width)] = True
    box = bounding_box(mask)
    pixels = np.argwhere(mask)
    assert (box.top, box.left) == tuple(pixels.min(0))
    assert (box.top + box.height - 1, box.left + box.width - 1) == tuple(pixels.max(0))
    assert box.side == max(box.height, box.width)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[Box, int, tuple[int, int]]:
    """Return a box in a picture of some size and the side of a window that can hold it."""
    side = draw(st.integers(2, 40))
    size = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    height, width = (draw(st.integers(1, min(side, limit))) for limit in size)
    return Box(draw(st.integers(0, size[0] - height)), draw(st.integers(0, size[1] - width)), height, width), side, size


@settings(max_examples=300, deadline=None)
@given(boxes(), st.integers(0, 10**6))
def test_a_window_holds_the_box_and_stays_in_the_picture(case: tuple[Box, int, tuple[int, int]], seed: int) -> None:
    box, side, size = case
    corner = window_around(box, side, size, np.random.default_rng(seed))
    for start, place, length, limit in zip(corner, (box.top, box.left), (box.height, box.width), size, strict=True):
        assert start <= place and place + length <= start + side
        if limit >= side:
            assert start >= 0 and start + side <= limit
        else:
            assert start == (limit - side) // 2, "a small picture is in the middle, as a whole"


def test_windows_are_at_random_places_and_keep_the_defect_off_their_border() -> None:
    g = np.random.default_rng(0)
    corners = {window_around(Box(50, 60, 6, 4), 32, (200, 200), g) for _ in range(300)}
    tops, lefts = {top for top, _ in corners}, {left for _, left in corners}
    assert tops == set(range(50 + 6 - 32 + 4, 50 - 4 + 1)), "everywhere between an eighth of the side from either border"
    assert len(lefts) > 10


@PROFILE
@given(
    st.lists(st.integers(1, 3000), max_size=8),
    st.lists(st.tuples(st.integers(8, 4000), st.integers(8, 4000)), max_size=5),
    st.sampled_from([8, 16, 32, 64]),
)
def test_a_window_is_a_multiple_of_the_cells_and_no_cell_is_too_wide(sides: list[int], sizes: list[tuple[int, int]], cells: int) -> None:
    window = choose_window(sides, sizes, cells)
    assert window % cells == 0 and cells <= window <= 4 * cells
    if sizes:
        assert window < max(max(size) for size in sizes) + cells, "not much larger than the pictures"


def test_windows_grow_with_the_defects_and_most_defects_fit() -> None:
    chosen = [choose_window([side] * 4, [(1000, 1000)], 32) for side in (5, 20, 40, 60, 80, 500)]
    assert chosen == sorted(chosen) and chosen[0] == 32 and chosen[-1] == 128
    assert choose_window([40] * 3 + [400], [(1000, 1000)], 32) <= choose_window([40] * 2 + [400] * 2, [(1000, 1000)], 32)
    for side in (5, 20, 40, 60, 80):
        assert choose_window([side], [(1000, 1000)], 32) > side, "with room around it"


@pytest.mark.parametrize(
    ("asked", "grid"),
    [
        ((0, 0), (64, 16)),
        ((96, 0), (96, 24)),
        ((128, 0), (128, 32)),
        ((512, 0), (512, 64)),
        ((40, 0), (32, 8)),
        ((0, 32), (64, 32)),
        ((100, 24), (96, 24)),
    ],
)
def test_the_grid_left_open_has_four_pixels_a_cell_up_to_its_greatest_size(asked: tuple[int, int], grid: tuple[int, int]) -> None:
    assert choose_grid(*asked, [30] * 4, [(1000, 1000)]) == grid


@pytest.mark.parametrize("seed", range(3))
def test_distance_is_that_to_the_nearest_pixel_of_the_mask(seed: int) -> None:
    mask = np.random.default_rng(seed).random((20, 25)) < 0.02
    mask[3, 7] = True
    pixels = np.argwhere(mask)
    every = np.indices((20, 25)).transpose(1, 2, 0)
    exact = np.sqrt(((every[:, :, None] - pixels) ** 2).sum(-1)).min(-1)
    found = distance_outside(mask)
    assert np.abs(found - exact).max() < 0.05 * exact.max() and (found[mask] == 0).all() and (found[~mask] > 0).all()
    assert np.array_equal(grow(mask, 1), exact <= 1)
    assert (grow(mask, 4) >= (exact <= 3.8)).all() and (grow(mask, 4) <= (exact <= 4.2)).all()


def test_nothing_is_near_an_empty_mask() -> None:
    empty = np.zeros((4, 5), bool)
    assert np.isinf(distance_outside(empty)).all() and not grow(empty, 100).any()
