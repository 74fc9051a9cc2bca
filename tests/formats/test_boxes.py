"""Boxes mark nothing, and where they are is kept: masks can be drawn in them."""

import json
from pathlib import Path
from typing import Any

import pytest
from formats.small import SIZE, labels, pictures

from flawsmith.dataset.windows import bounding_box
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.reading import scan

X, Y, WIDTH, HEIGHT = 6, 4, 12, 10  # of the box in a picture of 30 x 20
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 30, "height": 20}],
    "categories": [{"id": 7, "name": "scratch"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [X, Y, WIDTH, HEIGHT], "area": 120, "iscrowd": 0}],
}
VOC = (
    "<annotation><filename>a.png</filename><size><width>30</width><height>20</height><depth>1</depth></size><object><name>scratch</name>"
    f"<bndbox><xmin>{X}</xmin><ymin>{Y}</ymin><xmax>{X + WIDTH}</xmax><ymax>{Y + HEIGHT}</ymax></bndbox></object></annotation>"
)
CVAT = (
    "<annotations><version>1.1</version><meta/><image id='0' name='a.png' width='30' height='20'>"
    f"<box label='scratch' xtl='{X}' ytl='{Y}' xbr='{X + WIDTH}' ybr='{Y + HEIGHT}'/></image></annotations>"
)
DATUMARO = {
    "dm_format_version": "1.0",
    "infos": {},
    "categories": {"label": {"labels": [{"name": "scratch", "parent": "", "attributes": []}]}},
    "items": [
        {
            "id": "a",
            "annotations": [{"type": "bbox", "label_id": 0, "bbox": [X, Y, WIDTH, HEIGHT], "id": 1}],
            "image": {"path": "a.png", "size": [20, 30]},
        }
    ],
}
SHARES = {"x": 100 * X / 30, "y": 100 * Y / 20, "width": 100 * WIDTH / 30, "height": 100 * HEIGHT / 20, "rectanglelabels": ["scratch"]}
RESULT = {"type": "rectanglelabels", "value": SHARES, "original_width": 30, "original_height": 20, "from_name": "l", "to_name": "i"}
STUDIO = [{"id": 1, "data": {"image": "a.png"}, "annotations": [{"id": 2, "result": [RESULT], "was_cancelled": False}]}]
GETI = {
    "annotations": [
        {"labels": [{"name": "scratch"}], "shape": {"type": "RECTANGLE", "x": X, "y": Y, "width": WIDTH, "height": HEIGHT}},
    ],
    "kind": "annotation",
}
SUPERVISELY = {
    "size": {"height": 20, "width": 30},
    "tags": [],
    "objects": [
        {
            "classTitle": "scratch",
            "geometryType": "rectangle",
            "tags": [],
            "points": {"exterior": [[X, Y], [X + WIDTH, Y + HEIGHT]], "interior": []},
        }
    ],
}
CASES: dict[str, dict[str, Any]] = {
    "coco": {"annotations.json": COCO},
    "voc": {"a.xml": VOC},
    "yolo": {
        "data.yaml": "train: images\nval: images\nnames: [scratch]\n",
        "images/a.png": None,
        "labels/a.txt": f"0 {(X + WIDTH / 2) / 30} {(Y + HEIGHT / 2) / 20} {WIDTH / 30} {HEIGHT / 20}\n",
    },
    "cvat": {"annotations.xml": CVAT},
    "box-tables": {"boxes.csv": f"filename,width,height,class,xmin,ymin,xmax,ymax\na.png,30,20,scratch,{X},{Y},{X + WIDTH},{Y + HEIGHT}\n"},
    "datumaro": {"images/train/a.png": None, "annotations/train.json": DATUMARO},
    "labelstudio": {"tasks.json": STUDIO},
    "geti": {"images/a.png": None, "annotations/a.json": GETI},
    "hf": {"metadata.jsonl": json.dumps({"file_name": "a.png", "objects": {"bbox": [[X, Y, WIDTH, HEIGHT]], "categories": ["scratch"]}})},
    "supervisely": {"img/a.png": None, "ann/a.png.json": SUPERVISELY},
}


@pytest.mark.parametrize("format", CASES)
@pytest.mark.parametrize("scaled", [1, 2])
def test_where_a_box_is(format: str, scaled: int, tmp_path: Path) -> None:
    """Also in a picture that was scaled since, where the label file says its size."""
    files = CASES[format]
    pictures(
        tmp_path, next((name for name, content in files.items() if content is None), "a.png"), size=(SIZE[0] * scaled, SIZE[1] * scaled)
    )
    for name, content in files.items():
        if content is not None:
            labels(tmp_path / name, content)
    found = scan(tmp_path, ReadOptions(format=format))
    assert not found.defects and len(found.lone_images) == 1, found.notes
    [one] = found.boxes
    assert one.image == found.lone_images[0] and one.defect == "scratch"
    box = bounding_box(one.read_mask())
    by = 1 if format in ("geti", "hf") else scaled  # pixels of a picture whose size is not said
    assert (box.left, box.top, box.width, box.height) == (X * by, Y * by, WIDTH * by, HEIGHT * by)


@pytest.mark.parametrize("broken", [None, [], [1, 2, 3], ["a", 1, 2, 3], [1, 2, float("nan"), 3], [1, 2, 0, 3], [1, 2, 1e300, 3], {"x": 1}])
def test_a_box_that_is_none_has_no_place_and_does_no_harm(broken: Any, tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    labels(tmp_path / "annotations.json", {**COCO, "annotations": [{**COCO["annotations"][0], "bbox": broken}]})
    found = scan(tmp_path, ReadOptions())
    assert len(found.lone_images) == 1 and found.boxes == []
    assert [problem.path for problem in found.problems] == ["."]
