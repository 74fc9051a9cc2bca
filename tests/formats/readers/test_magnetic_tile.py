"""Magnetic-Tile defects."""

from pathlib import Path

from formats.layouts import areas, magnetic_tile, names, picture, plant, told

import flawsmith as fs


def test_greys_count_from_the_middle_and_black_masks_of_defects_are_left_out(tmp_path: Path) -> None:
    root = plant(tmp_path, magnetic_tile())
    data = fs.read(root)
    assert areas(data) == {("MT_Blowhole/Imgs/exp1_num_2.jpg", "blowhole"): 36}, "20 pixels and a row of 16 at 200, none of that at 100"
    assert names(data, data.normals) == ["MT_Free/Imgs/exp1_num_1.jpg"]
    assert "whose mask marks nothing: 1, left out" in told(root)
    assert areas(fs.read(root, mask_values="nonzero")) == {("MT_Blowhole/Imgs/exp1_num_2.jpg", "blowhole"): 52}


def test_the_folder_that_github_packs_is_inside(tmp_path: Path) -> None:
    plant(tmp_path / "inside/Magnetic-tile-master", magnetic_tile())
    assert list(areas(fs.read(tmp_path / "inside")).values()) == [36] and told(tmp_path / "inside").startswith("Magnetic-Tile")


def test_a_missing_mask_is_told(tmp_path: Path) -> None:
    root = plant(tmp_path, magnetic_tile() | {"MT_Crack/Imgs/a.jpg": picture(9)})
    assert "MT_Crack/Imgs/a.jpg: has no mask" in told(root)
