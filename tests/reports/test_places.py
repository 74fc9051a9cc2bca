"""Heat maps: heat where the defects are, tiny ones included, and a background only where it fits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flawsmith.images.files import write_image
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.reports import places
from flawsmith.reports.marks import Mark


def mark(top: float, left: float, bottom: float, right: float, shape: np.ndarray | None = None) -> Mark:
    return Mark("crack", 9, 3, (top, left, bottom, right), np.ones((3, 3), bool) if shape is None else shape)


def test_a_panel_has_the_picture_s_form() -> None:
    assert places.panel_size((100, 200)) == (places.PANEL // 2, places.PANEL)
    assert min(places.panel_size((10, 100_000))) == places.SPOT


def test_the_usual_size_is_the_median_and_square_without_any() -> None:
    assert places.usual_size([Pair("0", "crack", "rejected", size=size) for size in ((10, 30), (20, 40), (90, 99), None)]) == (20, 40)
    height, width = places.usual_size([])
    assert height == width


def test_heat_counts_the_marks_that_cover_a_place() -> None:
    values = places.heat([mark(0, 0, 0.5, 0.5), mark(0.25, 0.25, 0.5, 0.5)], 80, 120)
    assert values[10, 10] == pytest.approx(1, abs=0.01) and values[30, 45] == pytest.approx(2, abs=0.01) and values[70, 100] == 0


@pytest.mark.parametrize(("y", "x"), [(0.0, 0.0), (0.5, 0.25), (0.9999, 0.9999)])
def test_a_defect_of_a_thousandth_of_the_picture_is_seen(y: float, x: float) -> None:
    values = places.heat([mark(y, x, y + 0.0001, x + 0.0001, np.ones((1, 1), bool))], 100, 200)
    found = np.unravel_index(values.argmax(), values.shape)
    assert values.max() > 0.3 and abs(found[0] - y * 100) <= 3 and abs(found[1] - x * 200) <= 3
    assert (values > 0.05).sum() < 150


def test_the_shape_is_seen_not_its_box() -> None:
    values = places.heat([mark(0, 0, 1, 1, np.eye(100, dtype=bool))], 100, 100)
    assert values[50, 50] > 0.4 and values[20, 80] == 0


def test_marks_without_a_place_give_no_heat() -> None:
    assert places.heat([Mark("crack", 9, 3, None, np.ones((3, 3), bool))], 20, 20).max() == 0


def test_the_map_is_dark_where_the_heat_is_and_shows_the_background_elsewhere() -> None:
    values = np.zeros((40, 60), np.float32)
    values[10:20, 10:20] = 3
    background = np.full((40, 60, 3), 100, np.uint8)
    picture = places.heat_map(values, background).astype(int)
    assert picture[15, 15].mean() < 100 and (picture[30, 40] == places.faint(background)[30, 40]).all()
    assert (places.heat_map(values, None)[30, 40] == 255).all()
    assert (places.heat_map(np.zeros((40, 60), np.float32), None)[1:-1, 1:-1] == 255).all()


def test_the_background_is_the_mean_of_the_normals(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(["accepted"] * 2)
    write_image(out / "bright.png", np.full((64, 80, 1), 190, np.uint8))
    first, second = PairFolder(out).read()
    mean = places.mean_normal(out, [first, replace(second, normal="bright.png")], 32, 40)
    assert mean is not None and mean.shape == (32, 40, 3) and (mean == 140).all()


@pytest.mark.parametrize("change", [{"size": (64, 81)}, {"normal": "gone.png"}, {"normal": None}, {"normal": "other.png"}])
def test_no_background_where_it_would_not_fit(change: dict, write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(["accepted"] * 2)
    write_image(out / "other.png", np.zeros((65, 80, 1), np.uint8))
    first, second = PairFolder(out).read()
    changed = replace(second, **change)
    assert places.mean_normal(out, [changed] if "normal" in change else [first, changed], 32, 40) is None
