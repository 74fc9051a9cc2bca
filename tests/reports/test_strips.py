"""Strips: native pixels, never fewer; one for each defect; a change that can be read off."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flawsmith.dataset.windows import Box
from flawsmith.pairs.folder import PairFolder
from flawsmith.reports import strips
from flawsmith.reports.drawing import OUTLINE


def all_strips(out: Path) -> list[strips.Strip]:
    return list(strips.strips(out, PairFolder(out).read()))


def filled(box: Box, size: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[box.top : box.top + box.height, box.left : box.left + box.width] = True
    return mask


@pytest.mark.parametrize("side", [1, 5, 12, 30, 60, 100, 120, 300, 900])
def test_a_close_up_holds_the_defect_and_is_enlarged_by_whole_pixels(side: int) -> None:
    box = Box(1200, 40, side, max(1, side // 2))
    frame, zoom = strips.close_up(box, filled(box, (3000, 2500)))
    height, width = frame[2] - frame[0], frame[3] - frame[1]
    assert height == width and 1 <= zoom <= strips.CLOSEST and height <= max(strips.MOST, strips.TILE)
    assert height * zoom > 0.8 * strips.TILE and (zoom == 1 or height * zoom <= strips.TILE)
    if side <= 300:
        assert frame[0] < box.top and frame[2] > box.top + box.height
    assert frame[0] < box.top + side // 2 < frame[2]


def test_of_a_hollow_defect_too_large_to_show_its_nearest_pixels_are_shown() -> None:
    mask = np.zeros((2000, 2000), bool)
    mask[100:1900, [100, 101, 1898, 1899]] = True
    frame, zoom = strips.close_up(Box(100, 100, 1800, 1800), mask)
    assert zoom == 1 and mask[frame[0] : frame[2], frame[1] : frame[3]].any()


def test_a_strip_shows_normal_generated_outline_and_change(write_pairs: Callable[..., Path]) -> None:
    (strip,) = all_strips(write_pairs(boxes=[(20, 30, 20, 20)]))
    side, gap = strips.TILE // strip.zoom, -(-strips.GAP // strip.zoom)
    assert strip.zoom == 4 and strip.compared and strip.picture.shape == (side, 4 * side + 3 * gap, 3)
    normal, generated, outlined, change = (strip.picture[:, i * (side + gap) :][:, :side].astype(int) for i in range(4))
    middle = side // 2
    assert (normal == 90).all() and (generated[middle, middle] == 5).all()
    assert (outlined[middle, middle] == 5).all() and (outlined == OUTLINE).all(2).any()
    assert change[middle, middle].mean() < 100 and (change[0, 0] == 255).all() and (change == OUTLINE).all(2).any()
    assert "20 × 20 px" in strip.caption and "enlarged 4 times" in strip.caption and "greatest change 33%" in strip.caption


def test_every_defect_of_a_picture_has_its_strip(write_pairs: Callable[..., Path]) -> None:
    first, second = all_strips(write_pairs(boxes=[(5, 5, 9, 9), (300, 400, 21, 11)], size=(400, 500)))
    assert (first.defect, second.defect) == ("part0", "part1")
    assert first.title == "000000 · 1 of 2" and "9 × 9 px" in first.caption and "11 × 21 px" in second.caption


def test_without_a_normal_there_is_no_before_and_no_change(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(boxes=[(20, 30, 20, 20)])
    (out / "normal.png").unlink()
    (strip,) = all_strips(out)
    assert not strip.compared and "change" not in strip.caption
    assert strip.picture.shape[1] < 3 * strip.picture.shape[0]


def test_a_strip_wider_than_the_page_has_two_rows(write_pairs: Callable[..., Path]) -> None:
    (strip,) = all_strips(write_pairs(boxes=[(10, 10, 300, 300)], size=(400, 400)))
    assert strip.zoom == 1 and strip.picture.shape == (2 * 360 + strips.GAP, 2 * 360 + strips.GAP, 3)
    normal, generated = strip.picture[:360, :360], strip.picture[:360, -360:]
    outlined, change = strip.picture[-360:, :360], strip.picture[-360:, -360:]
    assert (normal == 90).all() and not (generated == OUTLINE).all(2).any() and (generated[150, 150] == 5).all()
    assert (outlined == OUTLINE).all(2).any() and (outlined[0, 0] == 90).all() and (change[0, 0] == 255).all()


def test_a_cut_defect_is_said_to_be_cut(write_pairs: Callable[..., Path]) -> None:
    (strip,) = all_strips(write_pairs(boxes=[(10, 10, 600, 40)], size=(640, 640)))
    assert strip.zoom == 1 and f"only the {strips.MOST} × {strips.MOST} px in its middle" in strip.caption


def test_sixteen_bits_are_shown_in_their_own_range(write_pairs: Callable[..., Path]) -> None:
    (strip,) = all_strips(write_pairs(boxes=[(20, 30, 20, 20)], dtype=np.uint16))
    assert "greatest change 100%" in strip.caption  # 5 and 90 are the darkest and the brightest there are


def test_kinds_take_turns_and_lost_files_are_left_out(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(["accepted"] * 4 + ["rejected"], defects=["a", "a", "b"])
    assert [strip.defect for strip in all_strips(out)] == ["a", "b", "a", "a"]
    (out / "test/a/000001.png").unlink()
    assert [strip.title for strip in all_strips(out)] == ["000000", "000002", "000003"]
