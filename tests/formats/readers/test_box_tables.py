"""Tables of boxes: recognised, and refused with what can be done."""

from pathlib import Path

import pytest
from formats.small import labels, pictures, read_or_refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flawsmith as fs
from flawsmith.core.errors import DataError

ROBOFLOW = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


@pytest.mark.parametrize("head", [ROBOFLOW, "path;x1;y1;x2;y2;label\n", "Image_ID,X_min,Y_min,X_max,Y_max\n"])
def test_boxes_alone_are_refused_with_what_can_be_done(head: str, tmp_path: Path) -> None:
    pictures(tmp_path, "train/a.png")
    values = {"class": "scratch", "label": "scratch", "width": "30", "height": "20"}
    row = [values.get(name.casefold(), "a.png" if i == 0 else "4") for i, name in enumerate(head.strip().replace(";", ",").split(","))]
    labels(tmp_path / "train/_annotations.csv", head + (";" if ";" in head else ",").join(row) + "\n")
    with pytest.raises(DataError, match=r"labels without masks \(box\), and a mask is not invented .* --region"):
        fs.read(tmp_path)


def test_pictures_without_a_box_are_normals(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    labels(tmp_path / "boxes.csv", ROBOFLOW + "a.png,30,20,scratch,1,2,9,9\nb.png,30,20,,,,,\n")
    report = fs.check(tmp_path)
    assert report.normals == 1 and "columns of pictures and of boxes" in report.format
    assert any("labels without masks (box)" in str(problem) for problem in report.problems)


@given(st.lists(st.sampled_from(["a.png", "", "1", "-3", "x", '"', ",", "\n", "\0", "1e400"]), max_size=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_tables_are_refused_or_read(tmp_path: Path, words: list[str]) -> None:
    pictures(tmp_path, "a.png")
    labels(tmp_path / "boxes.csv", ROBOFLOW + ",".join(words))
    read_or_refused(tmp_path, format="box-tables")
