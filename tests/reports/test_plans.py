"""The sheet of a dry run: every planned shape is seen where it would go, however small, and one picture is held at a time."""

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from flawsmith.reports import plans
from flawsmith.reports.drawing import OUTLINE, WHOLE
from flawsmith.reports.plans import PlanEntry
from flawsmith.reports.sheets import GAP, LINE


def tile(entry: PlanEntry) -> np.ndarray:
    """Return which pixels of the only tile of a sheet are of the outlines' colour."""
    sheet = plans.plan_sheet([entry])
    return (sheet[LINE : LINE + WHOLE, GAP : GAP + WHOLE] == OUTLINE).all(2)


def picture(height: int, width: int, channels: int = 1, dtype: str = "uint8") -> np.ndarray:
    return np.full((height, width, channels), 90, dtype)


def box_of(drawn: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


@pytest.mark.parametrize(("channels", "dtype"), [(1, "uint8"), (2, "uint16"), (3, "uint16"), (4, "uint8")])
def test_a_shape_is_outlined_where_it_would_go(channels: int, dtype: str) -> None:
    drawn = tile(PlanEntry("x", picture(640, 640, channels, dtype), [(200, 100, np.ones((80, 120), bool))]))
    assert box_of(drawn) == pytest.approx((100 - 2, 50 - 2, 140 + 2, 110 + 2), abs=1)
    assert not drawn[105:135, 55:105].any()  # the place itself is left free


@pytest.mark.parametrize(("y", "x"), [(0, 0), (2000, 3000), (3071, 4095)])
def test_a_pixel_of_a_large_picture_has_a_box_round_it(y: int, x: int) -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    drawn = tile(PlanEntry("x", picture(3072, 4096), [(y - 4, x - 4, mask)]))
    scale, shift = WHOLE / 4096, (WHOLE - WHOLE * 3072 // 4096) // 2
    top, left, bottom, right = box_of(drawn)
    assert top - 2 <= y * scale + shift <= bottom + 2 and left - 2 <= x * scale <= right + 2
    assert drawn.sum() > 40 and max(bottom - top, right - left) <= plans.MARKER + 4


def test_what_leaves_the_picture_is_left_out() -> None:
    full = np.ones((60, 60), bool)
    assert not tile(PlanEntry("x", picture(320, 320), [(-60, 5, full), (5, 320, full), (400, 400, full)])).any()
    assert box_of(tile(PlanEntry("x", picture(320, 320), [(-30, -30, full)])))[2:] == pytest.approx((32, 32), abs=1)


def test_an_empty_shape_is_no_error() -> None:
    assert not tile(PlanEntry("x", picture(320, 320), [(5, 5, np.zeros((9, 9), bool))])).any()


def test_a_small_picture_is_enlarged_with_its_shapes() -> None:
    assert box_of(tile(PlanEntry("x", picture(64, 64), [(10, 20, np.ones((8, 12), bool))]))) == pytest.approx((48, 98, 92, 162), abs=1)


@pytest.mark.parametrize("top", [0, 100, 300])
def test_a_label_stands_beside_its_shape(top: int) -> None:
    shapes = [(top, 300, np.ones((20, 20), bool))]
    with_label = tile(PlanEntry("x", picture(320, 320), shapes, ["crack"]))
    assert with_label.sum() > tile(PlanEntry("x", picture(320, 320), shapes)).sum() + 100


def test_one_picture_is_held_at_a_time() -> None:
    alive: list[weakref.ref] = []

    def entries() -> Iterator[PlanEntry]:
        for number in range(4):
            gc.collect()
            assert sum(reference() is not None for reference in alive) == 0
            image = picture(1000, 1000)
            alive.append(weakref.ref(image))
            entry = PlanEntry(str(number), image, [(5, 5, np.ones((50, 50), bool))])
            del image
            yield entry
            del entry

    assert plans.plan_sheet(entries()).shape[2] == 3 and len(alive) == 4


def test_an_empty_plan_says_so() -> None:
    assert plans.plan_sheet([]).ndim == 3
