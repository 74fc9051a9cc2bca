"""Hugging Face imagefolder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.genuine import cases, completed
from formats.layouts import ONE, TWO, areas, hf, mask, names, picture, plant, told

import flawsmith as fs
from flawsmith.core.errors import DataError

CARD = """---
dataset_info:
  features:
  - {name: image, dtype: image}
  - {name: label, dtype: {class_label: {names: {'0': good, '1': scratch}}}}
  - {name: objects, sequence: [{name: category, dtype: {class_label: {names: ['dent', 'dust']}}}]}
---
# Data
"""


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("case", cases("hf_imagefolder"))
def test_genuine_boxes_are_refused(case: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="labels without masks \\(box\\)"):
        fs.read(completed(case, tmp_path / "data")[0])


def test_numbers_in_masks_are_named_by_the_classes_of_whole_pictures(tmp_path: Path) -> None:
    data = fs.read(plant(tmp_path, hf()))
    one, two = "train/images/1.png", "train/images/2.png"
    assert areas(data) == {(one, "dent"): 20, (one, "scratch"): 6, (two, "scratch"): 6}
    assert names(data, data.normals) == ["train/images/0.png"] and data.defects["scratch"][0].group == "part 1"


def test_numbers_of_an_export_of_ours_are_named_by_it(tmp_path: Path) -> None:
    tree = hf() | {"export.json": {"classes": ["a", "b"]}}
    assert list(fs.read(plant(tmp_path, tree)).defects) == ["a", "b"]


def test_a_table_names_masks_and_numbered_classes(tmp_path: Path) -> None:
    table = "file_name,mask_file_name,label\na.png,gt/a.png,1\nb.png,,0\nc.png,gt/c.png,0\n"
    tree: dict[str, Any] = {f"test/{name}.png": picture(i) for i, name in enumerate("abc")}
    tree |= {"README.md": CARD, "test/metadata.csv": table, "test/gt/a.png": mask(ONE), "test/gt/c.png": mask()}
    data = fs.read(plant(tmp_path, tree))
    assert areas(data) == {("test/a.png", "scratch"): 20}
    assert names(data, data.normals) == ["test/b.png", "test/c.png"], "of a test, and there are no others"
    plant(tmp_path, {"test/gt/c.png": mask(TWO)})
    assert "c.png is called good and its mask marks something" in told(tmp_path)


def test_boxes_and_outlines(tmp_path: Path) -> None:
    ring = [2.0, 2.0, 8.0, 2.0, 8.0, 6.0, 2.0, 6.0]
    rows = [
        {"file_name": "a.png", "objects": {"bbox": [[2, 2, 6, 4]], "category": [0], "segmentation": [[ring]]}},
        {"file_name": "b.png", "objects": {"bbox": [[2, 2, 6, 4]], "category": [1]}},
        {"file_name": "c.png", "objects": {"bbox": [], "category": []}},
    ]
    tree: dict[str, Any] = {f"{name}.png": picture(i) for i, name in enumerate("abc")}
    root = plant(tmp_path, tree | {"README.md": CARD, "metadata.jsonl": lines(*rows)})
    data = fs.read(root)
    assert areas(data) == {("a.png", "dent"): 24} and names(data, data.normals) == ["c.png"]
    assert "box without a mask" in told(root)


@pytest.mark.parametrize("said", [{"label": 1}, {"text": "a scratched part"}])
def test_classes_and_words_of_whole_pictures_mark_nothing(tmp_path: Path, said: dict[str, Any]) -> None:
    root = plant(tmp_path, {"a.png": picture(1), "metadata.jsonl": lines({"file_name": "a.png"} | said)})
    with pytest.raises(DataError, match="labels without masks \\(whole picture\\)"):
        fs.read(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"file_name": "a.png"}\n[1]\n', "line 2 is '\\[1\\]'"),
        ('{"file_name": "a.png"}\n{"file_name"', "line 2 is no JSON"),
        ('{"file_name": "a.png"}\n' + "[" * 100_000, "line 2 is no JSON"),
        ('{"file_name": 7}\n', "has a row whose file_name is '7'"),
        ('{"file_name": "../a.png"}\n', "the picture '../a.png' is not there"),
        ('{"file_name": "a.png", "mask": "../../a.png"}\n', "its mask: the picture '../../a.png' is not there"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, text: str, message: str) -> None:
    plant(tmp_path, {"a.png": picture(1)})
    with pytest.raises(DataError, match=message):
        fs.read(plant(tmp_path / "data", {"metadata.jsonl": text, "b.png": np.array(picture(2))}))
