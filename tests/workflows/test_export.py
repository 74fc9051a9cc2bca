"""Every format gives the masks back, appending changes nothing that is there, and specimens stay together."""

import json
import os
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from drawn_files import mvtec  # noqa: F401
from exported import DECODERS, ONE_CLASS, Masks, files_of, hard_masks, names_of, same, union, write_out
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import flawsmith as fs
from flawsmith.core.errors import ConfigError, DataError, DiskFullError, OutputExistsError
from flawsmith.dataset.sample import Dataset, Item
from flawsmith.dataset.windows import bounding_box
from flawsmith.formats.writers.journal import Journal
from flawsmith.formats.writers.registry import writers
from flawsmith.formats.writers.row import Line
from flawsmith.formats.writers.run_lengths import mask_runs
from flawsmith.images.files import read_image
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.forms import Masks as BothMasks
from flawsmith.pairs.pair import Pair, PlacedDefect
from flawsmith.workflows import export as export_module

EXACT = [one.name for one in writers() if one.exact]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pairs with hard masks. Read only."""
    return write_out(tmp_path_factory.mktemp("pairs") / "out", hard_masks())


def test_every_writer_has_its_decoder_here() -> None:
    assert {one.name for one in writers()} == set(DECODERS)


@pytest.mark.parametrize("to", EXACT)
def test_masks_come_back_to_the_pixel(to: str, out: Path, tmp_path: Path) -> None:
    result = fs.export(out, tmp_path / "to", to, quiet=True)
    found = DECODERS[to](tmp_path / "to")
    for name, masks in zip(names_of(tmp_path / "to"), hard_masks(), strict=True):
        expected: Masks = masks if to not in ONE_CLASS else {next(iter(masks)) if len(masks) == 1 else "combined": union(masks)}
        assert same(found.pop(name), expected), f"{to}: {sorted(masks)}"
    assert len(found) == 2 and not any(found.values()), "the normals, without a defect"
    assert result["added"] == 8 and result["pictures"]["train"] == {"normal": 2, "synthetic": 6}
    assert result["round_trip"] == {"compared": 8, "different": {}, "poor": {}}, "and our own reader says so, too"


def test_outlines_come_back_as_ultralytics_fills_them(out: Path, tmp_path: Path) -> None:
    result = fs.export(out, tmp_path / "to", "yolo", quiet=True)
    assert len(result["outlines"]) == 8 and min(result["outlines"].values()) > 0.97, "our own reader asks for the pixels' centres"
    found = DECODERS["yolo"](tmp_path / "to")
    for name, masks in zip(names_of(tmp_path / "to"), hard_masks(), strict=True):
        for label, mask in masks.items():
            iou = (found[name][label] & mask).sum() / (found[name][label] | mask).sum()
            assert iou > 0.97, "a seam to a hole may cross another"
    assert sum(not masks for masks in found.values()) == 2, "normals have an empty file"


def test_coco_polygons_are_exact_and_holes_stay_run_lengths(out: Path, tmp_path: Path) -> None:
    result = fs.export(out, tmp_path / "to", "coco", polygons=True, quiet=True)
    found = DECODERS["coco"](tmp_path / "to")
    for name, masks in zip(names_of(tmp_path / "to"), hard_masks(), strict=True):
        assert same(found[name], masks)
    said = json.loads((tmp_path / "to/annotations/instances_train.json").read_text())
    kinds = [type(one["segmentation"]) for one in said["annotations"]]
    assert kinds.count(dict) == 2 and kinds.count(list) == len(kinds) - 2 > 2, "the ring, and the dent with a hole"
    assert result["told"] == {"instances with holes kept as run lengths, as polygons have none": 2}


@pytest.mark.parametrize("to", DECODERS)
def test_a_second_export_appends_and_changes_no_picture_or_number(to: str, out: Path, tmp_path: Path) -> None:
    fs.export(out, tmp_path / "to", to, quiet=True)
    before, masks = dict(files_of(tmp_path / "to")), DECODERS[to](tmp_path / "to")
    again = fs.export(out, tmp_path / "to", to, quiet=True)
    assert again["added"] == 0 and again["already_there"] == 8 and dict(files_of(tmp_path / "to")) == before
    crack = np.zeros((40, 56), bool)
    crack[3:5, 7:20] = True
    more = write_out(tmp_path / "more", [{"crack": crack}, {"dent": crack}], seed=7)
    result = fs.export(more, tmp_path / "to", to, quiet=True)
    assert result["added"] == 4 and result["classes"] == ["dent", "scratch", "crack"], "what is new comes last"
    after, now = dict(files_of(tmp_path / "to")), DECODERS[to](tmp_path / "to")
    index = {name for name in before if name not in after or before[name] != after[name]}
    assert not [name for name in index if name.endswith((".png", ".tar"))], "pictures and masks are as they were"
    assert all(same(now[name], found) for name, found in masks.items()) and len(now) == 12
    rows = [json.loads(line) for line in (tmp_path / "to/pairs.jsonl").read_text().splitlines()]
    assert len(rows) == 8 and all(row["verdict"] == "accepted" and row["model"] == "0123456789abcdef" for row in rows)


def test_coco_numbers_stay(out: Path, tmp_path: Path) -> None:
    def numbers() -> dict[str, list[int]]:
        said = json.loads((tmp_path / "to/annotations/instances_train.json").read_text())
        found: dict[str, list[int]] = {image["file_name"]: [image["id"]] for image in said["images"]}
        names = {image["id"]: image["file_name"] for image in said["images"]}
        for one in said["annotations"]:
            found[names[one["image_id"]]] += [one["id"], one["category_id"]]
        return found

    fs.export(out, tmp_path / "to", "coco", quiet=True)
    before = numbers()
    fs.export(write_out(tmp_path / "more", hard_masks()[:2], seed=3), tmp_path / "to", "coco", quiet=True)
    assert before.items() <= numbers().items()


def test_nothing_else_is_written_over(out: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="holds no export of flawsmith"):
        fs.export(out, tmp_path / "mine", "coco", quiet=True)
    fs.export(out, tmp_path / "to", "coco", quiet=True)
    with pytest.raises(OutputExistsError, match="holds an export to coco"):
        fs.export(out, tmp_path / "to", "yolo", quiet=True)
    with pytest.raises(OutputExistsError, match="holds an export to coco"):
        fs.export(out, tmp_path / "to", "coco", polygons=True, quiet=True)
    label = tmp_path / "to/annotations/instances_train.json"
    label.write_text(label.read_text() + " ")
    before = dict(files_of(tmp_path / "to"))
    with pytest.raises(OutputExistsError, match="instances_train.json: was changed since it was exported"):
        fs.export(out, tmp_path / "to", "coco", quiet=True)
    assert dict(files_of(tmp_path / "to")) == before
    with pytest.raises(OutputExistsError, match="name a folder beside it"):
        fs.export(out, out / "coco", "coco", quiet=True)
    with pytest.raises(OutputExistsError, match="name a folder beside it"):
        fs.export(out, tmp_path / "data/coco", "coco", real=tmp_path / "data", quiet=True)


def test_an_interrupted_export_goes_on(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fs.export(out, tmp_path / "whole/to", "coco", quiet=True)
    monkeypatch.setattr("flawsmith.workflows.export.CHUNK", 3)
    monkeypatch.setattr("flawsmith.formats.writers.coco.coco_runs", _stops_after(4))
    with pytest.raises(KeyboardInterrupt):
        fs.export(out, tmp_path / "to", "coco", quiet=True)
    assert 0 < len((tmp_path / "to/export.jsonl").read_text().splitlines()) < 8
    with (tmp_path / "to/export.jsonl").open("a") as stream:
        stream.write('{"name": "torn')
    monkeypatch.undo()
    fs.export(out, tmp_path / "to", "coco", quiet=True)
    assert dict(files_of(tmp_path / "to")) == dict(files_of(tmp_path / "whole/to"))


def _stops_after(count: int) -> object:
    from flawsmith.formats.writers.coco import coco_runs

    left = iter(range(count))

    def stopping(*args: object) -> dict[str, Any]:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return coco_runs(*args)  # type: ignore[arg-type]

    return stopping


def parts(folder: Path) -> dict[str, str]:
    """Return the part of each picture in an export."""
    lines = [json.loads(line) for line in (folder / "export.jsonl").read_text().splitlines()]
    return {line["name"]: line["split"] for line in lines}


@pytest.mark.parametrize("to", ["coco", "webdataset"])
def test_pictures_are_on_the_disk_before_they_are_noted(to: str, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[Path] = []
    noted, add = [], Journal.add

    def watched(journal: Journal, lines: list[Line]) -> None:
        for line in lines:
            place = journal.folder / line.image
            holder = place.parent
            noted.append(holder in settled and (place if to == "coco" else holder).is_file())
        add(journal, lines)

    monkeypatch.setattr(export_module, "settle", lambda folder: settled.append(folder))
    monkeypatch.setattr(Journal, "add", watched)
    fs.export(out, tmp_path / "to", to, split="0.5,0.2,0.3", quiet=True)
    assert len(noted) == 8 and all(noted)


def test_what_was_made_on_one_normal_stays_together_and_moves_never(tmp_path: Path) -> None:
    masks = [hard_masks()[1]] * 60
    small = write_out(tmp_path / "a", masks[:30], normals=12)
    fs.export(small, tmp_path / "first", "coco", split="60,20,20", quiet=True)
    large = write_out(tmp_path / "b", masks, normals=30, seed=5)
    first = parts(tmp_path / "first")
    fs.export(large, tmp_path / "first", "coco", split="60,20,20", quiet=True)
    fs.export(large, tmp_path / "second", "coco", split="60,20,20", quiet=True)
    fs.export(small, tmp_path / "second", "coco", split="60,20,20", quiet=True)
    both = parts(tmp_path / "first")
    assert first.items() <= both.items() and both == parts(tmp_path / "second"), "by name, not by order"
    assert set(both.values()) == {"train", "val", "test"}
    together = defaultdict(set)
    for line in map(json.loads, (tmp_path / "first/export.jsonl").read_text().splitlines()):
        together[line["group"]].add(line["split"])
    assert len(together) == 42 and all(len(splits) == 1 for splits in together.values())


def test_real_pictures_come_along_and_are_told_apart(
    mvtec: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    normal = mvtec / "train/good/001.png"
    (mvtec / "groups.csv").write_text("path,group\ntrain/good/001.png,board 7\ntest/crack/000.png,board 7\n")
    pixel = np.zeros((48, 64), bool)
    pixel[5:9, 6:9] = True
    folder = PairFolder(tmp_path / "out")
    folder.begin()
    folder.add(Pair("000000", "crack", "accepted", image="-", mask="-", normal=str(normal)), read_image(normal) // 2, pixel)
    result = fs.export(tmp_path / "out", tmp_path / "to", "coco", real=mvtec, split="70,30", synthetic="all", quiet=True)
    lines = [json.loads(line) for line in (tmp_path / "to/export.jsonl").read_text().splitlines()]
    assert result["added"] == len(lines) == 13 and len({line["name"] for line in lines}) == 13
    assert [line["synthetic"] for line in lines].count(True) == 1
    assert len({line["split"] for line in lines if line["group"] == "board 7"}) == 1
    assert sum(line["group"] == "board 7" for line in lines) == 3, "the normal, the real defect on it and the one drawn onto it"
    assert {line["split"] for line in lines if line["image"].startswith("images/test/")} == {"test"}
    assert result["pictures"]["test"] == {"normal": 2}, "what the data hold out, whatever the shares"
    said = json.loads((tmp_path / "to/annotations/instances_train.json").read_text())
    assert all(isinstance(image["synthetic"], bool) for image in said["images"])


def test_masks_in_the_form_that_is_asked_for(tmp_path: Path) -> None:
    thin, wide = np.zeros((40, 56), bool), np.zeros((40, 56), bool)
    thin[10, 5:30] = wide[7:14, 4:31] = True
    folder = PairFolder(tmp_path / "out")
    folder.begin()
    g = np.random.default_rng(0)
    several: list[np.ndarray | BothMasks] = [BothMasks(thin, wide), thin, BothMasks(thin, wide)]
    for number, drawn in enumerate(several):
        defects = tuple(PlacedDefect(name, bounding_box(thin), int(thin.sum())) for name in ("scratch", "dent")[: 1 + number // 2])
        kind = "combined" if number == 2 else "scratch"
        pair = Pair(f"{number:06d}", kind, "accepted", size=(40, 56), mask_form="exact", defects=defects)
        folder.add(pair, g.integers(0, 256, (40, 56, 1), np.uint8), drawn)
    result = fs.export(folder.folder, tmp_path / "to", "coco", mask="labelled", quiet=True)
    assert [area for _, area in result["told"].items()] == [1] and "without a mask in the form labelled" in next(iter(result["told"]))
    assert result["round_trip"]["different"] == {}
    masks = list(DECODERS["coco"](tmp_path / "to").values())
    assert [union(found).sum() for found in masks] == [wide.sum(), thin.sum(), wide.sum()]
    rows = [json.loads(line) for line in (tmp_path / "to/pairs.jsonl").read_text().splitlines()]
    assert [row["mask_form"] for row in rows] == ["labelled", "exact", "labelled"]
    assert rows[0]["defects"][0]["area"] == wide.sum() and rows[1]["defects"][0]["area"] == thin.sum(), "those of the mask that is there"
    assert fs.export(folder.folder, tmp_path / "to", "coco", mask="labelled", quiet=True)["already_there"] == 3
    for other in ("", "exact"):
        with pytest.raises(OutputExistsError, match="holds an export to coco --mask labelled, and this one is to coco"):
            fs.export(folder.folder, tmp_path / "to", "coco", mask=other, quiet=True)
    exact = fs.export(folder.folder, tmp_path / "exact", "coco", mask="exact", quiet=True)
    assert exact["told"] == {} and all(union(m).sum() == thin.sum() for m in DECODERS["coco"](tmp_path / "exact").values())
    with pytest.raises(ConfigError, match="--mask wide: expected exact"):
        fs.export(folder.folder, tmp_path / "to", "coco", mask="wide", quiet=True)


def test_exports_of_before_there_were_forms_go_on(out: Path, tmp_path: Path) -> None:
    fs.export(out, tmp_path / "to", "coco", quiet=True)
    state = json.loads((tmp_path / "to/export.json").read_text())
    del state["options"]["mask"]
    (tmp_path / "to/export.json").write_text(json.dumps(state))
    assert fs.export(out, tmp_path / "to", "coco", quiet=True)["already_there"] == 8


def test_synthetic_pictures_say_so_and_keep_their_pixels(out: Path, tmp_path: Path) -> None:
    fs.export(out, tmp_path / "marked", "mvtec", quiet=True)
    fs.export(out, tmp_path / "plain", "mvtec", marker=False, quiet=True)
    for row in map(json.loads, (tmp_path / "marked/pairs.jsonl").read_text().splitlines()):
        path = tmp_path / "marked" / row["image"]
        source = next(out.glob(f"test/*/{row['id']}.png"))
        with Image.open(path) as image:
            text = dict(image.info)
        assert text["Description"].startswith("Synthetic") and "compositeWithTrainedAlgorithmicMedia" in text["XML:com.adobe.xmp"]
        assert np.array_equal(read_image(path), read_image(source))
        assert (tmp_path / "plain" / row["image"]).read_bytes() == source.read_bytes()
    for path in (tmp_path / "marked/train/good").iterdir():
        with Image.open(path) as image:
            assert not image.info, "a real picture is copied as it is"


def test_linked_pictures_take_no_room_and_get_no_marker(out: Path, tmp_path: Path) -> None:
    fs.export(out, tmp_path / "to", "coco", link=True, quiet=True)
    assert all(path.stat().st_nlink == 2 for path in (tmp_path / "to/images/train").iterdir())
    fs.export(out, tmp_path / "to", "coco", link=True, quiet=True)


def test_pictures_are_copied_where_nothing_can_be_linked(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    result = fs.export(out, tmp_path / "to", "coco", link=True, quiet=True)
    assert result["told"] == {"pictures copied, as this file system makes no hard links to them": 8}


@pytest.mark.parametrize(
    ("split", "to", "polygons", "message"),
    [
        ("0.8", "coco", False, "--split 0.8: expected shares"),
        ("0.8,0.8", "coco", False, "expected shares"),
        ("a,b", "coco", False, "expected shares"),
        ("2,-1", "coco", False, "expected shares"),
        ("", "cocoo", False, "Did you mean coco?"),
        ("", "yolo", True, "holds outlines anyway"),
        ("", "voc", True, "holds exact masks"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    split: str, to: str, polygons: bool, message: str, out: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        fs.export(out, tmp_path / "to", to, split=split, quiet=True, polygons=polygons)
    assert not (tmp_path / "to").exists()


def test_a_folder_without_accepted_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        fs.export(tmp_path / "out", tmp_path / "to", "coco", quiet=True)


def test_a_mask_that_comes_back_otherwise_is_listed(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corner = np.zeros((40, 56), bool)
    corner[-1, -1] = True
    wrong = mask_runs(corner)
    monkeypatch.setattr("flawsmith.formats.writers.coco.coco_runs", lambda shape, size: wrong)
    result = fs.export(out, tmp_path / "to", "coco", quiet=True)
    back = result["round_trip"]
    assert back["compared"] == 8 and len(back["different"]) == 6 == len(back["poor"]), "normals are alike"
    assert all(0 <= iou < 0.1 for iou in back["different"].values())


def test_the_card_says_what_is_synthetic_and_what_it_is_made_from(out: Path, tmp_path: Path) -> None:
    fs.export(out, tmp_path / "to", "coco", quiet=True)
    card = json.loads((tmp_path / "to/datacard.json").read_text())
    assert card["pictures"] == {"train": {"normal": 2, "synthetic": 6}}
    assert card["classes"] == {"dent": {"number": 1, "synthetic": 3}, "scratch": {"number": 2, "synthetic": 4}}
    (source,) = card["sources"]
    assert (source["attempts"], source["accepted"], source["made"]) == (7, 6, None)
    text = (tmp_path / "to/DATACARD.md").read_text()
    assert "They are not real" in text and "| train | 6 | 0 | 2 |" in text and "14% of 7 attempts were refused" in text


@pytest.mark.usefixtures("loud")
def test_pairs_that_were_generated_say_what_they_are_made_with(run8: Path, data8: Path, tmp_path: Path, pairs: Any) -> None:
    pairs.loose(run8).generate(tmp_path / "out", 6, seed=5, quiet=True)
    fs.export(tmp_path / "out", tmp_path / "to", "mvtec", real=data8, split="50,25,25", quiet=True)
    card = json.loads((tmp_path / "to/datacard.json").read_text())
    made = card["sources"][0]["made"]
    assert (
        made["request"]["seed"] == 5 and made["fitted"] and made["base"] == {"name": "none: the weights began at random", "licence": "none"}
    )
    assert {name: len(files) for name, files in made["learned_from"]["defects"].items()} == {"blob": 6, "line": 6}
    assert str(tmp_path) not in json.dumps(made) and str(data8) not in json.dumps(made), "no path of this machine"
    lines = [json.loads(line) for line in (tmp_path / "to/export.jsonl").read_text().splitlines()]
    assert {line["split"] for line in lines if line["classes"] and not line["synthetic"]} == {"train"}, "it has seen them all"
    assert "6 of blob, 6 of line" in (tmp_path / "to/DATACARD.md").read_text()


def test_a_second_folder_of_pairs_is_a_second_source(out: Path, tmp_path: Path) -> None:
    more = write_out(tmp_path / "more", hard_masks()[:2], seed=3)
    rows = (more / "pairs.jsonl").read_text().replace("0123456789abcdef", "fedcba9876543210")
    (more / "pairs.jsonl").write_text(rows)
    for folder in (out, more, out):
        fs.export(folder, tmp_path / "to", "coco", quiet=True)
    sources = json.loads((tmp_path / "to/datacard.json").read_text())["sources"]
    assert [source["models"] for source in sources] == [["fedcba9876543210"], ["0123456789abcdef"]]


def test_a_disk_without_room_is_told_before_anything_is_written(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=10**12, free=10**6))
    with pytest.raises(
        DiskFullError, match=r"to: 8 pictures may need [\d.]+ kB, and 1\.0 MB of 1000\.0 GB are free there; nothing was written"
    ):
        fs.export(out, tmp_path / "to", "coco", quiet=True)
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("to", EXACT)
@given(st.lists(arrays(bool, (40, 56), elements=st.booleans(), fill=st.booleans()).filter(np.any), min_size=1, max_size=4))
@settings(max_examples=3, deadline=None)
def test_any_mask_comes_back(to: str, masks: list[np.ndarray]) -> None:
    with tempfile.TemporaryDirectory() as name:
        kinds = ("scratch", "dent")
        write_out(Path(name) / "out", [{kinds[number % 2]: mask} for number, mask in enumerate(masks)])
        result = fs.export(Path(name) / "out", Path(name) / "to", to, quiet=True)
        assert result["round_trip"] == {"compared": len(masks) + min(len(masks), 2), "different": {}, "poor": {}}


@pytest.mark.parametrize("to", DECODERS)
def test_real_pictures_of_all_sorts_come_along(to: str, out: Path, tmp_path: Path) -> None:
    """A JPEG that its EXIF data turns, a 16-bit TIFF and names that are no names for files; a picture with two classes that overlap."""
    mask = np.zeros((40, 56), np.uint8)
    mask[3:9, 20:50] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    upright = np.random.default_rng(3).integers(0, 256, (40, 56, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned by a quarter
    Image.fromarray(np.rot90(upright)).save(tmp_path / "a b.c.jpg", exif=exif)
    Image.fromarray(np.full((40, 56), 3000, np.uint16)).save(tmp_path / "deep.tif")
    both: dict[str, tuple[Item, ...]] = {
        name: (Item(tmp_path / "a b.c.jpg", tmp_path / "mask.png", name),) for name in ("dent", "scratch: deep")
    }
    data = Dataset(tmp_path, (Item(tmp_path / "deep.tif", None, "good"),), (), both)
    result = fs.export(out, tmp_path / "to", to, real=data, quiet=True)
    assert result["pictures"]["train"] == {"normal": 3, "real": 1, "synthetic": 6} and result["round_trip"]["compared"] == 10
    lost = result["round_trip"]["different"]
    told = [text for text in result["told"] if "overlap" in text]
    assert (len(lost), len(told)) == ((1, 1) if to in ("voc", "hf", "webdataset") else (0, 0)), "one number a pixel, and it is told"
    assert any("written anew as PNG, upright" in text for text in result["told"])
    if to != "webdataset":
        (path,) = (tmp_path / "to").rglob("real_a_b_c_*.png") if to in ("coco", "yolo", "labelme", "cvat", "labelstudio") else [None]
        assert path is None or np.asarray(Image.open(path)).shape == (40, 56, 3)
