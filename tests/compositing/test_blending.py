"""Blending: the drawn window inside a band, the normal's own bits outside it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.compositing.blending import band, blend
from flawsmith.images.pixel_range import PixelRange

SIDE = 24
SCALES = {"uint8": PixelRange(0.0, 255.0, "uint8"), "uint16": PixelRange(300.0, 4000.0, "uint16")}


def square(first: int, last: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[first:last, first:last] = True
    return mask


@pytest.mark.parametrize("feather", [0, 1, 3, 6])
def test_the_band_is_one_on_the_mask_and_falls_to_zero_over_the_feather(feather: int) -> None:
    mask = square(9, 15)
    weights = band(mask, np.ones_like(mask), feather)
    assert weights.dtype == np.float32 and (weights[mask] == 1).all()
    right = weights[12, 14:]
    fall = [0.5 + 0.5 * np.cos(np.pi * i / (feather + 1)) for i in range(feather + 2)]
    assert right[: feather + 2].tolist() == pytest.approx(fall, abs=1e-6)
    assert (right[feather + 1 :] == 0).all(), "exactly zero beyond the feather"


def test_the_band_is_one_on_the_halo_too_and_falls_beyond_it() -> None:
    mask = square(9, 15)
    around = np.ones_like(mask)
    assert np.allclose(band(mask, around, 3, 2)[12, 16:], band(mask, around, 3)[12, 14:-2])
    assert (band(mask, around, 3, 2)[12, 9:17] == 1).all()


def test_the_band_ends_at_the_region_and_an_empty_mask_has_none() -> None:
    mask, region = square(9, 15), square(8, 16)
    weights = band(mask, region, 3)
    assert (weights[~region] == 0).all() and (weights[region] > 0).all()
    assert (band(np.zeros_like(mask), region, 3) == 0).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["uint8", "uint16"]), st.integers(1, 4), st.sampled_from([1, 3]), st.integers(0, 5))
def test_outside_the_band_every_bit_is_the_normals(seed: int, dtype: str, channels: int, colours: int, feather: int) -> None:
    g = np.random.default_rng(seed)
    normal = g.integers(0, 65536 if dtype == "uint16" else 256, (SIDE, SIDE, channels)).astype(dtype)
    drawn = g.uniform(-1.5, 1.5, (colours, SIDE, SIDE)).astype(np.float32)
    mask, region = g.random((SIDE, SIDE)) < 0.05, g.random((SIDE, SIDE)) < 0.8
    before = normal.copy()
    weights = band(mask, region, feather)
    out = blend(normal, drawn, weights, SCALES[dtype])
    assert out.dtype == normal.dtype and out.shape == normal.shape and np.array_equal(normal, before)
    assert np.array_equal(out[weights == 0], normal[weights == 0])
    own = channels - (channels in (2, 4))
    assert np.array_equal(out[..., own:], normal[..., own:]), "alpha is kept everywhere"
    full = weights == 1
    assert np.array_equal(out[full][:, :own], SCALES[dtype].to_pixels(drawn, own)[full])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_in_the_band_a_pixel_is_between_the_two(dtype: str) -> None:
    scale = SCALES[dtype]
    normal = np.full((2, 2, 1), 400, dtype) if dtype == "uint16" else np.full((2, 2, 1), 40, dtype)
    drawn = np.ones((1, 2, 2), np.float32)
    weights = np.array([[0.0, 0.25], [0.5, 1.0]], np.float32)
    low, high = float(normal[0, 0, 0]), scale.high
    expected = np.rint([low, 0.75 * low + 0.25 * high, 0.5 * (low + high), high])
    assert blend(normal, drawn, weights, scale).ravel().tolist() == pytest.approx(expected.tolist(), abs=1)
