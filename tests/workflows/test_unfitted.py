"""`flawsmith generate DATA`: pairs of a product with nothing fitted, by what is typed and by what is left."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import flawsmith as fs
from flawsmith.cli.main import main
from flawsmith.core.errors import RunError
from flawsmith.reports import sheets

LENIENT = [
    *("quality.visible=0", "quality.change=0.001", "quality.consistency=0", "quality.outside=1", "quality.margin=1000"),
    *("generation.precision=fp32", "generation.steps=2", "generation.attempts=2"),
]
SET = [word for setting in LENIENT for word in ("--set", setting)]


def generate(data: Path, out: Path, *words: object) -> Result:
    """Type `flawsmith generate DATA -o OUT` and more words."""
    typed = ["generate", data, "-o", out, "--threads", 1, "--device", "cpu", *SET, *words]
    return CliRunner().invoke(main, [str(word) for word in typed])


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("base")
def test_from_a_labelled_folder_to_pairs_that_name_it(data8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    headings: list[str] = []
    contact_sheet = sheets.contact_sheet

    def look(cells: Any, banner: Any, heading: str) -> np.ndarray:
        headings.append(heading)
        return contact_sheet(cells, banner, heading)

    monkeypatch.setattr(sheets, "contact_sheet", look)
    result = generate(data8, tmp_path / "out", "--count", 4)
    assert result.exit_code == 0, result.output
    made = rows(tmp_path / "out")
    assert sum(row["verdict"] == "accepted" for row in made) >= 1 and {row["defect"] for row in made} == {"blob", "line"}
    assert {Path(row["normal"]).parent for row in made} == {data8 / "train/good"}
    page = (tmp_path / "out/report.html").read_text()
    assert f"the base, nothing fitted ({made[0]['model']})" in page and str(data8) in page
    assert headings == [f"{data8}: the base, nothing fitted"]
    temporary = "/flawsmith-"  # of the folder that the base's run lies in
    assert all(temporary not in text for text in (page, (tmp_path / "out/pairs.jsonl").read_text(), result.output))


@pytest.mark.usefixtures("base")
def test_the_same_pictures_have_the_same_fingerprint_so_that_resume_and_plan_go_on(
    data8: Path, make_product: Callable[..., Path], tmp_path: Path
) -> None:
    whole, cut, planned = (tmp_path / name for name in ("whole", "cut", "planned"))
    assert generate(data8, whole, "--count", 4, "--seed", 3).exit_code == 0
    assert generate(data8, cut, "--count", 2, "--seed", 3).exit_code == 0
    assert generate(data8, cut, "--count", 4, "--seed", 3, "--resume").exit_code == 0
    assert rows(cut) == rows(whole)
    assert [(cut / row["image"]).read_bytes() for row in rows(cut) if row["image"]] == [
        (whole / row["image"]).read_bytes() for row in rows(whole) if row["image"]
    ]
    assert generate(data8, planned, "--count", 2, "--seed", 3, "--dry-run").exit_code == 0
    made = generate(data8, tmp_path / "as planned", "--plan", planned / "plan.jsonl")
    assert made.exit_code == 0, made.output
    first = {row["id"]: row for row in rows(tmp_path / "as planned") if row["attempt"] == 0}
    assert all(first[row["id"]]["settings"] == row["settings"] for row in rows(whole) if row["id"] in first and row["attempt"] == 0)
    other = make_product(tmp_path / "other", each=5)
    refused = generate(other, cut, "--count", 5, "--seed", 3, "--resume")
    assert refused.exit_code == 2 and "was made by another model, seed, normals" in refused.stderr


@pytest.mark.usefixtures("base")
def test_only_the_strict_third_is_followed_where_that_is_asked_for(data8: Path, tmp_path: Path) -> None:
    for name, words in (("all", []), ("third", ["--set", "data.split=third"])):
        assert generate(data8, tmp_path / name, "--count", 6, *words).exit_code == 0
    sources = {name: {part["source"] for row in rows(tmp_path / name) for part in row["defects"]} for name in ("all", "third")}
    assert sources["third"] <= {"000.png", "001.png"} and sources["all"] - {"000.png", "001.png"}


@pytest.mark.usefixtures("base")
def test_python_loads_both(data8: Path, run8: Path, tmp_path: Path) -> None:
    summary = fs.load(data8, device="cpu", threads=1, settings=LENIENT).generate(tmp_path / "out", 1, quiet=True)
    assert summary.accepted + summary.failed == 1
    fitted = fs.load(run8, device="cpu", threads=1)
    assert fitted.generator.run == run8 and fs.load(data8, threads=1).product.shape.defects == fitted.product.shape.defects


def test_what_is_neither_a_run_nor_labelled_pictures_is_told_as_both(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"nothing: there is no such folder; expected a RUN, .*, or a data folder of labelled pictures"):
        fs.load(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"empty: is neither a RUN \(it has no model/model.safetensors; .*\) nor a data folder"):
        fs.load(tmp_path / "empty")


def test_a_run_that_has_no_model_yet_is_told_as_a_run(run_copy: Path) -> None:
    (run_copy / "model/model.safetensors").unlink()
    with pytest.raises(RunError, match=r"model.safetensors: is missing; is this a RUN folder that `flawsmith fit` finished"):
        fs.load(run_copy)


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--set", "data.window=64"],
            "a key that cannot change here, expected one of generation.*, quality.*, data.split",
        ),
        (["--set", "data.split=half"], "data.split: got 'half', expected all or third"),
        (["--backbone", "sd"], "--backbone: is about a RUN, and"),
    ],
)
def test_a_wish_that_does_not_go_with_pictures_is_refused(words: list[str], message: str, data8: Path, tmp_path: Path) -> None:
    result = generate(data8, tmp_path / "out", "--count", 1, *words)
    assert result.exit_code == 2 and message in result.stderr, result.output
    assert not (tmp_path / "out").exists()


def test_what_a_fit_learned_from_cannot_change_any_more(run8: Path, tmp_path: Path) -> None:
    result = generate(run8, tmp_path / "out", "--count", 1, "--set", "data.split=third")
    assert result.exit_code == 2 and "got a key that cannot change here, expected one of generation.*, quality.*.\n" in result.stderr


def test_the_heading_is_a_line_above_the_sheet(tmp_path: Path) -> None:
    cells = [("a", [np.zeros((128, 128, 3), np.uint8)])]
    plain, headed = (sheets.contact_sheet(cells, ("normal",), heading) for heading in ("", "parts: the base"))
    assert headed.shape[0] == plain.shape[0] + sheets.LINE and np.array_equal(headed[sheets.LINE :], plain)
    assert len(np.unique(headed[: sheets.LINE])) > 1
