"""Real-IAD."""

from pathlib import Path

import pytest
from formats.layouts import areas, names, plant, real_iad, told

import flawsmith as fs
from flawsmith.core.errors import DataError

PRODUCT, LIST = "realiad_1024/audiojack", "realiad_jsons/realiad_jsons/audiojack.json"


@pytest.mark.parametrize("path", ["", PRODUCT, LIST])
def test_specimens_and_the_split_of_the_list(tmp_path: Path, path: str) -> None:
    data = fs.read(plant(tmp_path, real_iad()) / path)
    assert areas(data) == {("NG/HS/S0001/audiojack_0001_NG_C1.jpg", "HS"): 20}
    assert [item.group for item in (*data.good, *data.held_out)] == ["OK/S0001", "OK/S0001", "OK/S0002"]
    assert names(data, data.held_out_normals) == ["OK/S0002/audiojack_0001_OK_C1.jpg"]
    assert data.defects["HS"][0].group == "NG/HS/S0001", "another specimen than the normal of that number"


def test_without_a_list_all_pictures_are_taken(tmp_path: Path) -> None:
    tree = real_iad()
    del tree[LIST]
    data = fs.read(plant(tmp_path, tree) / PRODUCT)
    assert len(data.normals) == 4 and not data.held_out_normals


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    root = plant(tmp_path, real_iad())
    next((root / PRODUCT).glob("NG/*/*/*_mask.png")).unlink()
    assert "audiojack_0001_NG_C1.jpg: has no mask; expected <picture>_mask.png" in told(root)
    plant(root, {LIST: {"train": [{"image_path": 7, "anomaly_class": "OK"}]}})
    with pytest.raises(DataError, match="audiojack.json: train holds"):
        fs.read(root)
    with pytest.raises(DataError, match="the pictures of other are not there"):
        fs.read(plant(tmp_path / "lists", {"other.json": real_iad()[LIST]}) / "other.json")
