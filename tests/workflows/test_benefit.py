"""The whole experiment on a drawn product: what is read when, what is repeated, what is refused."""

import html
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from no_network import blocked
from safetensors.torch import load_file

import flawsmith.benchmark.choosing as choosing
import flawsmith.benchmark.classifiers.classify as classify
import flawsmith.benchmark.results as results
import flawsmith.workflows.benefit as module
from flawsmith.benchmark.detectors.segment import SegmenterConfig
from flawsmith.benchmark.making import fit_generator, make_generated
from flawsmith.benchmark.protocol import GENERATED, REAL, Settings, parse_baselines, parse_shares, parse_shots, protocol
from flawsmith.benchmark.workspace import Workspace
from flawsmith.config.resolve import resolve
from flawsmith.core.errors import ConfigError, DataError, DiskFullError, FolderBusyError, OutputExistsError, RunError
from flawsmith.core.folders import check_output
from flawsmith.core.locks import hold
from flawsmith.core.precision import Precision
from flawsmith.dataset.sample import Dataset
from flawsmith.dataset.splits import few_shot
from flawsmith.formats.reading import read
from flawsmith.metrics.statistics import bootstrap
from flawsmith.workflows.benefit import BENEFIT, _with_precision, benefit, distinct_parts, jobs_of_learning, jobs_of_test
from flawsmith.workflows.generate import load_unfitted

pytest.importorskip("sklearn")
pytest.importorskip("efficientnet_lite_pytorch")

FIT: tuple[str, ...] = ("data.window=32", "model.width=32", "model.depth=1", "model.head_dim=16", "training.init=none")
FIT += ("model.token_dim=32", "model.saim_rank=4")
FIT += ("training.steps=60", "training.ema=0.9", "training.batch=4", "training.learning_rate=0.003", "training.precision=fp32")
FIT += ("generation.steps=2", "generation.attempts=2", "quality.margin=100")
FIT += ("quality.visible=0", "quality.consistency=0", "quality.outside=1")

SMALL = Settings(
    shots=("2",),
    seeds=2,
    pairs=2,
    labelled=True,
    baselines=("copy-paste",),
    shares=(0.3, 0.5),
    training=SegmenterConfig(network="small", precision="fp32", steps=4, every=2, step_pixels=2 * 64 * 64),
    classifier_steps=5,
    fit_settings=FIT,
)

OPENED: list[Path] = []
LISTENING = False


def listen(event: str, args: Sequence[Any]) -> None:
    if LISTENING and event == "open" and isinstance(args[0], str):
        OPENED.append(Path(args[0]))


@pytest.fixture(scope="module")
def data(make_product: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_product(tmp_path_factory.mktemp("data"), each=18)


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One whole experiment, with the files that were opened before and after all was chosen."""
    global LISTENING
    sys.addaudithook(listen)  # it stays for the process; LISTENING turns it off
    opened: dict[str, set[Path]] = {}
    patch = pytest.MonkeyPatch()

    def begin_learning(works: Sequence[Workspace]) -> Any:
        global LISTENING
        LISTENING = True
        return jobs_of_learning(works)

    def begin_testing(works: Sequence[Workspace]) -> Any:
        opened["learning"] = set(OPENED)
        OPENED.clear()
        return jobs_of_test(works)

    few = partial(bootstrap, resamples=60)  # a thousand take longer than all else
    patch.setattr(results, "bootstrap", few)
    patch.setattr(choosing, "bootstrap", few)
    patch.setattr(classify, "VIEWS", 2)  # each view is a call of an ImageNet network
    patch.setattr(classify, "MADE_VIEWS", 4)
    patch.setattr(module, "jobs_of_learning", begin_learning)
    patch.setattr(module, "jobs_of_test", begin_testing)
    root = tmp_path_factory.mktemp("benefit") / "report"
    try:
        with blocked() as asked:
            result = benefit(data, root, SMALL, device="cpu", workers=0, threads=1, quiet=True, command="flawsmith benefit DATA")
    finally:
        LISTENING = False
        patch.undo()
    opened["testing"] = set(OPENED)
    OPENED.clear()
    return {"root": root, "result": result, "opened": opened, "asked": asked}


def test_nothing_of_the_test_part_is_read_before_all_is_chosen(data: Path, finished: dict[str, Any]) -> None:
    parts = few_shot(read(data), 2)

    def files_of(part: Dataset) -> set[Path]:
        items = [*part.held_out, *part.good, *(i for items in part.defects.values() for i in items)]
        return {path.resolve() for item in items for path in (item.image, item.mask) if path is not None}

    files = {"learn": files_of(parts.learn), "validation": files_of(parts.validation), "test": files_of(parts.test)}
    opened = {which: {path.resolve() for path in paths} for which, paths in finished["opened"].items()}
    assert files["learn"] <= opened["learning"] and files["validation"] <= opened["learning"]  # the listener hears them
    assert files["test"] <= opened["testing"]
    assert not files["test"] & opened["learning"]
    fits = finished["root"] / "work" / "shots-2" / "seed-0" / "run" / "data.json"
    learned = {row["image"] for rows in json.loads(fits.read_text())["defects"].values() for row in rows}
    assert learned == {i.image.relative_to(data).as_posix() for d in parts.learn.defects.values() for i in d}


def test_nothing_is_asked_of_the_network(finished: dict[str, Any]) -> None:
    assert finished["asked"] == []


def test_misses_are_validation_pictures_that_detectors_of_real_defects_alone_missed(data: Path, finished: dict[str, Any]) -> None:
    root = finished["root"]
    named = [Path(line) for line in (root / "misses.txt").read_text().splitlines()]
    parts = few_shot(read(data), 2)
    validation = {item.image.resolve() for items in parts.validation.defects.values() for item in items}
    assert set(named) <= validation and len(named) == len(set(named))
    assert finished["result"]["misses"] == {"file": "misses.txt", "pictures": len(named), "of": len(validation)}
    told = [json.loads((root / f"work/shots-2/seed-{seed}/trained/real-0.json").read_text())["missed"] for seed in (0, 1)]
    counts = [sum((data / path).resolve() == picture for own in told for path in own) for picture in sorted(validation)]
    assert {picture for picture, count in zip(sorted(validation), counts, strict=True) if count >= 1} == set(named), "half of two is one"
    others = [json.loads(path.read_text()) for path in root.glob("work/*/*/trained/*.json") if not path.name.startswith("real-0")]
    assert all(result["missed"] is not None for result in others), "every column says it of itself, and real ones alone count"
    assert "misses.txt" in (root / "report.html").read_text()


def test_every_column_is_measured_with_intervals(finished: dict[str, Any]) -> None:
    result = finished["result"]
    assert result == json.loads((finished["root"] / "report.json").read_text())
    (table,) = result["tables"]
    columns = [REAL, f"{REAL} + {GENERATED}", f"{REAL} + {GENERATED} (labelled)", f"{REAL} + copy-paste", f"{GENERATED} only"]
    assert [row["column"] for row in table["detection"]] == columns
    for row in table["detection"]:
        for name in ("pixel_ap", "pixel_auroc", "pixel_pro", "pixel_f1_max", "image_auroc", "image_ap"):
            found = row["metrics"][name]
            assert 0 <= found["low"] <= found["high"] <= 1 and len(found["seeds"]) == 2
            assert found["value"] == pytest.approx(sum(found["seeds"]) / 2)
        assert set(row["defects"]) == {"blob", "line"}
    assert table["detection"][1]["gains"]["pixel_ap"]["value"] == pytest.approx(
        table["detection"][1]["metrics"]["pixel_ap"]["value"] - table["detection"][0]["metrics"]["pixel_ap"]["value"]
    )
    assert table["verdict"]["word"] in ("helps", "hurts", "no gain") and "points of pixel AP" in table["verdict"]["sentence"]
    assert table["counts"]["learn"] == {"blob": 2, "line": 2, "good": 5} and table["counts"]["test"]["blob"] == 12
    rows = table["classification"]
    assert [row["column"] for row in rows] == [REAL, f"{REAL} + {GENERATED}", f"{REAL} + copy-paste"]
    assert sum(map(sum, rows[0]["confusion"]["counts"])) == 2 * 24
    assert set(table["intrinsic"]) == {GENERATED, "copy-paste"} and result["nearest"]["metrics"]["image_auroc"]["value"] is not None
    assert (finished["root"] / "report.html").stat().st_size > 10_000


def test_the_same_pairs_are_learned_from_with_either_mask_and_said_which_helps(finished: dict[str, Any]) -> None:
    (table,) = finished["result"]["tables"]
    exact, labelled = (table["detection"][i]["metrics"]["pixel_ap"]["value"] for i in (1, 2))
    found = table["masks"]
    assert found["gain"]["value"] == pytest.approx(labelled - exact) and found["gain"]["low"] <= found["gain"]["high"]
    assert f"{REAL} + {GENERATED} (labelled) over {REAL} + {GENERATED}: " in found["sentence"]
    assert table["verdict"]["best_baseline"] == f"{REAL} + copy-paste", "the other form is no baseline"
    assert found["sentence"] in html.unescape((finished["root"] / "report.html").read_text())
    work = finished["root"] / "work/shots-2/seed-0"
    assert {path.name for path in (work / "pairs").iterdir() if path.is_dir()} == {GENERATED, "copy-paste"}, "made once"
    assert (work / "trained/real+generated-(labelled)-0.3.json").is_file()


def test_a_share_is_chosen_by_the_first_seed_s_validation_only_where_that_is_sure(finished: dict[str, Any]) -> None:
    folder = finished["root"] / "work" / "shots-2"
    row = finished["result"]["tables"][0]["detection"][1]
    choice, ap = row["choice"], row["validation"]["pixel_ap"]
    sure = choice["difference"]["low"] > 0
    assert choice["against"] == (0.5 if sure else 0.3) and choice["share"] == (0.3 if sure else 0.5)
    assert ("excludes zero" if sure else "not sure, so the default was taken") in choice["reason"]
    assert [json.loads((folder / f"seed-{seed}/tested/real+generated.json").read_text())["share"] for seed in (0, 1)] == [
        choice["share"]
    ] * 2
    assert len(list((folder / "seed-1/trained").glob("real+generated-[0-9]*.json"))) == 1
    assert row["validation"]["pictures"] == 4 and 0 <= ap["low"] <= ap["value"] <= ap["high"] <= 1


def test_every_column_trains_for_as_many_steps_and_is_watched(finished: dict[str, Any]) -> None:
    for row in finished["result"]["tables"][0]["detection"]:
        for curve in row["curve"]:
            assert [at["step"] for at in curve] == [2, 4] and all(at["loss"] > 0 and 0 <= at["pixel_ap"] <= 1 for at in curve)


def test_resume_repeats_nothing_and_comes_to_the_same(data: Path, finished: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (results, choosing):
        monkeypatch.setattr(where, "bootstrap", partial(bootstrap, resamples=60))
    root = finished["root"]
    work = {p: p.stat().st_mtime_ns for p in (root / "work").rglob("*") if p.is_file()}
    lost = root / "work" / "shots-2" / "seed-1" / "trained" / "generated-only-1.json"
    weights = load_file(lost.with_suffix(".safetensors"))
    lost.unlink()
    again = benefit(data, root, SMALL, resume=True, device="cpu", workers=0, threads=1, quiet=True)
    anew = load_file(lost.with_suffix(".safetensors"))
    assert anew.keys() == weights.keys() and all(torch.equal(anew[name], w) for name, w in weights.items())
    assert again["tables"] == finished["result"]["tables"]
    same = [p for p, t in work.items() if p.name.startswith("fitted") or p.suffix == ".png"]
    assert same and all(p.stat().st_mtime_ns == work[p] for p in same)


def test_it_says_which_results_it_will_have(finished: dict[str, Any]) -> None:
    said = json.loads((finished["root"] / "benefit.json").read_text())["results"]
    found = [path for path in (finished["root"] / "work").rglob("*.json") if "stamp" in json.loads(path.read_text())]
    assert sorted(said) == sorted(path.relative_to(finished["root"]).as_posix() for path in found)


def test_another_version_is_not_resumed(data: Path, finished: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "__version__", "99.0")
    with pytest.raises(RunError, match="this is 99.0; results of two versions"):
        benefit(data, finished["root"], SMALL, resume=True, device="cpu", workers=0, threads=1, quiet=True)


def test_other_settings_or_data_are_not_resumed(data: Path, finished: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="was begun with pairs 2, got 3"):
        benefit(data, finished["root"], replace(SMALL, pairs=3), resume=True, device="cpu", workers=0, threads=1, quiet=True)
    with pytest.raises(RunError, match="nothing to resume"):
        benefit(data, tmp_path / "nothing", SMALL, resume=True, device="cpu", workers=0, threads=1, quiet=True)
    with pytest.raises(OutputExistsError):
        benefit(data, finished["root"], SMALL, device="cpu", workers=0, threads=1, quiet=True)


def test_all_that_is_left_is_known_to_be_ours(finished: dict[str, Any]) -> None:
    check_output(finished["root"], BENEFIT, overwrite=True)  # raises for a file that its marker does not name


def test_two_at_once_do_not_work_in_one_report(data: Path, finished: dict[str, Any]) -> None:
    with hold(finished["root"]), pytest.raises(FolderBusyError):
        benefit(data, finished["root"], SMALL, resume=True, device="cpu", workers=0, threads=1, quiet=True)


def test_what_cannot_be_tested_is_refused_before_anything_is_written(make_product: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no defect can be tested. blob: of 2 labelled pictures none is left to learn from"):
        benefit(make_product(tmp_path / "data", each=2), tmp_path / "report", SMALL, device="cpu", workers=0, threads=1, quiet=True)
    assert not (tmp_path / "report").exists()


def test_seven_pictures_of_a_defect_are_enough_for_the_default_shots(make_product: Callable[..., Path], tmp_path: Path) -> None:
    parts, notes = distinct_parts(read(make_product(tmp_path, each=7)), protocol("quick"))
    assert set(parts) == {"3"} and {name: len(items) for name, items in parts["3"].learn.defects.items()} == {"blob": 1, "line": 1}
    assert len(notes) == 3 and notes[0].startswith("3 shots: blob: of 7 labelled pictures a third (2) may be learned from")
    assert notes[2] == "third: the same pictures as 3 shots; not done twice."


def test_parts_are_cut_anew_for_a_folder_that_changed(make_product: Callable[..., Path], tmp_path: Path) -> None:
    data = make_product(tmp_path, each=9)
    before = distinct_parts(read(data), SMALL)[0]["2"]
    (data / "test/blob/000.png").unlink()
    (data / "ground_truth/blob/000_mask.png").unlink()
    after = distinct_parts(read(data), SMALL)[0]["2"]
    assert [i.image.stem for i in before.learn.defects["blob"]] == ["000", "001"]
    assert "000" not in [i.image.stem for i in after.learn.defects["blob"]]


def test_all_columns_have_one_precision_and_a_resumed_experiment_keeps_it(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "choose_precision", lambda *a: Precision("bf16", "0.1 s a step, fp32 0.2 s"))
    settings = replace(SMALL, training=replace(SMALL.training, precision="auto"))
    dataset = read(data)
    assert _with_precision(settings, dataset, 1, None)[0].precision == "bf16"
    begun = {"settings": {"training": {"precision": "fp32"}}}
    assert _with_precision(settings, dataset, 1, begun)[0].precision == "fp32"


def test_protocols_and_lists() -> None:
    paper = protocol("paper")
    assert paper.columns == (REAL, "generated only", "copy-paste only", "poisson only", "perlin only", "cutpaste only")
    assert paper.pairs == 1000 and paper.training.network == "draem" and paper.classifier_network == "resnet34" and paper.resize == 256
    assert protocol("full").shares_of("real + generated") == (0.25, 0.5, 0.75) and protocol("quick").shares_of(REAL) == (0.0,)
    assert parse_shots("3, third,3") == ("3", "third") and parse_shares("0.5") == (0.5,)
    assert parse_baselines("none") == () and parse_baselines("perlin") == ("perlin",)
    for parse, text in ((parse_shots, "3,0"), (parse_shots, "all"), (parse_shares, "1.5"), (parse_shares, "x"), (parse_baselines, "gan")):
        with pytest.raises(ConfigError, match="expected"):
            parse(text)
    with pytest.raises(ConfigError, match="quick, full or paper"):
        protocol("fast")


def test_the_published_protocol_compares_pairs_alone(
    make_product: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_product(tmp_path / "data", each=6)
    monkeypatch.setattr(classify, "VIEWS", 2)
    monkeypatch.setattr(results, "bootstrap", partial(bootstrap, resamples=60))
    few = {"seeds": 1, "pairs": 2, "baselines": ("perlin",), "resize": 64, "classifier_steps": 1, "fit_settings": FIT}
    training = SegmenterConfig(network="draem", precision="fp32", steps=1, step_pixels=2 * 64 * 64)
    settings = replace(protocol("paper"), **few, training=training, classifier_network="efficientnet-lite0")  # type: ignore[arg-type]
    result = benefit(data, tmp_path / "report", settings, device="cpu", workers=0, threads=1, quiet=True)
    (table,) = result["tables"]
    assert [row["column"] for row in table["detection"]] == [REAL, "generated only", "perlin only"]
    assert [row["share"] for row in table["detection"]] == [0.0, 1.0, 1.0] and "pixel_ap" not in table["detection"][0]["curve"][0][0]
    assert table["counts"]["learn"]["blob"] == 2 and table["counts"]["validation"] == {"good": 0}  # the whole third
    assert [row["column"] for row in table["classification"]] == [REAL, "generated only"]
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "Generated pairs alone" in page or "No difference to real defects alone" in page


def test_a_disk_without_room_is_told_before_anything_is_written(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=10**12, free=10**6))
    with pytest.raises(DiskFullError, match=r"report: 16000 pairs may need [\d.]+ MB, and 1\.0 MB of 1000\.0 GB are free there"):
        benefit(data, tmp_path / "report", replace(SMALL, pairs=2000), device="cpu", workers=0, threads=1, quiet=True)
    assert not (tmp_path / "report").exists()


UNFITTED = tuple(key for key in FIT if not key.startswith(("training.", "quality.margin")))
UNFITTED += ("model.pixels=4", "model.tokens=2", "quality.margin=1000", "generation.precision=fp32")


def test_with_nothing_fitted_pairs_are_those_of_the_base(base: dict[str, torch.Tensor], data: Path, tmp_path: Path) -> None:
    settings = replace(SMALL, unfitted=True, fit_settings=UNFITTED)
    work = Workspace(data, tmp_path, "2", 0, settings, few_shot(read(data), 2))
    for _ in range(2):  # what an interrupted call left is replaced
        fit_generator(work)
    held = load_file(work.run / "model/model.safetensors")
    assert all(torch.equal(held[name], w) for name, w in base.items() if name in held and name != "tokens.entries")
    assert not (work.run / "log.jsonl").exists(), "nothing was trained"
    assert make_generated(work)["accepted"] >= 1
    alone = load_unfitted(work.parts.learn, resolve(settings=UNFITTED), device="cpu", threads=1)
    alone.generate(tmp_path / "alone", 4, seed=0, quiet=True)
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "alone/test").rglob("*.png")}
    assert drawn == {path.name: path.read_bytes() for path in (work.pairs(GENERATED) / "test").rglob("*.png")}
    (job, *_) = jobs_of_learning([work])
    assert job.name == "look at the product (2 shots, seed 0)"


def test_a_network_that_knows_nothing_is_refused_at_once_where_nothing_is_fitted(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="training.init=none: this network begins with random weights; fit it first"):
        benefit(data, tmp_path / "report", replace(SMALL, unfitted=True), device="cpu", workers=0, threads=1, quiet=True)
    assert not (tmp_path / "report").exists()
