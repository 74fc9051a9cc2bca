import numpy as np
import pytest

from flawsmith.images.smoothing import blurred, mean_inside


@pytest.mark.parametrize("channels", [1, 3])
def test_a_blurred_picture_keeps_its_shape_and_its_level(channels: int) -> None:
    picture = np.full((9, 7, channels), 0.25, np.float32)
    assert blurred(picture, 2.0).shape == picture.shape
    assert np.allclose(blurred(picture, 2.0), 0.25)


def test_what_lies_outside_a_mask_has_no_part_in_the_mean_inside() -> None:
    mask = np.zeros((20, 20), bool)
    mask[5:15, 8:12] = True
    picture = np.where(mask, 0.3, 1.0)[..., None]
    assert np.allclose(mean_inside(picture, mask, 2.0)[mask], 0.3, atol=1e-5)
    assert blurred(picture, 2.0)[mask].mean() > 0.4


def test_the_mean_inside_is_of_what_is_near() -> None:
    mask = np.ones((20, 60), bool)
    picture = np.where(np.arange(60) < 30, 0.0, 1.0)[None, :, None] * np.ones((20, 1, 1))
    found = mean_inside(picture, mask, 3.0)[10, :, 0]
    assert found[5] < 0.01 and found[-5] > 0.99
    assert (np.diff(found) > -1e-6).all()


def test_far_from_a_mask_the_mean_inside_is_zero() -> None:
    mask = np.zeros((40, 40), bool)
    mask[:3, :3] = True
    assert mean_inside(np.ones((40, 40, 1)), mask, 1.0)[-1, -1, 0] == 0
    assert not mean_inside(np.ones((40, 40, 1)), np.zeros((40, 40), bool), 1.0).any()
