"""Label Studio's exports, and its brush."""

import base64
import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.genuine import cases, completed, differences
from formats.mutations import mutated
from formats.small import areas, box, labels, masks, pictures, read_or_refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import flawsmith as fs
from flawsmith.core.errors import DataError, FileError
from flawsmith.formats.brush import painted
from flawsmith.formats.writers.labelstudio import brush_rle

REFUSED = {
    "label_studio/brush_predictions_no_image": "names no picture",
}
NAMED = {"label_studio/brush_json_min"}  # whose class is told under another tag than the one that was looked at for what is expected
SQUARE = [[10, 15], [40, 15], [40, 50], [10, 50]]  # percent of 30 x 20: pixels 3 to 12, 3 to 10


def result(kind: str, value: dict[str, Any], *names: str, **more: Any) -> dict[str, Any]:
    size = {"original_width": 30, "original_height": 20, "image_rotation": 0, "from_name": "label", "to_name": "image"}
    return {"type": kind, "value": {**value, **({kind: list(names)} if names else {})}, **size, **more}


def task(picture: str, *results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"image": picture}, "annotations": [{"id": 2, "result": list(results), "was_cancelled": False, **more}]}


POLYGON = result("polygonlabels", {"points": SQUARE, "closed": True}, "scratch", id="p1")


@pytest.mark.parametrize("case", cases("label_studio"))
def test_genuine(case: str, tmp_path: Path) -> None:
    root, expected = completed(case, tmp_path / "data")
    if case in REFUSED:
        with pytest.raises(DataError, match=REFUSED[case]):
            fs.read(root)
    elif case in NAMED:
        assert areas(root) == {("374770ff-video19-frame0-06-39.42.jpg", "Fire"): 189}, "the other region, of 24, lies within"
    else:
        assert differences(fs.read(root), expected) == []


def test_percent_prefixes_and_places_of_pictures(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c c.png", "d.png")
    names = ["/data/upload/19/0123abcd-a.png", "/data/local-files/?d=b.png", "s3://bucket/x/c%20c.png", "https://x.org/d.png?token=7"]
    labels(tmp_path / "project.json", [task(name, POLYGON) for name in names])
    found = masks(tmp_path)
    assert sorted(name for name, _ in found) == ["a.png", "b.png", "c c.png", "d.png"]
    assert all(np.array_equal(mask, box(3, 10, 3, 12)) for mask in found.values())


def test_paths_of_local_storage_may_be_written_for_the_web(tmp_path: Path) -> None:
    pictures(tmp_path, "sub folder/a.png")
    labels(tmp_path / "p.json", [task("/data/local-files/?d=sub%20folder%2Fa.png", POLYGON)])
    assert list(areas(tmp_path)) == [("a.png", "scratch")]


def several(*results: dict[str, Any], **data: Any) -> list[dict[str, Any]]:
    return [{"id": 1, "data": data, "annotations": [{"id": 2, "result": list(results), "was_cancelled": False}]}]


@pytest.mark.parametrize("tag", ["second", "img-2", "Image2"])
def test_a_task_with_a_picture_for_each_of_the_interface(tag: str, tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    names = {"first": "a.png", "second": "b.png"} if tag == "second" else {"image1": "a.png", "image2": "b.png"}
    first, second = ({**POLYGON, "to_name": name} for name in ("first" if tag == "second" else "img-1", tag))
    labels(tmp_path / "p.json", several(second, **names))
    assert list(areas(tmp_path)) == [("b.png", "scratch")], "and of the first nothing is said"
    tasks = several(second, **names) + several({**first, "value": {**first["value"], "polygonlabels": ["dent"]}}, second, **names)
    labels(tmp_path / "p.json", [*tasks, *several(image1="c.png", first="c.png", second="c.png")])
    assert areas(tmp_path) == {("a.png", "dent"): 63, ("b.png", "scratch"): 63} and [p.name for p in fs.read(tmp_path).normals] == ["c.png"]


def test_pictures_of_which_nothing_says_which_is_which(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    results = [{**POLYGON, "to_name": name} for name in ("left", "right")]
    labels(tmp_path / "p.json", several(*results, one="a.png", other="b.png"))
    with pytest.raises(DataError, match=r"results on the pictures left, right, and tasks with one, other: nothing says which is which"):
        fs.read(tmp_path)
    labels(tmp_path / "p.json", several(results[0], image="a.png", url="thumbnails/x.png"))
    assert list(areas(tmp_path)) == [("a.png", "scratch")], "one picture has the usual name"


def test_a_task_with_a_list_of_pictures(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    listed = ["/data/upload/1/0123abcd-a.png", "/data/upload/1/0123abcd-b.png", "c.png"]
    labels(tmp_path / "p.json", several({**POLYGON, "item_index": 1}, {**POLYGON, "id": "p2"}, images=listed))
    assert list(areas(tmp_path)) == [("a.png", "scratch"), ("b.png", "scratch")]
    assert [p.name for p in fs.read(tmp_path).normals] == ["c.png"]
    labels(tmp_path / "p.json", several({**POLYGON, "item_index": 3}, images=listed))
    with pytest.raises(DataError, match="a result on a picture beyond the 3 of its task"):
        fs.read(tmp_path)


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_tables_are_json_min_in_cells(suffix: str, tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    drawn = json.dumps([{"points": SQUARE, "polygonlabels": ["scratch"], "original_width": 30, "original_height": 20}])
    rows = [("image", "id", "label", "choice", "annotator", "annotation_id"), ("/data/upload/1/0123abcd-a.png", 1, drawn, "bad", 1, 1)]
    rows += [("b.png", 2, "", "good", 1, 2), ("c.png", 3, "", "bad", 1, 3)]
    with (tmp_path / f"p.{suffix}").open("w", newline="") as stream:
        csv.writer(stream, delimiter="\t" if suffix == "tsv" else ",").writerows(rows)
    assert areas(tmp_path) == {("a.png", "scratch"): 63} and [p.name for p in fs.read(tmp_path).normals] == ["b.png"]
    (tmp_path / f"p.{suffix}").write_text((tmp_path / f"p.{suffix}").read_text().replace("]]", "]"))
    with pytest.raises(DataError, match="line 2 holds what is not JSON"):
        fs.read(tmp_path)


def test_brushes_and_bitmaps(tmp_path: Path) -> None:
    drawn = box(2, 7, 20, 29) | box(0, 1, 0, 1) | box(19, 20, 29, 30)
    stream = io.BytesIO()
    Image.fromarray(np.dstack([np.zeros((20, 30, 3), np.uint8), np.where(drawn, 255, 0).astype(np.uint8)])).save(stream, "PNG")
    url = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
    pictures(tmp_path, "a.png", "b.png")
    brush = result("brushlabels", {"format": "rle", "rle": brush_rle(drawn)}, "dent")
    labels(tmp_path / "p.json", [task("a.png", brush), task("b.png", result("bitmasklabels", {"imageDataURL": url}, "dent"))])
    assert all(np.array_equal(mask, drawn) for mask in masks(tmp_path).values()) and len(masks(tmp_path)) == 2


def bits(values: list[int], runs: list[tuple[bool, int, int]], lengths: tuple[int, ...] = (2, 4, 8, 16)) -> bytes:
    """Return a brush of runs (repeated, values in it, which length is used), whose values come in turn."""
    text = f"{sum(n for _, n, _ in runs):032b}{7:05b}" + "".join(f"{n - 1:04b}" for n in lengths)
    left = iter(values)
    for repeated, count, which in runs:
        text += f"{int(repeated)}{which:02b}{count - 1:0{lengths[which]}b}" + "".join(
            f"{next(left):08b}" for _ in range(1 if repeated else count)
        )
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def test_the_brush_takes_alpha_alone_wherever_runs_end() -> None:
    alpha = [0, 9, 0, 0, 255, 1]
    flat = [value for a in alpha for value in (7, 7, 7, a)]
    expected = np.array(alpha).reshape(2, 3) > 0
    for cut in range(1, 24):
        assert np.array_equal(painted(bits(flat, [(False, cut, 3), (False, 24 - cut, 2)]), (2, 3)), expected), cut
    found = painted(bits([7, 9, 0], [(True, 3, 0), (True, 5, 1), (True, 16, 1)]), (2, 3))
    assert np.array_equal(found, [[True, True, False], [False, False, False]])
    for damaged in (b"", bits(flat, [(False, 24, 3)])[:-3], bits(flat, [(True, 24, 3)])):
        with pytest.raises(ValueError):
            painted(damaged, (3, 3) if damaged else (2, 3))
    with pytest.raises(ValueError, match="end too early"):
        painted(bits(flat, [(False, 24, 3)])[:-3], (2, 3))


def test_ellipses_boxes_keypoints_and_lines(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", size=(100, 200))
    ellipse = {"x": 50, "y": 50, "radiusX": 15, "radiusY": 10, "rotation": 45}
    size = {"original_width": 200, "original_height": 100}
    rectangle = result("rectanglelabels", {"x": 1, "y": 1, "width": 20, "height": 20, "rotation": 0}, "dent", **size)
    key = result("keypointlabels", {"x": 5, "y": 5, "width": 0.5}, "dent", **size)
    labels(tmp_path / "p.json", [task("a.png", result("ellipselabels", ellipse, "x", **size), rectangle, key)])
    mask = masks(tmp_path)["a.png", "x"]
    assert mask.sum() == pytest.approx(math.pi * 300, rel=0.02) and mask[68, 118] and not mask[32, 118]
    assert list(fs.read(tmp_path).defects) == ["x"] and sorted(fs.read(tmp_path, line_width=3).defects) == ["dent", "x"]
    labels(tmp_path / "p.json", [task("a.png", rectangle)])
    with pytest.raises(DataError, match="labels without masks \\(box\\)"):
        fs.read(tmp_path)


def test_what_is_no_normal_and_which_annotation_is_taken(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{i}.png" for i in range(7)))
    first, second = ({"result": [POLYGON], "updated_at": "2024-01-02"}, {"result": [], "updated_at": "2024-01-01"})
    untouched, skipped = {"data": {"image": "3.png"}, "annotations": [], "predictions": []}, task("4.png", was_cancelled=True)
    choices = [task(f"{i}.png", {"type": "choices", "value": {"choices": [name]}}) for i, name in ((5, "Good"), (6, "scrap"))]
    guessed = {"data": {"image": "2.png"}, "annotations": [], "predictions": [{"result": [POLYGON]}]}
    both = {"data": {"image": "0.png"}, "annotations": [first, second]}
    labels(tmp_path / "p.json", [both, task("1.png"), guessed, untouched, skipped, *choices])
    data = fs.read(tmp_path)
    assert [p.name for p in data.normals] == ["1.png", "5.png"]
    assert [i.image.name for i in data.defects["scratch"]] == ["0.png", "2.png"]
    notes = " ".join(fs.check(tmp_path).notes)
    assert "skipped: 2" in notes and "several annotations: 1" in notes and "predictions alone: 1" in notes


def test_json_min_and_labels_that_are_told_apart_from_what_was_drawn(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    drawn = {"points": SQUARE, "original_width": 30, "original_height": 20}
    known = {"annotator": 1, "annotation_id": 3, "lead_time": 2.5, "created_at": "2024"}
    both = {"image": "/data/upload/1/a.png", "polygon": [drawn], "labels": [{**drawn, "labels": ["scratch"]}], **known}
    labels(tmp_path / "p.json", [both, {"image": "b.png", **known}, {"image": "c.png", "verdict": "scrap", **known}])
    assert areas(tmp_path) == {("a.png", "scratch"): 63} and [p.name for p in fs.read(tmp_path).normals] == ["b.png"]
    tool, name = (result(kind, {"points": SQUARE}, id="x") for kind in ("polygon", "labels"))
    name["value"]["labels"] = ["dent"]
    labels(tmp_path / "p.json", {"result": [tool, name], "completed_by": 1, "task": {"data": {"image": "a.png"}}})
    assert areas(tmp_path) == {("a.png", "dent"): 63}


def test_what_cannot_be_placed_is_refused(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    for damaged, reason in (
        (result("polygonlabels", {"points": SQUARE}, "x", image_rotation=90), "turned in Label Studio"),
        (result("brushlabels", {"rle": [1, 2, 300]}, "x"), "not from 0 to 255"),
        (result("brushlabels", {"rle": brush_rle(box(1, 2, 1, 2, (9, 9)))}, "x"), "expected 2400 for 30x20"),
    ):
        labels(tmp_path / "p.json", [task("a.png", damaged)])
        with pytest.raises(FileError, match=reason):
            areas(tmp_path)


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    pictures(tmp_path, "a.png", "b.png")
    brush = result("brushlabels", {"format": "rle", "rle": list(bits([1, 2], [(True, 2, 0), (False, 1, 1)]))}, "x")
    ellipse = result("ellipselabels", {"x": 5, "y": 5, "radiusX": 2, "radiusY": 3, "rotation": 1}, "y")
    minimal = {
        "image": "b.png",
        "annotator": 1,
        "annotation_id": 2,
        "tag": [{"points": SQUARE, "original_width": 30, "original_height": 20}],
    }
    good = [
        task("a.png", POLYGON, brush, ellipse, id=3, updated_at="x"),
        minimal,
        {"data": {"image": "b.png"}, "predictions": [{"result": [ellipse]}]},
    ]
    labels(tmp_path / "p.json", mutated(good, data.draw))
    read_or_refused(tmp_path, format="labelstudio", line_width=2)
