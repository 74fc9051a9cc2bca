"""How pictures are shown: outlines that leave the defect visible, views at native scale, and thin masks that survive being made small."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from flawsmith.images.shrinking import within_side
from flawsmith.reports import drawing

WHITE = np.full((40, 50, 3), 255, np.uint8)


def disc(height: int, width: int, y: int, x: int, radius: int) -> np.ndarray:
    rows, columns = np.ogrid[:height, :width]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_outline_touches_the_mask_from_outside(width: int) -> None:
    mask = disc(40, 50, 20, 25, 6)
    drawn = (drawing.outline(WHITE, mask, (255, 0, 0), width) != WHITE).any(2)
    assert not (drawn & mask).any()
    assert drawn[20 - 6 - 1, 25] and drawn[20 - 6 - width, 25] and not drawn[20 - 6 - width - 1, 25]
    assert (WHITE == 255).all()  # the picture given is not drawn on


def test_the_outline_surrounds_a_single_pixel_and_nothing_where_there_is_no_mask() -> None:
    mask = np.zeros((40, 50), bool)
    assert np.array_equal(drawing.outline(WHITE, mask), WHITE)
    mask[0, 0] = True
    drawn = (drawing.outline(WHITE, mask) != WHITE).any(2)
    assert drawn[0, 1] and drawn[1, 0] and not drawn[0, 0] and drawn.sum() <= 3


@pytest.mark.parametrize(("channels", "expected"), [(1, (7, 7, 7)), (2, (7, 7, 7)), (3, (7, 8, 9)), (4, (7, 8, 9))])
def test_every_number_of_channels_is_shown_without_alpha(channels: int, expected: tuple[int, int, int]) -> None:
    image = np.broadcast_to(np.arange(7, 7 + channels, dtype=np.uint8), (3, 4, channels))
    shown = drawing.to_display(image)
    assert shown.shape == (3, 4, 3) and shown.dtype == np.uint8
    assert tuple(shown[0, 0]) == expected


def test_sixteen_bits_are_spread_over_the_range_that_is_there() -> None:
    image = np.array([[[1000], [1500], [2000]]], np.uint16)
    assert drawing.to_display(image)[0, :, 0].tolist() == [0, 128, 255]
    assert drawing.to_display(image, low=0, high=4000)[0, :, 0].tolist() == [64, 96, 128]
    assert drawing.to_display(image, low=1500, high=1500)[0, :, 0].tolist() == [0, 0, 255]


def test_eight_bits_are_shown_as_they_are() -> None:
    image = np.array([[[100], [101]]], np.uint8)
    assert drawing.to_display(image)[0, :, 0].tolist() == [100, 101]


def test_a_small_picture_is_shown_whole() -> None:
    assert drawing.view(disc(300, 320, 5, 5, 3)) == (0, 0, 300, 320)


@pytest.mark.parametrize(("y", "x"), [(5, 5), (500, 700), (995, 1995)])
def test_a_large_picture_is_cropped_round_the_defect_at_native_scale(y: int, x: int) -> None:
    mask = disc(1000, 2000, y, x, 4)
    top, left, bottom, right = drawing.view(mask)
    assert (bottom - top, right - left) == (drawing.WHOLE, drawing.WHOLE)
    assert mask[top:bottom, left:right].sum() == mask.sum()


def test_a_large_defect_is_shown_with_a_margin() -> None:
    mask = disc(2000, 2000, 1000, 1000, 300)
    top, left, bottom, right = drawing.view(mask)
    assert mask[top:bottom, left:right].sum() == mask.sum()
    assert 700 < bottom - top < 1000


def test_a_crop_never_leaves_a_long_narrow_picture() -> None:
    top, left, bottom, right = drawing.view(disc(100, 2000, 50, 1990, 20))
    assert (top, bottom, right) == (0, 100, 2000) and right - left == drawing.WHOLE


@pytest.mark.parametrize("middle", [(0, 0), (50, 150), (99, 199)])
def test_a_square_lies_within_the_picture(middle: tuple[int, int]) -> None:
    top, left, bottom, right = drawing.square(middle, 31, (100, 200))
    assert (bottom - top, right - left) == (31, 31) and min(top, left) >= 0 and bottom <= 100 and right <= 200
    assert top <= middle[0] < bottom and left <= middle[1] < right


def test_a_crop_does_not_hold_the_picture_it_was_cut_from() -> None:
    picture = np.zeros((100, 20, 3), np.uint8)
    assert not np.shares_memory(drawing.crop_picture(picture, (10, 0, 20, 20)), picture)


@pytest.mark.parametrize(("height", "width"), [(10, 10), (7, 11), (60, 90), (10, 200), (1, 1)])
def test_a_single_pixel_survives_every_size(height: int, width: int) -> None:
    for y, x in ((0, 0), (22, 41), (49, 69)):
        mask = np.zeros((50, 70), bool)
        mask[y, x] = True
        pooled = drawing.pool(mask, height, width)
        rows, columns = np.nonzero(pooled)
        assert pooled.shape == (height, width) and len(rows) > 0
        assert np.abs(rows + 0.5 - (y + 0.5) * height / 50).max() <= max(1, height / 50)
        assert np.abs(columns + 0.5 - (x + 0.5) * width / 70).max() <= max(1, width / 70)


def test_an_empty_mask_stays_empty_and_a_full_one_full() -> None:
    assert not drawing.pool(np.zeros((50, 70), bool), 9, 9).any()
    assert drawing.pool(np.ones((50, 70), bool), 100, 9).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_only_what_is_too_long_is_made_smaller(channels: int) -> None:
    picture = np.full((100, 50, channels), 1000, np.uint16)
    small = within_side(picture, 20)
    assert small.shape == (20, 10, channels) and small.dtype == np.uint16 and (small == 1000).all()
    assert within_side(picture, 100) is picture


def test_small_pictures_are_enlarged_by_whole_pixels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (10, 20, 3), np.uint8)
    tile = drawing.fit(picture, 65)  # three times, in the middle
    assert np.array_equal(tile[17:47:3, 2:62:3], picture) and np.array_equal(tile[19:49:3, 4:64:3], picture)


def test_the_ramp_darkens_from_white_all_the_way() -> None:
    colours = drawing.ramp(np.linspace(0, 1, 50)[None])[0].astype(float)
    assert tuple(colours[0]) == (255, 255, 255) and (np.diff(colours.mean(1)) < 0).all()


def test_a_link_holds_the_picture() -> None:
    picture = np.full((8, 9, 3), (250, 10, 100), np.uint8)
    kind, _, data = drawing.jpeg_link(picture, 95).partition(";base64,")
    with Image.open(io.BytesIO(base64.b64decode(data))) as found:
        assert kind == "data:image/jpeg" and np.abs(np.asarray(found, int) - picture).max() < 6
