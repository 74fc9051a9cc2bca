"""Programs that people train with open what was exported, and see the masks that went in.

They come with the extra `consumers`; where CI runs they must be there.
"""

import json
import os
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported import SIZE, Masks, hard_masks, names_of, same, union, write_out

import flawsmith as fs


def consumer(name: str) -> Any:
    """Return a library; without it the test is skipped, but fails where CI runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module(name) if os.environ.get("CI") else pytest.importorskip(name)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pairs with hard masks. Read only."""
    return write_out(tmp_path_factory.mktemp("pairs") / "out", hard_masks())


def expected(folder: Path) -> dict[str, Masks]:
    """Return the masks of an export's synthetic pictures by their names."""
    return dict(zip(names_of(folder), hard_masks(), strict=True))


def seen(detections: Any, classes: list[str]) -> Masks:
    """Return what supervision found in a picture, by class."""
    masks: dict[str, np.ndarray] = {}
    for mask, number in zip(detections.mask if len(detections) else (), detections.class_id, strict=False):
        masks[classes[number]] = masks.get(classes[number], np.zeros(SIZE, bool)) | mask.astype(bool)
    return masks


def test_supervision_reads_coco(out: Path, tmp_path: Path) -> None:
    sv = consumer("supervision")
    fs.export(out, tmp_path / "to", "coco", quiet=True)
    folder = tmp_path / "to"
    data = sv.DetectionDataset.from_coco(str(folder / "images/train"), str(folder / "annotations/instances_train.json"), force_masks=True)
    found = {Path(path).stem: seen(detections, data.classes) for path, _, detections in data}
    for name, masks in expected(folder).items():
        assert same(found.pop(name), masks)
    assert len(found) == 2 and not any(found.values()), "the normals"


def test_supervision_reads_yolo(out: Path, tmp_path: Path) -> None:
    """It rounds where Ultralytics cuts the digits off, so that pixels at the right and lower border come to the mask."""
    sv = consumer("supervision")
    fs.export(out, tmp_path / "to", "yolo", quiet=True)
    folder = tmp_path / "to"
    data = sv.DetectionDataset.from_yolo(
        str(folder / "images/train"), str(folder / "labels/train"), str(folder / "data.yaml"), force_masks=True
    )
    found = {Path(path).stem: seen(detections, data.classes) for path, _, detections in data}
    for name, masks in expected(folder).items():
        assert set(found[name]) == set(masks)
        for label, mask in masks.items():
            grown = mask | np.roll(mask, 1, 0) | np.roll(mask, 1, 1) | np.roll(mask, (1, 1), (0, 1))
            assert not (mask & ~found[name][label]).any() and (found[name][label] & ~grown).sum() <= 8


def test_datasets_reads_the_imagefolder(out: Path, tmp_path: Path) -> None:
    datasets = consumer("datasets")
    fs.export(out, tmp_path / "to", "hf", split="60,40", quiet=True)
    data = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "to"), cache_dir=str(tmp_path / "cache"))
    classes = json.loads((tmp_path / "to/export.json").read_text())["classes"]
    wanted, rows = expected(tmp_path / "to"), [row for split in data.values() for row in split]
    assert len(rows) == 8 and set(data) <= {"train", "validation"}
    for row in rows:
        values = np.asarray(row["mask"])
        masks = {name: values == number for number, name in enumerate(classes, start=1) if (values == number).any()}
        assert row["image"].size == SIZE[::-1] and row["synthetic"] == (row["name"] in wanted)
        assert same(masks, wanted.get(row["name"], {})) and row["label"] == ("+".join(sorted(masks)) or "good")
        assert not row["synthetic"] or json.loads(row["pair"])["verdict"] == "accepted"


def test_webdataset_reads_the_shards(out: Path, tmp_path: Path) -> None:
    webdataset = consumer("webdataset")
    fs.export(out, tmp_path / "to", "webdataset", quiet=True)
    wanted = expected(tmp_path / "to")
    shards = [str(path) for path in sorted((tmp_path / "to").glob("*.tar"))]
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("pil"))
    assert len(samples) == 8
    for sample in samples:
        values, said = np.asarray(sample["mask.png"].convert("P")), sample["json"]
        assert sample["png"].size == SIZE[::-1] and said["synthetic"] == (sample["__key__"] in wanted)
        if said["synthetic"]:
            assert np.array_equal(values > 0, union(wanted[sample["__key__"]])) and said["pair"]["verdict"] == "accepted"


def test_mlcroissant_takes_the_description(out: Path, tmp_path: Path) -> None:
    croissant = consumer("mlcroissant")
    fs.export(out, tmp_path / "to", "hf", quiet=True)
    data = croissant.Dataset(jsonld=str(tmp_path / "to/croissant.json"))
    records = list(data.records("train"))
    assert len(records) == 8 and not data.metadata.issues.errors
    assert {record["train/synthetic"] for record in records} == {True, False}
