"""CVAT's XML for images and for video."""

import math
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from formats.genuine import as_expected, cases
from formats.mutations import mutated
from formats.small import areas, box, labels, masks, pictures, read_or_refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flawsmith as fs
from flawsmith.core.errors import DataError, FileError

REFUSED = {"cvat_xml/job_export_boxes": "labels without masks \\(box\\)"}
META = "<version>1.1</version><meta><task><id>1</id><original_size><width>30</width><height>20</height></original_size></task></meta>"
POLYGON = '<polygon label="scratch" source="manual" occluded="0" points="3.00,3.00;8.00,3.00;8.00,8.00;3.00,8.00" z_order="0"></polygon>'


def export(root: Path, *parts: str, meta: str = META) -> Path:
    """Write annotations.xml."""
    return labels(root / "annotations.xml", f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{meta}{"".join(parts)}</annotations>')


def image(name: str, *inside: str, more: str = "") -> str:
    return f'<image id="0" name={quoteattr(name)} width="30" height="20" {more}>{"".join(inside)}</image>'


@pytest.mark.parametrize("case", cases("cvat_xml"))
def test_genuine(case: str, tmp_path: Path) -> None:
    as_expected(case, tmp_path, REFUSED.get(case))


def test_polygons_and_masks_that_lie_in_a_box_of_their_own_row_by_row(tmp_path: Path) -> None:
    pictures(tmp_path, "a & b.png", "empty.png")
    mask = '<mask label="dent" rle="1, 2, 1, 1, 2, 1" left="20" top="5" width="4" height="2"></mask>'
    export(tmp_path, image("a & b.png", POLYGON, mask), image("empty.png"))
    found = masks(tmp_path)
    assert np.array_equal(found["a & b.png", "scratch"], box(3, 8, 3, 8))
    expected = np.zeros((20, 30), bool)
    expected[5, 21:23] = expected[6, 20] = expected[6, 23] = True
    assert np.array_equal(found["a & b.png", "dent"], expected)
    assert [p.name for p in fs.read(tmp_path).normals] == ["empty.png"]


def test_ellipses_are_turned_clockwise(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", size=(100, 100))
    turned = '<ellipse label="x" cx="50" cy="50" rx="30" ry="10" rotation="45.00"></ellipse>'
    export(tmp_path, image("a.png", turned).replace('width="30" height="20"', 'width="100" height="100"'))
    mask = masks(tmp_path)["a.png", "x"]
    assert mask.sum() == pytest.approx(math.pi * 300, rel=0.02)
    assert mask[68, 68] and not mask[32, 68], "its long axis falls to the right"


def test_lines_have_the_width_that_is_asked_for_and_boxes_have_no_mask(tmp_path: Path) -> None:
    line, point = '<polyline label="scratch" points="2,5.5;12,5.5"/>', '<points label="scratch" points="20.5,5.5;24.5,5.5"/>'
    others = '<box label="scratch" xtl="0" ytl="0" xbr="9" ybr="9"/><cuboid label="scratch"/>'
    others += '<skeleton label="scratch"><points label="1"/></skeleton>'
    export(pictures(tmp_path, "a.png"), image("a.png", line, point, others))
    with pytest.raises(DataError, match="labels without masks \\(box, cuboid, line, point, skeleton\\)"):
        fs.read(tmp_path)
    mask = masks(tmp_path, line_width=3)["a.png", "scratch"]
    assert mask[4:7, 3:12].all() and mask[4:7, [20, 24]].all() and not mask[:, 22].any() and not mask[8:].any()


def test_tags_label_a_picture_as_a_whole(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "good.png", "bad.png")
    export(tmp_path, image("a.png", POLYGON), image("good.png", '<tag label="OK"/>'), image("bad.png", '<tag label="rust"/>'))
    assert [p.name for p in fs.read(tmp_path).normals] == ["good.png"]


def test_the_same_name_in_several_subsets(tmp_path: Path) -> None:
    pictures(tmp_path, "images/Train/a.png", "images/Test/a.png", "images/Train/b.png", "images/Test/b.png")
    parts = [image("a.png", POLYGON, more='subset="Train"'), image("a.png", more='subset="Test"')]
    parts += [image("b.png", more='subset="Train"'), image("b.png", POLYGON, more='subset="Test"')]
    export(tmp_path, *parts)
    data = fs.read(tmp_path)
    assert [i.image.relative_to(tmp_path).as_posix() for i in data.defects["scratch"]] == ["images/Test/b.png", "images/Train/a.png"]
    assert [p.relative_to(tmp_path).as_posix() for p in (*data.normals, *data.held_out_normals)] == [
        "images/Train/b.png",
        "images/Test/a.png",
    ]


def track(number: int, label: str, *frames: tuple[int, int]) -> str:
    """Return a track that is at an x in each frame; a negative x: it is outside there."""
    shapes = ""
    for frame, x in frames:
        points = f"{abs(x)},3;{abs(x) + 5},3;{abs(x) + 5},8;{abs(x)},8"
        shapes += f'<polygon frame="{frame}" outside="{int(x < 0)}" occluded="0" keyframe="1" points="{points}"/>'
    return f'<track id="{number}" label="{label}" source="manual">{shapes}</track>'


def test_frames_of_a_video_that_show_one_track_show_one_specimen(tmp_path: Path) -> None:
    pictures(tmp_path / "images", *(f"frame_{i:06d}.png" for i in range(9)))
    export(
        tmp_path,
        track(0, "scratch", (0, 3), (1, 4), (2, -4)),
        track(1, "dent", (1, 20), (2, 20), (3, -20)),
        track(2, "dent", (5, 10), (7, -10)),
    )
    data = fs.read(tmp_path)
    groups = {(i.image.name, i.defect): i.group for items in data.defects.values() for i in items}
    assert {k: v for k, v in groups.items() if "0005" not in k[0]} == {
        (f"frame_{i:06d}.png", name): "annotations.xml frame 0" for i, name in ((0, "scratch"), (1, "scratch"), (1, "dent"), (2, "dent"))
    }
    assert groups["frame_000005.png", "dent"] == "annotations.xml frame 5"
    assert np.array_equal(masks(tmp_path)["frame_000001.png", "scratch"], box(3, 8, 4, 9))
    assert [p.name for p in data.normals] == [f"frame_{i:06d}.png" for i in (3, 4, 7, 8)], "in frame 6 track 2 may be seen"


def test_what_xml_is_attacked_by(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    for content in (
        f"{bomb}<annotations>{META}<image name='&b;'/></annotations>",
        "<annotations>" + "<a>" * 100_000,
        "<annotations><meta>",
    ):
        labels(tmp_path / "annotations.xml", content)
        with pytest.raises(DataError):
            fs.read(tmp_path)
    export(tmp_path, image("a.png", POLYGON), "<a>" * 100 + "</a>" * 100)
    with pytest.raises(FileError, match="nested deeper"):
        fs.read(tmp_path)
    huge = '<mask label="x" rle="5,9000000000000" left="0" top="0" width="9" height="9"/>'
    export(tmp_path, image("a.png", huge))
    with pytest.raises(FileError, match="annotations.xml: a.png: runs of other than the 81 pixels"):
        areas(tmp_path)
    export(tmp_path, image("a.png", huge.replace('width="9"', 'width="900000"').replace('height="9"', 'height="900000"')))
    with pytest.raises(FileError, match="mask in a.png: got the size 900000x900000"):
        fs.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("<annotations><image name='a.png' width='30' height='20'>\n</imag></annotations>", "line 2"),
        ("<annotations><version>1.1</version>\n\n<image name='a.png' ", "line 3"),
        ("annotations", "line 1"),
        ("<annotations>&e;</annotations>", "line 1"),
    ],
)
def test_spoiled_xml_says_so_and_where(text: str, where: str, tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    labels(tmp_path / "annotations.xml", text)
    for format in ("cvat", ""):
        with pytest.raises(DataError, match=rf"annotations\.xml: is not XML that may be read \(.*{where}"):
            fs.read(tmp_path, format=format)


def element(tree: Any) -> str:
    """Return XML of a tree of [name, attributes, children]; what is no such element becomes text."""
    if not isinstance(tree, list) or len(tree) != 3 or not isinstance(tree[1], dict) or not isinstance(tree[2], list):
        return str(tree).replace("\0", "").replace("<", "").replace("&", "")
    attributes = "".join(f" {key}={quoteattr(str(value))}" for key, value in tree[1].items()).replace("\0", "")
    name = tree[0] if isinstance(tree[0], str) and tree[0].isalpha() else "odd"
    return f"<{name}{attributes}>{''.join(map(element, tree[2]))}</{name}>"


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    pictures(tmp_path, "a.png", "frame_000001.png")
    corners = {"label": "x", "points": "1,1;9,1;9,9"}
    shapes: list[Any] = [["polygon", corners, []], ["mask", {"label": "x", "rle": "0,4", "left": 1, "top": 1, "width": 2, "height": 2}, []]]
    shapes += [["ellipse", {"label": "x", "cx": 5, "cy": 5, "rx": 2, "ry": 3}, []], ["polyline", corners, []], ["tag", {"label": "x"}, []]]
    frames = [["polygon", {"frame": 1, "outside": 0, **corners}, []], ["polygon", {"frame": 2, "outside": 1, **corners}, []]]
    good = [
        "annotations",
        {},
        [["image", {"name": "a.png", "width": 30, "height": 20}, shapes], ["track", {"id": 0, "label": "x"}, frames]],
    ]
    labels(tmp_path / "annotations.xml", element(mutated(good, data.draw)))
    read_or_refused(tmp_path, format="cvat", line_width=2)
