"""What a pair is made from counts by its content: a file edited in place is another one, through the command line as users go."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from flawsmith.cli.main import main
from flawsmith.product.exemplars import load_exemplars, save_exemplars

MADE = (0, 1)  # 1: pairs were made, and none of those of noise was accepted
REFUSED = 2


def generate(run: Path, out: Path, *words: Any) -> Any:
    typed = ["generate", run, "-o", out, "--threads", 1, "--quiet", "--set", "generation.attempts=1", *words]
    return CliRunner().invoke(main, [str(word) for word in typed])


@pytest.fixture
def inputs(tmp_path: Path, data8: Path, save_picture: Callable[..., Path]) -> Path:
    """A folder with everything a run of `generate` may be given."""
    grey = np.zeros((48, 56))
    grey[8:40, 10:44] = 255
    for name in ("region.png", "map.png"):
        save_picture(tmp_path / "in" / name, grey)
    shutil.copytree(data8 / "test/good", tmp_path / "in/onto")
    for normal in sorted((tmp_path / "in/onto").iterdir()):
        save_picture(tmp_path / "in/object" / normal.name, np.full((48, 56), 255.0))
    rows = [{"defect": "blob", "normal": "onto/000.png", "region": "region.png"}, {"defect": "line", "normal": "onto/001.png"}]
    (tmp_path / "in/plan.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "in"


def repaint(path: Path, save_picture: Callable[..., Path]) -> None:
    """Write another picture under the same name."""
    grey = np.full((48, 56), 255.0)
    grey[0, 0] = 0
    path.unlink()
    save_picture(path, grey)


OPTIONS = {
    "region": ("--region", "region.png", "region.png"),
    "map": ("--place-map", "map.png", "map.png"),
    "object": ("--foreground", "object", "object/000.png"),
    "normal": ("--region", "region.png", "onto/000.png"),
}


@pytest.mark.usefixtures("loud")
@pytest.mark.parametrize("edited", OPTIONS)
def test_resume_refuses_inputs_edited_in_place(
    edited: str, run8: Path, inputs: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any
) -> None:
    option, given, file = OPTIONS[edited]
    words = ("--onto", inputs / "onto", option, inputs / given, "--count")
    assert generate(run8, tmp_path / "out", *words, 2).exit_code in MADE
    assert generate(run8, tmp_path / "out", *words, 3, "--resume").exit_code in MADE, "nothing has changed"
    before = pairs.snapshot(tmp_path / "out")
    repaint(inputs / file, save_picture)
    refused = generate(run8, tmp_path / "out", *words, 4, "--resume")
    assert refused.exit_code == REFUSED
    assert "a file it was made from has changed" in refused.output and pairs.snapshot(tmp_path / "out") == before


@pytest.mark.usefixtures("loud")
def test_a_renamed_mask_is_the_same_and_another_size_is_not(run8: Path, inputs: Path, tmp_path: Path) -> None:
    words = ("--onto", inputs / "onto", "--count", 2, "--resume")
    assert generate(run8, tmp_path / "out", *words, "--region", inputs / "region.png").exit_code in MADE
    (inputs / "region.png").rename(inputs / "renamed.png")
    assert generate(run8, tmp_path / "out", *words, "--region", inputs / "renamed.png").exit_code in MADE
    assert generate(run8, tmp_path / "out", *words, "--region", inputs / "renamed.png", "--size", "9px").exit_code == REFUSED


@pytest.mark.usefixtures("loud")
def test_a_plan_may_grow_but_its_rows_may_not_change(run8: Path, inputs: Path, tmp_path: Path, pairs: Any) -> None:
    plan = inputs / "plan.jsonl"
    words = (run8, tmp_path / "out", "--plan", plan, "--resume")
    assert generate(*words).exit_code in MADE
    first = plan.read_text()
    plan.write_text(first + '{"defect": "line"}\n')
    assert generate(*words).exit_code in MADE and len({row["id"] for row in pairs.rows(tmp_path / "out")}) == 3
    plan.write_text(first.replace('"defect": "line"', '"defect": "line", "severity": 2'))
    refused = generate(*words)
    assert refused.exit_code == REFUSED and "pair 000001 there was made by" in refused.output


@pytest.mark.usefixtures("loud")
def test_files_of_the_run_count_too(run_copy: Path, tmp_path: Path) -> None:
    assert generate(run_copy, tmp_path / "out", "--count", 1).exit_code in MADE
    path = run_copy / "model/exemplars.safetensors"
    *others, last = load_exemplars(path)
    image = last.image.copy()
    image[0, 0, 0] ^= 1
    save_exemplars(path, [*others, replace(last, image=image)])
    assert generate(run_copy, tmp_path / "out", "--count", 2, "--resume").exit_code == REFUSED
