"""The benefit page: from what an experiment left, complete and in one file, whatever of it is missing."""

import copy
import io
import json
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from html_page import Page

from flawsmith.benchmark.detectors.segment import SegmenterConfig
from flawsmith.benchmark.jobs import run_jobs
from flawsmith.benchmark.protocol import AS_LABELLED, GENERATED, NEAREST, REAL, Settings
from flawsmith.benchmark.results import collect
from flawsmith.benchmark.testing import evaluate_column, measure_maps
from flawsmith.benchmark.training import masks_of, train_chosen, train_column
from flawsmith.benchmark.workspace import Workspace, defects_of
from flawsmith.core.files import write_json
from flawsmith.dataset.sample import Dataset, load_sample
from flawsmith.dataset.splits import few_shot
from flawsmith.formats.reading import read
from flawsmith.images.files import read_image, write_image, write_mask
from flawsmith.metrics.statistics import tally
from flawsmith.reports.benefit import print_benefit, step_commands, write_benefit_report
from flawsmith.reports.blocks import Block
from flawsmith.reports.comparison import RECALLS, precision_at_recalls, precision_block
from flawsmith.reports.examples import ranked, specimens
from flawsmith.reports.gains import GainVerdict, best_baseline, best_of, known, verdict_of
from flawsmith.reports.intrinsic import intrinsic_section
from flawsmith.reports.page import Page as Report
from flawsmith.reports.page import Section
from flawsmith.workflows.benefit import jobs_of_learning, jobs_of_test

pytest.importorskip("sklearn")

SMALL = Settings(
    shots=("2",),
    seeds=2,
    pairs=3,
    baselines=("copy-paste",),
    shares=(0.3, 0.5),
    training=SegmenterConfig(network="small", precision="fp32", steps=2, every=1, step_pixels=2 * 64 * 64),
    fit_settings=("training.steps=40", "generation.steps=2"),
)


@dataclass(frozen=True)
class Done:
    """A finished experiment."""

    report: Path
    result: dict[str, Any]
    works: list[Workspace]

    def page(self, **changes: Any) -> str:
        """Return the page of the experiment with a changed result."""
        write_benefit_report(self.report, self.result | changes, self.works)
        return (self.report / "report.html").read_text(encoding="utf-8")


def shown(blocks: list[Block]) -> str:
    """Return a page of the blocks."""
    return Report("A page", [], [Section("Blocks", "blocks", blocks)]).html()


def write_pairs(out: Path, work: Workspace, seed: int) -> None:
    """Write three pairs per defect: dark discs on normals."""
    rows = []
    g = np.random.default_rng(seed)
    normals = work.parts.learn.good
    for number, defect in enumerate(sorted(work.parts.learn.defects) * work.settings.pairs):
        normal = normals[number % len(normals)].image
        image = read_image(normal)
        mask = np.zeros(image.shape[:2], np.uint8)
        cv2.circle(mask, (int(g.integers(12, 44)), int(g.integers(12, 36))), 4, 1, -1)
        files = {"image": f"test/{defect}/{number:06d}.png", "mask": f"ground_truth/{defect}/{number:06d}_mask.png"}
        row = {"id": f"{number:06d}", "defect": defect, "verdict": "accepted", "reasons": [], "scores": {}, **files}
        row |= {"normal": str(normal), "size": mask.shape}
        write_image(out / files["image"], np.where(mask[..., None] > 0, image // 5 + 180, image).astype(image.dtype))
        write_mask(out / files["mask"], mask > 0)
        rows.append(row)
    (out / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def number(value: float | None, **more: Any) -> dict[str, Any]:
    return {"value": value, **more} if value is not None else {"value": None, "reason": "3 real and 2 generated, needs 5 of each"}


def measured(name: str = "EfficientNet-Lite0 (ImageNet)", digest: str = "0123456789ab", fid: float | None = None) -> dict[str, Any]:
    """Return what `metrics.evaluate.measure` says, in short."""
    likeness = {key: number(0.5) for key in ("precision", "recall", "density", "coverage")} | {"fid": number(fid)}
    windows = likeness | {"kid": number(0.0123, deviation=0.001, mean=0.02, kinds=2), "ic_distance": number(0.31)}
    windows["diversity"] = number(0.93, generated=0.28, real=0.3)
    masks = {key: number(0.7) for key in ("consistency", "psnr", "ssim", "precision", "recall", "density", "coverage")}
    masks["copies"] = number(0.0, count=0, pairs=6, highest=0.4)
    counts = {side: {"pictures": 6, "defects": 6} for side in ("real", "generated")}
    by = {"name": name, "digest": digest}
    every = {"counts": counts, "whole": {"is": number(1.4)}, "windows": windows, "masks": masks}
    return {"extractors": {"features": by, "distance": by}, "all": every}


def make(data: Path, report: Path, settings: Settings) -> Done:
    """Run the experiment's detectors; what is made of pairs, classifiers and measurements is drawn."""
    parts = few_shot(read(data), 2, not settings.only_made)
    works = [Workspace(data, report, shots, seed, settings, parts, 1) for seed in range(settings.seeds) for shots in settings.shots]
    for work in works:
        for made in settings.made:
            write_pairs(work.pairs(made), work, work.seed + len(made))
            write_json(work.folder / "pairs" / f"{made}.json", {"job_seconds": 1.5})
            write_json(work.measured(made), {"made": made, **measured(), "job_seconds": 2.0})
        write_json(work.folder / "fitted.json", {"job_seconds": 60.0})
        truth = [item.defect for item in defects_of(work.parts.test)]
        for kind in (None, *settings.made):
            answers = [name if index % (3 if kind else 2) else truth[0] for index, name in enumerate(truth)]
            column = REAL if kind is None else f"{kind} only" if settings.only_made else f"{REAL} + {kind}"
            found = {"column": column, "network": "drawn", "truth": truth, "answers": answers, "units": list(map(str, range(len(truth))))}
            write_json(work.classified(kind), {**found, "job_seconds": 3.0})
    trains = (train_column, train_chosen)
    run_jobs([job for job in jobs_of_learning(works) if job.run in trains], 0, quiet=True)
    run_jobs([job for job in jobs_of_test(works) if job.run == evaluate_column], 0, quiet=True)
    first = works[0]
    items = [*defects_of(first.parts.test), *first.parts.test.held_out]
    maps = [load_sample(item).image[..., 0].astype(np.float32) for item in items]
    nearest = measure_maps(first, NEAREST, items, maps, masks_of([load_sample(item) for item in items]), [float(m.max()) for m in maps])
    write_json(first.tested(NEAREST), {"column": NEAREST, **nearest, "job_seconds": 1.0})
    kept = json.loads(json.dumps({k: getattr(settings, k) for k in settings.__dataclass_fields__}, default=vars))
    machine = {"processor": "drawn", "cores": 2, "device": "cpu", "workers": 0}
    whole = {"flawsmith": "0", "data": str(data), "command": "flawsmith benefit DATA --seeds 2", "settings": kept, "machine": machine}
    result = json.loads(json.dumps({**whole, "minutes": 1.5, **collect(works)}))
    write_json(report / "report.json", result)
    return Done(report, result, works)


@pytest.fixture(scope="module")
def data(make_product: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_product(tmp_path_factory.mktemp("data"), each=9)


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    return make(data, tmp_path_factory.mktemp("benefit") / "report", SMALL)


def changed(done: Done, change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Return the experiment's result after a change to its only table."""
    result = copy.deepcopy(done.result)
    change(result["tables"][0])
    return result


def test_the_page_has_everything_and_needs_no_other_file(done: Done) -> None:
    text = done.page()
    page = Page(text)
    headings: tuple[str, ...] = ("What was learned from and tested", "Finding defects", "Gain per defect", "Precision and recall")
    headings += ("Had the trainings converged?", "Naming defects", "The pairs by themselves")
    headings += ("Where it helped and where it hurt", "Real defects and generated ones")
    for heading in (*headings, "How to read it", "Settings and machine", "Commands"):
        assert heading in page.text
    assert done.result["tables"][0]["verdict"]["sentence"] in page.text
    assert "Learned from 2 2 5" in page.text and "Tested on 6 6 2" in page.text
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert images and all((image["src"] or "").startswith("data:") and image["alt"] for image in images)
    assert not re.search(r"https?:|@import|url\(|<script", text)
    assert all(attributes.get("aria-label") for tag, attributes in page.tags if tag == "svg")
    assert "No pictures" not in page.text and "flawsmith benefit DATA --seeds 2 --resume" in page.text
    assert "Fits 2 2.0 1.0" in page.text  # a minute each
    assert not list(done.report.glob("*.tmp"))


def test_every_column_s_metric_stands_with_its_interval_and_the_best_is_marked(done: Done) -> None:
    def change(table: dict[str, Any]) -> None:
        for index, row in enumerate(table["detection"]):
            row["metrics"]["pixel_ap"] = {"value": 0.5 + index / 10, "low": 0.411, "high": 0.922, "seeds": [0.1, 0.2]}
            if row["gains"]:
                row["gains"]["pixel_ap"] = {"value": index / 10, "low": -0.05, "high": 0.31}

    page = Page(done.page(**changed(done, change) | {"nearest": {"metrics": {"pixel_ap": {"value": 0.7, "low": 0.6, "high": 0.75}}}}))
    assert "real none 50.0 41.1 to 92.2" in page.text and "generated only all ★ 80.0 41.1 to 92.2" in page.text
    assert "normals only nearest neighbour, for reference – 70.0 60.0 to 75.0 – – – – – –" in page.text
    assert "real + generated +10.0 -5.0 to +31.0" in page.text
    assert "reaches 160% of the pixel AP" in page.text


@pytest.mark.parametrize(("word", "mark", "way"), [("helps", "▲", "up"), ("hurts", "▼", "down"), ("no gain", "=", "same")])
def test_a_verdict_is_told_by_mark_and_word_in_large_letters(word: str, mark: str, way: str, done: Done) -> None:
    result = changed(done, lambda table: table["verdict"].update(word=word, sentence=f"It is {word}, plainly."))
    text = done.page(**result)
    page = Page(text)
    assert f"{mark} 2 shots per defect : {word} It is {word}, plainly." in page.text
    assert f'class="verdict {way}"' in text and f"<h2>2 shots per defect: {word}</h2>" in text
    with redirect_stdout(io.StringIO()) as told:
        print_benefit(result)
    assert f"{mark} It is {word}, plainly." in " ".join(told.getvalue().split())


def test_the_terminal_shows_a_line_per_column_and_the_reference(done: Done) -> None:
    with redirect_stdout(io.StringIO()) as told:
        print_benefit(done.result)
    lines = told.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for start in (*(row["column"] for row in done.result["tables"][0]["detection"]), NEAREST):
        assert any(line.startswith(start) for line in lines)
    assert "tested on 12 pictures with a defect and 2 without" in lines[0]


def test_which_masks_help_is_told_where_both_were_tried_and_long_names_fit_the_terminal(done: Done) -> None:
    told = "Exact masks help more than masks drawn as labels are."
    name = f"{REAL} + {GENERATED}{AS_LABELLED}"

    def both(table: dict[str, Any]) -> None:
        table["detection"][1]["column"] = name
        table["masks"] = {"gain": number(-0.1), "sentence": told}

    result = changed(done, both)
    with redirect_stdout(io.StringIO()) as printed:
        print_benefit(result)
    assert told in " ".join(printed.getvalue().split()) and max(map(len, printed.getvalue().splitlines())) <= 80
    assert told in done.page(**result) and told not in done.page()


def test_gains_are_marked_only_where_zero_lies_outside(done: Done) -> None:
    intervals = {"pixel_ap": (0.01, 0.09), "pixel_pro": (-0.09, -0.01), "pixel_auroc": (-0.01, 0.09), "image_ap": (0.0001, 0.0002)}

    def change(table: dict[str, Any]) -> None:
        gains = table["detection"][1]["gains"]
        gains.update({name: {"value": sum(ends) / 2, "low": ends[0], "high": ends[1]} for name, ends in intervals.items()})

    text = done.page(**changed(done, change))
    assert "<span class=up>▲ +5.0</span><small>+1.0 to +9.0</small>" in text
    assert "<span class=down>▼ -5.0</span><small>-9.0 to -1.0</small>" in text
    assert "<span class=same>+4.0</span>" in text
    assert "<span class=same>0.0</span><small>0.0 to 0.0</small>" in text


def test_trainings_are_shown_with_curves_ends_and_how_sure_the_validation_part_is(done: Done) -> None:
    def change(table: dict[str, Any]) -> None:
        row = table["detection"][1]
        row["curve"] = [
            [{"step": 500, "loss": 0.31}, {"step": 1500, "loss": 0.254}],
            [{"step": 500, "loss": 0.3}, {"step": 1500, "loss": 0.2}],
        ]
        row["validation"] = {"pictures": 6, "normals": 2, "pixel_ap": {"value": 0.73, "low": 0.211, "high": 0.9}}
        row["choice"] = {"share": 0.5, "reason": "share 0.3 against the default 0.5: not sure"}

    text = done.page(**changed(done, change), notes=["blob: of 7 labelled pictures <few>"])
    page = Page(text)
    assert "validation AP" in page.text and "training loss" in page.text
    assert "real + generated: training loss over training steps" in text
    assert "1,500 0.31 to 0.25, 0.30 to 0.20 6 + 2 73.0 21.1 to 90.0 share 0.3 against the default 0.5: not sure" in page.text
    assert "blob: of 7 labelled pictures <few>" in page.text


def test_missing_numbers_are_dashes(done: Done) -> None:
    def change(table: dict[str, Any]) -> None:
        table["verdict"] = {}
        for row in table["detection"]:
            row["metrics"] = {"image_auroc": row["metrics"]["image_auroc"]}
            row["gains"] = {}
            row["curve"] = [[], []]
            row.pop("validation")
            for found in row["defects"].values():
                found.clear()
        table["detection"][0]["metrics"]["image_auroc"] = {"value": 0.5, "low": float("nan"), "high": float("nan")}
        table["counts"]["validation"] = {"good": 3}

    result = changed(done, change)
    page = Page(done.page(**result | {"nearest": {}}))
    assert "No verdict" in page.text and "real none – – – – – – –" in page.text and "nan" not in page.text.lower()
    assert "There is no validation part with a defect" in page.text and "the default share was taken" in page.text
    assert "not defined here" in page.text
    with redirect_stdout(io.StringIO()) as told:
        print_benefit(result | {"nearest": {}})
    assert "? No verdict" in told.getvalue()


def test_the_published_protocol_compares_generated_pairs_alone(data: Path, tmp_path: Path) -> None:
    training = SegmenterConfig(network="small", precision="fp32", steps=2, every=1, step_pixels=2 * 48 * 48)
    settings = replace(SMALL, only_made=True, seeds=1, shares=(1.0,), resize=64, training=training, protocol="paper")
    done = make(data, tmp_path / "report", settings)
    page = Page(done.page())
    verdict = verdict_of(done.result["tables"][0])
    assert verdict.way in ("up", "same", "down") and "The best baseline, copy-paste only, is at" in verdict.sentence
    assert verdict.sentence in page.text and "real + generated" not in page.text
    assert "no validation part is kept aside" in page.text and "There is one seed" in page.text and "Every seed" not in page.text
    assert "the others resized" in page.text and "marked by: generated only" in page.text
    with redirect_stdout(io.StringIO()) as told:
        print_benefit(done.result)
    assert "generated only" in told.getvalue()


def test_one_defect_and_no_baselines(make_product: Callable[..., Path], tmp_path: Path) -> None:
    data = make_product(tmp_path / "data", each=9)
    shutil.rmtree(data / "test/line")
    shutil.rmtree(data / "ground_truth/line")
    training = SegmenterConfig(network="small", precision="fp32", steps=2, every=1, step_pixels=2 * 48 * 48)
    done = make(data, tmp_path / "report", replace(SMALL, seeds=1, baselines=(), training=training))
    page = Page(done.page())
    assert "all defects" not in page.text and "Over the best baseline" not in page.text
    assert "Naming defects" not in page.text  # there is nothing to tell apart
    assert best_baseline(done.result["tables"][0]) is None


@pytest.fixture
def moved(done: Done, tmp_path: Path) -> Done:
    """A copy in which real defects alone found nothing of the first test picture, and all of the second."""
    report = shutil.copytree(done.report, tmp_path / "report")
    works = [replace(work, root=report) for work in done.works]
    path = works[0].tested(REAL)
    tested = json.loads(path.read_text())
    for row, iou in zip(tested["pictures"], (-0.1, 1.1), strict=False):  # beyond any that a detector comes to
        row["iou"] = iou
    write_json(path, tested)
    return Done(report, done.result, works)


def test_the_best_and_the_worst_picture_are_shown_with_what_both_detectors_mark(moved: Done) -> None:
    page = Page(moved.page())
    best, worst = page.text.index("Gained most with real + generated"), page.text.index("Lost most with real + generated")
    assert best < page.text.index("test/blob/003.png") < worst < page.text.index("test/blob/004.png")
    names = [a["alt"] or "" for tag, a in page.tags if tag == "img" and "test/blob/003.png" in (a["alt"] or "")]
    marked = ["the picture", "the labelled defect", "marked by: real", "marked by: real + generated"]
    assert [name.split(",")[0] for name in names] == marked
    assert "overlap with the label -0.10 with real," in page.text


def gone(part: Dataset) -> Dataset:
    """Return a part whose defects' files are no longer there."""
    moved = {name: tuple(replace(item, image=item.image.with_name("gone.png")) for item in items) for name, items in part.defects.items()}
    return replace(part, defects=moved)


def test_pictures_that_are_gone_are_left_out(moved: Done) -> None:
    parts = moved.works[0].parts
    elsewhere = replace(parts, learn=gone(parts.learn), test=gone(parts.test))
    page = Page(replace(moved, works=[replace(work, parts=elsewhere) for work in moved.works]).page())
    assert page.text.count("No pictures") == 2 and "Precision and recall" in page.text
    shutil.rmtree(moved.report / "work")
    page = Page(moved.page())
    assert "No pictures" in page.text and "Finding defects" in page.text and "Precision and recall" not in page.text


@pytest.mark.parametrize("evil", ["<b>x</b>", '"><img src=x>', "a & b"])
def test_every_name_is_escaped(evil: str, done: Done) -> None:
    result = json.loads(json.dumps(done.result).replace('"blob"', json.dumps(evil)))
    result["command"] = result["data"] = evil
    text = done.page(**result)
    assert evil not in text and evil in Page(text).text


def test_numbers_of_two_networks_are_never_in_one_table() -> None:
    both = {GENERATED: [measured()], "perlin": [measured("Inception", "ba9876543210", fid=12.0)]}
    text = shown(intrinsic_section(both))
    Page(text)
    tables = [Page(part).text for part in re.findall(r"<table>.*?</table>", text, re.S)]
    for start, count in (("Defect windows", 2), ("Whole pictures", 2), ("Variety", 2)):
        own = [table for table in tables if table.startswith(start)]
        assert len(own) == count
        assert "EfficientNet-Lite0 (ImageNet) 0123456789ab" in own[0] and "perlin" not in own[0]
        assert "Inception ba9876543210" in own[1] and f"{GENERATED} 6 6" not in own[1]
        assert (" 12 " in own[1]) == (start == "Defect windows")  # its FID
    assert any("generated Defect windows: FID 3 real and 2 generated, needs 5 of each" in table for table in tables)
    assert any("Masks" in table and "generated" in table and "perlin" in table for table in tables)  # needs no network
    assert intrinsic_section({}) == []


def test_a_mean_over_seeds_stands_over_the_seeds_own() -> None:
    first, second = measured(), measured()
    second["all"]["windows"]["kid"]["value"] = 0.0323
    assert "22.3<small>12.3, 32.3</small>" in shown(intrinsic_section({GENERATED: [first, second]}))


def test_precision_is_that_of_the_first_threshold_that_reaches_a_recall() -> None:
    g = np.random.default_rng(0)
    scores = g.integers(0, 50, (4, 12, 12)).astype(np.float32)
    masks = g.random((4, 12, 12)) < 0.2
    found = precision_at_recalls(tally(list(scores), list(masks), [0.0] * 4, ["a"] * 4, list("abcd")))
    for recall, precision in zip(RECALLS, found, strict=True):
        for threshold in range(49, -1, -1):
            marked = scores >= threshold
            if (marked & masks).sum() >= recall * masks.sum() * (1 - 1e-9):
                assert precision == pytest.approx((marked & masks).sum() / marked.sum())
                break


def test_a_detector_that_saw_no_defect_has_no_curve() -> None:
    nothing = tally([np.zeros((4, 4), np.float32)], [np.zeros((4, 4), bool)], [0.0], ["good"], ["a"])
    assert np.isnan(precision_at_recalls(nothing)).all()
    assert precision_block({REAL: [nothing]}, {REAL: {"metrics": {}}}) == []


def test_examples_are_those_that_changed_most() -> None:
    before = [{"image": name, "defect": "a", "iou": 0.5} for name in "abcdef"] + [{"image": "g", "defect": "good", "iou": 0.0}]
    after = [row | {"iou": iou} for row, iou in zip(before, (0.9, 0.4, 0.5, 0.6, 0.1, 0.7, 1.0), strict=True)]
    assert ranked(before, after, 2) == (["a", "f"], ["e", "b"])
    assert ranked(before, before, 2) == ([], [])


def test_a_picture_s_marks_are_what_the_test_found(done: Done) -> None:
    from flawsmith.reports.examples import _marks

    work = done.works[0]
    item = defects_of(work.parts.test)[0]
    tested = json.loads(work.tested(REAL).read_text())
    marked = _marks(work, REAL, tested["threshold"], [item])[item.image]
    mask = load_sample(item).mask
    assert mask is not None
    (row,) = [row for row in tested["pictures"] if item.image.as_posix().endswith(row["image"])]
    assert row["iou"] == pytest.approx((marked & mask).sum() / (marked | mask).sum(), abs=1e-4)


def test_specimens_are_of_the_learned_part_and_of_accepted_pairs(moved: Done) -> None:
    found = specimens(moved.works[0], GENERATED)
    assert set(found) == {"blob", "line"}
    real, made, side = found["blob"]
    assert made is not None and side in (32, 42)
    assert real.shape[1] == 2 * 128 + 6 and made.shape[1] == 3 * 128 + 2 * 6  # two learned, three made
    (moved.works[1].pairs("copy-paste") / "pairs.jsonl").unlink()
    assert specimens(moved.works[1], "copy-paste")["blob"][1] is None


def test_commands_are_what_one_would_type(done: Done) -> None:
    work = done.works[0]
    fit, generate, *evaluate = step_commands(work)
    assert fit.startswith("flawsmith fit LEARN -o ") and "--preset tiny --set training.steps=40 --set generation.steps=2 --seed 0" in fit
    assert str(work.run) in generate and "--count 6 --seed 0 --set generation.steps=2" in generate and "training.steps" not in generate
    keys = ("generation.steps=2", "data.masks=labels", "training.steps=40")
    unfitted = replace(work, settings=replace(work.settings, unfitted=True, fit_settings=keys))
    first, *others = step_commands(unfitted)
    assert first.startswith("flawsmith generate LEARN -o ") and "--set generation.steps=2 --set data.masks=labels" in first
    assert others == evaluate and "training.steps" not in first
    assert len(evaluate) == 2 and all(line.startswith("flawsmith evaluate TEST ") for line in evaluate)


def test_the_best_of_a_column_is_as_printed() -> None:
    rows = [{"metrics": {"x": {"value": v, "low": 0.0, "high": 1.0}}} for v in (0.50001, 0.50002, 0.3)] + [{"metrics": {"x": None}}]
    assert best_of(rows, ["x", "y"]) == {"x": 50.0}
    assert not known(None) and not known({"value": None, "low": 0.0, "high": 1.0})


def alone(low: float, high: float) -> GainVerdict:
    gain = {"value": (low + high) / 2, "low": low, "high": high}
    own = {"column": "generated only", "metrics": {}, "gains": {"pixel_ap": gain}}
    return verdict_of({"verdict": {}, "detection": [{"column": REAL, "metrics": {}, "gains": {}}, own]})


def test_generated_pairs_alone_have_a_verdict_of_their_own() -> None:
    assert alone(0.01, 0.03).way == "up" and "more than real defects" in alone(0.01, 0.03).sentence
    assert alone(-0.03, -0.01).way == "down" and alone(-0.03, -0.01).sentence.startswith("Generated pairs alone teach less")
    assert alone(-0.01, 0.03).way == "same" and "No difference" in alone(-0.01, 0.03).sentence
