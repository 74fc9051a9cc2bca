"""Intel Geti's annotations as its SDK downloads them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.genuine import cases, completed
from formats.mutations import mutated
from formats.small import areas, box, labels, masks, pictures, read_or_refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flawsmith as fs
from flawsmith.core.errors import DataError

SQUARE = [{"x": x, "y": y} for x, y in ((3, 3), (8, 3), (8, 8), (3, 8))]
WHOLE = {"type": "RECTANGLE", "x": 0.0, "y": 0.0, "width": 30.0, "height": 20.0}


def annotation(shape: dict[str, Any], *names: str) -> dict[str, Any]:
    return {"labels": [{"name": name, "probability": 1.0, "color": "#000000ff"} for name in names], "shape": shape}


def write(root: Path, name: str, *annotations: dict[str, Any], size: tuple[int, int] = (20, 30)) -> Path:
    """Write a picture and its label file."""
    pictures(root, f"images/{name}.png", size=size)
    labels(root / f"annotations/{name}.json", {"annotations": list(annotations), "kind": "annotation", "labels_to_revisit_full_scene": []})
    return root


@pytest.mark.parametrize("case", cases("geti"))
def test_genuine(case: str, tmp_path: Path) -> None:
    root, _ = completed(case, tmp_path / "data")
    with pytest.raises(DataError, match="labels without masks \\(label of a whole picture\\)"):
        fs.read(root)


def test_polygons_ellipses_and_turned_rectangles(tmp_path: Path) -> None:
    write(tmp_path, "a", annotation({"type": "POLYGON", "points": SQUARE}, "scratch", "deep"))
    assert all(np.array_equal(masks(tmp_path)["a.png", name], box(3, 8, 3, 8)) for name in ("scratch", "deep"))
    ellipse = {"type": "ELLIPSE", "x": 20, "y": 40, "width": 60, "height": 20}
    turned = {"type": "ROTATED_RECTANGLE", "x": 50, "y": 50, "width": 60, "height": 10, "angle": 40}
    write(tmp_path, "b", annotation(ellipse, "x"), annotation(turned, "y"), size=(100, 100))
    found = masks(tmp_path)
    assert found["b.png", "x"].sum() == pytest.approx(math.pi * 300, rel=0.02) and found["b.png", "x"][50, 21]
    assert found["b.png", "y"].sum() == pytest.approx(600, rel=0.03) and found["b.png", "y"][66, 70] and not found["b.png", "y"][34, 70]


def test_a_rectangle_is_a_box_or_labels_the_whole_picture(tmp_path: Path) -> None:
    write(tmp_path, "a", annotation({"type": "POLYGON", "points": SQUARE}, "scratch"))
    write(tmp_path, "box", annotation({**WHOLE, "width": 12}, "scratch"))
    write(tmp_path, "fine", annotation(WHOLE, "No object"))
    write(tmp_path, "broken", annotation(WHOLE, "Anomalous"))
    write(tmp_path, "untouched")
    data = fs.read(tmp_path)
    assert [p.name for p in data.normals] == ["fine.png"] and len(data.defects["scratch"]) == 1
    notes = " ".join(fs.check(tmp_path).notes)
    assert "box without a mask" in notes and "label of a whole picture without a mask" in notes and "without any annotation: 1" in notes


def test_coordinates_of_the_first_servers_are_shares(tmp_path: Path) -> None:
    points = [{"x": x / 10, "y": y / 20} for x, y in ((1, 3), (4, 3), (4, 10), (1, 10))]
    write(tmp_path, "a", annotation({"type": "POLYGON", "points": points}, "x"))
    assert areas(tmp_path) == {("a.png", "x"): 63}


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    turned = {"type": "ROTATED_RECTANGLE", "x": 5, "y": 5, "width": 6, "height": 1, "angle": 45}
    good = [annotation({"type": "POLYGON", "points": SQUARE}, "x"), annotation(WHOLE, "y"), annotation(turned, "z")]
    write(tmp_path, "a", *good)
    labels(tmp_path / "annotations/a.json", mutated({"annotations": good, "kind": "annotation"}, data.draw))
    read_or_refused(tmp_path, format="geti")
