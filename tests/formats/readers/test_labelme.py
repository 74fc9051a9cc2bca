"""LabelMe, from version 2 on, and its dialects."""

import base64
import io
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
from flawsmith.core.errors import DataError


def coded(picture: np.ndarray, kind: str = "PNG") -> str:
    """Return a picture in base64."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def shape(kind: str | None, points: Any, **more: Any) -> dict[str, Any]:
    return {"label": "scratch", "points": points, **({"shape_type": kind} if kind else {}), **more}


def tree(picture: str | None, *shapes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "5.8.1", "flags": {}, "shapes": [*shapes], "imagePath": picture, "imageData": None, **more}


SQUARE = [[3, 3], [8, 3], [8, 8], [3, 8]]


@pytest.mark.parametrize("case", cases("labelme"))
def test_genuine(case: str, tmp_path: Path) -> None:
    root, expected = completed(case, tmp_path / "data")
    assert differences(fs.read(root), expected) == []


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (shape("polygon", SQUARE), box(3, 8, 3, 8)),
        (shape(None, SQUARE), box(3, 8, 3, 8)),
        (shape("rectangle", [[8, 8], [3, 3]]), box(3, 8, 3, 8)),
        (shape("rectangle", [[8, 3], [3, 3], [3, 8], [8, 8]]), box(3, 8, 3, 8)),
        (shape("rotation", SQUARE, direction=1.5), box(3, 8, 3, 8)),
        (shape("oriented_rectangle", SQUARE), box(3, 8, 3, 8)),
        (shape("mask", [[3.2, 4.9], [7, 6]], mask=coded(np.ones((2, 5), np.uint8))), box(5, 7, 3, 8)),
        (shape("mask", [[-2, 18], [2, 22]], mask=coded(np.full((5, 5), 255, np.uint8))), box(18, 20, 0, 3)),
    ],
)
def test_every_shape_that_has_an_area(one: dict[str, Any], expected: np.ndarray, tmp_path: Path) -> None:
    labels(pictures(tmp_path, "a.png") / "a.json", tree("a.png", one))
    assert np.array_equal(masks(tmp_path)["a.png", "scratch"], expected)


def test_a_circle_is_its_centre_and_a_point_of_its_border(tmp_path: Path) -> None:
    labels(pictures(tmp_path, "a.png", size=(100, 120)) / "a.json", tree("a.png", shape("circle", [[60, 50], [76, 62]])))
    assert areas(tmp_path)["a.png", "scratch"] == pytest.approx(math.pi * 20**2, rel=0.02)


def test_lines_and_points_have_the_width_that_is_asked_for(tmp_path: Path) -> None:
    shapes = [shape("line", [[2, 5.5], [10, 5.5]]), shape("linestrip", [[2, 10.5], [6, 10.5], [10, 10.5]]), shape("point", [[20.5, 5.5]])]
    labels(pictures(tmp_path, "a.png") / "a.json", tree("a.png", *shapes))
    with pytest.raises(DataError, match="labels without masks \\(line, point\\)(.|\\n)*--line-width"):
        fs.read(tmp_path)
    mask = masks(tmp_path, line_width=3)["a.png", "scratch"]
    assert mask[4:7, 3:10].all() and mask[9:12, 3:10].all() and mask[4:7, 20].all() and not mask[7:9].any() and not mask[:, 25:].any()


def test_parts_of_a_group_are_one_mask_and_what_is_to_be_ignored_is_left_out(tmp_path: Path) -> None:
    other = [[x + 10, y] for x, y in SQUARE]
    ignored = {**shape("polygon", [[0, 0], [30, 0], [30, 20]]), "label": "__ignore__"}
    labels(
        pictures(tmp_path, "a.png") / "a.json",
        tree("a.png", shape("polygon", SQUARE, group_id=0), shape("polygon", other, group_id=0), ignored),
    )
    assert areas(tmp_path) == {("a.png", "scratch"): 50}


def test_pictures_without_a_label_file_are_normals_and_other_renderings_are_not(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "empty.png", "flagged.png", "fine.png", "masks/a.png")
    labels(tmp_path / "a.json", tree("a.png", shape("polygon", SQUARE)))
    labels(tmp_path / "empty.json", tree("empty.png"))
    labels(tmp_path / "flagged.json", tree("flagged.png", flags={"broken": True, "seen": False}))
    labels(tmp_path / "fine.json", tree("fine.png", flags={"OK": True}))
    labels(tmp_path / "settings.json", {"theme": "dark"})
    data = fs.read(tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in data.normals] == ["b.png", "empty.png", "fine.png"]
    assert any("not LabelMe's: 1 (settings.json)" in note for note in fs.check(tmp_path).notes)
    assert fs.read(tmp_path / "a.json").normals == (), "one label file says nothing of the pictures beside it"


def test_paths_from_windows_and_label_files_in_another_folder(tmp_path: Path) -> None:
    pictures(tmp_path, "images/a.png", "images/b.png")
    labels(tmp_path / "labels/a.json", tree("..\\images\\a.png", shape("polygon", SQUARE)))
    labels(tmp_path / "labels/b.json", tree("C:\\Users\\x\\Desktop\\b.png", shape("polygon", SQUARE)))
    assert areas(tmp_path) == {("a.png", "scratch"): 25, ("b.png", "scratch"): 25}


def test_a_renamed_pair_keeps_together_and_a_doubtful_one_is_refused(tmp_path: Path) -> None:
    pictures(tmp_path, "part7.png")
    labels(tmp_path / "part7.json", tree("IMG_0001.png", shape("polygon", SQUARE)))
    assert areas(tmp_path) == {("part7.png", "scratch"): 25}
    pictures(tmp_path, "IMG_0001.png")
    with pytest.raises(DataError, match="part7.json: says that it labels IMG_0001.png, and lies beside part7.png"):
        fs.read(tmp_path)


@pytest.mark.parametrize("said", [{"imageHeight": 20, "imageWidth": 30}, {}])
def test_a_picture_inside_the_label_file(said: dict[str, int], tmp_path: Path) -> None:
    inside = np.arange(600, dtype=np.uint8).reshape(20, 30)
    labels(tmp_path / "a.json", tree("gone.png", shape("polygon", SQUARE), imageData=coded(inside), **said))
    (sample,) = fs.read(tmp_path).samples()
    assert np.array_equal(sample.image[..., 0], inside) and np.array_equal(np.asarray(sample.mask), box(3, 8, 3, 8))
    labels(tmp_path / "a.json", tree("gone.png", shape("polygon", SQUARE), imageData="AAAA"))
    with pytest.raises(DataError, match="gone.png' is not there, and the one inside the label file cannot be read"):
        fs.read(tmp_path)


def test_labels_on_a_picture_that_is_stored_turned(tmp_path: Path) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6  # a quarter clockwise
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "a.png", exif=tags)
    as_stored, upright = shape("rectangle", [[0, 0], [4, 2]]), shape("rectangle", [[18, 0], [20, 4]])
    for size, one in (((20, 30), as_stored), ((30, 20), upright)):
        labels(tmp_path / "a.json", tree("a.png", one, imageHeight=size[0], imageWidth=size[1]))
        assert np.array_equal(masks(tmp_path)["a.png", "scratch"], box(0, 4, 18, 20, (30, 20)))


def test_every_bad_file_is_told(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{i}.png" for i in range(5)))
    labels(tmp_path / "0.json", tree("0.png", shape("polygon", SQUARE)))
    labels(tmp_path / "1.json", "{not JSON")
    labels(tmp_path / "2.json", "[" * 100_000)
    labels(tmp_path / "3.json", tree("3.png", shape("polygon", [[math.nan, 1], [2, 3], [4, 5]])))
    labels(tmp_path / "4.json", tree("4.png", 7))  # type: ignore[arg-type]
    problems = {p.path: p.message for p in fs.check(tmp_path).problems}
    assert sorted(problems) == ["1.json", "2.json", "3.json", "4.json"]
    assert "is not JSON" in problems["1.json"] and "nested too deeply" in problems["2.json"]
    assert "shape 1: coordinates that are not finite" in problems["3.json"] and "shapes holds a number" in problems["4.json"]


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    pictures(tmp_path, "a.png")
    small = coded(np.ones((3, 3), np.uint8))
    shapes = [shape("polygon", SQUARE, flags={}), shape("mask", [[1, 1], [3, 3]], mask=small), shape("circle", [[1, 1], [3, 3]])]
    good = tree("a.png", *shapes, shape("rectangle", [[1, 1], [5, 5]]), shape("linestrip", SQUARE), imageHeight=20, imageWidth=30)
    labels(tmp_path / "a.json", mutated({**good, "imageData": small}, data.draw))
    read_or_refused(tmp_path, format="labelme", line_width=2)
