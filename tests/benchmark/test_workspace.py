"""The pieces of the experiment by themselves: what is said when a generator makes nothing, and where things lie."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import flawsmith.benchmark.making as making
from flawsmith.benchmark.protocol import Settings
from flawsmith.benchmark.tallies import load_tally, of_defect, save_tally
from flawsmith.benchmark.workspace import Workspace, defects_of, of_one_kind, slug
from flawsmith.core.errors import RunError
from flawsmith.dataset.sample import Dataset, Item, load_sample
from flawsmith.dataset.splits import few_shot
from flawsmith.formats.reading import read
from flawsmith.generation.request import Request
from flawsmith.images.files import write_image, write_mask


def workspace(tmp_path: Path, data: Path, **settings: Any) -> Workspace:
    parts = few_shot(read(data), 1)
    return Workspace(data, tmp_path / "report", "1", 0, Settings(shots=("1",), **settings), parts, threads=1)


def test_pairs_that_all_fail_are_an_error_that_says_why(data8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def generate(self, out: Path, request: Request, **options: Any) -> Any:
            out.mkdir(parents=True)
            (out / "pairs.jsonl").write_text(json.dumps({"id": "000000", "defect": "blob", "verdict": "failed"}) + "\n")
            return SimpleNamespace(accepted=0, rejected=5, failed=request.count, reasons=Counter(seam=2, visible=9))

    settings: list[str] = []

    def load_generator(run: Path, **options: Any) -> Failing:
        settings.extend(options["settings"])
        return Failing()

    monkeypatch.setattr(making, "load_generator", load_generator)
    with pytest.raises(RunError, match=r"none of 6 wanted pairs passed the checks; most frequent reasons: visible \(9\), seam \(2\)"):
        making.make_generated(workspace(tmp_path, data8, pairs=3, fit_settings=("training.steps=1", "generation.detail=0")))
    assert settings == ["generation.detail=0"]


def test_columns_have_files_of_their_own(data8: Path, tmp_path: Path) -> None:
    names = [slug(column) for column in Settings().columns]
    assert len(set(names)) == len(names) and all(" " not in name for name in names)
    one = workspace(tmp_path, data8)
    assert one.trained("real + poisson", 0.3) != one.trained("real + poisson", 0.6) != one.chosen("real + poisson")
    assert one.tested("real").is_relative_to(one.folder) and one.folder.is_relative_to(tmp_path / "report")


def test_a_tally_comes_back_from_disk_and_is_cut_to_a_defect(tmp_path: Path) -> None:
    from flawsmith.metrics.statistics import bootstrap, tally

    g = np.random.default_rng(0)
    names = ["crack", "dent", "good", "crack", "good"]
    masks = [np.zeros((12, 12), bool) for _ in names]
    for mask, name in zip(masks, names, strict=True):
        mask[3:6, 3:6] = name != "good"
    maps = [g.normal(0, 1, (12, 12)).astype(np.float32) + mask for mask in masks]
    before = tally(maps, masks, [float(m.max()) for m in maps], names, [str(i) for i in range(5)])
    save_tally(tmp_path / "x.npz", before)
    after = load_tally(tmp_path / "x.npz")
    assert (after.names, after.units, after.exact) == (before.names, before.units, before.exact)
    assert np.array_equal(after.counts.overlap, before.counts.overlap) and np.array_equal(after.scores, before.scores)
    cracks = of_defect(after, "crack", {"pixel_ap": 0.5})
    assert cracks.names == ("crack", "good", "crack", "good") and cracks.counts.defect.sum() == 18
    assert set(bootstrap([cracks], resamples=20)) == {"pixel_ap"}


def test_a_picture_with_two_kinds_is_one_picture_with_all_that_is_marked(tmp_path: Path) -> None:
    marks = np.zeros((2, 20, 20), bool)
    marks[0, 2:5, 2:5] = marks[1, 10:14, 10:14] = True
    for number in range(2):
        write_image(tmp_path / f"{number}.png", np.full((20, 20, 1), 90 + number, np.uint8))
    for number, mark in enumerate(marks):
        write_mask(tmp_path / f"mask{number}.png", mark)
    pictures, masks = [[tmp_path / f"{name}{number}.png" for number in range(2)] for name in ("", "mask")]
    dents = (Item(pictures[0], masks[0], "dent"), Item(pictures[1], masks[0], "dent"))
    part = Dataset(tmp_path, (), (), {"dent": dents, "scratch": (Item(pictures[0], masks[1], "scratch"),)})
    both, alone = defects_of(part)
    assert (both.defect, both.image, alone) == ("dent+scratch", pictures[0], dents[1])
    assert (np.asarray(load_sample(both).mask) == marks.any(0)).all()
    assert of_one_kind(part) == [dents[1]]
