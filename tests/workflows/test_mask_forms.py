"""`generate --mask`: what is written of a thin line drawn inside a wide labelled stroke; from what is typed to the files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from flawsmith.cli.main import main
from flawsmith.dataset.windows import bounding_box, thickness
from flawsmith.generation import generator as module
from flawsmith.generation.liked import Labels
from flawsmith.images.files import read_mask
from flawsmith.synthesis.task import Drawn, Task

LENIENT = ("quality.visible=0", "quality.change=0.01", "quality.margin=1000", "quality.duplicate=1")
SET = [word for key in (*LENIENT, "generation.detail=0", "generation.precision=fp32") for word in ("--set", key)]


def generate(data: Path, out: Path, *words: object) -> Result:
    """Type `flawsmith generate DATA -o OUT` and more words."""
    typed = ["generate", data, "-o", out, "--threads", 1, "--device", "cpu", *SET, *words]
    return CliRunner().invoke(main, [str(word) for word in typed])


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]


def accepted(out: Path) -> list[dict[str, Any]]:
    return [row for row in rows(out) if row["verdict"] == "accepted"]


def lined(task: Task) -> Drawn:
    """Return the normal with a dark line a pixel wide through the middle of the region, and the region as its mask."""
    assert task.normal is not None
    label = task.region.astype(np.float32)
    line = np.zeros_like(task.region)
    line[int(np.argwhere(task.region).mean(0).round()[0])] = True
    whole = np.where(line & task.region, task.normal - 0.9, task.normal).astype(np.float32)
    return Drawn(whole, whole * label, label)


@pytest.fixture
def thin(base: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a network that has learned a labeller's wide strokes in the place of the one that ships."""

    def draw(_: Any, tasks: Sequence[Task], *__: Any) -> list[Drawn]:
        return [lined(task) for task in tasks]

    monkeypatch.setattr(module, "draw", draw)


@pytest.mark.usefixtures("thin")
def test_the_exact_mask_is_the_line_and_the_labelled_one_the_stroke(data8: Path, tmp_path: Path) -> None:
    for form in ("exact", "labelled"):
        made = generate(data8, tmp_path / form, "--count", 4, "--mask", form)
        assert made.exit_code == 0, made.output
    both = list(zip(accepted(tmp_path / "exact"), accepted(tmp_path / "labelled"), strict=True))
    assert len(both) == 4
    for thin, wide in both:
        line, stroke = read_mask(tmp_path / "exact" / thin["mask"]), read_mask(tmp_path / "labelled" / wide["mask"])
        assert line.sum(0).max() <= 5 < 9 <= stroke.sum(0).max(), "the line is a little soft, as its grain is matched"
        assert (line & stroke).sum() == line.sum() < stroke.sum()
        for row, mask in ((thin, line), (wide, stroke)):
            box = bounding_box(mask)
            (defect,) = row["defects"]
            assert defect["area"] == mask.sum() and defect["box"] == [box.top, box.left, box.height, box.width]


@pytest.mark.usefixtures("thin")
def test_the_pictures_and_what_counts_are_the_same_and_the_other_form_lies_beside(data8: Path, tmp_path: Path) -> None:
    outs = [tmp_path / form for form in ("exact", "labelled")]
    for out in outs:
        assert generate(data8, out, "--count", 3, "--pick-from", 6, "--mask", out.name).exit_code == 0
    assert [row["verdict"] for row in rows(outs[0])] == [row["verdict"] for row in rows(outs[1])]
    assert [row["scores"] for row in rows(outs[0])] == [row["scores"] for row in rows(outs[1])]
    for row, other in zip(accepted(outs[0]), accepted(outs[1]), strict=True):
        assert (row["mask_form"], other["mask_form"]) == ("exact", "labelled")
        assert (outs[0] / row["image"]).read_bytes() == (outs[1] / other["image"]).read_bytes()
        assert (outs[0] / row["mask"]).read_bytes() == (outs[1] / other["other_mask"]).read_bytes()
        assert (outs[0] / row["other_mask"]).read_bytes() == (outs[1] / other["mask"]).read_bytes()


@pytest.mark.usefixtures("thin")
def test_a_folder_is_not_resumed_in_the_other_form(data8: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert generate(data8, out, "--count", 1, "--mask", "labelled").exit_code == 0
    refused = generate(data8, out, "--count", 2, "--resume")
    assert refused.exit_code == 2 and "was made by another model, seed, normals, defects or other options" in refused.stderr
    assert generate(data8, out, "--count", 2, "--resume", "--mask", "labelled").exit_code == 0
    assert [row["mask_form"] for row in accepted(out)] == ["labelled"] * 2
    assert generate(data8, out, "--count", 1, "--overwrite").exit_code == 0, "its folder `exact` is its own, too"
    assert not (out / "exact").exists() or not list((out / "exact").rglob("*.png"))


@pytest.mark.usefixtures("thin")
def test_each_form_is_measured_against_what_it_is_to_agree_with(data8: Path, tmp_path: Path) -> None:
    """The line with what changed, the stroke with the labels that limits are made of."""
    assert generate(data8, tmp_path / "out", "--count", 3).exit_code == 0
    for row in accepted(tmp_path / "out"):
        stroke = read_mask(tmp_path / "out" / row["other_mask"])
        assert row["scores"]["consistency"] > 0.5 and row["scores"]["outside"] < 0.2
        assert (row["scores"]["area"], row["scores"]["thickness"]) == (stroke.sum(), pytest.approx(thickness(stroke), abs=1e-3))


@pytest.mark.usefixtures("thin")
def test_pairs_are_followed_with_the_masks_that_a_labeller_would_draw(data8: Path, tmp_path: Path) -> None:
    assert generate(data8, tmp_path / "out", "--count", 1).exit_code == 0
    (row,) = accepted(tmp_path / "out")
    (sample,) = Labels().samples(tmp_path / "out" / row["image"])
    assert sample.mask is not None and np.array_equal(sample.mask, read_mask(tmp_path / "out" / row["other_mask"]))


def test_an_unknown_form_is_refused(data8: Path, tmp_path: Path) -> None:
    refused = generate(data8, tmp_path / "out", "--count", 1, "--mask", "wide")
    assert refused.exit_code == 2 and "'wide' is not one of 'exact', 'labelled'" in refused.stderr
