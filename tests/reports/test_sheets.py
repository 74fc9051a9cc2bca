"""Contact sheets: outlines that leave the defect visible, views at native scale, and files that open."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawsmith.data.image_files import write_image, write_mask
from flawsmith.reports import sheets
from flawsmith.reports.sheets import Pair

WHITE = np.full((40, 50, 3), 255, np.uint8)


def disc(height: int, width: int, y: int, x: int, radius: int) -> np.ndarray:
    rows, columns = np.ogrid[:height, :width]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_outline_touches_the_mask_from_outside(width: int) -> None:
    mask = disc(40, 50, 20, 25, 6)
    drawn = (sheets.outline(WHITE, mask, (255, 0, 0), width) != WHITE).any(2)
    assert not (drawn & mask).any()
    assert drawn[20 - 6 - 1, 25] and drawn[20 - 6 - width, 25] and not drawn[20 - 6 - width - 1, 25]
    assert (WHITE == 255).all()  # the picture given is not drawn on


def test_the_outline_surrounds_a_single_pixel_and_nothing_where_there_is_no_mask() -> None:
    mask = np.zeros((40, 50), bool)
    assert np.array_equal(sheets.outline(WHITE, mask), WHITE)
    mask[0, 0] = True
    drawn = (sheets.outline(WHITE, mask) != WHITE).any(2)
    assert drawn[0, 1] and drawn[1, 0] and not drawn[0, 0] and drawn.sum() <= 3


@pytest.mark.parametrize(("channels", "expected"), [(1, (7, 7, 7)), (2, (7, 7, 7)), (3, (7, 8, 9)), (4, (7, 8, 9))])
def test_every_number_of_channels_is_shown_without_alpha(channels: int, expected: tuple[int, int, int]) -> None:
    image = np.broadcast_to(np.arange(7, 7 + channels, dtype=np.uint8), (3, 4, channels))
    shown = sheets.to_display(image)
    assert shown.shape == (3, 4, 3) and shown.dtype == np.uint8
    assert tuple(shown[0, 0]) == expected


def test_sixteen_bits_are_spread_over_the_range_that_is_there() -> None:
    image = np.array([[[1000], [1500], [2000]]], np.uint16)
    assert sheets.to_display(image)[0, :, 0].tolist() == [0, 128, 255]
    assert sheets.to_display(image, low=0, high=4000)[0, :, 0].tolist() == [64, 96, 128]
    assert sheets.to_display(image, low=1500, high=1500)[0, :, 0].tolist() == [0, 0, 255]


def test_eight_bits_are_shown_as_they_are() -> None:
    image = np.array([[[100], [101]]], np.uint8)
    assert sheets.to_display(image)[0, :, 0].tolist() == [100, 101]


def test_a_small_picture_is_shown_whole() -> None:
    assert sheets.view(disc(300, 320, 5, 5, 3)) == (0, 0, 300, 320)


@pytest.mark.parametrize(("y", "x"), [(5, 5), (500, 700), (995, 1995)])
def test_a_large_picture_is_cropped_round_the_defect_at_native_scale(y: int, x: int) -> None:
    mask = disc(1000, 2000, y, x, 4)
    top, left, bottom, right = sheets.view(mask)
    assert (bottom - top, right - left) == (sheets.WHOLE, sheets.WHOLE)
    assert mask[top:bottom, left:right].sum() == mask.sum()


def test_a_large_defect_is_shown_with_a_margin() -> None:
    mask = disc(2000, 2000, 1000, 1000, 300)
    top, left, bottom, right = sheets.view(mask)
    assert mask[top:bottom, left:right].sum() == mask.sum()
    assert 700 < bottom - top < 1000


def test_a_crop_never_leaves_a_long_narrow_picture() -> None:
    top, left, bottom, right = sheets.view(disc(100, 2000, 50, 1990, 20))
    assert (top, bottom, right) == (0, 100, 2000) and right - left == sheets.WHOLE


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


def test_sixteen_bit_pairs_share_one_scale_of_grey() -> None:
    normal = np.full((100, 100, 1), 1000, np.uint16)
    normal[0, 0] = 0
    generated = normal.copy()
    generated[40:60, 40:60] = 4000  # a bright defect must not darken only its own tile
    mask = np.zeros((100, 100), bool)
    mask[40:60, 40:60] = True
    sheet = sheets.pair_sheet([Pair("x", normal, generated, mask)])
    grey = round(255 * 1000 / 4000)
    per_tile = (sheet == grey).all(2).sum()
    assert per_tile > 2 * (100 * 100 - 20 * 20)


def test_pairs_from_noise_have_no_column_for_a_normal() -> None:
    picture, mask = np.zeros((200, 200, 1), np.uint8), disc(200, 200, 100, 100, 9)
    with_normal = sheets.pair_sheet([Pair("x", picture, picture, mask)])
    without = sheets.pair_sheet([Pair("x", None, picture, mask)])
    mixed = sheets.pair_sheet([Pair("x", None, picture, mask), Pair("y", picture, picture, mask)])
    assert without.shape[1] < with_normal.shape[1] < mixed.shape[1]


def test_the_defects_take_turns_where_there_are_too_many() -> None:
    rows = [{"defect": "a" if i < 90 else "b", "id": f"{i:06d}"} for i in range(100)]
    chosen = sheets.choose(rows, 10)
    assert [row["defect"] for row in chosen] == ["a"] * 5 + ["b"] * 5
    assert sheets.choose(rows, 1000) == rows


def make_pairs(out: Path, verdicts: list[str], dtype: Any = np.uint8) -> None:
    """Write an OUT folder by hand, as the contract has it."""
    normal = np.full((64, 80, 1), 90, dtype)
    write_image(out / "normal.png", normal)
    rows = []
    for number, verdict in enumerate(verdicts):
        name = f"{number:06d}"
        row: dict[str, Any] = {"id": name, "attempt": 0, "defect": "crack", "image": None, "mask": None, "verdict": verdict, "scores": {}}
        row |= {"reasons": [], "seed": 1, "normal": str(out / "normal.png"), "region": None, "model": "m", "size": [64, 80]}
        if verdict == "accepted":
            mask = disc(64, 80, 30, 40, 8)
            row |= {"image": f"test/crack/{name}.png", "mask": f"ground_truth/crack/{name}_mask.png"}
            write_image(out / row["image"], np.where(mask[..., None], 5, normal).astype(dtype))
            write_mask(out / row["mask"], mask)
        rows.append(json.dumps(row))
    (out / "pairs.jsonl").write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_write_sheet_shows_the_accepted_pairs(dtype: Any, tmp_path: Path) -> None:
    make_pairs(tmp_path, ["accepted", "rejected", "accepted", "failed"], dtype)
    path = sheets.write_sheet(tmp_path)
    assert path == tmp_path / "sheet.png"
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    assert (pixels == sheets.OUTLINE).all(2).sum() > 2 * 40  # two outlines of a disc
    assert sorted(p.name for p in tmp_path.glob("*.png")) == ["normal.png", "sheet.png"]


def test_write_sheet_obeys_its_limit_and_survives_lost_normals(tmp_path: Path) -> None:
    make_pairs(tmp_path, ["accepted"] * 20)
    (tmp_path / "normal.png").unlink()
    tall = [Image.open(sheets.write_sheet(tmp_path, limit)).size for limit in (20, 2)]
    assert tall[0][1] > tall[1][1]


def test_write_sheet_of_nothing_says_so(tmp_path: Path) -> None:
    make_pairs(tmp_path, ["rejected"])
    assert sheets.write_sheet(tmp_path).exists()
