"""Every kind of bad file is listed by name in one pass, and the good ones are measured."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawsmith.core.errors import DataError
from flawsmith.dataset.check import Report, fills_a_cell
from flawsmith.dataset.check_text import report_lines
from flawsmith.formats.reading import check
from flawsmith.images.files import read_image, read_mask, write_image, write_mask


def found(report: Report) -> dict[str, str]:
    return {p.path: p.message for p in report.problems}


def warned(report: Report) -> str:
    return "\n".join(str(w) for w in report.warnings)


def test_good_data(mvtec: Path) -> None:
    report = check(mvtec)
    assert not report.bad and report.problems == () and report.warnings == ()
    assert (report.normals, report.held_out_normals, report.groups) == (4, 2, 0)
    assert (report.heights, report.widths, report.depths, report.channels) == ((48, 48), (64, 64), {8: 12}, {1: 12})
    crack = report.summary["crack"]
    assert (crack.pictures, crack.groups, crack.vanish) == (3, 3, ())
    assert (crack.area.least, crack.area.median, crack.area.most) == (250, 275, 300)
    assert (crack.box.least, crack.box.most, crack.spots.most) == (25, 25, 1)
    assert report.window == 64 and report.factor == 4  # 1.5 times 25 pixels, in whole steps of 32
    assert crack.cells.least == round(250 / 16, 2)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def empty(path: Path) -> None:
    write_mask(path, np.zeros((48, 64), bool))


def grey_values(path: Path) -> None:
    write_image(path, read_mask(path).astype(np.uint8)[..., None] * 77 + np.uint8(3))


def as_png_named_jpg(path: Path) -> None:
    path.rename(path.with_suffix(".jpg"))


BAD: dict[str, tuple[Callable[[Path], object], str, str, str]] = {  # what is done, to which file, what is listed, with which message
    "truncated": (truncate, "test/crack/000.png", "test/crack/000.png", "truncated"),
    "truncated normal": (truncate, "train/good/002.png", "train/good/002.png", "truncated"),
    "truncated held-out normal": (truncate, "test/good/001.png", "test/good/001.png", "truncated"),
    "truncated mask": (truncate, "ground_truth/dent/001_mask.png", "ground_truth/dent/001_mask.png", "truncated"),
    "zero bytes": (lambda p: p.write_bytes(b""), "test/dent/000.png", "test/dent/000.png", "zero bytes"),
    "no picture": (lambda p: p.write_text("hello"), "test/dent/000.png", "test/dent/000.png", "no picture"),
    "wrong suffix": (as_png_named_jpg, "test/crack/001.png", "test/crack/001.jpg", "is a PNG, not a JPEG. Rename it 001.png"),
    "left out for its suffix": (lambda p: p.rename(p.with_suffix("")), "train/good/001.png", "train/good/001", "left out for its suffix"),
    "mask of another size": (
        lambda p: write_mask(p, np.ones((64, 48), bool)),
        "ground_truth/crack/000_mask.png",
        "ground_truth/crack/000_mask.png",
        "mask is 48x64 but 000.png is 64x48; masks must match their image.",
    ),
    "mask without image": (Path.unlink, "test/crack/002.png", "ground_truth/crack/002_mask.png", "a mask without a picture"),
    "image without mask": (
        Path.unlink,
        "ground_truth/crack/002_mask.png",
        "test/crack/002.png",
        "no mask; expected ground_truth/crack/002_mask",
    ),
    "empty mask": (empty, "ground_truth/dent/002_mask.png", "ground_truth/dent/002_mask.png", "an empty mask"),
    "other values": (
        grey_values,
        "ground_truth/dent/002_mask.png",
        "ground_truth/dent/002_mask.png",
        "values 3, 80; expected 0",
    ),
    "two masks": (
        lambda p: shutil.copy(p, p.with_suffix(".bmp")),
        "ground_truth/dent/002_mask.png",
        "test/dent/002.png",
        "has 2 masks, 002_mask.bmp and 002_mask.png",
    ),
    "two pictures for a mask": (
        lambda p: shutil.copy(p, p.with_suffix(".bmp")),
        "test/dent/002.png",
        "test/dent/002.png",
        "shares the mask",
    ),
    "dead link": (lambda p: p.with_name("x.png").symlink_to("nowhere"), "train/good/000.png", "train/good/x.png", "is a link to a file"),
}


@pytest.mark.parametrize("case", BAD)
def test_each_bad_file_is_listed(mvtec: Path, case: str) -> None:
    harm, name, listed, message = BAD[case]
    if case == "dead link" and sys.platform == "win32":
        pytest.skip("links need rights there")
    harm(mvtec / name)
    report = check(mvtec)
    assert report.bad and listed in found(report) and message in found(report)[listed]
    assert any(listed in line and message in line for line in report_lines(report))


def test_a_second_mask_is_no_mask_without_a_picture(mvtec: Path) -> None:
    shutil.copy(mvtec / "ground_truth/dent/002_mask.png", mvtec / "ground_truth/dent/002_mask.bmp")
    assert {p.path for p in check(mvtec).problems} == {"test/dent/002.png", "ground_truth/dent/002_mask.bmp"}  # a PNG named .bmp


def test_every_bad_file_is_listed_in_one_pass(mvtec: Path) -> None:
    expected = set()
    for name in ("test/crack/000.png", "ground_truth/crack/001_mask.png", "train/good/000.png", "train/good/003.png", "test/good/000.png"):
        truncate(mvtec / name)
        expected.add(name)
    empty(mvtec / "ground_truth/dent/000_mask.png")
    grey_values(mvtec / "ground_truth/crack/000_mask.png")  # of a picture that is bad, too
    (mvtec / "ground_truth/dent/001_mask.png").unlink()
    truncate(mvtec / "test/dent/001.png")  # without a mask and truncated: both are said
    (mvtec / "test/dent/002.png").unlink()
    truncate(mvtec / "ground_truth/dent/002_mask.png")  # without a picture and truncated
    (mvtec / "groups.csv").write_text("path,group\ntest/crack/9.png,1\n")
    expected |= {"ground_truth/dent/002_mask.png"}
    expected |= {"ground_truth/dent/000_mask.png", "ground_truth/crack/000_mask.png", "test/dent/001.png", "groups.csv"}
    report = check(mvtec)
    paths = [p.path for p in report.problems]
    assert set(paths) == expected and paths == sorted(paths)
    assert paths.count("test/dent/001.png") == paths.count("ground_truth/dent/002_mask.png") == 2
    assert list(report.summary) == ["crack"] and report.summary["crack"].pictures == 1
    assert report_lines(report)[-1] == "12 to mend."


def test_the_report_is_json(mvtec: Path) -> None:
    truncate(mvtec / "test/crack/000.png")
    values = json.loads(json.dumps(check(mvtec).to_dict()))
    assert values["bad"] is True and values["depths"] == {"8": 11} and values["root"] == str(mvtec)
    assert values["problems"][0]["path"] == "test/crack/000.png" and values["summary"]["dent"]["area"]["median"] == 275


def test_where_labels_lie_is_told_on_request(mvtec: Path) -> None:
    report = check(mvtec)
    assert "spots" not in report.to_dict()
    crack = report.to_dict(spots=True)["spots"]["crack"]
    assert crack["areas"] == (250, 275, 300) and crack["sides"] == (25, 25, 25)
    places = np.array(crack["places"])  # pictures of 48 x 64 with rows 10 to 19, 20, 21 and columns 5 to 29 marked
    assert places.shape == (64, 64) and places.max() == 3
    rows, columns = np.flatnonzero(places.any(1)), np.flatnonzero(places.any(0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (10 * 64 // 48, 21 * 64 // 48, 5, 29)
    assert (places[rows[0]] == 3).sum() == 25 and (places[rows[-1]] == 1).sum() == 25


def test_a_label_of_one_pixel_has_a_place(mvtec: Path) -> None:
    mask = np.zeros((48, 64), bool)
    mask[47, 63] = True
    write_mask(mvtec / "ground_truth/dent/000_mask.png", mask)
    dent = check(mvtec).spots["dent"]
    assert dent.places[62][63] == 1 and dent.areas[0] == 1


def test_groups(mvtec: Path) -> None:
    rows = ["test/crack/000.png,1", "test/crack/001.png,1", "train/good/000.png,2", "test/good/000.png,2", "test/crack/gone.png,3"]
    (mvtec / "groups.csv").write_text("\n".join(["path,group", *rows]))
    report = check(mvtec)
    assert found(report) == {
        "groups.csv": "row 6 names 'test/crack/gone.png', which is no picture of this data. Correct or remove the row."
    }
    assert report.groups == 2 and report.summary["crack"].groups == 2
    assert "groups among both the normals and the held-out normals: 1 (2)." in warned(report)
    assert "names no group for: 8 (" in warned(report)


def test_folders_without_normals_or_defects_are_problems(mvtec: Path) -> None:
    for folder in ("train/good", "test/dent", "ground_truth/dent"):
        for path in (mvtec / folder).iterdir():
            path.unlink()
    report = check(mvtec)
    assert "holds no pictures of the product without a defect" in found(report)["."]
    assert "test/dent: holds no pictures; the defect is left out." in warned(report)
    with pytest.raises(DataError, match="no such folder"):
        check(mvtec / "nowhere")


def test_full_masks_are_a_warning(mvtec: Path) -> None:
    write_mask(mvtec / "ground_truth/crack/000_mask.png", np.ones((48, 64), bool))
    report = check(mvtec)
    assert not report.bad and "ground_truth/crack/000_mask.png: marks every pixel" in warned(report)


def test_inverted_masks_are_a_warning(mvtec: Path) -> None:
    path = mvtec / "ground_truth/crack/000_mask.png"
    write_mask(path, ~read_mask(path))
    report = check(mvtec)
    assert not report.bad and "ground_truth/crack/000_mask.png: marks 92% of the picture and nearly all of its border" in warned(report)
    assert warned(report).count("inverted") == 1, "and none of the others"
    large = np.zeros((48, 64), bool)
    large[4:, :] = True  # nearly everything is broken, but it is no frame around the rest
    write_mask(path, large)
    assert "inverted" not in warned(check(mvtec))


def test_mixed_depth_and_channels_are_a_warning(mvtec: Path) -> None:
    deep = mvtec / "train/good/001.png"
    write_image(deep, read_image(deep).astype(np.uint16) * 257)
    colour = mvtec / "test/crack/001.png"
    write_image(colour, read_image(colour).repeat(3, 2))
    report = check(mvtec)
    assert not report.bad and report.depths == {8: 11, 16: 1} and report.channels == {1: 11, 3: 1}
    assert "pictures with 16 bits a channel, where most have 8: 1 (train/good/001.png)." in warned(report)
    assert "pictures with 3 channels, where most have 1: 1 (test/crack/001.png)." in warned(report)


def test_copies_are_a_warning(mvtec: Path) -> None:
    shutil.copy(mvtec / "test/crack/000.png", mvtec / "train/good/a.png")
    shutil.copy(mvtec / "train/good/000.png", mvtec / "test/good/b.png")
    shutil.copy(mvtec / "train/good/001.png", mvtec / "train/good/c.png")
    report = check(mvtec)
    assert not report.bad
    assert "test/crack/000.png: has the same content as train/good/a.png. They are in crack and normals" in warned(report)
    assert "test/good/b.png: has the same content as train/good/000.png. They are in held-out normals and normals" in warned(report)
    assert "train/good/001.png: has the same content as train/good/c.png. Keep one" in warned(report)


def test_turned_pictures_are_a_warning(mvtec: Path) -> None:
    tags = Image.Exif()
    tags[0x0112] = 3
    with Image.open(mvtec / "test/dent/001.png") as image:
        image.copy().save(mvtec / "test/dent/001.png", exif=tags)
    report = check(mvtec)
    assert not report.bad and "stored turned or mirrored (EXIF) and used upright: 1 (test/dent/001.png)." in warned(report)


def test_what_is_ignored_is_said(mvtec: Path) -> None:
    (mvtec / "train/good/notes.txt").write_text("by hand")
    (mvtec / "train/good/old").mkdir()
    (mvtec / "train/bad").mkdir()
    (mvtec / "test/stray.png").touch()
    (mvtec / "ground_truth/good").mkdir()
    (mvtec / "train/good/.DS_Store").touch()
    report = check(mvtec)
    assert not report.bad
    assert {w.path for w in report.warnings} == {
        "train/good/notes.txt",
        "train/good/old",
        "train/bad",
        "test/stray.png",
        "ground_truth/good",
    }


def test_thin_scratch_in_a_large_picture(tmp_path: Path) -> None:
    """3 pixels wide in a 2000-pixel picture: kept by native windows, gone after shrinking to 512 and encoding by 8."""
    for role, name in (("train/good", "n"), ("test/scratch", "a"), ("test/scratch", "b")):
        write_image(tmp_path / role / f"{name}.png", np.full((1500, 2000, 1), 100 + len(role) + ord(name), np.uint8))
    thin, broad = np.zeros((1500, 2000), bool), np.zeros((1500, 2000), bool)
    thin[700:703, 400:900] = True
    broad[300:400, 500:580] = True
    write_mask(tmp_path / "ground_truth/scratch/a_mask.png", thin)
    write_mask(tmp_path / "ground_truth/scratch/b_mask.png", broad)
    report = check(tmp_path)
    scratch = report.summary["scratch"]
    assert report.window == 128 and report.factor == 4
    assert scratch.vanish == () and scratch.vanish_shrunk == 0.5
    assert scratch.cells.least == round(1500 / 16, 2) and scratch.box.most == 500
    coarse = check(tmp_path, window=512)
    assert coarse.window == 512 and coarse.factor == 8 and coarse.summary["scratch"].vanish == ("test/scratch/a.png",)
    assert "scratch: defects that fill half of no latent cell in windows of 512 px: 1 of 2 (test/scratch/a.png)." in warned(coarse)
    assert check(tmp_path, window=512, cells=128).factor == 4


def test_cells_are_filled_wherever_the_grid_lies() -> None:
    for top in range(8):
        mask = np.zeros((40, 40), bool)
        mask[10 + top : 14 + top, 5:13] = True  # 4 x 8 pixels: half of a cell of 8 x 8
        assert fills_a_cell(mask, 8, 8)
        mask[10 + top] = False
        assert not fills_a_cell(mask, 8, 8)
    assert fills_a_cell(np.ones((1, 1), bool), 0.25, 0.25)
    assert not fills_a_cell(np.ones((3, 3), bool), 5, 5)
    corner = np.zeros((9, 9), bool)
    corner[:4, :8] = True
    assert fills_a_cell(corner, 8, 8)


def test_spots_are_counted(mvtec: Path) -> None:
    mask = np.zeros((48, 64), bool)
    mask[4:8, 4:8] = mask[8:12, 8:12] = mask[30:34, 40:44] = True  # the first two touch at a corner
    write_mask(mvtec / "ground_truth/crack/001_mask.png", mask)
    crack = check(mvtec).summary["crack"]
    assert crack.spots.most == 2 and crack.box.most == 40


def test_plain_text(mvtec: Path) -> None:
    text = "\n".join(report_lines(check(mvtec)))
    for part in (
        "4, and 2 held out",
        "64 x 48 px (width x height)",
        "8 bit, 1 channel",
        "250 / 275 / 300",
        "64 px, 4 px to a latent cell",
        "Nothing to mend.",
    ):
        assert part in text


def test_check_does_not_import_torch() -> None:
    code = "import sys, flawsmith.formats.reading; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
