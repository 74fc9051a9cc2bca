"""BTAD."""

from pathlib import Path

from formats.layouts import areas, btad, names, plant, told

import flawsmith as fs


def test_types_of_pictures_and_masks_differ(tmp_path: Path) -> None:
    root = plant(tmp_path / "03", btad())
    data = fs.read(root)
    assert areas(data) == {("test/ko/0000.bmp", "ko"): 20, ("test/ko/0001.png", "ko"): 6}
    assert names(data, data.normals) == ["train/ok/0000.bmp"] and names(data, data.held_out_normals) == ["test/ok/0000.bmp"]
    assert fs.read(tmp_path) == data and "BTAD" in told(root)


def test_what_does_not_pair_up_is_told(tmp_path: Path) -> None:
    root = plant(tmp_path, btad())
    (root / "ground_truth/ko/0000.png").rename(root / "ground_truth/ko/0007.png")
    said = told(root)
    assert "test/ko/0000.bmp: has no mask" in said and "0007.png: is a mask without a picture" in said
