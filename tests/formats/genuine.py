"""Genuine label files, where they are at hand: a folder with cases as EXPECT.json describes them. None of them is part of this project."""

import json
import os
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from flawsmith.core.errors import DataError
from flawsmith.dataset.sample import Dataset
from flawsmith.formats.reading import read

PLACE = Path(os.environ.get("FLAWSMITH_FORMATS", Path(__file__).parents[2].parent / "shared/formats"))
LEFT_OUT = ("__ignore__",)


def cases(*formats: str) -> list[str]:
    """Return the cases of some formats as "format/case"; none where the folder is not at hand."""
    return sorted(f"{p.parent.parent.name}/{p.parent.name}" for name in formats for p in PLACE.glob(f"{name}/*/EXPECT.json"))


def completed(case: str, target: Path) -> tuple[Path, dict[str, Any]]:
    """Copy a case, draw the pictures that it lacks in the size that is expected, and return the folder and what is expected of it."""
    expected = json.loads((PLACE / case / "EXPECT.json").read_text(encoding="utf-8"))
    shutil.copytree(PLACE / case, target, ignore=shutil.ignore_patterns("EXPECT.json", "SOURCE.txt"))
    if meta := expected.get("dataset_meta"):  # the reference names classes by their colours alone
        names = {str(colour): meta["label_map"][str(number)] for number, colour in enumerate(meta["segmentation_colors"])}
        for label in (label for row in expected["images"] for label in row["annotations"]):
            label["class"] = names[label["class"]]
    for i, row in enumerate(expected["images"]):
        if not row.get("file") or not row.get("width"):
            continue
        path = target / row["file"].lstrip("/")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP"}.get(path.suffix.lower(), "PNG")
            Image.new("RGB", (row["width"], row["height"]), (90 + i % 64, 120, 120)).save(path, kind)
    return target, expected


def as_expected(case: str, room: Path, refused: str | None) -> None:
    """Assert that a case is read as is expected of it, or is refused with a message that matches `refused`; room: an empty folder."""
    root, expected = completed(case, room / "data")
    if refused is None:
        assert differences(read(root), expected) == []
    else:
        with pytest.raises(DataError, match=refused):
            read(root)


def differences(data: Dataset, expected: dict[str, Any]) -> list[str]:
    """Return in what a data set differs from what is expected: pictures, classes, and areas outside their ranges."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for sample in data.samples():
        assert sample.mask is not None
        found[sample.source.name, sample.defect] += float(sample.mask.sum()) / _scale(expected, sample.source.name, sample.mask.shape)
    wanted: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in expected["images"]:
        for label in row["annotations"]:
            if label["area_px"] is not None and label["class"] not in LEFT_OUT:
                wanted[_name(row["file"]), label["class"]].append(label)
    wrong = [f"{key}: not expected" for key in found.keys() - wanted.keys()] + [f"{key}: missing" for key in wanted.keys() - found.keys()]
    for key in found.keys() & wanted.keys():
        ranges = [label.get("area_range", [label["area_px"]] * 2) for label in wanted[key]]
        about = any(label["shape"] in ("rectangle", "circle") for label in wanted[key])
        slack = 0.02 * sum(r[1] for r in ranges) if about else 2 * len(ranges)
        low = max(r[0] for r in ranges) if len(ranges) > 1 else ranges[0][0]  # labels of one class may overlap
        if not low - slack <= found[key] <= sum(r[1] for r in ranges) + slack:
            wrong.append(f"{key}: {found[key]:.0f} px, expected {low} to {sum(r[1] for r in ranges)}")
    normals = [p.relative_to(data.root).as_posix() for p in (*data.normals, *data.held_out_normals)]
    for row in (row for row in expected["images"] if row["file"]):
        taken = any(f"/{name}".endswith("/" + row["file"].lstrip("/")) for name in normals)
        if taken and row["annotations"]:
            wrong.append(f"{row['file']}: is taken as a normal")
        elif row.get("is_normal") and not taken:
            wrong.append(f"{row['file']}: is no normal")
    return wrong


def _scale(expected: dict[str, Any], name: str, shape: tuple[int, ...]) -> float:
    """Return how much larger a picture is than its label file says."""
    row: dict[str, Any] = next((r for r in expected["images"] if _name(r["file"]) == name), {})
    return shape[0] * shape[1] / (row["height"] * row["width"]) if row.get("height") else 1.0


def _name(file: str | None) -> str:
    return (file or "").replace("\\", "/").rsplit("/", 1)[-1]
