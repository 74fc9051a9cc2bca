"""VGG Image Annotator 1 and 2."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.genuine import as_expected, cases
from formats.mutations import mutated
from formats.small import areas, box, labels, masks, pictures, read_or_refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flawsmith as fs
from flawsmith.core.errors import DataError, FileError

REFUSED = {
    case: "is not there" for case in ("via/v1_all_shapes_json_csv", "via/v2_circle_windows_file_url")
}  # of pictures of no known size
POLYGON = {"name": "polygon", "all_points_x": [3, 8, 8, 3, 3], "all_points_y": [3, 3, 8, 8, 3]}


def region(shape: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes}


def tree(**regions: Any) -> dict[str, Any]:
    """Return VIA's pictures; the names of the arguments are theirs, with a suffix."""
    return {
        f"{name}.png{i}": {"filename": f"{name}.png", "size": i, "regions": found, "file_attributes": {}}
        for i, (name, found) in enumerate(regions.items())
    }


@pytest.mark.parametrize("case", cases("via"))
def test_genuine(case: str, tmp_path: Path) -> None:
    as_expected(case, tmp_path, REFUSED.get(case))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (POLYGON, 2500),
        ({"name": "rect", "x": 30, "y": 30, "width": 50, "height": 40}, 2000),
        ({"name": "circle", "cx": 60, "cy": 50, "r": 20.0}, math.pi * 400),
        ({"name": "ellipse", "cx": 60, "cy": 50, "rx": 30, "ry": 10}, math.pi * 300),
        ({"name": "ellipse", "cx": 60, "cy": 50, "rx": 30, "ry": 10, "theta": 0.785}, math.pi * 300),
    ],
)
def test_every_shape_that_has_an_area(shape: dict[str, Any], expected: float, tmp_path: Path) -> None:
    tenfold = {key: [10 * n for n in value] if isinstance(value, list) else value for key, value in shape.items()}
    labels(pictures(tmp_path, "a.png", size=(100, 120)) / "via.json", tree(a=[region(tenfold, name="scratch")]))
    assert areas(tmp_path)["a.png", "scratch"] == pytest.approx(expected, rel=0.02)


def test_a_turned_ellipse_is_turned_clockwise_by_radians(tmp_path: Path) -> None:
    shape = {"name": "ellipse", "cx": 50, "cy": 50, "rx": 30, "ry": 10, "theta": math.pi / 4}
    labels(pictures(tmp_path, "a.png", size=(100, 100)) / "via.json", tree(a=[region(shape, name="x")]))
    mask = masks(tmp_path)["a.png", "x"]
    assert mask[68, 68] and not mask[32, 68]


def test_regions_in_an_object_or_a_list_and_in_a_project(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    one = region(POLYGON, name="scratch")
    for found in ([one], {"0": one}):
        pages = tree(a=found, b=[])
        for whole in (
            pages,
            {"_via_settings": {}, "_via_img_metadata": pages, "_via_attributes": {}, "_via_data_format_version": "2.0.10"},
        ):
            labels(tmp_path / "via.json", whole)
            assert np.array_equal(masks(tmp_path)["a.png", "scratch"], box(3, 8, 3, 8))
            assert [p.name for p in fs.read(tmp_path).normals] == ["b.png"]


def test_the_attribute_that_names_the_class_is_chosen_and_told(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    root = labels(
        tmp_path / "via.json", tree(a=[region(POLYGON, note="by hand", Type="scratch"), region(POLYGON, note="", Type="")])
    ).parent
    assert sorted(fs.read(root).defects) == ["defect", "scratch"], "a region without a class is one, too"
    assert any("attribute 'Type' names their class" in note for note in fs.check(root).notes)
    labels(root / "via.json", tree(a=[region(POLYGON, kind="dent", remark="")], b=[region(POLYGON, kind="dent", remark="?")]))
    assert sorted(fs.read(root).defects) == ["dent"], "the one that is filled in most often"
    labels(root / "via.json", tree(a=[region(POLYGON, defect={"dent": True, "rust": True, "dust": False})]))
    assert sorted(fs.read(root).defects) == ["dent", "rust"], "boxes that are ticked"
    labels(root / "via.json", tree(a=[region(POLYGON)]))
    assert sorted(fs.read(root).defects) == ["defect"]


def table(rows: list[list[Any]], separator: str = ",") -> str:
    stream = io.StringIO()
    names = ["#filename", "file_size", "file_attributes", "region_count", "region_id", "region_shape_attributes", "region_attributes"]
    csv.writer(stream, delimiter=separator).writerows([names, *rows])
    return stream.getvalue()


@pytest.mark.parametrize("separator", [",", ";"])
def test_csv_with_names_from_windows(separator: str, tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    long = {
        **POLYGON,
        "all_points_x": [3, 8, 8, 3] + [3] * 60_000,
        "all_points_y": [3, 3, 8, 8] + [8] * 60_000,
    }  # longer than a cell may be
    rows: list[list[Any]] = [
        ["file://C:\\_data\\a.png", -1, "{}", 1, 0, json.dumps(POLYGON), json.dumps({"name": 'a "white", scratch'})],
        ["file://C:\\_data\\b.png", -1, "{}", 1, 0, json.dumps(long), json.dumps({"name": "dent"})],
        ["file://C:\\_data\\c.png", -1, "{}", 0, 0, "{}", "{}"],
    ]
    labels(tmp_path / "via.csv", table(rows, separator))
    assert areas(tmp_path) == {("a.png", "a _white_, scratch"): 25, ("b.png", "dent"): 25}
    assert [p.name for p in fs.read(tmp_path).normals] == ["c.png"]
    limit = csv.field_size_limit()
    rows[0][5] = "{"
    labels(tmp_path / "via.csv", table(rows, separator))
    with pytest.raises(FileError, match="via.csv: line 2 holds what is not JSON"):
        fs.read(tmp_path)
    assert csv.field_size_limit() == limit < 200_000


def test_points_and_lines_without_a_width_have_no_mask(tmp_path: Path) -> None:
    line = {**POLYGON, "name": "polyline"}
    labels(pictures(tmp_path, "a.png") / "via.json", tree(a=[region(line), region({"name": "point", "cx": 3, "cy": 4})]))
    with pytest.raises(DataError, match="labels without masks \\(line, point\\)"):
        fs.read(tmp_path)
    assert areas(tmp_path, line_width=1)["a.png", "defect"] > 15


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    pictures(tmp_path, "a.png", "b.png")
    shapes: list[dict[str, Any]] = [
        POLYGON,
        {"name": "circle", "cx": 5, "cy": 5, "r": 3},
        {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4},
    ]
    found = mutated(
        tree(a=[region(shape, name="x", other={"y": True}) for shape in shapes], b={"0": region({**POLYGON, "name": "polyline"})}),
        data.draw,
    )
    if data.draw(st.booleans()):
        labels(tmp_path / "via.json", found)
    else:
        (tmp_path / "via.json").unlink(missing_ok=True)
        rows = [[str(page), 1, "{}", 1, 0, json.dumps(page), json.dumps(page)] for page in found.values()]
        labels(tmp_path / "via.csv", table(rows).replace("\0", ""))
    read_or_refused(tmp_path, format="via", line_width=2)
