"""Run lengths: against COCO's own library, round trips, and what must be refused."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from flawsmith.formats import runs

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


@given(MASKS)
@settings(max_examples=100, deadline=None)
def test_round_trips(mask: np.ndarray) -> None:
    written = runs.to_coco(mask)
    assert (runs.from_coco(written["counts"], written["size"]) == mask).all()
    for order in "CF":
        assert (runs.from_runs(runs.to_runs(mask, order), mask.shape, order) == mask).all()
    plain = {"size": list(mask.shape), "counts": runs.to_runs(mask, "F")}
    assert (coco.decode(coco.frPyObjects(plain, *mask.shape)) == mask).all(), "as COCO's library reads it"


def test_spans_count_from_one_down_the_columns() -> None:
    mask = runs.from_spans([1, 2, 6, 1], (3, 2))
    assert mask.tolist() == [[True, False], [True, False], [False, True]]


@pytest.mark.parametrize(
    ("counts", "size"),
    [
        ([1, 2], (2, 2)),
        ([3, 2], (2, 2)),
        ([-1, 5], (2, 2)),
        ([1.5, 2.5], (2, 2)),
        (["a", "b"], (2, 2)),
        ([[1], [3]], (2, 2)),
        (None, (2, 2)),
        ([10**30], (2, 2)),
        ("", (2, 2)),
        ("zz~", (2, 2)),
        ("abc", (2, 2)),
        ("PPPPPPPPPPPPPPPPPPPP", (2, 2)),
        ([4], (2,)),
        ([4], None),
        ([4], (-2, -2)),
        ([10**12], (10**6, 10**6)),
        ("0", (10**6, 10**6)),
    ],
)
def test_what_does_not_fill_its_size_is_refused(counts: object, size: object) -> None:
    with pytest.raises(ValueError):
        runs.from_coco(counts, size)


@given(st.text(alphabet=[chr(c) for c in range(48, 112)], max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_mask_of_its_size_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert runs.from_coco(text, (5, 7)).shape == (5, 7)


@pytest.mark.parametrize("spans", [[1], [0, 2], [6, 2], [1, -1], ["x", 1]])
def test_spans_outside_the_picture_are_refused(spans: list) -> None:
    with pytest.raises(ValueError):
        runs.from_spans(spans, (2, 3))
