"""A folder of labels over a data set: what it names is as it says, all else as the data say, and what is wrong with it is told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from formats.small import SIZE, areas, box, labels, pictures

import flawsmith as fs
from flawsmith.cli.main import main
from flawsmith.core.errors import ConfigError, DataError
from flawsmith.dataset.sample import Dataset
from flawsmith.formats.overlay import Label, read_index, write_index
from flawsmith.images.files import write_mask


def drawn(folder: Path, said: dict[str, dict[str, np.ndarray]]) -> Path:
    """Write a folder of labels: masks by kind and picture."""
    found = {}
    for name, masks in said.items():
        for kind, mask in masks.items():
            write_mask(folder / f"masks/{kind}/{name}.png", mask)
        found[name] = Label({kind: f"masks/{kind}/{name}.png" for kind in masks}, normal=not masks)
    write_index(folder, found)
    return folder


def named(data: Dataset, paths: Any) -> list[str]:
    return [path.relative_to(data.root).as_posix() for path in paths]


def test_pictures_that_it_names_are_as_it_says(mvtec: Path, tmp_path: Path) -> None:
    before = areas(mvtec)
    mask = box(2, 5, 3, 9, (48, 64))
    said = {
        "test/dent/000.png": {"scratch": mask, "dent": box(0, 1, 0, 1, (48, 64))},
        "test/crack/001.png": {},
        "train/good/001.png": {"hole": mask},
        "test/good/000.png": {},
    }
    folder = drawn(tmp_path / "drawn", said)
    data = fs.read(mvtec, labels=str(folder))
    assert named(data, data.normals) == ["test/crack/001.png", *(f"train/good/{i:03}.png" for i in (0, 2, 3))]
    assert data.held_out_normals == fs.read(mvtec).held_out_normals
    found = {
        (item.image.relative_to(mvtec).as_posix(), kind): int(item.read_mask().sum())
        for kind, items in data.defects.items()
        for item in items
    }
    own = {("test/dent/000.png", "scratch"): 18, ("test/dent/000.png", "dent"): 1, ("train/good/001.png", "hole"): 18}
    rest = {(f"test/{kind}/{name}", kind): area for (name, kind), area in before.items()}
    assert found == {**{key: area for key, area in rest.items() if key[0] not in said}, **own}
    assert list(data.defects) == ["crack", "dent", "hole", "scratch"]


def test_pictures_without_any_labels(tmp_path: Path) -> None:
    data = pictures(tmp_path / "data", *(f"{i}.png" for i in range(5)))
    with pytest.raises(DataError, match="no layout was recognised"):
        fs.read(data)
    folder = drawn(tmp_path / "drawn", {"0.png": {"dent": box(1, 3, 1, 3)}, "3.png": {}})
    found = fs.read(data, labels=str(folder))
    assert areas(data, labels=str(folder)) == {("0.png", "dent"): 4}
    assert named(found, found.normals) == ["3.png"]  # of the others nothing is known
    assert not fs.check(data, labels=str(folder)).bad


def test_boxes_become_masks(tmp_path: Path) -> None:
    pictures(tmp_path / "data", "a.png", "b.png", "c.png")
    boxes = [{"id": i, "image_id": i, "category_id": 1, "bbox": [2, 3, 5, 6], "area": 30} for i in range(2)]
    images = [{"id": i, "file_name": f"{name}.png", "width": SIZE[1], "height": SIZE[0]} for i, name in enumerate("abc")]
    labels(tmp_path / "data/boxes.json", {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "dent"}]})
    with pytest.raises(DataError, match="labels without masks"):
        fs.read(tmp_path / "data")
    folder = drawn(tmp_path / "drawn", {"a.png": {"dent": box(3, 9, 2, 7)}})
    found = fs.read(tmp_path / "data", labels=str(folder))
    assert areas(tmp_path / "data", labels=str(folder)) == {("a.png", "dent"): 30}
    assert named(found, found.normals) == ["c.png"]
    assert any("left out until they are labelled" in note for note in fs.check(tmp_path / "data", labels=str(folder)).notes)


def test_pictures_of_defects_whose_masks_are_missing(mvtec: Path, tmp_path: Path) -> None:
    for name in ("000", "001"):
        (mvtec / f"ground_truth/dent/{name}_mask.png").unlink()
    with pytest.raises(DataError, match="has no mask"):
        fs.read(mvtec)
    folder = drawn(tmp_path / "drawn", {"test/dent/000.png": {"dent": box(2, 5, 3, 9, (48, 64))}})
    assert "000.png" in {item.image.name for item in fs.read(mvtec, labels=str(folder)).defects["dent"]}


def test_names_of_classes_are_of_the_data_alone(mvtec: Path, tmp_path: Path) -> None:
    folder = drawn(tmp_path / "drawn", {"test/dent/000.png": {"dent": box(2, 5, 3, 9, (48, 64))}})
    data = fs.read(mvtec, labels=str(folder), classes="bump=dent")
    assert {kind: len(items) for kind, items in data.defects.items()} == {"bump": 2, "crack": 3, "dent": 1}


def test_what_is_neither_a_defect_nor_a_normal_is_left_out(mvtec: Path, tmp_path: Path) -> None:
    write_index(tmp_path / "drawn", {"test/dent/000.png": Label(), "train/good/000.png": Label()})
    data = fs.read(mvtec, labels=str(tmp_path / "drawn"))
    assert len(data.defects["dent"]) == 2 and len(data.normals) == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder, said: (folder / "masks/dent/test/dent/000.png.png").unlink(), "dent/000.png.png: is missing"),
        (
            lambda folder, said: write_mask(folder / "masks/dent/test/dent/000.png.png", box(0, 2, 0, 2)),
            "mask is 30x20 but 000.png is 64x48",
        ),
        (lambda folder, said: (folder / "masks/dent/test/dent/000.png.png").write_bytes(b"no picture"), "dent/000.png.png"),
        (lambda folder, said: said["pictures"].update({"gone.png": {"normal": True}}), "labels gone.png, but there is no such picture"),
        (lambda folder, said: said["pictures"].update({"../a.png": {"normal": True}}), "no path inside the data"),
        (lambda folder, said: said["pictures"].update({"test/dent/001.png": {"kinds": {"dent": "../x.png"}}}), "no path inside the folder"),
        (
            lambda folder, said: said["pictures"].update({"test/dent/001.png": {"kinds": {"dent": "/etc/passwd"}}}),
            "no path inside the folder",
        ),
        (
            lambda folder, said: said["pictures"].update({"test/dent/001.png": {"kinds": {"../x": "a.png"}}}),
            "cannot be the name of a defect",
        ),
        (
            lambda folder, said: said["pictures"].update({"test/dent/001.png": {"kinds": {"good": "a.png"}}}),
            "cannot be the name of a defect",
        ),
        (lambda folder, said: said["pictures"].update({"test/dent/001.png": {}}), "expected"),
        (lambda folder, said: said["pictures"].update({"test/dent/001.png": [1]}), "expected"),
        (lambda folder, said: said.update(version=2), "version 2"),
        (lambda folder, said: said.update(kind="other"), "is no index of labels"),
    ],
)
def test_what_is_wrong_with_it_is_told(change: Any, told: str, mvtec: Path, tmp_path: Path) -> None:
    folder = drawn(tmp_path / "drawn", {"test/dent/000.png": {"dent": box(2, 5, 3, 9, (48, 64))}})
    said = json.loads((folder / "index.json").read_text())
    change(folder, said)
    labels(folder / "index.json", said)
    with pytest.raises(DataError) as error:
        fs.read(mvtec, labels=str(folder))
    assert told in str(error.value)


def test_an_index_that_is_none(mvtec: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*index\.json"):
        fs.read(mvtec, labels=str(tmp_path))
    labels(tmp_path / "index.json", "{")
    with pytest.raises(DataError, match="is no JSON"):
        fs.read(mvtec, labels=str(tmp_path))


def test_an_index_comes_back(tmp_path: Path) -> None:
    said = {'a/ü "x".png': Label({"dent": "masks/dent/a.png"}), "b.png": Label(normal=True), "c.png": Label()}
    write_index(tmp_path, said)
    assert read_index(tmp_path) == said


def test_the_flag(mvtec: Path, tmp_path: Path) -> None:
    folder = drawn(tmp_path / "drawn", {"train/good/001.png": {"hole": box(2, 5, 3, 9, (48, 64))}})
    result = CliRunner().invoke(main, ["check", str(mvtec), "--labels", str(folder), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["summary"]["hole"]["pictures"] == 1
