"""The share of a defect that is found in real ones: whole copies and quilts of them are, other defects are not."""

import cv2
import numpy as np
import pytest

from flawsmith.quality.copies import Crop, closest, grey_crop
from flawsmith.quality.patch_copies import patch_copy_rate

SIZE = 48


def pattern(seed: int) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(SIZE, SIZE)), (0, 0), 1.0)
    return (0.5 + 0.1 * noise / noise.std()).astype(np.float32)[..., None]


def square(side: int = 24) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), bool)
    start = (SIZE - side) // 2
    mask[start : start + side, start : start + side] = True
    return mask


def crop(picture: np.ndarray) -> Crop:
    return grey_crop(picture, square())


REAL = [crop(pattern(seed)) for seed in range(4)]


def test_real_defects_have_next_to_nothing_in_common() -> None:
    for i, one in enumerate(REAL):
        rate = patch_copy_rate(one, REAL[:i] + REAL[i + 1 :])
        assert rate is not None and rate < 0.05


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_copy_is_found_in_every_pose_and_contrast(turns: int, mirrored: bool) -> None:
    picture = np.rot90(pattern(2)[:, ::-1] if mirrored else pattern(2), turns)
    rate = patch_copy_rate(crop(np.ascontiguousarray(0.7 * picture + 0.1)), REAL)
    assert rate is not None and rate > 0.6, "all but the patches that reach beyond the real crop"


def test_a_quilt_of_shifted_pieces_is_found_though_no_real_defect_is_like_it() -> None:
    """The picture-level similarity misses what was put together from two real ones, each shifted by some pixels."""
    quilt = np.where(np.arange(SIZE)[None, :, None] < SIZE // 2, np.roll(pattern(0), 5, 0), np.roll(pattern(1), -4, 1))
    mine = crop(quilt)
    rate = patch_copy_rate(mine, REAL)
    assert closest(mine, REAL)[0] < 0.6
    assert rate is not None and rate > 0.4


def test_the_share_rises_with_what_is_copied() -> None:
    rates = []
    for columns in (0, 16, 24, 36):
        mixed = np.where(np.arange(SIZE)[None, :, None] < columns, pattern(1), pattern(77))
        rates.append(patch_copy_rate(crop(mixed), REAL) or 0.0)
    assert rates[0] < 0.05 and all(a < b for a, b in zip(rates, rates[1:], strict=False))


def test_what_has_no_pattern_says_nothing() -> None:
    flat = np.full((SIZE, SIZE, 1), 0.5, np.float32)
    assert patch_copy_rate(crop(flat), REAL) is None and patch_copy_rate(REAL[0], []) is None
    assert patch_copy_rate(REAL[0], [crop(flat)]) == 0.0
