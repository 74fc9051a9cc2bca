"""Supervisely: packed bitmaps, polygons with holes."""

import base64
import io
import zlib
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

SQUARE = [[3, 3], [13, 3], [13, 13], [3, 13]]


def packed(picture: Image.Image, **save: Any) -> str:
    stream = io.BytesIO()
    picture.save(stream, "PNG", **save)
    return base64.b64encode(zlib.compress(stream.getvalue())).decode("ascii")


def palette(mask: np.ndarray) -> Image.Image:
    """Return a mask as Supervisely's SDK draws it: a palette of black, which is transparent, and white."""
    picture = Image.fromarray(mask.astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 255, 255, 255])
    return picture


def rgba(mask: np.ndarray) -> Image.Image:
    """Return a mask as Supervisely's page draws it: white where it marks, and transparent elsewhere."""
    return Image.fromarray(np.dstack([np.full((*mask.shape, 3), 255), mask * 255]).astype(np.uint8))


def thing(geometry: str, **more: Any) -> dict[str, Any]:
    return {"classTitle": "scratch", "geometryType": geometry, "tags": [], **more}


def outline(outside: Any, *holes: Any) -> dict[str, Any]:
    return {"points": {"exterior": outside, "interior": list(holes)}}


def write(root: Path, name: str, *objects: dict[str, Any], **more: Any) -> Path:
    """Write a picture and its label file."""
    pictures(root, f"ds0/img/{name}")
    labels(root / "meta.json", {"classes": [{"title": "scratch", "shape": "any", "color": "#FF0000"}], "tags": []})
    labels(root / f"ds0/ann/{name}.json", {"tags": [], "size": {"height": 20, "width": 30}, "objects": list(objects), **more})
    return root


def test_old_files_without_a_type_of_geometry(tmp_path: Path) -> None:
    drawn = {"classTitle": "scratch", "bitmap": None, **outline(SQUARE)}
    painted = {"classTitle": "dent", "bitmap": {"origin": [20, 2], "data": packed(palette(np.ones((3, 4), bool)))}, "points": None}
    write(tmp_path, "a.png", drawn, painted)
    assert areas(tmp_path) == {("a.png", "scratch"): 100, ("a.png", "dent"): 12}


@pytest.mark.parametrize("case", cases("supervisely"))
def test_genuine(case: str, tmp_path: Path) -> None:
    root, expected = completed(case, tmp_path / "data")
    assert differences(fs.read(root), expected) == []


@pytest.mark.parametrize("drawn", [palette, rgba])
def test_bitmaps_lie_at_their_origin(drawn: Any, tmp_path: Path) -> None:
    mask = np.array([[1, 0, 1], [0, 1, 1]], bool)
    save = {"transparency": 0} if drawn is palette else {}
    write(tmp_path, "a.png", thing("bitmap", bitmap={"data": packed(drawn(mask), **save), "origin": [20, 5]}))
    expected = np.zeros((20, 30), bool)
    expected[5:7, 20:23] = mask
    assert np.array_equal(masks(tmp_path)["a.png", "scratch"], expected)


def test_holes_of_polygons(tmp_path: Path) -> None:
    write(tmp_path, "a.png", thing("polygon", **outline(SQUARE, [[5, 5], [8, 5], [8, 8], [5, 8]])))
    assert np.array_equal(masks(tmp_path)["a.png", "scratch"], box(3, 13, 3, 13) & ~box(5, 8, 5, 8))


def test_boxes_lines_and_points_have_no_mask(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a.png",
        thing("rectangle", **outline([[1, 1], [9, 9]])),
        thing("line", **outline(SQUARE)),
        thing("point", **outline([[1, 1]])),
    )
    with pytest.raises(DataError, match="labels without masks \\(box, line, point\\)"):
        fs.read(tmp_path)
    assert areas(tmp_path, line_width=1)["a.png", "scratch"] > 25


def test_normals_subsets_and_tags(tmp_path: Path) -> None:
    write(tmp_path, "a.png", thing("polygon", **outline(SQUARE)), tags=[{"name": "train"}])
    for name, tags in (("b.png", ["train"]), ("c.png", ["val"]), ("d.png", ["rust"]), ("e.png", ["OK"])):
        write(tmp_path, name, tags=[{"name": tag} for tag in tags])
    data = fs.read(tmp_path)
    assert [p.name for p in data.normals] == ["b.png", "e.png"] and [p.name for p in data.held_out_normals] == ["c.png"]


def test_a_mask_that_is_larger_than_it_may_be_and_one_that_is_none(tmp_path: Path) -> None:
    bomb = base64.b64encode(zlib.compress(bytes(70 << 20))).decode("ascii")
    for data, reason in (
        (bomb, "more than 64 MiB"),
        ("AAAA", "cannot be unpacked"),
        (base64.b64encode(zlib.compress(b"x")).decode(), "decoded"),
    ):
        write(tmp_path, "a.png", thing("bitmap", bitmap={"data": data, "origin": [0, 0]}))
        with pytest.raises(FileError, match=reason):
            masks(tmp_path)


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    bitmap = {"data": packed(palette(np.ones((2, 2), bool))), "origin": [1, 1]}
    good = [thing("bitmap", bitmap=bitmap), thing("polygon", **outline(SQUARE, SQUARE)), thing("line", **outline(SQUARE))]
    tree = {"objects": good, "tags": [{"name": "x"}], "size": {"height": 20, "width": 30}}
    write(tmp_path, "a.png", *good)
    labels(tmp_path / "ds0/ann/a.png.json", mutated(tree, data.draw))
    read_or_refused(tmp_path, format="supervisely", line_width=2)
