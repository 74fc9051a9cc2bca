"""YOLO with polygons, as it is laid out by several tools."""

from pathlib import Path

import numpy as np
import pytest
from formats.genuine import cases, completed, differences
from formats.small import areas, box, labels, masks, pictures, read_or_refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flawsmith as fs
from flawsmith.core.errors import DataError

SQUARE = "0.1 0.15 0.4 0.15 0.4 0.5 0.1 0.5"  # pixels 3 to 12, 3 to 10 of 30 x 20
ROBOFLOW = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['minor crack', 'rust']\n"


@pytest.mark.parametrize("case", cases("yolo_seg"))
def test_genuine(case: str, tmp_path: Path) -> None:
    root, expected = completed(case, tmp_path / "data")
    assert differences(fs.read(root), expected) == []


@pytest.mark.parametrize(
    ("picture", "label"),
    [
        ("train/images/a.png", "train/labels/a.txt"),
        ("images/train/sub/a.png", "labels/train/sub/a.txt"),
        ("images/images/a.png", "images/labels/a.txt"),
        ("a.png", "a.txt"),
        ("pictures/a.png", "labels/a.txt"),
        ("Images/a.png", "Labels/a.txt"),
    ],
)
def test_where_labels_lie(picture: str, label: str, tmp_path: Path) -> None:
    pictures(tmp_path, picture)
    labels(tmp_path / label, f"1 {SQUARE}\n")
    labels(tmp_path / "data.yaml", "path: C:\\data\\x\ntrain: images\nnames:\n  0: scratch\n  1: dent\n")
    assert np.array_equal(masks(tmp_path)["a.png", "dent"], box(3, 10, 3, 12))
    assert list(fs.read(tmp_path / "data.yaml").defects) == ["dent"]


def test_rows_with_keypoints_are_boxes(tmp_path: Path) -> None:
    labels(pictures(tmp_path, "images/a.png") / "labels/a.txt", f"0 0.5 0.5 0.2 0.2 {SQUARE}\n")
    labels(tmp_path / "data.yaml", "train: images\nkpt_shape: [4, 2]\nnames: [dent]\n")
    with pytest.raises(DataError, match=r"labels without masks \(box\)"):
        fs.read(tmp_path)


@pytest.mark.parametrize("count", [4, 5])
def test_polygons_that_may_be_oriented_boxes_are_said(count: int, tmp_path: Path) -> None:
    labels(pictures(tmp_path, "images/a.png", "images/b.png") / "labels/a.txt", f"0 {SQUARE}\n" * count)
    labels(tmp_path / "data.yaml", "train: images\nnames: [dent]\n")
    assert any("oriented boxes" in note for note in fs.check(tmp_path).notes) == (count == 5)


def test_boxes_and_polygons_in_one_file_and_pictures_without_labels(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"train/images/{name}.png" for name in ("mixed", "boxed", "empty", "none")), "valid/images/other.png", "plot.png")
    labels(tmp_path / "data.yaml", ROBOFLOW)
    labels(tmp_path / "train/labels/mixed.txt", f"0 0.5 0.5 0.9 0.9\n0 {SQUARE}\n\n")
    labels(tmp_path / "train/labels/boxed.txt", "1 0.5 0.5 0.9 0.9")
    labels(tmp_path / "train/labels/empty.txt", "")
    labels(tmp_path / "train/labels/classes.txt", "anything")
    assert areas(tmp_path) == {("mixed.png", "minor crack"): 63}
    data = fs.read(tmp_path)
    assert [p.name for p in data.normals] == ["empty.png", "none.png"] and [p.name for p in data.held_out_normals] == ["other.png"]
    notes = " ".join(fs.check(tmp_path).notes)
    assert "box without a mask" in notes and "plot.png" in notes
    (tmp_path / "train/labels/mixed.txt").write_text("0 0.5 0.5 0.9 0.9\n")
    with pytest.raises(DataError, match="labels without masks \\(box\\)"):
        fs.read(tmp_path)


def test_classes_without_a_name(tmp_path: Path) -> None:
    pictures(tmp_path, "images/a.png")
    labels(tmp_path / "labels/a.txt", f"0 {SQUARE}\n5 {SQUARE}\n")
    assert sorted(fs.read(tmp_path).defects) == ["class 0", "class 5"]
    labels(tmp_path / "classes.txt", "scratch\ndent\n")
    assert sorted(fs.read(tmp_path).defects) == ["class 5", "scratch"]
    assert any("classes without a name: class 5" in note for note in fs.check(tmp_path).notes)


def test_yaml_that_is_nested_too_deeply_is_no_yaml(tmp_path: Path) -> None:
    labels(pictures(tmp_path, "images/a.png") / "data.yaml", f"train: x\nnames: {'[' * 400}")
    with pytest.raises(DataError, match="no layout was recognised"):
        fs.read(tmp_path)
    labels(tmp_path / "labels/a.txt", f"0 {SQUARE}\n")
    assert list(fs.read(tmp_path).defects) == ["class 0"]


def test_a_label_file_whose_picture_is_not_there_takes_no_other_of_its_name(tmp_path: Path) -> None:
    pictures(tmp_path, "train/images/b.png", "valid/images/a.png")
    labels(tmp_path / "data.yaml", ROBOFLOW)
    for name in ("train/labels/a", "train/labels/b", "valid/labels/a"):
        labels(tmp_path / f"{name}.txt", f"0 {SQUARE}\n")
    assert [i.image.relative_to(tmp_path).as_posix() for i in fs.read(tmp_path).defects["minor crack"]] == [
        "train/images/b.png",
        "valid/images/a.png",
    ]
    assert any("'train/images/a.*' is not there" in str(w) for w in fs.check(tmp_path).warnings)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("0 0.1 0.2 0.3 0.4 0.5", "no pairs"),
        ("0 0.1 0.2", "2 numbers after the class"),
        ("0 10 20 30 40 50 60", "not from 0 to 1"),
        ("0 nan 0.2 0.3 0.4", "not finite"),
        ("0.5 0.1 0.2 0.3 0.4", "no whole number"),
        ("scratch 0.1 0.2 0.3 0.4", "could not convert"),
        ("inf 0.1 0.2 0.3 0.4", "no whole number"),
    ],
)
def test_bad_rows_are_told_with_their_file(row: str, reason: str, tmp_path: Path) -> None:
    pictures(tmp_path, "images/a.png", "images/b.png")
    labels(tmp_path / "data.yaml", ROBOFLOW)
    labels(tmp_path / "labels/a.txt", f"0 {SQUARE}\n{row}\n")
    labels(tmp_path / "labels/b.txt", f"0 {SQUARE.replace('0.1 ', '-0.01 ')}\n")
    (problem,) = fs.check(tmp_path).problems
    assert problem.path == "labels/a.txt" and "row 2: " in problem.message and reason in problem.message


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    pictures(tmp_path, "images/a.png", "images/b.png")
    odd = st.sampled_from(["nan", "inf", "-1", "1e999", "9" * 400, "x", "\0", "", "\n", "[" * 20, "&a", "*a", ": ", "{}", "- "])
    texts = {"data.yaml": ROBOFLOW, "labels/a.txt": f"0 {SQUARE}\n1 0.5 0.5 0.1 0.1\n"}
    for name, text in texts.items():
        words = text.split(" ")
        for _ in range(data.draw(st.integers(0, 2))):
            words[data.draw(st.integers(0, len(words) - 1))] = data.draw(odd)
        labels(tmp_path / name, " ".join(words))
    read_or_refused(tmp_path, format="yolo")
