"""Which channels are colours."""

import numpy as np
import pytest

from flawsmith.images.channels import colour_count, common_colours, grey, without_alpha


@pytest.mark.parametrize(("channels", "colours"), [(1, 1), (2, 1), (3, 3), (4, 3)])
def test_alpha_is_no_colour(channels, colours):
    image = np.arange(2 * 3 * channels, dtype=np.uint16).reshape(2, 3, channels)
    image[..., colours:] = 65535  # alpha
    assert colour_count(channels) == colours
    assert np.array_equal(without_alpha(image), image[..., :colours])
    assert np.shares_memory(without_alpha(image), image), "a view: no second picture"
    assert np.allclose(grey(image), image[..., :colours].mean(-1)) and grey(image).dtype == np.float32


def test_pixels_without_rows_and_columns_have_colours_too():
    assert grey(np.array([[10, 255], [20, 0]], np.uint8)).tolist() == [10, 20]


def test_one_picture_in_colour_makes_all_have_colours():
    image = {channels: np.zeros((2, 2, channels), np.uint8) for channels in (1, 2, 3, 4)}
    assert common_colours([image[1], image[2]]) == 1
    assert common_colours([image[1], image[4]]) == common_colours([image[3]]) == 3
