"""COCO as its many writers write it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.genuine import as_expected, cases
from formats.mutations import mutated
from formats.small import labels, masks, pictures
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import flawsmith as fs
from flawsmith.core.errors import DataError, FlawsmithError
from flawsmith.formats.runs import to_coco, to_runs

REFUSED = {"coco/cocoapi_compressed_rle_results": "names no pictures", "coco/labelstudio_coco_images_prefix": "without masks"}
MASK = np.zeros((20, 30), bool)
MASK[4:9, 6:16] = True
MASK[5:7, 8:10] = False  # a hole


def tree() -> dict[str, Any]:
    """Return a data set with a mask of each form on pictures of 30 x 20, and one picture without any."""
    square = [3.0, 3.0, 8.0, 3.0, 8.0, 8.0, 3.0, 8.0]
    forms: list[Any] = [
        [square, [20, 10, 25, 10, 25, 15, 20, 15]],
        to_coco(MASK),
        {"size": [20, 30], "counts": to_runs(MASK, "F")},
        square,
    ]
    return {
        "images": [{"id": i, "file_name": f"images\\{i}.png", "width": 30, "height": 20} for i in range(5)],
        "categories": [{"id": 0, "name": "all-things"}, {"id": 7, "name": "scratch"}],
        "annotations": [
            {"id": i, "image_id": str(i), "category_id": 7, "segmentation": form, "iscrowd": i % 2, "area": 1, "bbox": [0, 0, 1, 1]}
            for i, form in enumerate(forms)
        ],
    }


def write(root: Path, tree: Any, size: tuple[int, int] = (20, 30)) -> Path:
    """Write a label file and its pictures."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    for i in range(5):
        Image.fromarray(np.full(size, 90 + i, np.uint8)).save(root / "images" / f"{i}.png")
    (root / "instances_train.json").write_text(json.dumps(tree))
    return root


@pytest.mark.parametrize("case", cases("coco", "roboflow_coco"))
def test_genuine(case: str, tmp_path: Path) -> None:
    as_expected(case, tmp_path, REFUSED.get(case))


def test_a_list_of_results_is_read_where_names_end_in_its_ids(tmp_path: Path) -> None:
    pictures(tmp_path, "COCO_val_000000000042.png", "7.png", "other.png", "99.png")
    rows = [{"image_id": number, "category_id": 3, "segmentation": to_coco(MASK), "score": 0.5} for number in (42, "7", 1000)]
    labels(tmp_path / "results.json", rows)
    found = masks(tmp_path)
    assert set(found) == {("COCO_val_000000000042.png", "category 3"), ("7.png", "category 3")}
    assert all(np.array_equal(mask, MASK) for mask in found.values())
    labels(tmp_path / "results.json", [*rows, 5])
    with pytest.raises(DataError, match="holds '5'; expected objects"):
        fs.read(tmp_path)


def test_panoptic_pictures_hold_the_masks(tmp_path: Path) -> None:
    pictures(tmp_path / "train", "a.jpg", "b.jpg")
    number = 7 + 256 * 200 + 65536 * 3
    colours = np.zeros((20, 30, 3), np.uint8)
    colours[MASK] = (7, 200, 3)
    colours[0, :] = 9  # of something that is not listed
    (tmp_path / "panoptic_train").mkdir()
    Image.fromarray(colours).save(tmp_path / "panoptic_train/a.png")
    said: dict[str, Any] = {"images": [{"id": n, "file_name": f"{n}.jpg"} for n in "ab"], "categories": [{"id": 1, "name": "dent"}]}
    row = {"image_id": "a", "file_name": "a.png", "segments_info": [{"id": number, "category_id": 1, "iscrowd": 0}]}
    labels(tmp_path / "panoptic_train.json", {**said, "annotations": [row]})
    assert {key: mask.tolist() for key, mask in masks(tmp_path).items()} == {("a.jpg", "dent"): MASK.tolist()}
    for wrong, message in (({**row, "file_name": "c.png"}, "'c.png' is not there"), ({**row, "segments_info": [{"id": -1}]}, "the id -1")):
        labels(tmp_path / "panoptic_train.json", {**said, "annotations": [wrong]})
        with pytest.raises(DataError, match=message):
            fs.read(tmp_path)


def test_every_form_of_a_mask(tmp_path: Path) -> None:
    data = fs.read(write(tmp_path, tree()))
    assert list(data.defects) == ["scratch"], "a class without annotations is none"
    assert [p.name for p in data.normals] == ["4.png"]
    masks = [np.asarray(s.mask) for s in data.samples()]
    assert [int(m.sum()) for m in masks] == [50, MASK.sum(), MASK.sum(), 25]
    assert np.array_equal(masks[1], MASK) and np.array_equal(masks[2], MASK)


@pytest.mark.parametrize("name", ["train.json", "annotations_train.json", "train.coco.json", "instances_train.json"])
def test_a_subset_s_name_tells_which_picture_of_a_name_is_meant(name: str, tmp_path: Path) -> None:
    for part, level in (("train", 90), ("valid", 120)):
        path = tmp_path / part / "images/0.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(np.full((20, 30), level, np.uint8)).save(path)
        found = tree() | {"images": tree()["images"][:1], "annotations": tree()["annotations"][:1] if part == "train" else []}
        (tmp_path / name.replace("train", part)).write_text(json.dumps(found))
    data = fs.read(tmp_path)
    assert [s.source.parent.parent.name for s in data.samples()] == ["train"] and [p.parent.parent.name for p in data.normals] == ["valid"]


def test_a_spoiled_file_says_so_and_where(tmp_path: Path) -> None:
    root = write(tmp_path, tree())
    (root / "instances_train.json").write_text(json.dumps(tree(), indent=1)[:-40])
    for format in ("coco", ""):
        with pytest.raises(DataError, match=r"instances_train\.json: is not JSON \(.*line \d+"):
            fs.read(root, format=format)


def test_labels_are_scaled_with_their_picture_and_it_is_said(tmp_path: Path) -> None:
    root = write(tmp_path, tree(), (40, 60))
    report = fs.check(root)
    assert any("another size" in str(w) for w in report.warnings) and not report.bad
    assert [int(s.mask.sum()) for s in fs.read(root).samples() if s.mask is not None] == [200, 4 * MASK.sum(), 4 * MASK.sum(), 100]
    write(tmp_path, tree(), (40, 40))
    assert any("another shape" in str(p) for p in fs.check(root).problems)


def test_boxes_alone_are_refused_with_what_can_be_done(tmp_path: Path) -> None:
    found = tree()
    for row in found["annotations"]:
        row["segmentation"] = []
    with pytest.raises(DataError, match="labels without masks \\(box\\)(.|\\n)*--region"):
        fs.read(write(tmp_path, found))
    found["annotations"][0]["segmentation"] = [[1, 1, 9, 1, 9, 9]]
    data = fs.read(write(tmp_path, found))
    assert len(data.defects["scratch"]) == 1 and len(data.normals) == 1, "a picture with a box alone is neither a normal nor a defect"
    assert any("box without a mask" in note for note in fs.check(tmp_path).notes)


def test_classes_are_named_and_left_out_as_asked(tmp_path: Path) -> None:
    found = tree()
    found["categories"].append({"id": 8, "name": "dust"})
    found["annotations"][3]["category_id"] = 8
    root = write(tmp_path, found)
    data = fs.read(root, classes="kratzer=scratch; ignore=dust")
    assert {k: len(v) for k, v in data.defects.items()} == {"kratzer": 3} and len(data.normals) == 1
    assert [p.name for p in fs.read(root, classes="good=dust").normals] == ["3.png", "4.png"]


def test_missing_pictures_and_names_that_lead_out_are_told(tmp_path: Path) -> None:
    found = tree()
    found["images"][0]["file_name"] = "../../secret.png"
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "secret.png")
    report = fs.check(write(tmp_path / "a/data", found))
    assert not report.problems and any("secret.png' is not there" in str(w) for w in report.warnings), (
        "a part of the pictures may be all one has"
    )
    for row in found["images"]:
        row["file_name"] = "../../secret.png"
    problems = fs.check(write(tmp_path / "a/data", found)).problems
    assert {p.path for p in problems} == {"instances_train.json"} and all("secret.png' is not there" in p.message for p in problems)


def test_copies_of_roboflow_stay_together(tmp_path: Path) -> None:
    found = tree()
    root = write(tmp_path, found)
    for i, name in enumerate(["a_jpg.rf.0123456789abcdef", "a_jpg.rf.fedcba9876543210", "b_jpg.rf.0123456789abcdef"]):
        (root / "images" / f"{i}.png").rename(root / "images" / f"{name}.png")
        found["images"][i]["file_name"] = f"{name}.png"
    write_only = root / "instances_train.json"
    write_only.write_text(json.dumps(found))
    assert [item.group for item in fs.read(root).defects["scratch"]][1:] == ["a_jpg", "a_jpg", "b_jpg"]


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    root = write(tmp_path, mutated(tree(), data.draw))
    try:
        for sample in fs.read(root).samples():
            assert sample.mask is not None and sample.mask.shape == (20, 30)
    except FlawsmithError as error:
        assert str(error)
