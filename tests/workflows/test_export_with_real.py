"""An export with real data is one to train and to test with: val is real and has defects, classes agree, and what is not so is said."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported import SIZE, hard_masks

import flawsmith as fs
from flawsmith.core.errors import ConfigError, DataError, OutputExistsError
from flawsmith.core.files import content_hash
from flawsmith.dataset.windows import bounding_box
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.writers.row import TRAIN, VAL
from flawsmith.formats.writers.splitting import Splitter
from flawsmith.generation.made import MADE, as_fitted
from flawsmith.images.files import write_image, write_mask
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair, PlacedDefect
from flawsmith.workflows.terminal import show_export


def real(root: Path, defects: int = 6, name: str = "scratch") -> Path:
    """Write a labelled data set in MVTec AD layout with eight normals, and return its folder."""
    g = np.random.default_rng(7)
    mask = hard_masks()[0]["scratch"]
    for number in range(8):
        write_image(root / f"train/good/{number}.png", g.integers(0, 256, (*SIZE, 3), np.uint8))
    for number in range(defects):
        write_image(root / f"test/{name}/{number}.png", g.integers(0, 256, (*SIZE, 3), np.uint8))
        write_mask(root / f"ground_truth/{name}/{number}_mask.png", mask)
    return root


def made_on(out: Path, data: Path, count: int = 16) -> Path:
    """Write pairs in turn on the normals of a data set, and return their folder."""
    g = np.random.default_rng(8)
    folder = PairFolder(out)
    folder.begin()
    mask = hard_masks()[0]["scratch"]
    normals = sorted((data / "train/good").iterdir())
    for number in range(count):
        placed = (PlacedDefect("scratch", bounding_box(mask), int(mask.sum())),)
        pair = Pair(f"{number:06d}", "scratch", "accepted", seed=number)
        pair = Pair.from_row({**pair.to_row(), "image": "-", "mask": "-", "normal": str(normals[number % len(normals)])})
        pair = Pair(**{**vars(pair), "size": SIZE, "mask_form": "exact", "model": "0123", "defects": placed})
        folder.add(pair, g.integers(0, 256, (*SIZE, 3), np.uint8), mask)
    return out


def learned(out: Path, data: Path, **labels: Any) -> None:
    """Say that pairs were made with what was learned from all defects of a data set, whose labels were read so."""
    digests = [content_hash(path) for path in sorted(data.glob("test/*/*.png"))]
    base = {"name": "none", "licence": "none"}
    said = {"name": data.name, "digest": "0", "split": "all", "normals": 8, "defects": {"scratch": digests}}
    made = {"flawsmith": "0", "model": "0123", "fitted": True, "base": base, "learned_from": said, "labels": labels}
    more = {"settings": {"generation": {}, "quality": {}}, "request": {"count": 16, "seed": 0, "mask": "exact"}}
    (out / MADE).write_text(json.dumps({**made, **more}))


def parts(result: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {split: kinds for split, kinds in result["pictures"].items() if kinds}


def test_val_is_real_and_has_a_defect_of_each_kind(tmp_path: Path) -> None:
    data = real(tmp_path / "data")
    out = made_on(tmp_path / "out", data)
    result = fs.export(out, tmp_path / "to", "coco", real=data, split="0.7,0.3", quiet=True)
    found = parts(result)
    assert found["val"]["real"] and found["train"]["real"] and "synthetic" not in found["val"] and found["val"]["normal"]
    (left,) = (count for what, count in result["told"].items() if what.startswith("pairs made on normals that are in val or test"))
    assert left == 2 * found["val"]["normal"] and found["train"]["synthetic"] == 16 - left
    assert result["notes"] == []
    again = fs.export(out, tmp_path / "to", "coco", real=data, split="0.7,0.3", quiet=True)
    assert again["added"] == 0
    everywhere = fs.export(out, tmp_path / "all", "coco", real=data, split="0.7,0.3", synthetic="all", quiet=True)
    assert parts(everywhere)["val"] == {**found["val"], "synthetic": left}
    with pytest.raises(ConfigError, match="--synthetic val: expected train or all"):
        fs.export(out, tmp_path / "other", "coco", real=data, synthetic="val", quiet=True)


@pytest.mark.parametrize("count", range(2, 8))
def test_few_specimens_are_shared_out(count: int) -> None:
    """By names alone, one of three would often be in train with all others."""
    for start in range(40):
        groups = [f"part {start + number}" for number in range(count)]
        splitter = Splitter((0.8, 0.2, 0.0), {}, {})
        before = {group: splitter.of(group) for group in groups}
        splitter.share_out(groups)
        after = Counter(map(splitter.of, groups))
        assert after[VAL] and (after[TRAIN] or TRAIN not in before.values())
        moved = [group for group in groups if before[group] != splitter.of(group)]
        assert len(moved) == (VAL not in before.values())


def test_what_is_known_is_not_moved() -> None:
    splitter = Splitter((0.5, 0.5, 0.0), {"a": TRAIN}, {"b": TRAIN})
    splitter.share_out(["a", "b"])
    assert splitter.of("a") == splitter.of("b") == TRAIN


def test_a_val_without_real_defects_is_said_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = real(tmp_path / "data")
    out = made_on(tmp_path / "out", data)
    alone = fs.export(out, tmp_path / "alone", "coco", split="0.7,0.3", quiet=True)
    assert "no real pictures" in alone["notes"][0] and "synthetic" in parts(alone)["val"]
    learned(out, data)
    result = fs.export(out, tmp_path / "to", "coco", real=data, split="0.7,0.3", quiet=True)
    assert "real" not in parts(result)["val"]
    show_export(result)
    assert "val: no real defect, as the model has learned from these" in capsys.readouterr().out
    assert fs.export(out, tmp_path / "train", "coco", real=data, quiet=True)["notes"] == [], "nothing was to be tested on"


def test_classes_are_named_as_in_the_fit_or_it_is_said(tmp_path: Path) -> None:
    data = real(tmp_path / "data", name="kratzer")
    out = made_on(tmp_path / "out", data)
    strangers = fs.export(out, tmp_path / "two", "coco", real=data, quiet=True)
    assert strangers["classes"] == ["kratzer", "scratch"] and "--classes 'scratch=kratzer'" in strangers["notes"][0]
    learned(out, data, classes="scratch=kratzer,Scratch", line_width=3.0)
    result = fs.export(out, tmp_path / "one", "coco", real=data, quiet=True)
    assert result["classes"] == ["scratch"]
    assert result["notes"] == ["labels of the real data are read as for the fit: --classes scratch=kratzer,Scratch --line-width 3.0."]
    with pytest.raises(DataError, match="names the class 'riss'"):
        fs.export(out, tmp_path / "typed", "coco", real=data, labels=ReadOptions(classes="scratch=riss"), quiet=True)


def test_what_is_said_goes_before_the_fit() -> None:
    made = {"labels": {"classes": "a=b", "line_width": 3.0, "other": 1}}
    options, said = as_fitted(ReadOptions(line_width=5.0, classes="c=d"), made)
    assert options == ReadOptions(line_width=5.0, classes="c=d") and said == []
    assert as_fitted(ReadOptions(), None) == (ReadOptions(), []) == as_fitted(ReadOptions(), {})


def test_normals_that_the_data_have_come_once_and_copies_are_counted(tmp_path: Path) -> None:
    data = real(tmp_path / "data")
    out = made_on(tmp_path / "out", data)
    first = sorted((data / "train/good").iterdir())[0]
    (data / "train/good/copy.png").write_bytes(first.read_bytes())
    result = fs.export(out, tmp_path / "to", "coco", real=data, quiet=True)
    assert parts(result) == {"train": {"normal": 8, "real": 6, "synthetic": 16}}
    assert result["told"] == {"pictures with the content of another: written once": 1}


def test_another_form_is_named_with_what_is_there(tmp_path: Path) -> None:
    out = made_on(tmp_path / "out", real(tmp_path / "data"), 2)
    fs.export(out, tmp_path / "to", "coco", quiet=True)
    with pytest.raises(OutputExistsError, match="holds an export to coco, and this one is to coco --polygons; nothing"):
        fs.export(out, tmp_path / "to", "coco", polygons=True, quiet=True)
    with pytest.raises(OutputExistsError, match="an export to coco, and this one is to coco --mask exact"):
        fs.export(out, tmp_path / "to", "coco", mask="exact", quiet=True)


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/flawsmith"])
def test_what_can_be_no_folder_is_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out = made_on(tmp_path / "out", real(tmp_path / "data"), 2)
    with pytest.raises(OutputExistsError, match="is a file|cannot be made"):
        fs.export(out, tmp_path / place, "coco", quiet=True)


def test_commands_that_are_printed_can_be_typed(tmp_path: Path) -> None:
    out = made_on(tmp_path / "out", real(tmp_path / "data"), 2)
    folder = tmp_path / "it's here"
    result = fs.export(out, folder, "labelme", quiet=True)
    assert result["use"].startswith("labelme '" + str(folder).replace("'", "'\"'\"'") + "'/train")
