"""Folders as people name them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.layouts import BLACK, ONE, TWO, areas, coloured, mask, mvtec, names, picture, plain, plant, told

import flawsmith as fs
from flawsmith.core.errors import DataError


def test_folders_are_kinds_and_masks_lie_anywhere(tmp_path: Path) -> None:
    data = fs.read(plant(tmp_path, plain()))
    assert areas(data) == {("bad/scratch/1.jpg", "scratch"): 20, ("bad/dent/3.jpg", "dent"): 6}
    assert names(data, data.normals) == ["good/1.jpg", "good/2.jpg"]


@pytest.mark.parametrize(
    ("normal", "defect", "masks"),
    [
        ("OK/{}.png", "NG/{}.png", "NG_mask/{}.png"),
        ("train/normal/{}.png", "test/defect/{}.png", "ground truth/defect/{}.png"),
        ("i.O/{}.bmp", "n.i.O/{}.bmp", "Masken/{}.bmp"),
        ("良品/{}.png", "不良/{}.png", "标签/{}.png"),
        ("defect_free/{}.jpg", "defect/{}.jpg", "defect/{}.png"),
        ("train/good/{}.png", "test/bad/{}.png", "test/bad/{}_label.png"),
        ("my part/free/{}.png", "my part/Crack/images/{}.png", "my part/Crack/masks/mask_{}.png"),
        ("Good-images/{}.jpg", "Bad-images/{}.jpg", "Bad-masks/{}-mask.png"),
    ],
)
def test_names_of_folders(tmp_path: Path, normal: str, defect: str, masks: str) -> None:
    tree: dict[str, Any] = {normal.format(i): picture(i) for i in range(2)}
    tree |= {defect.format(i): picture(10 + i) for i in range(2)} | {masks.format(i): mask(ONE) for i in range(2)}
    data = fs.read(plant(tmp_path, tree))
    assert names(data, data.normals) == [normal.format(i) for i in range(2)]
    assert [(name, area) for (name, _), area in areas(data).items()] == [(defect.format(i), 20) for i in range(2)]


def test_numbers_and_colours_are_classes(tmp_path: Path) -> None:
    indexes = [mask(ONE, TWO, values=(1, 2)), mask(TWO, values=(1,)), BLACK]
    tree: dict[str, Any] = {f"train/images/{i}.jpg": picture(i) for i in range(3)} | {
        f"train/masks/{i}.png": values for i, values in enumerate(indexes)
    }
    root = plant(tmp_path / "numbers", tree)
    data = fs.read(root)
    assert areas(data) == {("train/images/0.jpg", "1"): 20, ("train/images/0.jpg", "2"): 6, ("train/images/1.jpg", "1"): 6}
    assert names(data, data.normals) == ["train/images/2.jpg"] and "the values of masks are classes" in told(root)
    assert list(fs.read(plant(root, {"classes.txt": "background\ndent\nscratch\n"})).defects) == ["dent", "scratch"]
    tree |= {f"train/masks/{i}.png": coloured(values, (255, 0, 0), (0, 128, 192)) for i, values in enumerate(indexes)}
    root = plant(tmp_path / "colours", tree)
    assert list(fs.read(root).defects) == ["#0080c0", "#ff0000"]
    assert list(fs.read(root, classes="dent=#ff0000; scratch=#0080c0").defects) == ["dent", "scratch"]


def test_masks_in_folders_of_kinds_belong_to_one_picture(tmp_path: Path) -> None:
    tree = {"images/1.png": picture(1), "masks/dent/1.png": mask(ONE), "masks/scratch/1.png": mask(TWO), "good/2.png": picture(2)}
    assert areas(fs.read(plant(tmp_path, tree))) == {("images/1.png", "dent"): 20, ("images/1.png", "scratch"): 6}


def test_compressed_masks_count_from_the_middle_and_nearly_black_ones_are_black(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 9, BLACK.shape).astype(np.uint8)
    big = np.kron(mask((0, 0, 6, 8)), np.ones((8, 8), np.uint8))
    tree = {
        "images/1.jpg": np.kron(picture(1), np.ones((8, 8), np.uint8)),
        "masks/1.jpg": big,
        "images/2.jpg": picture(2),
        "masks/2.jpg": noise,
    }
    data = fs.read(plant(tmp_path, tree))
    assert areas(data) == {("images/1.jpg", "defect"): 48 * 64} and names(data, data.normals) == ["images/2.jpg"]


def test_values_that_do_not_tell_are_settled_by_a_flag(tmp_path: Path) -> None:
    tree = {"good/1.png": picture(1), "bad/2.png": picture(2), "bad/2_mask.png": mask(ONE, TWO, values=(100, 200))}
    root = plant(tmp_path, tree)
    assert "mask with the values 0, 100, 200" in told(root)
    found = {rule: areas(fs.read(root, mask_values=rule)) for rule in ("nonzero", "high", "classes")}
    assert [list(found[rule].values()) for rule in found] == [[26], [6], [20, 6]]


def test_numbered_masks_of_a_picture_are_taken_together(tmp_path: Path) -> None:
    """As AITEX has them."""
    tree = {"NODefect_images/1-u/9.png": picture(9), "Defect_images/1.png": picture(1)}
    data = fs.read(plant(tmp_path, tree | {"Mask_images/1_mask1.png": mask(ONE), "Mask_images/1_mask2.png": mask(TWO)}))
    assert areas(data) == {("Defect_images/1.png", "defect"): 26} and names(data, data.normals) == ["NODefect_images/1-u/9.png"]


def test_a_folder_of_all_pictures_is_no_kind_of_defect(tmp_path: Path) -> None:
    tree = {f"CFD image/{i}.jpg": picture(i) for i in range(2)} | {f"CFD gt/{i}.png": mask(ONE) for i in range(2)}
    assert list(fs.read(plant(tmp_path, tree)).defects) == ["defect"]


def test_classes_of_roboflow_are_named_in_each_subset(tmp_path: Path) -> None:
    tree: dict[str, Any] = {}
    for i, part in enumerate(("train", "valid")):
        tree |= {
            f"{part}/a{i}_jpg.rf.0123456789abcdef.jpg": picture(i),
            f"{part}/_classes.csv": "Pixel Value, Class\n0, background\n1, dent\n2, rust\n",
        }
        tree |= {f"{part}/a{i}_jpg.rf.0123456789abcdef_mask.png": mask(ONE, TWO, values=(1, 2))}
    data = fs.read(plant(tmp_path, tree))
    assert {name: len(items) for name, items in data.defects.items()} == {"dent": 2, "rust": 2}
    assert data.defects["dent"][0].group == "a0_jpg"


@pytest.mark.parametrize("value", [1, 2])
def test_a_class_that_is_alone_has_its_name_from_the_list(value: int, tmp_path: Path) -> None:
    tree = {"train/a.jpg": picture(1), "train/a_mask.png": mask(ONE, values=(value,)), "train/b.jpg": picture(2), "train/b_mask.png": BLACK}
    root = plant(tmp_path, tree | {"train/_classes.csv": "Pixel Value, Class\n0, background\n1, dent\n"})
    assert areas(fs.read(root)) == {("train/a.jpg", "dent" if value == 1 else "defect"): 20}, "and one that the list lacks has none"


def test_nothing_is_guessed(tmp_path: Path) -> None:
    tree = plain()
    del tree["masks/dent/3.png"]
    said = told(plant(tmp_path / "a", tree))
    assert "bad/dent: pictures that have a defect by their folder and no mask: 1. Add masks" in said
    tree = {"images/1.png": picture(1), "images/2.png": picture(2), "masks/1.png": mask(ONE)}
    said = told(plant(tmp_path / "b", tree))
    assert "images: pictures that have no mask, and nothing says that they have no defect: 1." in said and "folder good" in said
    said = told(plant(tmp_path / "c", plain() | {"good/1_mask.png": mask(ONE)}))
    assert "good/1.jpg: lies with the normals and its mask 1_mask.png marks something" in said
    said = told(plant(tmp_path / "d", plain() | {"masks/9.png": mask(ONE)}))
    assert "masks/9.png: is a mask without a picture" in said
    two = {"bad/left/1.png": picture(1), "bad/right/1.png": picture(2), "masks/1.png": mask(ONE), "good/3.png": picture(3)}
    assert "masks/1.png: may be the mask of bad/left/1.png or bad/right/1.png" in told(plant(tmp_path / "e", two))


def test_several_products_are_not_one(tmp_path: Path) -> None:
    plant(tmp_path / "bottle", mvtec())
    plant(tmp_path / "cable", mvtec())
    with pytest.raises(DataError, match="name one of them: bottle, cable"):
        fs.read(tmp_path)


def test_two_pictures_of_one_name_are_no_picture_and_its_mask(tmp_path: Path) -> None:
    tree = {"good/1.jpg": picture(1), "good/1.png": picture(2), "bad/2.jpg": picture(3), "bad/2.png": mask(ONE)}
    data = fs.read(plant(tmp_path, tree))
    assert names(data, data.normals) == ["good/1.jpg", "good/1.png"] and areas(data) == {("bad/2.jpg", "bad"): 20}
