"""Projects of VIA 3: shapes as numbers, attributes by their ids."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.mutations import mutated
from formats.small import areas, box, labels, masks, pictures, read_or_refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flawsmith as fs
from flawsmith.core.errors import DataError

POLYGON = [7, 3, 3, 8, 3, 8, 8, 3, 8]


def label(view: str, place: list[Any], **said: str) -> dict[str, Any]:
    return {"vid": view, "flg": 0, "z": [], "xy": place, "av": {"1": "0", **said}}


def project(*found: dict[str, Any], pictures: int = 2) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "1": {"aname": "defect", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": {"0": "scratch", "1": "dent"}},
        "2": {"aname": "remark", "anchor_id": "FILE1_Z0_XY1", "type": 1, "options": {}},
        "3": {"aname": "whole", "anchor_id": "FILE1_Z0_XY0", "type": 1, "options": {}},
    }
    files = {str(i): {"fid": i, "fname": f"{'ab'[i - 1]}.png", "type": 2, "loc": 1, "src": ""} for i in range(1, pictures + 1)}
    return {
        "project": {"pname": "x", "creator": "VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)", "vid_list": ["1"]},
        "config": {},
        "attribute": attributes,
        "file": files,
        "metadata": {f"id{i}": row for i, row in enumerate(found)},
        "view": {str(i): {"fid_list": [i]} for i in range(1, pictures + 1)},
    }


def test_shapes_and_classes(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    shapes = [label("1", POLYGON, **{"2": "deep"}), label("1", [2, 10, 12, 5, 4], **{"1": "1"})]
    labels(tmp_path / "p.json", project(*shapes))
    found = masks(tmp_path)
    assert np.array_equal(found["a.png", "scratch"], box(3, 8, 3, 8)) and np.array_equal(found["a.png", "dent"], box(12, 16, 10, 15))
    report = fs.check(tmp_path)
    assert "VIA 3" in report.format and "'defect' names their class" in " ".join(report.notes) and report.normals == 1


def test_circles_ellipses_and_points_of_a_border(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    labels(tmp_path / "p.json", project(label("1", [3, 10, 10, 5]), label("2", [4, 15, 10, 8, 3])))
    circle, ellipse = masks(tmp_path).values()
    assert abs(circle.sum() - 25 * np.pi) < 5 and abs(ellipse.sum() - 24 * np.pi) < 6 and ellipse[10, 22] and not ellipse[14, 15]
    border = [5, 10, 10, 5, 15, 10]  # left, top and right of the same circle
    labels(tmp_path / "p.json", project(label("1", [9, *border]), label("2", [8, 3, 5, 6, 2, 12, 6, 7, 9])))
    same, rectangle = masks(tmp_path).values()
    assert np.array_equal(same, circle) and np.array_equal(rectangle, box(2, 9, 3, 12))


def test_what_marks_nothing_is_told(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    lines = [label("1", POLYGON), label("2", [6, 1, 1, 5, 5]), label("2", [1, 4, 4])]
    labels(tmp_path / "p.json", project(*lines))
    assert areas(tmp_path) == {("a.png", "scratch"): 25} and set(areas(tmp_path, line_width=2)) == {
        ("a.png", "scratch"),
        ("b.png", "scratch"),
    }
    whole = label("2", [], **{"1": "", "3": "broken"})
    film = {**label("1", POLYGON), "z": [1.5]}
    labels(tmp_path / "p.json", project(label("1", POLYGON), whole, film))
    notes = " ".join(fs.check(tmp_path).notes)
    assert "label of a whole picture without a mask" in notes and "in films, or of several pictures at once: 1" in notes
    assert not fs.read(tmp_path).normals


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ([2, 1, 1, 5], "a place of 3 numbers, expected 4"),
        ([7, 1, 1, 2, 2], "a polygon of 2 points"),
        ([99, 1, 1], "does not begin with the number of a shape"),
        ([9, 1, 1, 2, 2, 3, 3], "on one line"),
        ([8], "a rectangle without points"),
        (["x"], "does not begin"),
    ],
)
def test_places_that_are_none_are_refused(place: list[Any], reason: str, tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    labels(tmp_path / "p.json", project(label("1", place)))
    with pytest.raises(DataError, match=f"label id0 of a.png: {reason}|label id0 of a.png: .*{reason}"):
        fs.read(tmp_path)


def test_a_view_of_a_file_that_is_not_listed(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    labels(tmp_path / "p.json", project(label("1", POLYGON)) | {"file": {}})
    with pytest.raises(DataError, match=r"p.json: has a view 1 of a file 1 that it does not list"):
        fs.read(tmp_path)


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    pictures(tmp_path, "a.png", "b.png")
    good = project(label("1", POLYGON), label("1", [3, 4, 4, 2]), label("2", [9, 5, 10, 10, 5, 15, 10]), label("2", []))
    labels(tmp_path / "p.json", mutated(good, data.draw))
    read_or_refused(tmp_path, format="via-3", line_width=2)
