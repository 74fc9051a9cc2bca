"""`flawsmith check`: text for people, JSON for programs, and 1 where something is bad."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawsmith.images.files import write_image, write_mask


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a small folder in MVTec AD layout, without faults."""
    root = tmp_path / "data"
    rng = np.random.default_rng(0)
    for number in range(3):
        write_image(root / "train" / "good" / f"{number}.png", rng.integers(0, 256, (64, 64, 1), np.uint8))
        write_image(root / "test" / "scratch" / f"{number}.png", rng.integers(0, 256, (64, 64, 1), np.uint8))
        mask = np.zeros((64, 64), bool)
        mask[20 : 40 + number, 20:40] = True
        write_mask(root / "ground_truth" / "scratch" / f"{number}_mask.png", mask)
    return root


def test_a_sound_folder_exits_with_0(run: Callable[..., Any], data: Path) -> None:
    result = run("check", data)
    assert result.exit_code == 0, result.output
    assert "scratch" in result.stdout and result.stderr == ""


def test_a_bad_file_exits_with_1_and_is_named(run: Callable[..., Any], data: Path) -> None:
    (data / "train" / "good" / "1.png").write_bytes(b"")
    result = run("check", data)
    assert result.exit_code == 1
    assert "1.png" in result.stdout and result.stderr == ""


@pytest.mark.parametrize("broken", [False, True])
def test_json_is_all_that_is_printed(broken: bool, run: Callable[..., Any], data: Path) -> None:
    if broken:
        (data / "train" / "good" / "1.png").write_bytes(b"")
    result = run("check", data, "--json")
    report = json.loads(result.stdout)
    assert report["bad"] is broken and result.exit_code == broken
    assert report["summary"]["scratch"]["pictures"] == 3
    assert [Path(problem["path"]).name for problem in report["problems"]] == ["1.png"] * broken


def test_a_missing_folder_exits_with_1_and_is_named(run: Callable[..., Any], tmp_path: Path) -> None:
    result = run("check", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert result.stderr.startswith("flawsmith: ") and "nowhere" in result.stderr and result.stderr.count("\n") == 1


def test_labels_are_read_as_asked(run: Callable[..., Any], data: Path) -> None:
    result = run("check", data, "--classes", "kratzer=scratch", "--group-pattern", r"scratch/(\d)\.png")
    assert result.exit_code == 0 and "kratzer" in result.stdout and "3 specimens" in result.stdout
    assert "read as   the MVTec AD layout: there is a folder train/good" in result.stdout
    result = run("check", data, "--format", "cocoo")
    assert result.exit_code == 2 and "did you mean coco?" in result.stderr
    result = run("check", data, "--classes", "nonsense")
    assert result.exit_code == 2 and "expected NAME=CLASS" in result.stderr


def test_normals_may_lie_elsewhere(run: Callable[..., Any], data: Path, tmp_path: Path) -> None:
    (data / "train" / "good").rename(tmp_path / "elsewhere")
    result = run("check", data)
    assert result.exit_code == 1 and "--normals" in result.stdout
    result = run("check", data, "--normals", tmp_path / "elsewhere")
    assert result.exit_code == 0 and "normals   3" in result.stdout


def test_a_report_is_written_and_the_status_says_that_it_was(run: Callable[..., Any], data: Path, tmp_path: Path) -> None:
    (data / "train" / "good" / "1.png").write_bytes(b"")
    result = run("check", data, "--report", tmp_path / "check.json")
    assert result.exit_code == 0 and "1.png" in result.stdout
    said = json.loads((tmp_path / "check.json").read_text())
    assert said["bad"] and said["spots"]["scratch"]["areas"] == [400, 420, 440]
    result = run("check", data, "--report", tmp_path / "no/where/check.json")
    assert result.exit_code == 2 and "there is no folder" in result.stderr and not (tmp_path / "no").exists()
    assert run("check", data / "nothing", "--report", tmp_path / "other.json").exit_code == 1
    assert not (tmp_path / "other.json").exists()
