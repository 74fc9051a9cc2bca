"""Small data sets as label tools export them: each a dictionary of files by path."""

from collections.abc import Callable
from typing import Any

from formats.layouts import TREES
from hostile.pictures import grey

PICTURE_SIZE = (12, 16)
BOX = {"x": 3, "y": 2, "width": 8, "height": 5}
CORNERS = [[3, 2], [11, 2], [11, 7], [3, 7]]


def yolo() -> dict[str, Any]:
    """Return a small data set of YOLO's."""
    return {
        "data.yaml": "path: .\ntrain: images/train\nnames: {0: crack}\n",
        "images/train/a.png": grey(PICTURE_SIZE),
        "labels/train/a.txt": "0 0.2 0.2 0.7 0.2 0.7 0.6 0.2 0.6\n",
    }


def coco() -> dict[str, Any]:
    """Return a small data set in COCO's format."""
    height, width = PICTURE_SIZE
    label = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[3, 2, 11, 2, 11, 7, 3, 7]], "bbox": [3, 2, 8, 5], "iscrowd": 0}
    images = [{"id": 1, "file_name": "a.png", "width": width, "height": height}]
    return {"a.png": grey(PICTURE_SIZE), "x.json": {"images": images, "annotations": [label], "categories": [{"id": 1, "name": "crack"}]}}


def labelme() -> dict[str, Any]:
    """Return a small data set of LabelMe's."""
    height, width = PICTURE_SIZE
    shape = {"label": "crack", "points": CORNERS, "shape_type": "polygon", "flags": {}}
    return {
        "a.png": grey(PICTURE_SIZE),
        "a.json": {"version": "5", "shapes": [shape], "imagePath": "a.png", "imageHeight": height, "imageWidth": width},
    }


def cvat() -> dict[str, Any]:
    """Return a small data set of CVAT's."""
    points = ";".join(f"{x},{y}" for x, y in CORNERS)
    polygon = f'<polygon label="crack" points="{points}" z_order="0"></polygon>'
    return {
        "a.png": grey(PICTURE_SIZE),
        "annotations.xml": f'<annotations><image id="0" name="a.png" width="16" height="12">{polygon}</image></annotations>',
    }


def via() -> dict[str, Any]:
    """Return a small data set of the VGG Image Annotator's."""
    shape = {"name": "polygon", "all_points_x": [x for x, _ in CORNERS], "all_points_y": [y for _, y in CORNERS]}
    region = {"shape_attributes": shape, "region_attributes": {"defect": "crack"}}
    return {
        "a.png": grey(PICTURE_SIZE),
        "via.json": {"a.png1": {"filename": "a.png", "size": 1, "regions": [region], "file_attributes": {}}},
    }


def labelstudio() -> dict[str, Any]:
    """Return a small data set of Label Studio's."""
    points = [[100 * x / 16, 100 * y / 12] for x, y in CORNERS]
    value = {"points": points, "polygonlabels": ["crack"]}
    result = {
        "type": "polygonlabels",
        "original_width": 16,
        "original_height": 12,
        "value": value,
        "from_name": "l",
        "to_name": "i",
        "id": "1",
    }
    return {"a.png": grey(PICTURE_SIZE), "p.json": [{"id": 1, "data": {"image": "a.png"}, "annotations": [{"id": 1, "result": [result]}]}]}


def supervisely() -> dict[str, Any]:
    """Return a small data set of Supervisely's."""
    label = {"classTitle": "crack", "geometryType": "polygon", "points": {"exterior": CORNERS, "interior": []}}
    return {
        "meta.json": {"classes": [{"title": "crack", "shape": "polygon", "color": "#ff0000"}], "tags": []},
        "ds0/img/a.png": grey(PICTURE_SIZE),
        "ds0/ann/a.png.json": {"size": {"height": 12, "width": 16}, "objects": [label], "tags": [], "description": ""},
    }


def datumaro() -> dict[str, Any]:
    """Return a small data set of Datumaro's."""
    label = {"id": 1, "type": "polygon", "label_id": 0, "points": [float(v) for point in CORNERS for v in point], "attributes": {}}
    item = {"id": "a", "annotations": [label], "image": {"path": "a.png", "size": [12, 16]}}
    return {
        "images/a.png": grey(PICTURE_SIZE),
        "annotations/train.json": {"info": {}, "categories": {"label": {"labels": [{"name": "crack"}]}}, "items": [item]},
    }


def severstal() -> dict[str, Any]:
    """Return a small data set like Severstal's."""
    return {"train_images/a.jpg": grey(PICTURE_SIZE), "train.csv": "ImageId,ClassId,EncodedPixels\na.jpg,1,3 5 20 5\n"}


def via_3() -> dict[str, Any]:
    """Return a small project of VIA 3."""
    label = {"vid": "1", "flg": 0, "z": [], "xy": [7, *(v for corner in CORNERS for v in corner)], "av": {"1": "0"}}
    attribute = {"aname": "defect", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": {"0": "crack"}}
    project = {"project": {"pname": "x"}, "config": {}, "attribute": {"1": attribute}, "metadata": {"x": label}}
    project |= {"file": {"1": {"fid": 1, "fname": "a.png", "type": 2}}, "view": {"1": {"fid_list": [1]}}}
    return {"a.png": grey(PICTURE_SIZE), "via.json": project}


def box_tables() -> dict[str, Any]:
    """Return a small table of boxes."""
    return {"a.png": grey(PICTURE_SIZE), "boxes.csv": "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,16,12,crack,3,2,11,7\n"}


TOOLS: dict[str, Callable[[], dict[str, Any]]] = {
    "yolo": yolo,
    "coco": coco,
    "labelme": labelme,
    "cvat": cvat,
    "via": via,
    "labelstudio": labelstudio,
    "supervisely": supervisely,
    "datumaro": datumaro,
    "severstal": severstal,
    "via-3": via_3,
    "box-tables": box_tables,
}


def tree_of(name: str) -> dict[str, Any]:
    """Return the small data set of a format."""
    return (TOOLS[name] if name in TOOLS else TREES[name])()
