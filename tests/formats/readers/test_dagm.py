"""DAGM 2007."""

from pathlib import Path

from formats.layouts import areas, dagm, names, plant, told

import flawsmith as fs


def test_pictures_without_a_mask_are_normals(tmp_path: Path) -> None:
    root = plant(tmp_path, dagm())
    data = fs.read(root)
    assert areas(data) == {("Test/0002.PNG", "defect"): 6, ("Train/0002.PNG", "defect"): 20}
    assert names(data, data.normals) == ["Train/0001.PNG"] and names(data, data.held_out_normals) == ["Test/0001.PNG"]
    assert "an ellipse around it" in told(root)


def test_a_listed_mask_that_is_not_there_makes_no_normal(tmp_path: Path) -> None:
    root = plant(tmp_path, dagm() | {"Class1/Train/Label/Labels.txt": "1\n1\t1\t0001.PNG\t0\t0001_label.PNG\n"})
    assert "Train/0001.PNG: is listed with a mask, 0001_label.PNG, that is not there" in told(root)
