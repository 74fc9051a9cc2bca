"""KolektorSDD2."""

from pathlib import Path

from formats.layouts import areas, ksdd2, names, plant, told

import flawsmith as fs


def test_black_masks_are_normals_and_copies_are_left_out(tmp_path: Path) -> None:
    root = plant(tmp_path, ksdd2())
    data = fs.read(root)
    assert areas(data) == {("train/10301.png", "defect"): 20}
    assert names(data, data.normals) == ["train/10000.png"] and names(data, data.held_out_normals) == ["test/20000.png"]
    assert "10301_GT (copy).png: left out as copies" in told(root)
    assert areas(fs.read(root / "train")) == {("10301.png", "defect"): 20}


def test_a_missing_mask_is_told(tmp_path: Path) -> None:
    root = plant(tmp_path, ksdd2())
    (root / "train/10000_GT.png").unlink()
    assert "train/10000.png: has no mask; expected <picture>_GT.png" in told(root)
