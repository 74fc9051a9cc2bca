"""Run lengths in CSV, as Severstal's competition and others of Kaggle have them."""

from pathlib import Path

import numpy as np
import pytest
from formats.genuine import cases, completed, differences
from formats.small import box, labels, masks, pictures, read_or_refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flawsmith as fs
from flawsmith.core.errors import DataError, FileError

MASK = box(3, 7, 4, 6)  # columns 4 and 5 of 20 rows: 4 * 20 + 3 from 0
RUNS = "84 4 104 4"


@pytest.mark.parametrize("case", cases("severstal_csv"))
def test_genuine(case: str, tmp_path: Path) -> None:
    root, expected = completed(case, tmp_path / "data")
    assert differences(fs.read(root), expected) == []


def test_a_row_for_each_picture_and_class(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    labels(tmp_path / "train.csv", f"ImageId_ClassId,EncodedPixels\na.png_1,\na.png_3,{RUNS}\nb.png_1,\nb.png_3,\n")
    assert np.array_equal(masks(tmp_path)["a.png", "class 3"], MASK) and list(fs.read(tmp_path).defects) == ["class 3"]
    assert [p.name for p in fs.read(tmp_path).normals] == ["b.png"]


def test_rows_of_defects_alone_and_pictures_that_nobody_labelled(tmp_path: Path) -> None:
    pictures(tmp_path, "train_images/a.png", "train_images/b.png", "test_images/c.png")
    labels(tmp_path / "train.csv", f"\ufeffImageId,ClassId,EncodedPixels\na.png,3,{RUNS}\na.png,1,1 20\n")
    labels(tmp_path / "sample_submission.csv", "ImageId,EncodedPixels,ClassId\nc.png,1 409600,0\n")
    found = masks(tmp_path)
    assert np.array_equal(found["a.png", "class 3"], MASK) and np.array_equal(found["a.png", "class 1"], box(0, 20, 0, 1))
    assert [p.name for p in fs.read(tmp_path).normals] == ["b.png"], "nothing is known of the pictures for the test"
    notes = " ".join(fs.check(tmp_path).notes)
    assert "sample_submission.csv" in notes and "test_images/c.png" in notes and "1, taken as normals" in notes


def test_other_columns_of_kaggle(tmp_path: Path) -> None:
    pictures(tmp_path, "a_1.png", "b.png")
    labels(tmp_path / "train.csv", f"Image_Label;EncodedPixels\na_1.png_Fish;{RUNS}\nb.png_Fish;-1\n")
    assert np.array_equal(masks(tmp_path)["a_1.png", "Fish"], MASK) and [p.name for p in fs.read(tmp_path).normals] == ["b.png"]
    labels(tmp_path / "train.csv", f"ImageId,EncodedPixels\na_1.png,{RUNS}\n")
    assert list(fs.read(tmp_path).defects) == ["defect"]


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ("0 5", "leave the picture"),
        ("590 99", "leave the picture"),
        ("1 9000000000000000", "leave the picture"),
        ("9007199254740990 5", "leave the picture"),
        ("1 2 3", "pairs"),
        ("1 -2", "leave the picture"),
        ("1 x", "line 2: invalid literal"),
        ("9" * 400 + " 1", "no whole numbers"),
    ],
)
def test_runs_that_do_not_fit_are_refused(runs: str, reason: str, tmp_path: Path) -> None:
    labels(pictures(tmp_path, "a.png") / "train.csv", f"ImageId,ClassId,EncodedPixels\na.png,1,{runs}\n")
    with pytest.raises(FileError, match=f"train.csv: .*{reason}"):
        masks(tmp_path)


def test_a_row_without_a_picture_and_a_table_that_is_none(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    for row, reason in ((",1,1 2", "line 2 names no picture"), ('a.png,1,"1 2', "is not CSV"), ("b.png,1,1 2", "'b.png' is not there")):
        labels(tmp_path / "train.csv", f"ImageId,ClassId,EncodedPixels\n{row}\n")
        with pytest.raises(DataError, match=reason):
            fs.read(tmp_path)


@given(st.lists(st.sampled_from(["a.png", "_", ",", "\n", "1 5", "-3 7", '"', "\0", "9" * 30, ";", "nan", "1e9", " "]), max_size=30))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_read(tmp_path: Path, words: list[str]) -> None:
    pictures(tmp_path, "a.png")
    labels(tmp_path / "train.csv", "ImageId,ClassId,EncodedPixels\na.png,1,1 5\n" + "".join(words))
    read_or_refused(tmp_path, format="severstal")
