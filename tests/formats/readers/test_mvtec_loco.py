"""MVTec LOCO and AutoVI."""

from pathlib import Path

import pytest
from formats.layouts import ONE, TWO, areas, mask, mvtec_loco, names, picture, plant, told

import flawsmith as fs
from flawsmith.core.errors import DataError


def test_several_masks_a_picture_whose_values_are_types(tmp_path: Path) -> None:
    root = plant(tmp_path, mvtec_loco())
    data = fs.read(root)
    logical, structural = "test/logical_anomalies/000.png", "test/structural_anomalies/000.png"
    assert areas(data) == {(logical, "missing_pin"): 20, (logical, "extra_pin"): 6, (structural, "broken"): 6}
    assert names(data, data.held_out_normals) == ["test/good/000.png", "validation/good/000.png"]
    assert "saturation" in told(root)


def test_without_types_defects_are_called_as_folders(tmp_path: Path) -> None:
    """AutoVI: names of pictures occur in several folders."""
    tree = {"train/good/0.png": picture(1), "test/a/0089.png": picture(2), "test/b/0089.png": picture(3)}
    data = fs.read(plant(tmp_path, tree | {"ground_truth/a/0089/0000.png": mask(ONE), "ground_truth/b/0089/0000.png": mask(TWO)}))
    assert areas(data) == {("test/a/0089.png", "a"): 20, ("test/b/0089.png", "b"): 6}


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    tree = mvtec_loco() | {"test/structural_anomalies/7.png": picture(7), "ground_truth/structural_anomalies/8/000.png": mask(ONE)}
    said = told(plant(tmp_path, tree))
    assert "7.png: has no mask; expected ground_truth/structural_anomalies/7/000.png" in said
    assert "structural_anomalies/8: is a mask without a picture" in said


@pytest.mark.parametrize("types", [{"a": 1}, [1], [{"pixel_value": None, "defect_name": "x"}], "no JSON"])
def test_a_list_of_types_that_is_none(tmp_path: Path, types: object) -> None:
    with pytest.raises(DataError, match="defects_config.json: (holds no list of defect_name|is not JSON)"):
        fs.read(plant(tmp_path, mvtec_loco() | {"defects_config.json": types}))
