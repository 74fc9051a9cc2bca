"""`generate` from a small trained model to pairs on disk: outcomes, the same picture 17 however it is made, and unusable input."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from unsigned import unsigned

from flawsmith.core.errors import ConfigError, DataError, FlawsmithError, OutputExistsError, RunError
from flawsmith.core.precision import Precision
from flawsmith.generation import generator as module
from flawsmith.generation.generator import load_generator
from flawsmith.generation.output import Output
from flawsmith.models.store import FORMAT
from flawsmith.pairs.reason import Reason
from flawsmith.quality.verify import Verdict, Verifier
from flawsmith.synthesis.task import Drawn
from flawsmith.workflows.generate import load

WINDOW = 32


# from data to pairs


def test_end_to_end_on_the_normals_learned_from(run8: Path, data8: Path, tmp_path: Path, pairs: Any) -> None:
    summary = pairs.start(run8, "quality.margin=9").generate(tmp_path / "out", 8, quiet=True)
    rows = pairs.check(tmp_path / "out", summary, 0, 8)
    assert summary.accepted >= 1, "even this model draws defects that pass"
    assert {row["defect"] for row in rows} == {"blob", "line"}
    assert {Path(row["normal"]).parent for row in rows} == {data8 / "train/good"}, "not the held-out ones"
    assert len({row["seed"] for row in rows}) == len(rows)
    assert set(summary.seconds) == {"data", "model", "decode", "write", "report"}


def test_end_to_end_in_16_bit_colour(run16: Path, tmp_path: Path, pairs: Any) -> None:
    summary = pairs.loose(run16).generate(tmp_path / "out", 4, quiet=True)
    rows = pairs.check(tmp_path / "out", summary, 0, 4)
    assert summary.accepted >= 1
    assert all(pairs.plain(tmp_path / "out" / row["image"]).dtype == np.uint16 for row in rows if row["image"])


@pytest.mark.usefixtures("marked")
def test_free_pictures_are_one_window_in_size_and_have_no_normal(run8: Path, tmp_path: Path, pairs: Any) -> None:
    summary = pairs.loose(run8).generate(tmp_path / "out", 4, free=True, quiet=True)
    rows = pairs.check(tmp_path / "out", summary, 0, 4)
    assert summary.accepted >= 1
    for row in rows:
        assert row["normal"] is None and row["region"] is None and row["size"] == [WINDOW, WINDOW]


@pytest.mark.usefixtures("loud")
def test_one_defect_alone(run8: Path, tmp_path: Path, pairs: Any) -> None:
    summary = pairs.loose(run8).generate(tmp_path / "out", 3, defect="line", quiet=True)
    assert {row["defect"] for row in pairs.check(tmp_path / "out", summary, 0, 3)} == {"line"}


@pytest.mark.usefixtures("loud")
def test_pairs_on_one_picture_are_at_different_places(run8: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any) -> None:
    onto = pairs.folder(tmp_path / "onto", (100, 120), "uint8", 1, save_picture, count=1)
    pairs.loose(run8).generate(tmp_path / "out", 5, onto=onto, defect="blob", quiet=True)
    assert len({tuple(row["region"]) for row in pairs.rows(tmp_path / "out")}) >= 4


@pytest.mark.usefixtures("loud")
def test_pairs_are_numbered_from_where_one_says(run8: Path, tmp_path: Path, pairs: Any) -> None:
    pairs.check(tmp_path / "out", pairs.loose(run8).generate(tmp_path / "out", 3, start=40, quiet=True), 40, 3)


# when the budget ends


@pytest.mark.usefixtures("loud")
def test_when_the_attempts_end_fewer_are_delivered_and_counted(run8: Path, tmp_path: Path, pairs: Any) -> None:
    summary = pairs.start(run8, "quality.visible=1000", "generation.attempts=3").generate(tmp_path / "out", 2, quiet=True)
    assert (summary.accepted, summary.rejected, summary.failed) == (0, 4, 2)
    assert summary.reasons["visible"] == 6
    rows = pairs.check(tmp_path / "out", summary, 0, 2)
    for name in ("000000", "000001"):
        mine = [row for row in rows if row["id"] == name]
        assert [(row["attempt"], row["verdict"]) for row in mine] == [(0, "rejected"), (1, "rejected"), (2, "failed")]
        assert len({row["seed"] for row in mine}) == 3 and len({row["defect"] for row in mine}) == 1
        assert len({row["normal"] for row in mine}) > 1, "another normal may do"


def test_a_solver_that_is_not_there_is_said_before_the_first_pair(run8: Path, pairs: Any) -> None:
    with pytest.raises(ConfigError, match=r"generation\.sampler: got 'magic', expected "):
        pairs.start(run8, "generation.sampler=magic")


@pytest.mark.usefixtures("loud")
def test_without_a_limit_a_pair_is_tried_until_it_is_accepted(
    run8: Path, tmp_path: Path, pairs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = iter(range(100))
    refused_often = lambda *_: [Reason("duplicate", "made up")] if next(tries) < 8 else []  # noqa: E731
    monkeypatch.setattr(Output, "_duplicates", refused_often)
    summary = pairs.loose(run8, "generation.attempts=0").generate(tmp_path / "out", 1, quiet=True)
    assert summary.accepted == 1 and summary.rejected >= 8 and summary.failed == 0


def test_a_window_without_a_mask_is_a_rejected_attempt(
    run8: Path, tmp_path: Path, pairs: Any, loud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw: Any = module.draw
    monkeypatch.setattr(module, "draw", lambda *args: [Drawn(d.image, d.anomaly, np.zeros_like(d.mask)) for d in draw(*args)])
    summary = pairs.loose(run8, "generation.attempts=2").generate(tmp_path / "out", 2, quiet=True)
    assert (summary.accepted, summary.failed, summary.reasons) == (0, 2, {"empty": 4})
    pairs.check(tmp_path / "out", summary, 0, 2)


@pytest.mark.usefixtures("alike")
def test_what_is_like_an_accepted_pair_is_a_duplicate(run8: Path, tmp_path: Path, pairs: Any) -> None:
    settings = ["quality.duplicate=0.8", "generation.attempts=2", "generation.feather=0"]
    summary = pairs.loose(run8, *settings).generate(tmp_path / "out", 4, quiet=True)
    rows = pairs.check(tmp_path / "out", summary, 0, 4)
    assert [row["id"] for row in rows if row["verdict"] == "accepted"] == ["000000", "000001"], "the first blob, the first line"
    for row in rows[2:]:
        (reason,) = row["reasons"]
        assert reason.startswith("duplicate: ") and f"pair {'000000' if row['defect'] == 'blob' else '000001'}" in reason
    assert summary.reasons == {"duplicate": 4} and summary.failed == 2


# picture 17


def strict_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reject half of the attempts besides those that are rejected anyway."""
    verify = Verifier.verify

    def stricter(self: Verifier, finding: Any) -> Verdict:
        verdict = verify(self, finding)
        return Verdict(verdict.scores, [*verdict.reasons, Reason("odd", "by chance")]) if int(finding.image.sum()) % 2 else verdict

    monkeypatch.setattr(Verifier, "verify", stricter)


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("wishes", [{}, {"free": True}, {"per_image": 2, "mix": True}], ids=["onto", "free", "two defects"])
def test_picture_17_is_the_same_however_it_is_made(
    wishes: dict[str, Any], run8: Path, tmp_path: Path, pairs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict_by_chance(monkeypatch)
    settings = ["generation.attempts=20"]

    def make(name: str, first: int, count: int, batch: int, **more: Any) -> dict[str, Any]:
        generator = pairs.loose(run8, *settings, f"generation.batch={batch}")
        generator.generator._device = "another"  # on a CPU the batch is 1; that many are taken on any other device
        generator.generate(tmp_path / name, count, start=first, seed=5, quiet=True, **wishes, **more)
        return dict(pairs.everything(tmp_path / name))

    alone = make("alone", 17, 1, 4)["000017"]
    batch = make("batch", 14, 6, 4)
    assert len(alone[-1][1]) == 3, "the pair was accepted"
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


@pytest.mark.usefixtures("loud")
def test_another_seed_makes_another_picture_17(run8: Path, tmp_path: Path, pairs: Any) -> None:
    found = []
    for seed in (0, 1):
        pairs.loose(run8).generate(tmp_path / f"{seed}", 1, start=17, seed=seed, quiet=True)
        found.append(pairs.everything(tmp_path / f"{seed}")["000017"])
    assert found[0] != found[1] and found[0][0][0]["seed"] != found[1][0][0]["seed"]


@pytest.mark.usefixtures("untouched_generators")
@pytest.mark.parametrize("free", [False, True])
def test_generating_touches_no_global_generator(free: bool, run8: Path, tmp_path: Path, pairs: Any) -> None:
    pairs.start(run8, "generation.attempts=1").generate(tmp_path / "out", 2, free=free, quiet=True)


def test_global_generators_do_not_matter(run8: Path, tmp_path: Path, pairs: Any) -> None:
    found = []
    state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            pairs.start(run8, "generation.attempts=1").generate(tmp_path / f"{seed}", 2, quiet=True)
            found.append(pairs.everything(tmp_path / f"{seed}"))
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])
        torch.set_rng_state(state[2])
    assert found[0] == found[1]


# unusable input


def refused(run: Path, out: Path, match: str, error: type[FlawsmithError] = DataError, **options: Any) -> None:
    with pytest.raises(error, match=match):
        load(run, device="cpu", threads=1).generate(out, **({"count": 1} | options), quiet=True)
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
    refused(run8, out, "--region rect:100,100,5,5: lies outside 000.png", region="rect:100,100,5,5")
    refused(run8, out, "--region rect:1,2,3: got 3 numbers", ConfigError, region="rect:1,2,3")
    refused(run8, out, "--plan .*none.jsonl: there is no such file", count=None, plan=tmp_path / "none.jsonl")
    assert not out.exists(), "all of this is known before anything is written"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": None}, "--count: is missing"),
        ({"count": 0}, "--count 0: expected at least 1"),
        ({"count": 5, "pick_from": 3}, "--pick-from 3: is less than --count 5"),
        ({"size": "big"}, "--size big: expected pixels such as 40px"),
        ({"severity": 9}, "--severity 9: expected a number above 0 and at most 4"),
        ({"per_image": "0"}, "--per-image 0: expected a whole number from 1"),
        ({"free": True, "region": "rect:1,1,9,9"}, "--region: .*--free"),
        ({"free": True, "place_map": "map.png"}, "--place-map: .*--free"),
        ({"free": True, "size": "20px"}, "--size: .*--free"),
        ({"free": True, "severity": 0.5}, "--severity: .*--free"),
        ({"free": True, "per_image": 2}, "--per-image: .*--free"),
        ({"free": True, "onto": "folder"}, "--onto: .*--free"),
        ({"free": True, "dry_run": True}, "--dry-run: .*--free"),
        ({"resume": True, "dry_run": True}, "--dry-run: .*--resume"),
        ({"plan": "plan.jsonl"}, "--count: does not go with --plan"),
        ({"count": None, "plan": "plan.jsonl", "mix": True}, "--mix: does not go with --plan"),
        ({"count": None, "plan": "plan.jsonl", "size": "9px"}, "--size: does not go with --plan"),
        ({"count": None, "plan": "plan.jsonl", "severity": 2}, "--severity: does not go with --plan"),
    ],
)
def test_wishes_that_cannot_be_are_errors(options: dict[str, Any], message: str, run8: Path, tmp_path: Path) -> None:
    refused(run8, tmp_path / "out", message, ConfigError, **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("learned", ["uint8", "uint16"])
def test_normals_of_another_depth_are_refused(
    learned: str, run8: Path, run16: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any
) -> None:
    other, run, bits = ("uint16", run8, (16, 8)) if learned == "uint8" else ("uint8", run16, (8, 16))
    onto = pairs.folder(tmp_path / "onto", (48, 56), other, 1, save_picture)
    refused(run, tmp_path / "out", f"part .*has {bits[0]} bits per channel, but the model learned from {bits[1]}", onto=onto)


def test_a_spoiled_normal_is_named(run8: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any) -> None:
    onto = pairs.folder(tmp_path / "onto", (48, 56), "uint8", 1, save_picture, count=1)
    path = onto / "part 0.png"
    path.write_bytes(path.read_bytes()[:300])
    refused(run8, tmp_path / "out", "part 0.png", onto=onto)


def test_missing_normals_are_named_with_the_way_out(run_copy: Path, data8: Path, tmp_path: Path, pairs: Any) -> None:
    moved = shutil.copytree(data8, tmp_path / "moved")
    record = json.loads((run_copy / "data.json").read_text())
    (run_copy / "data.json").write_text(json.dumps(record | {"root": str(moved)}))
    (moved / "train/good/001.png").unlink()
    refused(run_copy, tmp_path / "out", r"001\.png: .*--onto")
    generator = pairs.loose(run_copy)
    assert generator.generate(tmp_path / "out", 1, onto=moved / "train/good", quiet=True).failed <= 1


# a RUN folder


def test_a_run_that_is_not_there_or_not_finished(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nothing: there is no such folder; make it with `flawsmith fit"):
        load_generator(tmp_path / "nothing", threads=1)
    with pytest.raises(RunError, match=r"model\.safetensors: is missing"):
        load_generator(tmp_path, threads=1)


def test_a_run_without_its_record_of_the_data_is_refused(run_copy: Path, tmp_path: Path) -> None:
    (run_copy / "data.json").unlink()
    refused(run_copy, tmp_path / "out", r"data\.json: is missing; copy the whole RUN folder", RunError)


@pytest.mark.parametrize("name", ["model", "exemplars", "limits"])
@pytest.mark.parametrize("keep", [0.0, 0.01, 0.6])
def test_a_spoiled_file_of_a_run_is_named(name: str, keep: float, run_copy: Path) -> None:
    path = run_copy / f"model/{name}.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(RunError, match=rf"{name}\.safetensors: cannot be read"):
        load(run_copy, threads=1)


@pytest.mark.parametrize("name", ["exemplars", "limits"])
def test_a_missing_file_of_a_run_is_named(name: str, run_copy: Path) -> None:
    (run_copy / f"model/{name}.safetensors").unlink()
    with pytest.raises(RunError, match=rf"{name}\.safetensors: is missing; fit again"):
        load(run_copy, threads=1)


@pytest.mark.parametrize("given", [None, "flawsmith-0", "flawsmith-1", "flawsmith-99"])
def test_a_model_of_another_format_is_refused(given: str | None, run_copy: Path) -> None:
    path = run_copy / "model/model.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = {key: value for key, value in unsigned(file.metadata()).items() if key != "format"}
    save_file(load_file(path), path, metadata | ({"format": given} if given else {}))
    with pytest.raises(RunError, match=f"got format {given!r}, expected {FORMAT}; fit again"):
        load(run_copy, threads=1)


def test_only_generation_and_quality_can_be_set(run8: Path, pairs: Any) -> None:
    assert pairs.start(run8, "generation.steps=3").config.generation.steps == 3
    with pytest.raises(ConfigError, match="training.steps=3: got a key that cannot change here"):
        pairs.start(run8, "training.steps=3")


@pytest.mark.parametrize("read", ["onto", "region", "plan", "own"])
@pytest.mark.usefixtures("loud")
def test_an_output_folder_that_holds_what_is_read_is_refused(
    read: str, run_copy: Path, data8: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any
) -> None:
    out = tmp_path / "out"
    pairs.loose(run_copy).generate(out, 2, defect="blob", quiet=True)
    options: dict[str, Any] = {"count": 2}
    if read == "onto":
        options["onto"] = out / "test/blob"
    elif read == "region":
        options["region"] = save_picture(out / "region.png", np.full((48, 56), 255.0))
    elif read == "plan":
        (out / "plan.jsonl").write_text('{"defect": "blob"}\n')
        options = {"plan": out / "plan.jsonl"}
    else:
        shutil.copytree(data8, out / "data")
        record = json.loads((run_copy / "data.json").read_text())
        (run_copy / "data.json").write_text(json.dumps(record | {"root": str(out / "data")}))
    before = pairs.snapshot(out)
    with pytest.raises(OutputExistsError, match="lies in the output folder .*out; name an output folder of its own"):
        pairs.loose(run_copy).generate(out, overwrite=True, quiet=True, **options)
    assert pairs.snapshot(out) == before


# precision


def test_pairs_go_on_in_the_precision_they_began_in(run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faster = {"name": "bf16"}
    monkeypatch.setattr(module, "sampling_precision", lambda *_: Precision(faster["name"], "timed"))
    settings = ("generation.precision=auto", "quality.margin=1000", "quality.consistency=0", "generation.attempts=1")

    def generate(out: Path, count: int, **more: Any) -> None:
        load(run8, device="cpu", threads=1, settings=settings).generate(out, count, quiet=True, **more)

    generate(tmp_path / "whole", 4)
    generate(tmp_path / "parts", 2)
    faster["name"] = "fp32"
    generate(tmp_path / "parts", 4, resume=True)
    generate(tmp_path / "other", 4)
    whole, parts, other = ((tmp_path / name / "pairs.jsonl").read_text() for name in ("whole", "parts", "other"))
    assert whole == parts != other
