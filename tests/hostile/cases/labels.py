"""Label files."""

from pathlib import Path
from typing import Any

import numpy as np
from formats.layouts import TREES, plant
from hostile.kit import DEEP, REFUSED, Case, Kit, Maker, Words, check
from hostile.tools import TOOLS, coco, tree_of


def other_sizes(name: str) -> Maker:
    """Return the case of a format's data set whose pictures were made smaller after they were labelled."""

    def make(kit: Kit, room: Path) -> Words:
        def smaller(content: Any) -> Any:
            is_picture = isinstance(content, np.ndarray) and len(np.unique(content)) > 8  # a mask has few values
            return content[:7, :9] if is_picture else content

        tree = {path: smaller(content) for path, content in tree_of(name).items()}
        return [*check(plant(room / name, tree)), "--format", name]

    return make


def replaced(name: str, suffix: str, content: Any) -> Maker:
    """Return the case of a format's data set in which the label files of a suffix hold something else."""

    def make(kit: Kit, room: Path) -> Words:
        tree = {path: content if path.endswith(suffix) else old for path, old in tree_of(name).items()}
        return [*check(plant(room / name, tree)), "--format", name]

    return make


LAUGHS = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]><annotations><version>&c;</version></annotations>'
FILES_OF_OTHERS = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotations><version>&b;</version></annotations>'


def wrong_coco(**row: Any) -> Maker:
    """Return the case of a label in COCO's format with other values."""

    def make(kit: Kit, room: Path) -> Words:
        tree = coco()
        tree["x.json"]["annotations"][0] |= row
        return check(plant(room / "coco", tree))

    return make


def cases() -> list[Case]:
    """Return the cases."""
    sized = [Case(f"check {name} of other sizes", other_sizes(name), REFUSED, "") for name in (*TOOLS, *TREES)]
    broken = []
    for name, suffix in (("coco", "x.json"), ("labelme", ".json"), ("via", ".json"), ("labelstudio", ".json")):
        for what, content in (
            ("deep", DEEP),
            ("cut off", '{"images": ['),
            ("a number", "7"),
            ("no text", "\ud800".encode(errors="ignore").decode()),
        ):
            broken.append(Case(f"check {name} {what}", replaced(name, suffix, content), REFUSED, ""))
    return [
        *sized,
        *broken,
        Case("check xml bomb", replaced("cvat", ".xml", LAUGHS), REFUSED, "annotations.xml: is not XML that may be read"),
        Case(
            "check xml that reads files", replaced("cvat", ".xml", FILES_OF_OTHERS), REFUSED, "annotations.xml: is not XML that may be read"
        ),
        Case(
            "check deep xml", replaced("cvat", ".xml", "<annotations>" * 10_000), REFUSED, "annotations.xml: is XML that is nested deeper"
        ),
        Case("check coco without a picture", wrong_coco(image_id=9), REFUSED, "x.json"),
        Case(
            "check coco with huge run lengths",
            wrong_coco(segmentation={"size": [50_000, 50_000], "counts": [0, 10**12]}),
            REFUSED,
            "x.json",
        ),
        Case("check coco with text for corners", wrong_coco(segmentation=[["a", "b", "c", "d", "e", "f"]]), REFUSED, "x.json"),
        Case("check coco with far corners", wrong_coco(segmentation=[[-1e30, 2, 1e30, 2, 1e300, 7]]), REFUSED, "x.json"),
        Case(
            "check severstal with huge run lengths",
            replaced("severstal", ".csv", "ImageId,ClassId,EncodedPixels\na.jpg,1,1 99999999999\n"),
            REFUSED,
            "train.csv",
        ),
        Case("check yolo with a class that is not there", replaced("yolo", ".txt", "7 0.1 0.1 0.9 0.1 0.9 0.9\n"), REFUSED, "class 7"),
    ]
