"""anomalib's Tabular."""

from pathlib import Path
from typing import Any

import pytest
from formats.layouts import ONE, TWO, areas, mask, names, picture, plant, told

import flawsmith as fs
from flawsmith.core.errors import DataError

HEAD = "image_path,label_index,split,label,mask_path\n"


def tabular(table: str) -> dict[str, Any]:
    pictures: dict[str, Any] = {f"images/{i}.png": picture(i) for i in range(4)}
    return pictures | {"masks/2.png": mask(ONE), "masks/3.png": mask(TWO), "samples.csv": table}


ROWS = "images/0.png,0,train,normal,\nimages/1.png,0,test,normal,\n"
ROWS += "images/2.png,1,test,dent,masks/2.png\nimages/3.png,1,test,abnormal,masks/3.png\n"


def test_classes_masks_and_splits(tmp_path: Path) -> None:
    root = plant(tmp_path, tabular(HEAD + ROWS))
    data = fs.read(root)
    assert areas(data) == {("images/2.png", "dent"): 20, ("images/3.png", "defect"): 6}
    assert names(data, data.normals) == ["images/0.png"] and names(data, data.held_out_normals) == ["images/1.png"]
    assert "has the columns image_path and label_index" in told(root)


def test_paths_of_another_machine_and_no_optional_columns(tmp_path: Path) -> None:
    table = "image_path,label_index,split,mask_path\n" + "".join(
        f"C:\\data\\images\\{i}.png,{int(i > 1)},{'test' if i else 'train'},{f'C:/data/masks/{i}.png' if i > 1 else ''}\n" for i in range(4)
    )
    assert areas(fs.read(plant(tmp_path, tabular(table)))) == {("images/2.png", "defect"): 20, ("images/3.png", "defect"): 6}


def test_a_defect_without_a_mask_and_a_normal_with_one_are_told(tmp_path: Path) -> None:
    root = plant(tmp_path, tabular(HEAD + ROWS.replace("dent,masks/2.png", "dent,")))
    assert "whole picture without a mask" in told(root) and len(fs.read(root).normals) == 1
    plant(root, {"samples.csv": HEAD + ROWS.replace("2.png,1,test,dent", "2.png,0,test,dent")})
    assert "images/2.png has the label_index 0, and its mask marks something" in told(root)
    plant(root, {"samples.csv": HEAD + ROWS.replace("masks/3.png", "masks/9.png")})
    with pytest.raises(DataError, match=r"the picture 'masks/9.png' is not there"):
        fs.read(root)


def test_groups_of_an_export(tmp_path: Path) -> None:
    root = plant(
        tmp_path, tabular("image_path,label_index,split,mask_path,group\nimages/0.png,0,train,,7\nimages/2.png,1,test,masks/2.png,7\n")
    )
    assert [item.group for item in (*fs.read(root).good, *fs.read(root).defects["defect"])] == ["7", "7"]
