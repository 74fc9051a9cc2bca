"""Between stored values and [-1, 1]: exact for every value, in both depths, and between grey and colour."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.images.pixel_range import PixelRange, find_range

EIGHT = PixelRange(0.0, 255.0, "uint8")


def every_value(dtype: str, channels: int) -> np.ndarray:
    values = np.arange(256 if dtype == "uint8" else 65536).astype(dtype).reshape(-1, 16)
    return np.stack([np.roll(values, c) for c in range(channels)], axis=-1)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_8_bit_value_comes_back(channels: int) -> None:
    image = every_value("uint8", channels)
    x = EIGHT.to_model(image, channels)
    assert x.dtype == np.float32 and x.shape == (channels, *image.shape[:2])
    assert x.min() == -1 and x.max() == 1
    assert np.array_equal(EIGHT.to_pixels(x, channels), image)


@pytest.mark.parametrize(("low", "high"), [(0, 65535), (200, 4095), (31000, 31400), (0, 1)])
def test_every_16_bit_value_comes_back_within_rounding(low: float, high: float) -> None:
    scale = PixelRange(low, high, "uint16")
    image = every_value("uint16", 1)
    back = scale.to_pixels(scale.to_model(image, 1), 1)
    assert back.dtype == np.uint16
    inside = (image >= low) & (image <= high)
    assert np.array_equal(back[inside], image[inside]), "the values that pictures use come back exactly"
    assert np.abs(back.astype(int) - image.astype(int)).max() <= 1, "and those outside the range are not cut off"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 60000), st.floats(10, 5000))
def test_16_bit_windows_come_back(seed: int, low: float, width: float) -> None:
    scale = PixelRange(low, min(low + width, 65535.0), "uint16")
    image = np.random.default_rng(seed).integers(int(np.ceil(low)), int(scale.high) + 1, (5, 4, 3)).astype(np.uint16)
    assert np.array_equal(scale.to_pixels(scale.to_model(image, 3), 3), image)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_grey_for_a_colour_model_comes_back_grey(dtype: str) -> None:
    scale = PixelRange(0.0, 255.0 if dtype == "uint8" else 65535.0, dtype)
    grey = every_value(dtype, 1)
    x = scale.to_model(grey, 3)
    assert x.shape[0] == 3 and np.array_equal(x[0], x[1]) and np.array_equal(x[0], x[2])
    assert np.array_equal(scale.to_pixels(x, 1), grey)


def test_colour_for_a_grey_model_is_its_mean_and_grey_pixels_become_equal_colours() -> None:
    image = np.array([[[30, 60, 90], [10, 10, 10]]], np.uint8)
    x = EIGHT.to_model(image, 1)
    assert np.allclose(x, np.array([[[60, 10]]]) / 127.5 - 1)
    assert EIGHT.to_pixels(x, 3).tolist() == [[[60, 60, 60], [10, 10, 10]]]


def test_a_colour_models_picture_for_a_grey_normal_is_its_mean() -> None:
    x = np.array([30, 60, 120], np.float32).reshape(3, 1, 1) / 127.5 - 1
    assert EIGHT.to_pixels(x, 1).tolist() == [[[70]]]


@pytest.mark.parametrize("colours", [1, 3])
def test_alpha_is_left_out(colours: int) -> None:
    image = every_value("uint8", 4)
    expected = EIGHT.to_model(image[..., :3], colours)
    assert np.array_equal(EIGHT.to_model(image, colours), expected)
    assert np.array_equal(EIGHT.to_model(image[..., [0, 3]], colours), EIGHT.to_model(image[..., :1], colours))


def test_what_a_type_cannot_hold_is_clipped_and_not_wrapped() -> None:
    x = np.array([[[-5.0, -1.004, 1.004, 5.0]]], np.float32)
    assert EIGHT.to_pixels(x, 1)[..., 0].tolist() == [[0, 0, 255, 255]]
    assert PixelRange(0.0, 65000.0, "uint16").to_pixels(x, 1)[..., 0].tolist() == [[0, 0, 65130, 65535]]


def test_8_bit_pictures_have_the_whole_range() -> None:
    assert find_range([np.full((4, 4, 1), 100, np.uint8)]) == EIGHT
    assert find_range([]) == EIGHT


def test_16_bit_pictures_have_the_range_they_use() -> None:
    g = np.random.default_rng(0)
    dark = g.integers(100, 300, (64, 64, 1)).astype(np.uint16)
    bright = g.integers(2000, 4096, (64, 64, 1)).astype(np.uint16)
    scale = find_range([dark, bright])
    assert scale.dtype == "uint16" and 0 <= scale.low <= 100 and 4090 <= scale.high < 4500
    assert find_range([bright, dark]) == scale, "the order of the pictures does not matter"
    with_alpha = np.concatenate([dark, np.full_like(dark, 65535)], axis=-1)
    assert find_range([with_alpha, bright]) == scale, "alpha is no brightness"


def test_a_single_hot_pixel_does_not_take_the_contrast_of_all_others() -> None:
    image = np.random.default_rng(0).integers(1000, 2000, (100, 100, 1)).astype(np.uint16)
    image[50, 50] = 65535
    assert find_range([image]).high < 2200


def test_a_flat_picture_has_a_range() -> None:
    scale = find_range([np.full((8, 8, 1), 700, np.uint16)])
    assert scale.high > scale.low
    assert np.isfinite(scale.to_model(np.full((8, 8, 1), 700, np.uint16), 1)).all()
