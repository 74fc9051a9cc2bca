"""The folder OUT: resume, overwrite, what a normal's file says, the pick of the most different, plans and dry runs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from unsigned import unsigned

from flawsmith.core.errors import DataError, DiskFullError, FolderBusyError, OutputExistsError
from flawsmith.core.locks import hold
from flawsmith.generation.generator import Generator, Summary
from flawsmith.images.pitch import Pitch, read_pitch
from flawsmith.workflows import generate as workflow

# resume and overwrite


@pytest.mark.usefixtures("loud")
def test_resume_makes_what_is_missing_and_leaves_the_rest(run8: Path, tmp_path: Path, pairs: Any) -> None:
    generator, out = pairs.loose(run8), tmp_path / "out"
    generator.generate(out, 3, quiet=True, resume=True)  # nothing there yet: a fresh start
    files = {path: path.stat().st_mtime_ns for path in out.rglob("0*.png")}
    assert generator.generate(out, 5, quiet=True, resume=True).accepted == 2
    pairs.check(out, Summary(5, 0, 0, {}), 0, 5)
    assert {path: path.stat().st_mtime_ns for path in files} == files


@pytest.mark.parametrize("options", [{"resume": True}, {"overwrite": True}])
def test_two_at_once_do_not_write_into_one_folder(options: dict[str, bool], run8: Path, tmp_path: Path, pairs: Any) -> None:
    generator, out = pairs.loose(run8), tmp_path / "out"
    with hold(out), pytest.raises(FolderBusyError):
        generator.generate(out, 1, quiet=True, **options)
    assert not out.exists()
    generator.generate(out, 1, quiet=True, resume=True)
    assert not list(out.glob(".*.lock"))


def test_a_disk_without_room_is_told_before_anything_is_written(
    run8: Path, tmp_path: Path, pairs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=10**12, free=60_000_000))
    with pytest.raises(
        DiskFullError, match=r"out: 9000 pairs may need \d\d\.\d MB, and 60\.0 MB of 1000\.0 GB are free there; nothing was"
    ):
        pairs.loose(run8).generate(tmp_path / "out", 9000, quiet=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("loud")
def test_a_failed_pair_is_not_tried_again(run8: Path, tmp_path: Path, pairs: Any) -> None:
    generator = pairs.start(run8, "quality.visible=1000", "generation.attempts=1")
    generator.generate(tmp_path / "out", 2, quiet=True)
    summary = generator.generate(tmp_path / "out", 3, quiet=True, resume=True)
    assert summary.failed == 1 and [row["id"] for row in pairs.rows(tmp_path / "out")] == ["000000", "000001", "000002"]


@pytest.mark.usefixtures("alike")
def test_duplicates_are_remembered_over_an_interruption(run8: Path, tmp_path: Path, pairs: Any) -> None:
    """Also of several defects in one picture, and to the last digit of the similarity."""
    generator = pairs.loose(run8, "quality.duplicate=0.8", "generation.attempts=2")
    generator.generate(tmp_path / "at once", 4, per_image="1-2", quiet=True)
    generator.generate(tmp_path / "in two", 2, per_image="1-2", quiet=True)
    generator.generate(tmp_path / "in two", 4, per_image="1-2", quiet=True, resume=True)
    found = pairs.everything(tmp_path / "in two")
    assert found == pairs.everything(tmp_path / "at once")
    assert any(reason.startswith("duplicate: ") for row in pairs.rows(tmp_path / "in two") for reason in row["reasons"])


@pytest.mark.parametrize("other", ["seed", "defect", "onto", "free", "model"])
@pytest.mark.usefixtures("loud")
def test_pairs_made_in_another_way_are_not_resumed(other: str, run_copy: Path, data8: Path, tmp_path: Path, pairs: Any) -> None:
    out = tmp_path / "out"
    pairs.loose(run_copy).generate(out, 2, quiet=True)
    before = pairs.snapshot(out)
    if other == "model":
        path = run_copy / "model/model.safetensors"
        with safe_open(path, framework="pt") as file:
            metadata = unsigned(file.metadata())
        save_file({name: weight * 2 for name, weight in load_file(path).items()}, path, metadata)
    changed: dict[str, Any] = {"seed": 99, "defect": "line", "onto": data8 / "test/good", "free": True}
    options = {name: value for name, value in changed.items() if name == other}
    with pytest.raises(OutputExistsError, match="pair 00000. there was made by another model, seed, normals, defects or other options"):
        pairs.loose(run_copy).generate(out, 4, resume=True, quiet=True, **options)
    assert pairs.snapshot(out) == before


@pytest.mark.usefixtures("loud")
def test_nothing_is_written_into_a_folder_that_holds_something(run8: Path, tmp_path: Path, pairs: Any) -> None:
    generator, out = pairs.loose(run8), tmp_path / "out"
    generator.generate(out, 2, quiet=True)
    before = pairs.snapshot(out)
    with pytest.raises(OutputExistsError, match="is not empty; nothing was written.*--overwrite"):
        generator.generate(out, 2, quiet=True)
    assert pairs.snapshot(out) == before
    generator.generate(out, 1, start=5, quiet=True, overwrite=True)
    assert {row["id"] for row in pairs.rows(out)} == {"000005"}
    assert not list(out.rglob("000000*"))


@pytest.mark.usefixtures("loud")
def test_unusable_normals_are_refused_before_anything_is_overwritten(run8: Path, data16: Path, tmp_path: Path, pairs: Any) -> None:
    generator, out = pairs.loose(run8), tmp_path / "out"
    generator.generate(out, 2, quiet=True)
    before = pairs.snapshot(out)
    with pytest.raises(DataError, match="has 16 bits per channel"):
        generator.generate(out, 2, onto=data16 / "train/good", overwrite=True, quiet=True)
    assert pairs.snapshot(out) == before


@pytest.mark.parametrize("options", [{"overwrite": True}, {"resume": True}, {}])
def test_a_folder_of_something_else_is_left_alone(options: dict[str, bool], run8: Path, tmp_path: Path, pairs: Any) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").write_bytes(b"irreplaceable")
    with pytest.raises(OutputExistsError):
        pairs.start(run8).generate(tmp_path / "photos", 1, quiet=True, **options)
    assert pairs.snapshot(tmp_path / "photos") == {"holiday.jpg": b"irreplaceable"}


# what a normal's file says


@pytest.mark.usefixtures("loud")
@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.tif", "TIFF"), ("a.bmp", "BMP"), ("a.png", "PNG")])
def test_every_format_of_a_normal_gives_a_png_with_its_pixel_pitch(name: str, kind: str, run8: Path, tmp_path: Path, pairs: Any) -> None:
    (tmp_path / "onto").mkdir()
    normal = np.random.default_rng(0).integers(60, 160, (48, 56), np.uint8)
    Image.fromarray(normal).save(tmp_path / "onto" / name, dpi=(508, 254))
    pairs.loose(run8).generate(tmp_path / "out", 1, onto=tmp_path / "onto", quiet=True)
    (row,) = (row for row in pairs.rows(tmp_path / "out") if row["image"])
    assert row["source_format"] == kind and row["image"].endswith("000000.png")
    with Image.open(tmp_path / "out" / row["image"]) as image:
        assert image.format == "PNG"
    for kind in ("image", "mask"):
        pitch = read_pitch(tmp_path / "out" / row[kind])
        assert isinstance(pitch, Pitch) and (pitch.x, pitch.y) == pytest.approx((20000, 10000), abs=1)


@pytest.mark.usefixtures("loud")
def test_a_normal_that_states_no_pitch_gives_none(run8: Path, tmp_path: Path, pairs: Any) -> None:
    pairs.loose(run8).generate(tmp_path / "out", 1, quiet=True)
    assert all(read_pitch(path) is None for path in tmp_path.rglob("000000*.png"))


# the pick


@pytest.mark.usefixtures("loud")
def test_the_pick_keeps_as_many_as_asked_and_removes_the_rest(run8: Path, tmp_path: Path, pairs: Any) -> None:
    generator, out = pairs.loose(run8), tmp_path / "out"
    summary = generator.generate(out, 4, pick_from=10, quiet=True)
    rows = pairs.rows(out)
    kept = [row for row in rows if row["verdict"] == "accepted"]
    left_out = [row for row in rows if any(reason.startswith("pick: ") for reason in row["reasons"])]
    assert summary.accepted == len(kept) == 4 and len(left_out) == 6
    assert [row["defect"] for row in kept].count("blob") == 2, "each kind alike"
    assert all(row["verdict"] == "rejected" and row["image"] is row["mask"] is None for row in left_out)
    pictures = {path.relative_to(out).as_posix() for path in out.rglob("0*.png")}
    assert pictures == {row[name] for row in kept for name in ("image", "mask", "other_mask")}

    before = pairs.snapshot(out)
    summary = generator.generate(out, 4, pick_from=10, quiet=True, resume=True)
    assert summary.accepted == 4 and summary.rejected == summary.failed == 0
    after = pairs.snapshot(out)
    assert {name: data for name, data in after.items() if name != "report.html"} == {k: v for k, v in before.items() if k != "report.html"}


@pytest.mark.usefixtures("loud")
def test_the_pick_after_an_interruption_is_the_same(run8: Path, tmp_path: Path, pairs: Any) -> None:
    generator = pairs.loose(run8)
    generator.generate(tmp_path / "at once", 3, pick_from=9, quiet=True)
    generator.generate(tmp_path / "in two", 5, quiet=True)
    generator.generate(tmp_path / "in two", 3, pick_from=9, quiet=True, resume=True)
    assert pairs.everything(tmp_path / "in two") == pairs.everything(tmp_path / "at once")


def test_the_pick_takes_all_of_what_was_accepted_when_there_is_less(run8: Path, tmp_path: Path, pairs: Any, loud: None) -> None:
    generator = pairs.start(run8, "quality.visible=1000", "generation.attempts=1")
    assert generator.generate(tmp_path / "out", 2, pick_from=4, quiet=True).accepted == 0
    assert {row["verdict"] for row in pairs.rows(tmp_path / "out")} == {"failed"}


# plans and dry runs


@pytest.mark.usefixtures("loud")
@pytest.mark.parametrize(
    "wishes",
    [
        {"seed": 3},
        {"per_image": "1-2", "mix": True, "severity": "0.5-2", "size": "8-12px"},
        {"defect": "line", "region": "rect:10%,10%,60%,60%"},
        {"region": "here.png"},
    ],
    ids=["seed", "several", "box", "mask"],
)
def test_the_plan_of_a_dry_run_makes_the_pairs_that_were_asked_for(
    wishes: dict[str, Any], run8: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = np.zeros((48, 56))
    here[8:40, 10:44] = 255
    save_picture(tmp_path / "here.png", here)
    monkeypatch.chdir(tmp_path)  # paths in the plan hold from any folder
    generator = pairs.loose(run8)
    summary = generator.generate(tmp_path / "plan", 5, dry_run=True, quiet=True, **wishes)
    assert summary == Summary(0, 0, 0, {})
    assert set(pairs.snapshot(tmp_path / "plan")) == {".flawsmith.json", "plan.jsonl", "plan.png"}, "nothing was drawn"
    assert cv2.imread(str(tmp_path / "plan/plan.png")) is not None
    generator.generate(tmp_path / "asked", 5, quiet=True, **wishes)
    generator.generate(tmp_path / "planned", plan=tmp_path / "plan/plan.jsonl", quiet=True)
    asked, planned = ([row for row in pairs.rows(tmp_path / name) if row["attempt"] == 0] for name in ("asked", "planned"))
    assert len(planned) == 5
    for one, other in zip(asked, planned, strict=True):
        for key in set(one) - {"normal"}:  # told as another path to the same file
            assert one[key] == other[key], key
        assert Path(one["normal"]).resolve() == Path(other["normal"]).resolve()
        if one["image"]:
            assert np.array_equal(pairs.plain(tmp_path / "asked" / one["image"]), pairs.plain(tmp_path / "planned" / other["image"]))

    generator.generate(tmp_path / "again", plan=tmp_path / "plan/plan.jsonl", dry_run=True, quiet=True)
    assert (tmp_path / "again/plan.jsonl").read_text() == (tmp_path / "plan/plan.jsonl").read_text(), "with the seeds of its rows"


def test_a_dry_run_can_be_repeated_over_itself(run8: Path, tmp_path: Path, pairs: Any) -> None:
    generator = pairs.start(run8)
    generator.generate(tmp_path / "plan", 1, dry_run=True, quiet=True)
    with pytest.raises(OutputExistsError, match="--overwrite"):
        generator.generate(tmp_path / "plan", 2, dry_run=True, quiet=True)
    generator.generate(tmp_path / "plan", 2, dry_run=True, overwrite=True, quiet=True)
    assert len((tmp_path / "plan/plan.jsonl").read_text().splitlines()) == 2


def test_a_long_dry_run_shows_how_far_it_is_and_draws_the_first_only(
    run8: Path, tmp_path: Path, pairs: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workflow, "SHOWN", 2)
    generator = pairs.start(run8)
    sketched: list[int] = []

    one = Generator.sketch

    def sketch(self: Generator, job: Any, index: int) -> Any:
        sketched.append(index)
        return one(self, job, index)

    monkeypatch.setattr(Generator, "sketch", sketch)
    generator.generate(tmp_path / "plan", 5, dry_run=True)
    assert sketched == [0, 1] and len((tmp_path / "plan/plan.jsonl").read_text().splitlines()) == 5
    shown = capsys.readouterr()
    assert "5/5 pairs" in shown.err and not shown.out


def test_the_sheet_of_a_dry_run_shows_where(run8: Path, tmp_path: Path, pairs: Any) -> None:
    corners = ("rect:0,0,20,20", "rect:36,28,20,20")
    sheets = []
    for i, region in enumerate(corners):
        pairs.start(run8).generate(tmp_path / f"{i}", 1, region=region, dry_run=True, quiet=True)
        sheets.append(pairs.plain(tmp_path / f"{i}/plan.png").astype(int))
    assert sheets[0].shape == sheets[1].shape and (sheets[0] != sheets[1]).any()


@pytest.mark.usefixtures("loud")
def test_every_row_of_a_plan_is_answered(run8: Path, data8: Path, tmp_path: Path, pairs: Any) -> None:
    normal = str(data8 / "test/good/000.png")
    two = {"defect": "line", "region": "ellipse:30,20,24,24"}
    rows = [
        {"defect": "blob"},
        {"defect": "line", "normal": normal, "seed": 11, "severity": 0.5},
        {"normal": normal, "defects": [{"defect": "blob", "region": "rect:0,0,20,20"}, two]},
        {"defect": "blob", "size": "10px"},
        {"defect": "line", "size": "40px", "region": "rect:20,20,4,4"},  # which cannot be
    ]
    (tmp_path / "plan.jsonl").write_text("\n\n".join(json.dumps(row) for row in rows) + "\n")
    generator = pairs.loose(run8, "generation.attempts=2")
    summary = generator.generate(tmp_path / "out", plan=tmp_path / "plan.jsonl", quiet=True)
    made = pairs.check(tmp_path / "out", summary, 0, 5)
    last = {row["id"]: row for row in made}
    assert last["000004"]["verdict"] == "failed" and last["000004"]["reasons"][0].startswith("area: its longer side is")
    assert last["000001"]["normal"] == last["000002"]["normal"] == normal and last["000001"]["severity"] == 0.5
    assert last["000002"]["defect"] == "combined"
    first, second = (part["region"] for part in last["000002"]["defects"])
    assert first[0] + first[2] <= 20 and first[1] + first[3] <= 20 and second[0] >= 20 and second[1] >= 30
    assert not last["000004"]["image"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "row 2: is not JSON"),
        ("[]", "row 2: is a list"),
        ('{"defect": "dent"}', "row 2: defect: got 'dent', expected blob or line"),
        ('{"defect": "blob", "where": 1}', "row 2: has the unknown key 'where'"),
        ('{"defect": "blob", "normal": "none.png"}', "row 2: normal none.png: is no picture"),
        ('{"defect": "blob", "region": "rect:90,90,5,5"}', "row 2: .*rect:90,90,5,5"),
        ('{"defect": "blob", "size": "huge"}', "row 2: --size huge"),
        ('{"defect": "blob", "severity": "0.5-1"}', "row 2: severity: got the range"),
        ('{"defect": "blob", "seed": -1}', "row 2: seed: got -1"),
        ('{"defects": []}', "row 2: defects: expected a list"),
        ('{"defect": "blob", "defects": [{"defect": "line"}]}', "row 2: has 'defect' beside 'defects'"),
    ],
)
def test_a_bad_row_is_named_before_anything_is_drawn(row: str, message: str, run8: Path, tmp_path: Path, pairs: Any) -> None:
    (tmp_path / "plan.jsonl").write_text('{"defect": "blob"}\n' + row + "\n")
    with pytest.raises(DataError, match=message):
        pairs.start(run8).generate(tmp_path / "out", plan=tmp_path / "plan.jsonl", quiet=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("row", ['{"defects": [{"defect": "blob"}, {"defect": "line"}]}', '{"defect": "blob", "size": "9px"}'])
def test_a_row_about_a_normal_is_refused_with_free(row: str, run8: Path, tmp_path: Path, pairs: Any) -> None:
    (tmp_path / "plan.jsonl").write_text(row)
    with pytest.raises(DataError, match="row 1: asks for several defects, a size or a severity.*--free"):
        pairs.start(run8).generate(tmp_path / "out", plan=tmp_path / "plan.jsonl", free=True, quiet=True)
