"""`generate` from a small trained model to pairs on disk: complete rows, exact backgrounds, and the same picture 17 however it is made."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from flawsmith.data.image_files import read_image
from flawsmith.errors import ConfigError, DataError, FlawsmithError, OutputExistsError, RunError
from flawsmith.generation import generate as module
from flawsmith.generation.generate import Generator, Summary, load
from flawsmith.generation.sampling import Drawn, Task

WINDOW = 32
KEYS = {"id", "attempt", "defect", "image", "mask", "verdict", "reasons", "scores", "seed", "normal", "region", "model", "size"}
LENIENT = ["quality.visible=0", "quality.change=0.001", "quality.overlap=0", "quality.area=1000", "quality.branches=10"]


@pytest.fixture
def run_copy(run8: Path, tmp_path: Path) -> Path:
    """A copy of the 8-bit product's run, to be spoiled."""
    return Path(shutil.copytree(run8, tmp_path / "copy"))


def rewrite(path: Path, weights: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write other weights into a model file; its header stays as it was where no other is given."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() if metadata is None else metadata
    save_file(weights, path, metadata)


def start(run: Path, *settings: str) -> Generator:
    return load(run, device="cpu", threads=1, settings=settings)


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]


def plain(path: Path) -> np.ndarray:
    """Return a file's pixels as another program reads them."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return np.asarray(pixels)


def check_output(out: Path, summary: Summary, first: int, count: int) -> list[dict[str, Any]]:
    """Return the rows of OUT after checking everything the contract says of them."""
    rows = rows_of(out)
    verdicts = Counter(row["verdict"] for row in rows)
    assert verdicts["accepted"] == summary.accepted and verdicts["rejected"] == summary.rejected and verdicts["failed"] == summary.failed
    assert sum(summary.reasons.values()) == sum(len(row["reasons"]) for row in rows)
    finished = [row["id"] for row in rows if row["verdict"] != "rejected"]
    assert sorted(finished) == [f"{i:06d}" for i in range(first, first + count)], "every pair ends once, as accepted or failed"
    for row in rows:
        assert set(row) == KEYS and isinstance(row["seed"], int) and isinstance(row["model"], str) and row["model"]
        assert all(isinstance(value, (int, float)) for value in row["scores"].values())
        assert row["attempt"] == sum(r["id"] == row["id"] and r["attempt"] < row["attempt"] for r in rows), "attempts count from 0"
        if row["verdict"] != "accepted":
            assert row["image"] is None and row["mask"] is None and row["reasons"]
            continue
        assert row["reasons"] == []
        assert row["image"] == f"test/{row['defect']}/{row['id']}.png"
        assert row["mask"] == f"ground_truth/{row['defect']}/{row['id']}_mask.png"
        image, mask = plain(out / row["image"]), plain(out / row["mask"])
        assert list(image.shape[:2]) == list(mask.shape) == row["size"]
        assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255}, "0 and 255, and never empty"
        if row["normal"] is not None:
            normal = plain(Path(row["normal"]))
            assert image.dtype == normal.dtype and image.shape == normal.shape
            top, left, height, width = row["region"]
            outside = np.ones(mask.shape, bool)
            outside[top : top + height, left : left + width] = False
            assert height > 0 and width > 0 and not mask[outside].any()
            assert np.array_equal(image[outside], normal[outside])
    pictures = {path.relative_to(out).as_posix() for path in out.rglob("*.png")} - {"sheet.png"}
    assert pictures == {row[kind] for row in rows for kind in ("image", "mask") if row[kind]}, "no picture without its row"
    assert cv2.imread(str(out / "sheet.png")) is not None
    return rows


def loud(_model: object, tasks: Sequence[Task], *_rest: object, **_more: object) -> list[Drawn]:
    """Stand in for the network: noise in every pixel of the window, and a disc in the middle of the region as the mask."""
    drawn = []
    for task in tasks:
        g = np.random.default_rng(task.seed)
        colours = 1 if task.normal is None else task.normal.shape[0]
        centre = np.argwhere(task.region).mean(0)
        distance = np.hypot(*(np.indices((WINDOW, WINDOW)) - centre[:, None, None]))
        mask = (distance <= 3).astype(np.float32)
        whole = g.uniform(-1.2, 1.2, (colours, WINDOW, WINDOW)).astype(np.float32)
        drawn.append(Drawn(whole, whole * mask, mask))
    return drawn


def folder(root: Path, size: tuple[int, int], dtype: str, channels: int, save: Callable[..., Path], count: int = 3) -> Path:
    g = np.random.default_rng(0)
    for i in range(count):
        save(root / f"part {i}.png", g.uniform(60, 160, size), dtype, channels)
    return root


# from data to pairs


def test_end_to_end_on_the_normals_learned_from(run8: Path, data8: Path, tmp_path: Path) -> None:
    summary = start(run8).generate(tmp_path / "out", 8, quiet=True)
    rows = check_output(tmp_path / "out", summary, 0, 8)
    assert summary.accepted >= 1, "even this model draws defects that pass"
    assert {row["defect"] for row in rows} == {"blob", "line"}
    assert {Path(row["normal"]).parent for row in rows} == {data8 / "train/good"}, "not the held-out ones"
    assert len({row["seed"] for row in rows}) == len(rows)
    for row in rows:
        if row["verdict"] == "accepted":
            image, normal = plain(tmp_path / "out" / row["image"]), plain(Path(row["normal"]))
            changed = np.abs(image.astype(int) - normal) > 0.04 * 255
            mask = plain(tmp_path / "out" / row["mask"]) > 0
            assert (changed & mask).sum() / (changed | mask).sum() == pytest.approx(row["scores"]["overlap"], abs=0.02)
            assert row["scores"]["area"] == mask.sum()


def test_end_to_end_in_16_bit_colour(run16: Path, tmp_path: Path) -> None:
    summary = start(run16, *LENIENT).generate(tmp_path / "out", 4, quiet=True)
    rows = check_output(tmp_path / "out", summary, 0, 4)
    assert summary.accepted >= 1
    for row in rows:
        if row["image"]:
            assert plain(tmp_path / "out" / row["image"]).dtype == np.uint16


def test_free_pictures_are_one_window_in_size_and_have_no_normal(run8: Path, tmp_path: Path) -> None:
    summary = start(run8, *LENIENT).generate(tmp_path / "out", 4, free=True, quiet=True)
    rows = check_output(tmp_path / "out", summary, 0, 4)
    assert summary.accepted >= 1
    for row in rows:
        assert row["normal"] is None and row["region"] is None and row["size"] == [WINDOW, WINDOW]


def test_one_defect_alone(run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", loud)
    generator = start(run8, *LENIENT)
    rows = check_output(tmp_path / "out", generator.generate(tmp_path / "out", 3, defect="line", quiet=True), 0, 3)
    assert {row["defect"] for row in rows} == {"line"}


def test_pairs_on_one_picture_are_at_different_places(
    run8: Path, tmp_path: Path, save_picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "draw", loud)
    onto = folder(tmp_path / "onto", (100, 120), "uint8", 1, save_picture, count=1)
    start(run8, *LENIENT).generate(tmp_path / "out", 5, onto=onto, defect="blob", quiet=True)
    assert len({tuple(row["region"]) for row in rows_of(tmp_path / "out")}) >= 4


def test_pairs_are_numbered_from_where_one_says(run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", loud)
    check_output(tmp_path / "out", start(run8, *LENIENT).generate(tmp_path / "out", 3, start=40, quiet=True), 40, 3)


def test_failed_pairs_are_counted(run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", loud)
    summary = start(run8, "quality.visible=1000", "generation.attempts=3").generate(tmp_path / "out", 2, quiet=True)
    assert (summary.accepted, summary.rejected, summary.failed) == (0, 4, 2)
    rows = check_output(tmp_path / "out", summary, 0, 2)
    for name in ("000000", "000001"):
        mine = [row for row in rows if row["id"] == name]
        assert [(row["attempt"], row["verdict"]) for row in mine] == [(0, "rejected"), (1, "rejected"), (2, "failed")]
        assert len({row["seed"] for row in mine}) == 3 and len({row["defect"] for row in mine}) == 1


def test_a_window_without_a_mask_is_a_rejected_attempt(run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*args: Any) -> list[Drawn]:
        return [Drawn(d.whole, d.part, np.zeros_like(d.mask)) for d in loud(*args)]

    monkeypatch.setattr(module, "draw", nothing)
    summary = start(run8, *LENIENT, "generation.attempts=2").generate(tmp_path / "out", 2, quiet=True)
    assert (summary.accepted, summary.failed) == (0, 2)
    check_output(tmp_path / "out", summary, 0, 2)


# pixels outside the band


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("size", [(20, 24), (WINDOW, WINDOW), (40, 150), (120, 100)])
def test_outside_the_band_every_bit_is_the_normals(
    dtype: str,
    channels: int,
    size: tuple[int, int],
    run8: Path,
    run16: Path,
    tmp_path: Path,
    save_picture: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "draw", loud)
    feather = 2
    onto = folder(tmp_path / "onto", size, dtype, channels, save_picture)
    generator = start(run8 if dtype == "uint8" else run16, *LENIENT, f"generation.feather={feather}", "generation.placement=uniform")
    summary = generator.generate(tmp_path / "out", 6, onto=onto, quiet=True)
    assert summary.accepted == 6
    for row in check_output(tmp_path / "out", summary, 0, 6):
        image, normal = plain(tmp_path / "out" / row["image"]), plain(Path(row["normal"]))
        mask = plain(tmp_path / "out" / row["mask"]) > 0
        every = np.indices(size).reshape(2, -1).T[:, None]
        distance = np.sqrt(((every - np.argwhere(mask)) ** 2).sum(-1)).min(1).reshape(size)
        outside = distance >= feather + 1.2  # the band's distance is approximate by a few per cent
        assert image.dtype == normal.dtype and image.shape == normal.shape
        assert np.array_equal(image[outside], normal[outside])
        assert (image[mask] != normal[mask]).any()
        if channels == 4:
            assert np.array_equal(image[..., 3], normal[..., 3]), "alpha is no part of a defect"


def test_defects_reach_the_border_of_a_picture(
    run8: Path, tmp_path: Path, save_picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "draw", loud)
    onto = folder(tmp_path / "onto", (60, 60), "uint8", 1, save_picture)
    corner = np.zeros((60, 60))
    corner[:6, 54:] = 255
    region = save_picture(tmp_path / "region.png", corner)
    summary = start(run8, *LENIENT).generate(tmp_path / "out", 3, onto=onto, region=region, quiet=True)
    for row in check_output(tmp_path / "out", summary, 0, 3):
        changed = plain(tmp_path / "out" / row["image"]) != plain(Path(row["normal"]))
        assert changed.any() and not changed[corner == 0].any()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_only_the_users_region_changes(
    kind: str, run8: Path, tmp_path: Path, save_picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "draw", loud)
    onto = folder(tmp_path / "onto", (70, 90), "uint8", 3, save_picture)
    masks = {}
    for i, path in enumerate(sorted(onto.iterdir())):
        mask = np.zeros((70, 90))
        mask[10:60, 20 + 20 * (i if kind == "folder" else 0) :][:, :15] = 255
        save_picture(tmp_path / (f"regions/{path.stem}_mask.png" if kind == "folder" else "regions/one.png"), mask)
        masks[path] = mask > 0
    region = tmp_path / "regions" if kind == "folder" else tmp_path / "regions/one.png"
    summary = start(run8, *LENIENT).generate(tmp_path / "out", 6, onto=onto, region=region, quiet=True)
    assert summary.accepted >= 4
    for row in check_output(tmp_path / "out", summary, 0, 6):
        if row["image"]:
            allowed = masks[Path(row["normal"])]
            changed = (plain(tmp_path / "out" / row["image"]) != plain(Path(row["normal"]))).any(-1)
            assert not changed[~allowed].any() and not plain(tmp_path / "out" / row["mask"])[~allowed].any()


# picture 17


def strict_on_odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reject every attempt whose seed is odd, besides those that are rejected anyway: half of the pairs need another."""
    for name in ("verify_onto", "verify_free"):
        verify = getattr(module, name)

        def stricter(image: np.ndarray, *rest: Any, verify: Any = verify) -> Any:
            verdict = verify(image, *rest)
            return type(verdict)(verdict.scores, [*verdict.reasons, "odd: by chance"]) if int(image.sum()) % 2 else verdict

        monkeypatch.setattr(module, name, stricter)


def everything(out: Path) -> dict[str, Any]:
    """Return the rows and the bytes of the pictures of OUT, by the pair's number."""
    found: dict[str, Any] = {}
    for row in sorted(rows_of(out), key=lambda row: (row["id"], row["attempt"])):
        files = [(out / row[kind]).read_bytes() for kind in ("image", "mask") if row[kind]]
        found.setdefault(row["id"], []).append((row, files))
    return found


@pytest.mark.parametrize("free", [False, True])
def test_picture_17_is_the_same_however_it_is_made(free: bool, run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strict_on_odd(monkeypatch)
    settings = ["quality.branches=10", "quality.visible=0", "quality.change=0.01", "quality.overlap=0.1", "quality.area=100"]
    settings.append("generation.attempts=6")

    def make(name: str, first: int, count: int, batch: int, **more: Any) -> dict[str, Any]:
        generator = start(run8, *settings, f"generation.batch={batch}")
        generator.generate(tmp_path / name, count, start=first, free=free, seed=5, quiet=True, **more)
        return everything(tmp_path / name)

    alone = make("alone", 17, 1, 4)["000017"]
    batch = make("batch", 14, 6, 4)
    assert len(alone[-1][1]) == 2, "the pair was accepted"
    assert sum(len(attempts) for attempts in batch.values()) > 6, "some attempts were rejected"
    assert batch["000017"] == alone
    assert make("one by one", 14, 6, 1) == batch

    # A run that was cut off while it wrote a row: some pairs are whole, one has only a rejected attempt, one half a line.
    shutil.copytree(tmp_path / "batch", tmp_path / "cut")
    lines = (tmp_path / "cut/pairs.jsonl").read_text().splitlines(keepends=True)
    for kept in (0, 1, 3, 5):
        (tmp_path / "cut/pairs.jsonl").write_text("".join(lines[:kept]) + lines[kept][: len(lines[kept]) // 2])
        assert make("cut", 14, 6, 3, resume=True) == batch
    assert make("cut", 14, 6, 4, resume=True) == batch, "nothing left to do"


def test_another_seed_makes_another_picture_17(run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", loud)
    found = []
    for seed in (0, 1):
        start(run8, *LENIENT).generate(tmp_path / f"{seed}", 1, start=17, seed=seed, quiet=True)
        found.append(everything(tmp_path / f"{seed}")["000017"])
    assert found[0] != found[1] and found[0][0][0]["seed"] != found[1][0][0]["seed"]


# resume and overwrite


def test_resume_makes_what_is_missing_and_leaves_the_rest(run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", loud)
    generator, out = start(run8, *LENIENT), tmp_path / "out"
    generator.generate(out, 3, quiet=True, resume=True)  # nothing there yet: a fresh start
    files = {path: path.stat().st_mtime_ns for path in out.rglob("0*.png")}
    assert generator.generate(out, 5, quiet=True, resume=True).accepted == 2
    check_output(out, Summary(5, 0, 0, {}), 0, 5)
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_a_failed_pair_is_not_tried_again(run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", loud)
    start(run8, "quality.visible=1000", "generation.attempts=1").generate(tmp_path / "out", 2, quiet=True)
    summary = start(run8, "quality.visible=1000", "generation.attempts=1").generate(tmp_path / "out", 3, quiet=True, resume=True)
    assert summary.failed == 1 and [row["id"] for row in rows_of(tmp_path / "out")] == ["000000", "000001", "000002"]


@pytest.mark.parametrize("other", ["seed", "defect", "onto", "free", "model"])
def test_pairs_made_in_another_way_are_not_resumed(
    other: str, run_copy: Path, data8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "draw", loud)
    out = tmp_path / "out"
    start(run_copy, *LENIENT).generate(out, 2, quiet=True)
    before = snapshot(out)
    if other == "model":
        path = run_copy / "model/model.safetensors"
        rewrite(path, {name: weight * 2 for name, weight in load_file(path).items()})
    changed: dict[str, Any] = {"seed": 99, "defect": "line", "onto": data8 / "test/good", "free": True}
    options = {name: value for name, value in changed.items() if name == other}
    with pytest.raises(OutputExistsError, match="pair 00000. there was made by another model, seed, choice of defects or of normals"):
        start(run_copy, *LENIENT).generate(out, 4, resume=True, quiet=True, **options)
    assert snapshot(out) == before


def snapshot(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_nothing_is_written_into_a_folder_that_holds_something(run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", loud)
    generator, out = start(run8, *LENIENT), tmp_path / "out"
    generator.generate(out, 2, quiet=True)
    before = snapshot(out)
    with pytest.raises(OutputExistsError, match="is not empty; nothing was written.*--overwrite"):
        generator.generate(out, 2, quiet=True)
    assert snapshot(out) == before
    generator.generate(out, 1, start=5, quiet=True, overwrite=True)
    assert {row["id"] for row in rows_of(out)} == {"000005"} and not (set(before) - {"pairs.jsonl", "sheet.png"} <= set(snapshot(out)))


@pytest.mark.parametrize("options", [{"overwrite": True}, {"resume": True}, {}])
def test_a_folder_of_something_else_is_left_alone(options: dict[str, bool], run8: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").write_bytes(b"irreplaceable")
    with pytest.raises(OutputExistsError):
        start(run8).generate(tmp_path / "photos", 1, quiet=True, **options)  # type: ignore[arg-type]
    assert snapshot(tmp_path / "photos") == {"holiday.jpg": b"irreplaceable"}


# unusable input


def refused(run: Path, out: Path, match: str, error: type[FlawsmithError] = DataError, **options: Any) -> None:
    with pytest.raises(error, match=match):
        start(run).generate(out, 1, quiet=True, **options)
    assert not out.exists() or not any(path.suffix == ".png" for path in out.rglob("*")), "no half-made pairs"


def test_wrong_names_and_folders_are_errors(run8: Path, tmp_path: Path, save_picture: Callable[..., Path]) -> None:
    out = tmp_path / "out"
    refused(run8, out, "--defect crack: this model learned blob, line", ConfigError, defect="crack")
    refused(run8, out, "nothing: there is no such folder", onto=tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    refused(run8, out, "there are no pictures in it", onto=tmp_path / "empty")
    refused(run8, out, "--region.*no such file or folder", region=tmp_path / "none.png")
    refused(run8, out, "is 10x10 but 000.png is 56x48", region=save_picture(tmp_path / "small.png", np.full((10, 10), 255.0)))
    refused(run8, out, "is empty; mark", region=save_picture(tmp_path / "none.png", np.zeros((48, 56))))
    refused(run8, out, "--region.*--free", free=True, region=save_picture(tmp_path / "all.png", np.full((48, 56), 255.0)))
    assert not out.exists(), "all of this is known before anything is written"


@pytest.mark.parametrize("learned", ["uint8", "uint16"])
def test_normals_of_another_depth_are_refused(
    learned: str, run8: Path, run16: Path, tmp_path: Path, save_picture: Callable[..., Path]
) -> None:
    other, run, bits = ("uint16", run8, (16, 8)) if learned == "uint8" else ("uint8", run16, (8, 16))
    onto = folder(tmp_path / "onto", (48, 56), other, 1, save_picture)
    refused(run, tmp_path / "out", f"part .*has {bits[0]} bits per channel, but the model learned from {bits[1]}", onto=onto)


def test_normals_of_another_depth_are_refused_before_anything_is_overwritten(
    run8: Path, data16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "draw", loud)
    generator, out = start(run8, *LENIENT), tmp_path / "out"
    generator.generate(out, 2, quiet=True)
    before = snapshot(out)
    with pytest.raises(DataError, match="has 16 bits per channel"):
        generator.generate(out, 2, onto=data16 / "train/good", overwrite=True, quiet=True)
    assert snapshot(out) == before


@pytest.mark.parametrize("read", ["onto", "region", "own"])
def test_an_output_folder_that_holds_what_is_read_is_refused(
    read: str, run_copy: Path, data8: Path, tmp_path: Path, save_picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "draw", loud)
    out = tmp_path / "out"
    start(run_copy, *LENIENT).generate(out, 2, defect="blob", quiet=True)
    options: dict[str, Path] = {}
    if read == "onto":
        options["onto"] = out / "test/blob"
    elif read == "region":
        options["region"] = save_picture(out / "region.png", np.full((48, 56), 255.0))
    else:
        shutil.copytree(data8, out / "data")
        record = json.loads((run_copy / "data.json").read_text())
        (run_copy / "data.json").write_text(json.dumps(record | {"root": str(out / "data")}))
    before = snapshot(out)
    with pytest.raises(OutputExistsError, match="lies in the output folder .*out; name an output folder of its own"):
        start(run_copy, *LENIENT).generate(out, 2, overwrite=True, quiet=True, **options)  # type: ignore[arg-type]
    assert snapshot(out) == before


def test_a_spoiled_normal_is_named(run8: Path, tmp_path: Path, save_picture: Callable[..., Path]) -> None:
    onto = folder(tmp_path / "onto", (48, 56), "uint8", 1, save_picture, count=1)
    path = onto / "part 0.png"
    path.write_bytes(path.read_bytes()[:300])
    refused(run8, tmp_path / "out", "part 0.png", onto=onto)


def test_a_run_without_its_record_of_the_data_is_refused(run_copy: Path, tmp_path: Path) -> None:
    (run_copy / "data.json").unlink()
    refused(run_copy, tmp_path / "out", r"data\.json: is missing; copy the whole RUN folder", RunError)


def test_missing_normals_are_named_with_the_way_out(run_copy: Path, data8: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(data8, tmp_path / "moved")
    record = json.loads((run_copy / "data.json").read_text())
    (run_copy / "data.json").write_text(json.dumps(record | {"root": str(moved)}))
    (moved / "train/good/001.png").unlink()
    refused(run_copy, tmp_path / "out", r"001\.png: .*--onto")
    assert start(run_copy, *LENIENT).generate(tmp_path / "out", 1, onto=moved / "train/good", quiet=True).failed <= 1


def test_a_run_that_is_not_there_or_not_finished(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nothing: there is no such folder; make it with `flawsmith fit"):
        load(tmp_path / "nothing", threads=1)
    with pytest.raises(RunError, match=r"model\.safetensors: is missing"):
        load(tmp_path, threads=1)


@pytest.mark.parametrize("name", ["model", "library"])
@pytest.mark.parametrize("keep", [0.0, 0.01, 0.6])
def test_a_spoiled_file_of_a_run_is_named(name: str, keep: float, run_copy: Path) -> None:
    path = run_copy / f"model/{name}.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(RunError, match=rf"{name}\.safetensors: cannot be read"):
        load(run_copy, threads=1)


def test_a_missing_library_is_named(run_copy: Path) -> None:
    (run_copy / "model/library.safetensors").unlink()
    with pytest.raises(RunError, match=r"library\.safetensors: is missing"):
        load(run_copy, threads=1)


@pytest.mark.parametrize("given", [None, "flawsmith-0", "flawsmith-99"])
def test_a_model_of_another_format_is_refused(given: str | None, run_copy: Path) -> None:
    path = run_copy / "model/model.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = {key: value for key, value in file.metadata().items() if key != "format"}
    rewrite(path, load_file(path), metadata | ({"format": given} if given else {}))
    with pytest.raises(RunError, match=f"got format {given!r}, expected flawsmith"):
        load(run_copy, threads=1)


def test_only_generation_and_quality_can_be_set(run8: Path) -> None:
    assert start(run8, "generation.steps=3").config.generation.steps == 3
    with pytest.raises(ConfigError, match="training.steps=3: got a key that cannot change here"):
        start(run8, "training.steps=3")


@pytest.mark.usefixtures("untouched_generators")
@pytest.mark.parametrize("free", [False, True])
def test_generating_touches_no_global_generator(free: bool, run8: Path, tmp_path: Path) -> None:
    start(run8, "generation.attempts=1").generate(tmp_path / "out", 2, free=free, quiet=True)


def test_global_generators_do_not_matter(run8: Path, tmp_path: Path) -> None:
    found = []
    state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            start(run8, "generation.attempts=1").generate(tmp_path / f"{seed}", 2, quiet=True)
            found.append(everything(tmp_path / f"{seed}"))
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])
        torch.set_rng_state(state[2])
    assert found[0] == found[1]


def test_the_pictures_are_read_back_as_they_were_written(run16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", loud)
    start(run16, *LENIENT).generate(tmp_path / "out", 1, quiet=True)
    (row,) = (row for row in rows_of(tmp_path / "out") if row["image"])
    ours, theirs = read_image(tmp_path / "out" / row["image"]), plain(tmp_path / "out" / row["image"])
    assert np.array_equal(ours, theirs[..., ::-1]), "red is red (cv2 reads blue first)"
