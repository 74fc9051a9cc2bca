"""MVTec AD 2."""

from pathlib import Path

import pytest
from formats.layouts import areas, mvtec_ad_2, names, picture, plant, told

import flawsmith as fs
from flawsmith.core.errors import DataError


def test_public_test_and_validation(tmp_path: Path) -> None:
    root = plant(tmp_path / "can", mvtec_ad_2())
    data = fs.read(root)
    assert areas(data) == {("test_public/bad/000_regular.png", "bad"): 20}
    assert names(data, data.normals) == ["train/good/000_regular.png"]
    assert names(data, data.held_out_normals) == ["test_public/good/000_regular.png", "validation/good/000_regular.png"]
    assert "test_private: left out, its pictures have no labels" in told(root)
    assert fs.read(tmp_path) == data, "the only product in a folder"


def test_one_product_is_asked_for_and_a_mask_for_every_picture(tmp_path: Path) -> None:
    plant(tmp_path / "can", mvtec_ad_2())
    plant(tmp_path / "vial", mvtec_ad_2() | {"test_public/bad/001_regular.png": picture(9)})
    with pytest.raises(DataError, match="holds 2 products \\(can, vial\\)"):
        fs.read(tmp_path)
    with pytest.raises(DataError, match="001_regular.png: has no mask; expected test_public/ground_truth/bad/001_regular_mask.png"):
        fs.read(tmp_path / "vial")
