"""Datumaro's own JSON."""

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
from flawsmith.core.errors import FileError
from flawsmith.formats.runs import to_coco

REFUSED = {"datumaro_json/geti_keypoint_v1": "labels without masks \\(box, point\\)"}
MASK = box(2, 9, 5, 25) & ~box(4, 6, 8, 12)
POLYGON = {"type": "polygon", "label_id": 1, "points": [3, 3, 8, 3, 8, 8, 3, 8], "id": 1}


def tree(**annotations: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a data set; the names of the arguments are those of its pictures, with a suffix."""
    items = [{"id": name, "annotations": rows, "image": {"path": f"{name}.png", "size": [20, 30]}} for name, rows in annotations.items()]
    names: list[dict[str, Any]] = [{"name": name, "parent": "", "attributes": []} for name in ("dent", "scratch")]
    return {"dm_format_version": "1.0", "media_type": 2, "infos": {}, "categories": {"label": {"labels": names}}, "items": items}


@pytest.mark.parametrize("case", cases("datumaro_json"))
def test_genuine(case: str, tmp_path: Path) -> None:
    as_expected(case, tmp_path, REFUSED.get(case))


def test_masks_polygons_and_pictures_by_subset(tmp_path: Path) -> None:
    pictures(tmp_path, "images/train/a.png", "images/train/b.png", "images/val/a.png")
    mask = {"type": "mask", "label_id": 0, "rle": to_coco(MASK), "id": 1}
    labels(tmp_path / "annotations/train.json", tree(a=[mask, POLYGON], b=[]))
    labels(tmp_path / "annotations/val.json", tree(a=[]))
    found = masks(tmp_path)
    assert np.array_equal(found["a.png", "dent"], MASK) and np.array_equal(found["a.png", "scratch"], box(3, 8, 3, 8))
    data = fs.read(tmp_path)
    assert [p.name for p in data.normals] == ["b.png"] and [p.parent.name for p in data.held_out_normals] == ["val"]


def test_ellipses_lines_and_labels_of_whole_pictures(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png", "d.png", size=(20, 30))
    ellipse = {"type": "ellipse", "label_id": 0, "points": [5, 5, 25, 15]}
    line = {"type": "polyline", "label_id": 1, "points": [2, 3.5, 20, 3.5]}
    labels(
        tmp_path / "default.json", tree(a=[ellipse, line], b=[{"type": "label", "label_id": 1}], c=[{"type": "caption", "caption": "?"}])
    )
    assert areas(tmp_path) == {("a.png", "dent"): pytest.approx(math.pi * 50, rel=0.03)}
    assert sorted(fs.read(tmp_path, line_width=2).defects) == ["dent", "scratch"]
    assert [p.name for p in fs.read(tmp_path).normals] == ["c.png"]


def test_runs_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    for rle, reason in (
        ({"counts": "0", "size": [10**9, 10**9]}, "got the size"),
        (None, "without run lengths"),
        ({"counts": 5, "size": [2, 2]}, "int"),
    ):
        labels(tmp_path / "x.json", tree(a=[{"type": "mask", "label_id": 0, "rle": rle}]))
        with pytest.raises(FileError, match=reason):
            masks(tmp_path)


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    pictures(tmp_path, "a.png")
    rows = [{"type": "mask", "label_id": 0, "rle": to_coco(MASK)}, POLYGON, {"type": "ellipse", "label_id": 0, "points": [5, 5, 25, 15]}]
    labels(tmp_path / "x.json", mutated(tree(a=rows), data.draw))
    read_or_refused(tmp_path, format="datumaro", line_width=2)
