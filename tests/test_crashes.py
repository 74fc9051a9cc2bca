"""What is killed goes on and ends as if it had not been: a few kills of `bench/crashes.py`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flawsmith.config.schema import Config
from flawsmith.training.run_folder import RunFolder
from flawsmith.training.state import State
from flawsmith.workflows.fit import fit

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forks")
def test_what_is_killed_ends_as_if_it_had_not_been() -> None:
    command = [sys.executable, "-W", "ignore", str(ROOT / "bench/crashes.py"), "--work", "fit,generate,export", "--kills", "3"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900)
    assert result.returncode == 0, result.stdout + result.stderr
    for row in json.loads(result.stdout).values():
        assert row["kills"] >= 3 and row["by_call"] and row["by_time"] and row["compared"] and row["different"] == []
        assert row["calls"] > 50, "else it did not see where files are written"


def test_a_look_at_a_step_that_is_taken_again_replaces_the_first(
    data8: Path, tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run = tiny(training={"steps": 4, "checkpoint_every": 2, "preview_every": 2}), tmp_path / "run"
    keep = RunFolder.keep

    def killed(folder: RunFolder, state: State, *args: Any) -> None:
        if state.step == 4:
            raise SystemExit
        keep(folder, state, *args)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(RunFolder, "keep", killed)
        fit(data8, run, config, device="cpu", threads=1, quiet=True)
    for _ in range(2):
        fit(data8, run, config, resume=True, device="cpu", threads=1, quiet=True)
        steps = [json.loads(line)["step"] for line in (run / "looks.jsonl").read_text().splitlines()]
        assert steps == [2, 4, 4], "the last is of more previews"


@pytest.mark.parametrize("at", [2, 4])  # before the first checkpoint, and after the last measurement
def test_what_is_measured_with_held_out_defects_is_logged_once(
    at: int, data8: Path, tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run = tiny(training={"steps": 4, "checkpoint_every": 2, "preview_every": 0, "patience": 100}), tmp_path / "run"
    keep = RunFolder.keep

    def killed(folder: RunFolder, state: State, *args: Any) -> None:
        if state.step == at and state.measured == (4 if at == 4 else 0):
            raise SystemExit
        keep(folder, state, *args)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(RunFolder, "keep", killed)
        fit(data8, run, config, device="cpu", threads=1, quiet=True)
    fit(data8, run, config, resume=True, device="cpu", threads=1, quiet=True)
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "held_inside" in row] == [0, 4]
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4]
