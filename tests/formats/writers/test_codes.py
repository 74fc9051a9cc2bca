"""Run lengths and outlines of any mask give it back, by pycocotools, by their specifications, and as fillers of outlines fill them."""

import cv2
import numpy as np
import pytest
from exported import brush_values
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as rle

from flawsmith.dataset.components import Component, components, whole
from flawsmith.formats.writers.labelstudio import brush_rle
from flawsmith.formats.writers.outlines import centre_outline, corner_outlines
from flawsmith.formats.writers.run_lengths import counts, mask_runs

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14), elements=st.booleans()).filter(np.any)


def decode(segmentation: object, size: tuple[int, int]) -> np.ndarray:
    packed = rle.frPyObjects(segmentation, *size)
    return np.asarray(rle.decode(rle.merge(packed) if isinstance(packed, list) else packed)).astype(bool)


@given(MASKS)
def test_coco_run_lengths_are_those_of_pycocotools(mask: np.ndarray) -> None:
    found = counts(whole(mask), mask.shape)
    assert np.array_equal(decode({"size": list(mask.shape), "counts": found}, mask.shape), mask)
    expected = rle.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    assert mask_runs(mask) == {"size": list(mask.shape), "counts": expected.decode()}, "and no run is cut in two"


@given(MASKS)
def test_brush_run_lengths_say_every_channel(mask: np.ndarray) -> None:
    values = brush_values(brush_rle(mask)).reshape(*mask.shape, 4)
    assert np.array_equal(values, np.repeat(mask[..., None], 4, axis=2) * np.uint8(255))


def test_brush_run_lengths_as_label_studio_packs_them() -> None:
    mask = np.zeros((3, 5), bool)
    mask[1, 1:4] = True
    # what mask2rle of label_studio_sdk 2.1.2 gives for this mask
    assert brush_rle(mask) == [0, 0, 0, 60, 57, 27, 254, 23, 0, 183, 255, 133, 192, 0]


@pytest.mark.parametrize("size", [(300, 400), (1024, 1024)])
def test_long_runs_are_cut_where_the_brush_cuts_them(size: tuple[int, int]) -> None:
    mask = np.zeros(size, bool)
    mask[200:230] = True
    values = np.unpackbits(np.array(brush_rle(mask), np.uint8))
    assert values.size < 2000, "a run is not written pixel by pixel"
    assert np.array_equal(brush_values(brush_rle(mask))[3::4].reshape(size) > 0, mask)


@given(MASKS)
@settings(max_examples=200)
def test_corner_outlines_are_exact_for_pycocotools(mask: np.ndarray) -> None:
    for part in components(mask):
        lines, expected = corner_outlines(part), part.mask(mask.shape)
        if lines is None:
            count, _ = cv2.connectedComponents(np.pad(~part.shape, 1, constant_values=True).astype(np.uint8), connectivity=8)
            assert count > 2, "there is a hole"
        else:
            assert np.array_equal(decode([line.ravel().astype(float).tolist() for line in lines], mask.shape), expected)


@given(MASKS)
@settings(max_examples=200)
def test_centre_outlines_are_exact_for_who_fills_whole_pixels_but_for_seams(mask: np.ndarray) -> None:
    for part in components(mask):
        expected = part.mask(mask.shape)
        canvas = np.zeros(mask.shape, np.uint8)
        cv2.fillPoly(canvas, [centre_outline(part).astype(np.int32)], 1)
        wrong = (canvas > 0) != expected
        assert not wrong.any() if holes(part) == 0 else wrong.sum() <= 4 * holes(part)
        assert not (expected & (canvas == 0)).any(), "a defect's pixel is never lost"


def holes(part: Component) -> int:
    """Return the number of holes in a component."""
    count, _ = cv2.connectedComponents(np.pad(~part.shape, 1, constant_values=True).astype(np.uint8), connectivity=4)
    return count - 2
