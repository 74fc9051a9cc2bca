"""Several processes, begun by `accelerate launch`, learn what one does; each has its share of every step."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from together import LAUNCH

from flawsmith.config.resolve import resolve
from flawsmith.core.errors import ConfigError
from flawsmith.workflows.fit import fit as workflow

FIT = (
    "--set model.width=32 --set model.depth=1 --set model.head_dim=16 --set model.pixels=4 --set data.window=32 --set training.init=none "
    "--set training.precision=fp32 --set training.batch=4 --set training.learning_rate=0.003 --set training.log_every=5 "
    "--set training.preview_every=0 --max-steps 30 --max-minutes 0 --seed 3 --device cpu --threads 1 --quiet"
)


def fit(
    data: Path, run: Path, *words: str, before: tuple[str, ...] = (sys.executable, "-m", "flawsmith")
) -> "subprocess.CompletedProcess[str]":
    command = [*before, "fit", str(data), "-o", str(run), *shlex.split(FIT), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def losses(run: Path) -> np.ndarray:
    return np.array([json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines() if '"loss"' in line])


def test_two_processes_follow_the_curve_of_one(tmp_path: Path, make_product: Callable[..., Path]) -> None:
    data = make_product(tmp_path / "data", each=2)
    two = fit(data, tmp_path / "two", before=LAUNCH)
    assert two.returncode == 0, two.stderr[-3000:]
    assert json.loads((tmp_path / "two/fit.json").read_text())["processes"] == 2
    one = fit(data, tmp_path / "one")
    assert one.returncode == 0, one.stderr
    alone, shared = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(alone) == 6 and shared == pytest.approx(alone, rel=0.01)
    a, b = (load_file(tmp_path / run / "model/model.safetensors") for run in ("one", "two"))
    assert a.keys() == b.keys() and all(np.allclose(a[name], b[name], atol=1e-3) for name in a)


def test_a_batch_that_cannot_be_shared_is_refused(
    tmp_path: Path, make_product: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_product(tmp_path / "data", each=2)
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ConfigError, match="training.batch=4: cannot be shared by 3 processes; choose a multiple of 3"):
        workflow(data, tmp_path / "run", resolve(settings=["training.init=none"]), device="cpu", quiet=True)
    with pytest.raises(ConfigError, match="3 processes in 4 pieces each; choose a multiple of 12"):
        workflow(data, tmp_path / "run", resolve(settings=["training.init=none", "training.pieces=4"]), device="cpu", quiet=True)
    assert not (tmp_path / "run").exists()
