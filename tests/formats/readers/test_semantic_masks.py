"""Datumaro's common semantic segmentation."""

from pathlib import Path
from typing import Any

import pytest
from formats.genuine import cases, completed, differences
from formats.layouts import ONE, areas, mask, names, picture, plant, semantic_masks, told

import flawsmith as fs
from flawsmith.core.errors import DataError


@pytest.mark.parametrize("case", cases("datumaro_common_semseg"))
def test_genuine(case: str, tmp_path: Path) -> None:
    root, expected = completed(case, tmp_path / "data")
    assert differences(fs.read(root), expected) == []


def test_colours_are_named_and_a_black_mask_is_a_normal_s(tmp_path: Path) -> None:
    data = fs.read(plant(tmp_path, semantic_masks()))
    assert areas(data) == {("images/0001.png", "scratch"): 20, ("images/0001.png", "dent"): 6}
    assert names(data, data.normals) == ["images/0002.png"]


def test_numbers_are_named_in_subsets(tmp_path: Path) -> None:
    tree: dict[str, Any] = {"dataset_meta.json": {"label_map": {"0": "background", "1": "a", "2": "b"}}}
    tree |= {f"{part}/images/1.png": picture(i) for i, part in enumerate(("train", "test"))}
    tree |= {f"{part}/masks/1.png": mask(ONE, values=(2 * (part == "train"),)) for part in ("train", "test")}
    data = fs.read(plant(tmp_path, tree | {"train/images/2.png": picture(9), "train/masks/2.png": mask()}))
    assert areas(data) == {("train/images/1.png", "b"): 20} and names(data, data.held_out_normals) == ["test/images/1.png"]


@pytest.mark.parametrize("change", [{"label_map": {"0": "x", "2": "y"}}, {"label_map": 7}, {"segmentation_colors": [[0, 0, 0]]}])
def test_classes_that_are_none(tmp_path: Path, change: dict[str, Any]) -> None:
    tree = semantic_masks()
    tree["dataset_meta.json"] |= change
    with pytest.raises(DataError, match="dataset_meta.json: has no classes that can be used"):
        fs.read(plant(tmp_path, tree))


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    said = told(plant(tmp_path, semantic_masks() | {"images/3.png": picture(3), "masks/4.png": mask(ONE)}))
    assert "images/3.png: has no mask; expected a mask of its name in masks" in said and "masks/4.png: is a mask without" in said
