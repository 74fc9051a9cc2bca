"""What is labelled in the studio: saved beside the data, read by commands, and of two who change it nothing is lost."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_files import mvtec  # noqa: F401
from PIL import Image
from starlette.testclient import TestClient

import flawsmith as fs
from flawsmith.core.errors import DataError
from flawsmith.dataset.windows import bounding_box
from flawsmith.formats.options import ReadOptions
from flawsmith.formats.reading import read
from flawsmith.pairs.folder import PairFolder
from flawsmith.studio import labels, listing, proposals, reading
from flawsmith.studio.bits import pack, unpack
from flawsmith.studio.home import Home
from flawsmith.studio.listing import HELD_OUT, NORMAL
from flawsmith.studio.project import Project

SIZE = (48, 64)
NAME = "test/crack/000.png"


def area(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.fixture
def project(home: Path, mvtec: Path) -> Project:  # noqa: F811
    """Return a project of data that were read."""
    found = Home(home).open(mvtec)
    assert reading.main(found.folder, always=False) == 0
    return found


@pytest.fixture
def api(client: TestClient, project: Project) -> Callable[..., Any]:
    """Return what asks the API of the project: (path, body or None, status) -> what it answers."""

    def ask(path: str, body: Any = None, status: int = 200) -> Any:
        address = f"/p/{project.key}/api/{path}"
        answer = client.get(address) if body is None else client.post(address, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    return ask


def saving(version: int, name: str = NAME, normal: bool = False, **masks: np.ndarray) -> dict[str, Any]:
    return {
        "picture": name,
        "version": version,
        "normal": normal,
        "layers": [{"kind": kind, "bits": pack(mask)} for kind, mask in masks.items()],
    }


def state(api: Callable[..., Any], name: str = NAME) -> dict[str, Any]:
    found: dict[str, Any] = api(f"label?picture={name}")
    return found


def test_what_is_saved_is_what_commands_read(api: Callable[..., Any], project: Project, mvtec: Path) -> None:  # noqa: F811
    before = {path: path.read_bytes() for path in mvtec.rglob("*.png")}
    first = state(api)
    own = np.asarray(Image.open(mvtec / "ground_truth/crack/000_mask.png")) > 0
    assert [layer["kind"] for layer in first["layers"]] == ["crack"]
    assert np.array_equal(unpack(first["layers"][0]["bits"], SIZE), own)
    assert (first["version"], first["normal"], first["drawn"], first["beside"]["number"]) == (0, False, False, 1)
    masks = {"crack": area(3, 9, 2, 8), "dent": area(1, 2, 1, 64), "scratch": area(0, 0, 0, 0)}
    assert api("label", {**saving(0), "layers": [{"kind": kind, "bits": pack(mask)} for kind, mask in masks.items()]})["version"] == 1
    assert np.array_equal(np.asarray(Image.open(project.drawn / f"masks/crack/{NAME}.png")), masks["crack"] * np.uint8(255))
    assert not (project.drawn / "masks/scratch").exists()  # nothing is marked
    again = state(api)
    assert {layer["kind"]: unpack(layer["bits"], SIZE).tolist() for layer in again["layers"]} == {
        kind: masks[kind].tolist() for kind in ("crack", "dent")
    }
    said = {name: value for name, value in zip(*[iter(project.label_options)] * 2, strict=True)}
    assert said == {"--labels": str(project.drawn)}
    found = read(mvtec, ReadOptions(**project.labels))
    marked = {
        (item.defect, int(item.read_mask().sum())) for items in found.defects.values() for item in items if item.image == mvtec / NAME
    }
    assert marked == {("crack", 36), ("dent", 63)}
    assert before == {path: path.read_bytes() for path in mvtec.rglob("*.png")}
    folder = shutil.copytree(mvtec / "test/crack", project.folder.parent / "for-labelme")
    shutil.copy(project.drawn / f"labelme/{NAME}.json", folder)
    drawn = {(s.source.name, s.defect): int(np.asarray(s.mask).sum()) for s in fs.read(folder, format="labelme").samples()}
    assert drawn == {("000.png", "crack"): 36, ("000.png", "dent"): 63}
    assert (
        (project.drawn / f"labelme/{NAME}.json")
        .parent.joinpath(json.loads((folder / "000.png.json").read_text())["imagePath"])
        .samefile(mvtec / NAME)
    )


def test_normals(api: Callable[..., Any], project: Project, mvtec: Path) -> None:  # noqa: F811
    assert state(api, "train/good/000.png")["normal"]
    api("label", saving(0, normal=True))
    api("label", saving(0, "test/good/000.png", hole=area(3, 9, 2, 8)))
    api("label", saving(0, "test/good/001.png", normal=True))
    assert [listing.picture(project, name).role for name in (NAME, "test/good/001.png")] == [NORMAL, HELD_OUT]
    found = read(mvtec, ReadOptions(**project.labels))
    assert mvtec / NAME in found.normals and found.held_out_normals == (mvtec / "test/good/001.png",)
    assert [item.image.name for item in found.defects["hole"]] == ["000.png"]
    refused = api("label", saving(1, normal=True, crack=area(0, 9, 0, 9)), 400)
    assert "crack is marked in it" in refused["error"]


def test_what_is_cleared_is_left_out_and_what_is_forgotten_is_as_before(api: Callable[..., Any], project: Project, mvtec: Path) -> None:  # noqa: F811
    api("label", saving(0))
    assert api("label", saving(0), 409)["error"].startswith(f"{NAME}: was saved meanwhile")
    assert state(api)["beside"]["open"] == 1
    found = read(mvtec, ReadOptions(**project.labels))
    assert len(found.defects["crack"]) == 2 and mvtec / NAME not in found.normals
    api("label", saving(1, crack=area(3, 9, 2, 8)))
    api("label/forget", {"picture": NAME, "version": 2})
    while api("label/reading")["reading"]:
        time.sleep(0.05)
    assert [path for path in project.drawn.rglob("*") if path.is_file()] == []
    after = state(api)
    assert (after["version"], after["drawn"]) == (3, False) and unpack(after["layers"][0]["bits"], SIZE).sum() == 250
    assert "--labels" not in project.label_options


def test_the_second_of_two_is_told_and_nothing_is_lost(api: Callable[..., Any], project: Project) -> None:
    api("label", saving(0, crack=area(0, 5, 0, 5)))
    refused = api("label", saving(0, crack=area(9, 15, 0, 5)), 409)
    assert "meanwhile" in refused["error"]
    assert unpack(state(api)["layers"][0]["bits"], SIZE).sum() == 25


def test_kinds_are_added_and_renamed_in_what_is_labelled_and_in_the_data(api: Callable[..., Any], project: Project, mvtec: Path) -> None:  # noqa: F811
    assert state(api)["kinds"] == ["crack", "dent"]
    assert api("label/kinds", {"name": "hole"}) == ["crack", "dent", "hole"]
    for name in ("Hole", "good", "a/b", "", " x", "..", "x" * 81):
        assert api("label/kinds", {"name": name}, 400)["error"]
    api("label", saving(0, crack=area(3, 9, 2, 8), hole=area(20, 30, 2, 8)))
    assert api("label/kinds/rename", {"kind": "hole", "name": "pit"}) == ["crack", "dent", "pit"]
    assert [layer["kind"] for layer in state(api)["layers"]] == ["crack", "pit"]
    assert not list(project.drawn.glob("masks/hole/**/*.png")) and list(project.drawn.glob("masks/pit/**/*.png"))
    assert {shape["label"] for shape in json.loads((project.drawn / f"labelme/{NAME}.json").read_text())["shapes"]} == {"crack", "pit"}
    assert Project(project.folder, "").settings.labels == {}
    api("label/kinds/rename", {"kind": "crack", "name": "tear"})
    assert Project(project.folder, "").settings.labels == {"classes": "tear=crack"}
    api("label/kinds/rename", {"kind": "tear", "name": "rip"})
    assert Project(project.folder, "").settings.labels == {"classes": "rip=crack,tear"}
    while api("label/reading")["reading"]:
        time.sleep(0.05)
    options = ReadOptions(**Project(project.folder, "").labels)
    assert {kind: len(items) for kind, items in read(mvtec, options).defects.items()} == {"dent": 3, "pit": 1, "rip": 3}
    assert listing.numbers(project)["kinds"] == {"dent": 3, "pit": 1, "rip": 3}


def test_what_is_saved_while_the_data_are_read_counts(api: Callable[..., Any], project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    api("label", saving(0, "test/dent/001.png", crack=area(0, 9, 0, 9)))
    scan = reading.scan

    def slow(*asked: Any) -> Any:
        """Read, and take so long that something is labelled meanwhile."""
        found = scan(*asked)
        api("label", saving(0, hole=area(3, 9, 2, 8)))
        api("label", saving(0, "test/good/001.png", normal=True))
        return found

    monkeypatch.setattr(reading, "scan", slow)
    assert reading.main(project.folder, always=True) == 0
    assert [layer["kind"] for layer in state(api)["layers"]] == ["hole"]
    assert listing.numbers(project)["kinds"] == {"crack": 3, "dent": 2, "hole": 1}
    assert listing.picture(project, "test/good/001.png").role == HELD_OUT


def test_a_new_database_takes_over_what_the_index_says(api: Callable[..., Any], project: Project, home: Path) -> None:
    api("label", saving(0, crack=area(3, 9, 2, 8)))
    api("label", saving(0, "test/dent/000.png", normal=True))
    for path in project.folder.glob("studio.sqlite*"):
        path.unlink()
    again = Project(project.folder, project.key)
    reading.main(again.folder, always=False)
    assert (labels.drawn(again, NAME).version, labels.drawn(again, "test/dent/000.png").role) == (1, NORMAL)
    labels.save(again, NAME, 1, {"crack": area(0, 1, 0, 1)}, normal=False)
    assert len(json.loads((project.drawn / "index.json").read_text())["pictures"]) == 2


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "ground_truth/crack/000_mask.png", "nothing.png", "test/crack/000.png\0"])
def test_nothing_but_pictures_of_the_listing_is_labelled(name: str, api: Callable[..., Any], project: Project) -> None:
    api("label", saving(0, name, crack=area(3, 9, 2, 8)), 404)
    api("label/inside", {"picture": name, "boxes": [[0, 0, 9, 9]]}, 404)
    api("label/proposal", {"picture": name}, 404)
    assert not project.drawn.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"layers": [{"kind": "crack", "bits": pack(np.ones((9, 9), bool))}]}, "is not of 64 x 48 pixels"),
        ({"layers": [{"kind": "crack", "bits": "no base64"}]}, "cannot be read"),
        ({"layers": [{"kind": "../x", "bits": pack(area(0, 9, 0, 9))}]}, "cannot be the name of a kind"),
        ({"layers": [{"kind": kind, "bits": pack(area(0, 9, 0, 9))} for kind in ("a", "A")]}, "same name but for capitals"),
    ],
)
def test_masks_that_cannot_be_saved(change: dict[str, Any], told: str, api: Callable[..., Any], project: Project) -> None:
    assert told in api("label", {**saving(0), **change}, 400)["error"]
    assert not project.drawn.exists()


def test_a_long_name_has_room_for_its_mask(home: Path, tmp_path: Path) -> None:
    (tmp_path / "long").mkdir()
    name = f"{'ü' * 124}.png"
    Image.new("L", (8, 8)).save(tmp_path / "long" / name)
    project = Home(home).open(tmp_path / "long")
    reading.main(project.folder, always=False)
    labels.save(project, name, 0, {"dent": np.ones((8, 8), bool)}, normal=False)
    assert len(read(tmp_path / "long", ReadOptions(**project.labels)).defects["dent"]) == 1


def test_boxes_are_a_start(home: Path, client: TestClient, tmp_path: Path) -> None:
    data = tmp_path / "boxed"
    data.mkdir()
    pixels = np.random.default_rng(0).integers(90, 110, (60, 80), dtype=np.uint8)
    pixels[20:30, 30:50] = 200
    Image.fromarray(pixels).save(data / "a.png")
    annotations = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [25, 15, 30, 20]}]
    images = [{"id": 1, "file_name": "a.png", "width": 80, "height": 60}]
    (data / "labels.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dent"}]}))
    project = Home(home).open(data)
    reading.main(project.folder, always=False)
    base = f"/p/{project.key}/api"
    said = client.get(f"{base}/label").json()  # the first that is unlabelled
    assert (said["picture"], said["boxes"], said["kinds"]) == ("a.png", [{"kind": "dent", "box": [25, 15, 55, 35]}], ["dent"])
    [part] = client.post(f"{base}/label/inside", json={"picture": "a.png", "boxes": [said["boxes"][0]["box"]]}).json()
    mask = np.zeros((60, 80), bool)
    height, width = part["size"]
    mask[part["top"] : part["top"] + height, part["left"] : part["left"] + width] = unpack(part["bits"], (height, width))
    assert mask[20:30, 30:50].all() and mask.sum() < 300
    assert client.post(f"{base}/label/inside", json={"picture": "a.png", "boxes": [[90, 0, 99, 9], [-5, -5, 4, 4]]}).json()[0]["size"] == [
        4,
        4,
    ]


def test_a_proposal_is_where_a_picture_differs(home: Path, client: TestClient, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def save(name: str, pixels: np.ndarray) -> None:
        (tmp_path / "parts" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "parts" / name)

    def noise() -> np.ndarray:
        return rng.integers(0, 6, (96, 128), dtype=np.uint8)

    board = np.full((96, 128), 60, np.uint8)
    board[20:76, 24:104] = 160
    for i in range(6):
        save(f"train/good/{i}.png", np.roll(board, (i % 3, i % 2), (0, 1)) + noise())
    wanted = np.zeros((96, 128), bool)
    wanted[40:50, 60:75] = True
    save("test/dent/0.png", np.where(wanted, 110, board).astype(np.uint8) + noise())
    save("ground_truth/dent/0_mask.png", wanted * np.uint8(255))
    project = Home(home).open(tmp_path / "parts")
    reading.main(project.folder, always=False)
    base = f"/p/{project.key}/api/label/proposal"
    said = {"state": proposals.WORKING}
    for _ in range(200):
        said = client.post(base, json={"picture": "test/dent/0.png"}).json()
        if said["state"] != proposals.WORKING:
            break
        time.sleep(0.05)
    assert said["state"] == proposals.READY and "pixel by pixel" in said["words"], said
    content = client.get(f"{base}/{said['key']}/difference.png").content
    (tmp_path / "difference.png").write_bytes(content)
    values = np.asarray(Image.open(tmp_path / "difference.png"))
    proposed = values >= 64
    assert values.shape == wanted.shape
    assert (proposed & wanted).sum() > 0.9 * wanted.sum() and (proposed & ~wanted).sum() < 0.3 * wanted.sum()
    normal = np.asarray(Image.open(proposals.file_of(project, said["key"], "normal.png")))
    assert normal.shape == wanted.shape and abs(int(normal[45, 67]) - 160) < 12
    for bad in ("said.json", "..%2Fproject.json"):
        assert client.get(f"{base}/{said['key']}/{bad}").status_code == 404
    assert client.get(f"{base}/{'0' * 32}/difference.png").status_code == 404


def test_without_normals_there_is_no_proposal(home: Path, client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "alone/a.png")
    project = Home(home).open(tmp_path / "alone")
    reading.main(project.folder, always=False)
    said = client.post(f"/p/{project.key}/api/label/proposal", json={"picture": "a.png"}).json()
    assert said["state"] == proposals.FAILED and "no normals" in said["words"]


def test_a_mask_that_cannot_be_read_is_told(api: Callable[..., Any], project: Project, mvtec: Path) -> None:  # noqa: F811
    (mvtec / "ground_truth/crack/000_mask.png").write_bytes(b"no picture")
    said = state(api)
    assert said["layers"] == [] and "mask of crack cannot be read" in said["told"]


def test_no_name_of_a_kind_leads_out(project: Project) -> None:
    for kind in ("../x", "a/b", "a\\b", "c:"):
        with pytest.raises(DataError, match="cannot be the name of a kind"):
            labels.save(project, NAME, 0, {kind: area(0, 9, 0, 9)}, normal=False)
    assert bounding_box(area(0, 9, 0, 9)).height == 9


@pytest.fixture
def pairs(project: Project, make_pairs: Callable[..., Path], data8: Path) -> Path:
    """Return the folder of a set of pairs."""
    return make_pairs(project.folder / "pairs/first", data8, 4)


def test_the_mask_of_a_pair_is_corrected(api: Callable[..., Any], pairs: Path) -> None:
    folder = PairFolder(pairs)
    [pair] = [each for each in folder.accepted() if each.id == "000001"]
    generated = folder.mask(pair)
    first = api("label/pair?pairs=first&id=000001")
    assert [layer["kind"] for layer in first["layers"]] == [pair.defect] and first["version"] == 0 and not first["drawn"]
    assert np.array_equal(unpack(first["layers"][0]["bits"], generated.shape), generated)
    corrected = np.zeros_like(generated)
    corrected[3:9, 4:8] = True
    asked = {"pairs": "first", "id": "000001", "version": 0, "reviewer": "Ann", "bits": pack(corrected)}
    version = api("label/pair", asked)["version"]
    assert np.array_equal(np.asarray(Image.open(pairs / f"reviewed/{pair.defect}/000001_mask.png")) > 0, corrected)
    assert np.array_equal(folder.mask(pair), generated)
    again = api("label/pair?pairs=first&id=000001")
    assert (again["version"], again["drawn"]) == (version, True) and unpack(again["layers"][0]["bits"], generated.shape).sum() == 24
    assert "corrected meanwhile" in api("label/pair", asked, 409)["error"]
    assert "Mark the defect" in api("label/pair", {**asked, "version": version, "bits": pack(np.zeros_like(generated))}, 400)["error"]
    assert "no name of a reviewer" in api("label/pair", {**asked, "version": version, "reviewer": " "}, 400)["error"]
    api("label/pair", {**asked, "version": version, "bits": ""})
    last = api("label/pair?pairs=first&id=000001")
    assert last["version"] == 0 and np.array_equal(unpack(last["layers"][0]["bits"], generated.shape), generated)


@pytest.mark.parametrize("which", ["pairs=first&id=999999", "pairs=second&id=000001", "pairs=first&id=../000001", "pairs=..&id=000001"])
def test_a_pair_that_is_not_there(which: str, client: TestClient, project: Project, pairs: Path) -> None:
    assert client.get(f"/p/{project.key}/api/label/pair?{which}").status_code in (400, 404)
