"""The independent segmenter learns only from what the generator has not seen, and says what it finds in the pairs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawsmith.benchmark.judge import best_threshold, keep_aside, unseen_by
from flawsmith.core.errors import DataError, RunError
from flawsmith.core.files import content_hash, write_bytes, write_json
from flawsmith.dataset.record import data_record
from flawsmith.dataset.sample import Dataset, Item
from flawsmith.dataset.splits import strict_third
from flawsmith.formats.reading import read
from flawsmith.workflows.evaluate import evaluate


def write_run(run: Path, dataset: Dataset, chosen: dict[str, tuple[Item, ...]]) -> Path:
    """Write what a fit leaves of what it learned from, and weights."""
    write_json(run / "data.json", data_record(dataset, chosen, "third"))
    write_bytes(run / "model" / "model.safetensors", b"weights")
    return run


def test_what_the_run_learned_from_is_left_out_by_content_and_part(data8: Path, tmp_path: Path) -> None:
    dataset = read(data8)
    train, test = strict_third(dataset)
    run = write_run(tmp_path / "run", dataset, train)
    unseen = unseen_by(dataset, run)
    assert unseen == [*(item for items in test.values() for item in items), *dataset.held_out]
    # one more picture of a part that was learned from is not unseen, nor is a copy of one under another name
    first, second = dataset.defects["blob"][0], dataset.defects["blob"][-1]
    grouped = {"blob": (Item(first.image, first.mask, "blob", "part 1"), Item(second.image, second.mask, "blob", "part 1"))}
    same_part = Dataset(dataset.root, dataset.good, dataset.held_out, dataset.defects | grouped)
    assert first in train["blob"] and second in unseen and all(item.group is None for item in unseen_by(same_part, run))


def test_a_run_that_has_seen_all_and_one_of_other_pairs_are_refused(data8: Path, make_pairs: Callable, tmp_path: Path) -> None:
    dataset = read(data8)
    run = write_run(tmp_path / "run", dataset, dataset.defects)
    with pytest.raises(DataError, match="leaves 0 physical parts .* data.split=third"):
        unseen_by(dataset, run)
    out = make_pairs(tmp_path / "out", data8, 2)
    rows = (out / "pairs.jsonl").read_text()
    (out / "pairs.jsonl").write_text(rows.replace('"model": "m"', '"model": "0123456789abcdef"'))
    own = content_hash(run / "model" / "model.safetensors")[:16]
    with pytest.raises(DataError, match=f"is model {own}, but the pairs are of 0123456789abcdef"):
        evaluate(data8, out, judge=run, quiet=True)
    with pytest.raises(RunError, match="is missing; --judge takes the RUN folder"):
        evaluate(data8, out, judge=tmp_path / "nowhere", quiet=True)


def test_a_quarter_of_every_kind_is_kept_aside_by_whole_parts() -> None:
    items = [Item(Path(f"{kind}{i}.png"), Path("m.png"), kind, f"{kind} {i // 2}") for kind in ("a", "b") for i in range(8)]
    items.append(Item(Path("c.png"), Path("m.png"), "c"))
    learn, check = keep_aside(items, 0)
    assert sorted(learn + check, key=lambda i: i.image) == sorted(items, key=lambda i: i.image)
    assert not {item.group for item in learn} & {item.group for item in check} - {None}
    assert [sum(item.defect == kind for item in check) for kind in ("a", "b", "c")] == [2, 2, 0]
    assert sorted(keep_aside(items[::-1], 0)[1], key=lambda i: i.image) == sorted(check, key=lambda i: i.image)  # in whatever order


def test_the_threshold_is_the_best_for_the_mean_picture() -> None:
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    sure, unsure = np.where(mask, 0.9, 0.45), np.where(mask, 0.6, 0.1)
    assert 0.45 <= best_threshold([sure], [mask], ["a"]) < 0.9
    assert 0.45 <= best_threshold([sure, unsure, unsure], [mask, mask, mask & False], ["a", "b", "good"]) < 0.6
    assert best_threshold([sure], [mask & False], ["good"]) == 0.5


def test_evaluate_asks_the_judge_of_every_pair(data8: Path, make_pairs: Callable, tmp_path: Path, untouched_generators: None) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("skimage")
    dataset = read(data8)
    train, test = strict_third(dataset)
    out, run, report = make_pairs(tmp_path / "out", data8, 4), write_run(tmp_path / "run", dataset, train), tmp_path / "report"
    options: dict[str, Any] = {"extractor": "offline", "device": "cpu", "threads": 1, "quiet": True}
    found = evaluate(data8, out, report, judge=run, judge_steps=3, **options)
    assert json.loads((report / "report.json").read_text()) == found
    learned, real = found["judge"]["learned_from"], found["judge"]["real"]["all"]
    assert learned["defects"] + real["count"] == sum(map(len, test.values())) and found["judge"]["steps"] == 3
    number = found["all"]["masks"]["mask_iou"]
    assert number["count"] == 4 and 0 <= number["value"] <= 1 and 0 <= number["found"] <= 1 and 0 <= number["by_chance"] <= 1
    assert number["value"] == np.median([pair["mask_iou"] for pair in found["pairs"]])
    html = (report / "report.html").read_text()
    assert '<section id="judge">' in html and "The independent segmenter learned from" in html and "Unseen real defects" in html
