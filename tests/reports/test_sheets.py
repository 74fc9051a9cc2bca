"""Contact sheets: pairs side by side, one scale of grey for both, and files that open."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawsmith.images.files import write_image
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.reports import sheets
from flawsmith.reports.drawing import OUTLINE, Frame

WHITE = np.full((40, 50, 3), 255, np.uint8)


def views(out: Path, normal: str | None, frames: list[Frame]) -> list[tuple[np.ndarray | None, np.ndarray]]:
    pair = Pair("000000", "crack", "accepted", image="test/crack/000000.png", mask="ground_truth/crack/000000_mask.png", normal=normal)
    return sheets.read_views(PairFolder(out), pair, frames)


def test_a_sheet_keeps_the_pixels_of_pictures_that_fit() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    sheet = sheets.contact_sheet([("one", [picture])])
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (1, 200, 3))[:, :, 0, 0]
    assert (windows == picture[0]).all((2, 3)).any()


def test_a_sheet_holds_any_number_of_cells_and_an_impossibly_long_title() -> None:
    assert sheets.contact_sheet([]).shape[2] == 3
    few = sheets.contact_sheet([("x" * 500, [WHITE, None])])
    many = sheets.contact_sheet([(str(i), [WHITE, WHITE]) for i in range(30)])
    assert many.shape[0] > few.shape[0] and many.shape[1] <= sheets.WIDTH + sheets.GAP


def test_the_defects_take_turns_where_there_are_too_many() -> None:
    pairs = [Pair(f"{i:06d}", "a" if i < 90 else "b", "rejected") for i in range(100)]
    chosen = sheets.choose(pairs, 10)
    assert [pair.defect for pair in chosen] == ["a"] * 5 + ["b"] * 5
    assert sheets.choose(pairs, 1000) == pairs


def test_very_large_pictures_are_fewer_but_never_none() -> None:
    def shown(side: int) -> int:
        return len(sheets.choose([Pair(f"{i:06d}", "a", "rejected", size=(side, side)) for i in range(100)], 48))

    assert 1 < shown(8192) < 10 and shown(40_000) == 1 and shown(1024) == 48


def test_a_pair_is_shown_with_one_black_and_one_white(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(dtype=np.uint16)
    normal = np.full((64, 80, 1), 1000, np.uint16)
    normal[0, 0] = 0
    write_image(out / "normal.png", normal)
    generated = np.full((64, 80, 1), 1000, np.uint16)
    generated[:, 70:] = 4000
    write_image(out / "test/crack/000000.png", generated)
    ((before, after),) = views(out, "normal.png", [(0, 0, 10, 80)])
    assert before is not None and before[5, 5, 0] == after[5, 5, 0] == round(255 * 1000 / 4000)


def test_only_the_frames_are_returned_in_their_order(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs()
    found = views(out, "normal.png", [(22, 32, 39, 49), (0, 0, 5, 9)])
    assert [after.shape for _, after in found] == [(17, 17, 3), (5, 9, 3)]
    assert found[0][1][8, 8, 0] == 5 and found[1][1][0, 0, 0] == 90


@pytest.mark.parametrize("name", [None, "gone.png", "other.png"])
def test_without_a_fitting_normal_there_is_none(name: str | None, write_pairs: Callable[..., Path]) -> None:
    out = write_pairs()
    write_image(out / "other.png", np.zeros((65, 80, 1), np.uint8))
    ((before, _),) = views(out, name, [(0, 0, 9, 9)])
    assert before is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_write_sheet_shows_the_accepted_pairs(dtype: Any, write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(["accepted", "rejected", "accepted", "failed"], dtype)
    path = sheets.write_sheet(out)
    assert path == out / "sheet.png"
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    assert (pixels == OUTLINE).all(2).sum() > 2 * 40  # two outlines of a disc
    assert sorted(p.name for p in out.glob("*.png")) == ["normal.png", "sheet.png"]


def test_pairs_from_noise_have_no_column_for_a_normal(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(["accepted"] * 2)
    with_normal = Image.open(sheets.write_sheet(out)).size
    (out / "normal.png").unlink()
    assert Image.open(sheets.write_sheet(out)).size[0] < with_normal[0]


def test_write_sheet_obeys_its_limit_and_survives_lost_normals(write_pairs: Callable[..., Path]) -> None:
    out = write_pairs(["accepted"] * 20)
    (out / "normal.png").unlink()
    tall = [Image.open(sheets.write_sheet(out, limit)).size for limit in (20, 2)]
    assert tall[0][1] > tall[1][1]


def test_write_sheet_of_nothing_says_so(write_pairs: Callable[..., Path]) -> None:
    assert sheets.write_sheet(write_pairs(["rejected"])).exists()
