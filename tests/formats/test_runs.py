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


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 300), st.integers(1, 400), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_long_runs_are_unpacked_as_by_the_library(seed: int, mean: float, height: int, width: int) -> None:
    lengths = np.random.default_rng(seed).exponential(mean, height * width).astype(int)  # long and short by turns: large differences
    mask = np.repeat(np.arange(len(lengths)) % 2 == 1, np.append(lengths[:-1], height * width))[: height * width]
    written = runs.to_coco(mask.reshape((height, width), order="F"))
    found = np.ones((height, width), bool)
    found[:, width // 2 :] = False
    kept = found.copy()
    runs.draw_coco(found, written["counts"])
    assert (found == coco.decode(written).astype(bool) | kept).all(), "what was marked stays"


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
        ("PPPPPPPPPPPPPPPPPPP0", (2, 2)),
        ("4" + "0" * 1000, (2, 2)),
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
