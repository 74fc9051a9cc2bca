"""The MVTec AD layout, as its authors and others after them fill it."""

from pathlib import Path

import pytest
from formats.genuine import cases, completed, differences
from formats.layouts import BLACK, ONE, areas, mask, mvtec, names, picture, plant, told

import flawsmith as fs
from flawsmith.core.errors import DataError


@pytest.mark.parametrize("case", cases("mvtec_ad"))
def test_genuine(case: str, tmp_path: Path) -> None:
    root, expected = completed(case, tmp_path / "data")
    assert differences(fs.read(root), expected) == []


def test_masks_have_the_picture_s_name_or_its_ending(tmp_path: Path) -> None:
    data = fs.read(plant(tmp_path, mvtec()))
    assert areas(data) == {("test/crack/000.jpg", "crack"): 20, ("test/crack/001.png", "crack"): 6}
    assert len(data.normals) == 2 and names(data, data.held_out_normals) == ["test/good/000.png"]


def test_a_texture_of_dtd_synthetic_is_one(tmp_path: Path) -> None:
    tree = {"train/good/000.png": picture(1), "test/good/000.png": picture(2), "test/bad/000.png": picture(3)}
    data = fs.read(plant(tmp_path / "Blotchy_099", tree | {"ground_truth/bad/000_mask.png": mask(ONE)}))
    assert areas(data) == {("test/bad/000.png", "bad"): 20}


def test_pictures_that_were_moved_and_renamed_are_not_guessed(tmp_path: Path) -> None:
    tree = {f"test/1/000{number}.png": picture(i) for i, number in enumerate(["", "(1)"])}
    tree |= {f"ground_truth/{kind}/000_mask.png": mask(ONE) for kind in ("dent", "scratch")}
    root = plant(tmp_path, tree)
    with pytest.raises(DataError, match="4 problems"):
        fs.read(root)
    said = told(root)
    assert said.count("has no mask") == 2 and said.count("is a mask without a picture") == 2


def test_defects_in_train_are_not_passed_over(tmp_path: Path) -> None:
    tree = {"train/good/000.png": picture(1), "train/crack/000.jpg": picture(2), "train/crack/000_mask.png": mask(ONE)}
    data = fs.read(plant(tmp_path, tree))
    assert areas(data) == {("train/crack/000.jpg", "crack"): 20} and names(data, data.normals) == ["train/good/000.png"]
    plant(tmp_path, {"train/dent/001.png": picture(3)})
    assert "train/dent" in told(tmp_path) and "have no mask" in told(tmp_path)


def test_folders_of_a_test_alone_are_not_this_layout(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {"test/images/a.png": picture(1), "test/masks/a.png": mask(ONE), "test/images/b.png": picture(2), "test/masks/b.png": BLACK},
    )
    assert told(tmp_path).startswith("plain folders")
