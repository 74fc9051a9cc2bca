"""Fits of a few steps: how they are begun, cut off and compared."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from flawsmith.config.schema import Config
from flawsmith.training.pool import Batch, Pool
from flawsmith.workflows.fit import fit

Tiny = Callable[..., Config]


def go(data: Path, run: Path, config: Config | None, **options: Any) -> dict[str, Any]:
    return fit(data, run, config, device="cpu", threads=1, quiet=True, **options)


def log(run: Path) -> list[dict[str, Any]]:
    """Return the rows of the log without the seconds."""
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model/model.safetensors")


def same_weights(a: Path, b: Path) -> bool:
    one, other = weights(a), weights(b)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Killed(BaseException):
    """The process is gone, with no time to tidy up."""


def on_batch(step: int, act: Callable[[Batch], Batch], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `act` have the windows of step number `step` (from 1) before the training."""
    draw = Pool.batch
    monkeypatch.setattr(Pool, "batch", lambda pool, seed, at, count: (act if at == step - 1 else _as_is)(draw(pool, seed, at, count)))


def _as_is(batch: Batch) -> Batch:
    return batch


def cut_off_at(step: int, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] = Killed) -> None:
    """Let the training end with `error` while it takes step number `step` (from 1)."""

    def interrupt(_: Batch) -> Batch:
        raise error

    on_batch(step, interrupt, monkeypatch)


def snapshot(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
