"""A training whose numbers, memory or disk give out: what is told, and what is kept."""

import dataclasses
import errno
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from accelerate import Accelerator
from click.testing import CliRunner
from safetensors.torch import load_file
from small_fits import Tiny, go, log, on_batch, same_weights

from flawsmith.cli.main import main
from flawsmith.core.errors import DiskFullError, RunError
from flawsmith.formats.reading import read
from flawsmith.images.files import read_image
from flawsmith.models.store import load_model
from flawsmith.training import fitting
from flawsmith.training.objective import Objective
from flawsmith.training.pool import Batch
from flawsmith.training.prepare import prepare_training
from flawsmith.workflows.fit import fit

OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 2 GiB."


def test_a_loss_that_is_not_a_number_stops_the_training(data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_batch(3, lambda batch: dataclasses.replace(batch, image=batch.image * float("nan")), monkeypatch)
    with pytest.raises(RunError, match="the loss is not a number at step 3") as stopped:
        go(data8, tmp_path / "run", tiny(data={"good_share": 0.0}, training={"steps": 6, "checkpoint_every": 1, "batch": 1}))
    assert re.search(r"step 2: (blob|line) 00\d\.png; step 3: (blob|line) 00\d\.png\.", str(stopped.value)), "which to look at"
    assert "step-0000002.safetensors is as it was before" in str(stopped.value)
    newest = max((tmp_path / "run/checkpoints").iterdir())
    assert newest.stem == "step-0000002"
    assert all(value.isfinite().all() for value in load_file(newest).values()), "what was saved before is whole"


def test_the_pictures_of_a_window_are_those_it_was_cut_from(data8: Path, tiny: Tiny) -> None:
    learned = prepare_training(read(data8), tiny(data={"brightness": 0.0, "flips": False, "rotations": False, "good_share": 0.5}))
    keys = [("window", 0, i) for i in range(12)]
    named, batch = learned.pool.pictures(5, keys), learned.pool.windows(5, keys)
    kinds = {"blob": 1, "line": 2}
    assert [kinds.get(name.split()[0], 0) for name in named] == batch.ids.tolist() and {"blob", "line"} < {n.split()[0] for n in named}
    for name, image in zip(named, batch.image, strict=True):
        defect, _, file = name.rpartition(" ")
        whole = learned.product.scale.to_model(read_image(data8 / (f"test/{defect}" if defect else "train/good") / file), 1)[0]
        inside = image[0].numpy()[8:-8, 8:-8]  # beyond a picture's border it is mirrored
        found = cv2.matchTemplate(np.pad(whole, 32, mode="reflect").astype(np.float32), inside, cv2.TM_SQDIFF)
        assert found.min() < 1e-3, name


def test_a_gradient_that_is_not_a_number_reaches_no_checkpoint(
    data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(1, 9))
    clip = Accelerator.clip_grad_norm_
    spoil = {2: float("inf")}
    monkeypatch.setattr(Accelerator, "clip_grad_norm_", lambda *args: clip(*args) * spoil.get(next(calls), 1.0))
    with pytest.raises(RunError, match=r"the gradient is not a number at step 2\. .*step-0000001\.safetensors is as it was before"):
        go(data8, tmp_path / "run", tiny(training={"steps": 6, "checkpoint_every": 1}))
    assert [path.stem for path in (tmp_path / "run/checkpoints").iterdir()] == ["step-0000001"]


def short_of_memory(
    largest: int, monkeypatch: pytest.MonkeyPatch, error: type[Exception] = torch.OutOfMemoryError, said: str = OUT_OF_MEMORY
) -> list[int]:
    """Let no more than `largest` windows at a time fit into memory; return the list of how many there were in each pass that did."""
    forward, passed = Objective.forward, []

    def small(self: Objective, batch: Batch, *rest: Any) -> Any:
        if len(batch.ids) > largest:
            forward(self, batch, *rest).total.backward()  # what a failed pass leaves counts for nothing
            raise error(said)
        passed.append(len(batch.ids))
        return forward(self, batch, *rest)

    monkeypatch.setattr(Objective, "forward", small)
    return passed


@pytest.mark.parametrize(
    ("error", "said"),
    [(torch.OutOfMemoryError, OUT_OF_MEMORY), (RuntimeError, OUT_OF_MEMORY), (RuntimeError, "could not create a primitive")],
)
def test_a_batch_that_is_too_large_for_memory_goes_through_in_pieces(
    error: type[Exception],
    said: str,
    data8: Path,
    tiny: Tiny,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = {"steps": 2, "batch": 4, "preview_every": 0}
    go(data8, tmp_path / "asked", tiny(training=settings | {"pieces": 4}))
    passed = short_of_memory(1, monkeypatch, error, said)
    result = fit(data8, tmp_path / "run", tiny(training=settings), device="cpu", threads=1)
    assert passed == [1] * 8 and result["pieces"] == 4
    a, b = (load_model(tmp_path / name / "model/model.safetensors")[0].state_dict() for name in ("run", "asked"))
    assert all(torch.equal(w, b[name]) for name, w in a.items()), "the same batch, as if it had been asked for in four pieces"
    told = [row for row in log(tmp_path / "run") if "why" in row]
    assert told == [{"step": 1, "pieces": n, "why": "out of memory"} for n in (2, 4)]
    assert "out of memory at step 1: the same batch goes through in 4 pieces" in capsys.readouterr().err.replace("\n", " ")


def test_one_window_that_is_too_large_for_memory_is_told(data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_memory(0, monkeypatch)
    with pytest.raises(RunError, match="one window at a time does not fit into memory .CUDA out of memory"):
        go(data8, tmp_path / "run", tiny(training={"steps": 2, "batch": 2}))


def test_other_errors_pass_through(data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("an illegal memory access was encountered")

    monkeypatch.setattr(Objective, "forward", fail)
    with pytest.raises(RuntimeError, match="an illegal memory access"):
        go(data8, tmp_path / "run", tiny(training={"steps": 2, "batch": 2}))


def test_what_control_groups_leave_is_planned_with(data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "memory_limit", lambda: 1000)
    go(data8, tmp_path / "run", tiny(training={"steps": 1, "batch": 4}))
    kept = yaml.safe_load((tmp_path / "run/config.yaml").read_text())["training"]
    assert (kept["pieces"], kept["checkpointing"], kept["optimiser"]) == (4, True, "adamw"), "what needs least, and no refusal"


def test_a_flipped_bit_in_a_checkpoint_is_named_and_the_one_before_is_gone_on_from(
    six: Path, data8: Path, tiny: Tiny, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    newest = run / "checkpoints/step-0000006.safetensors"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 4
    newest.write_bytes(content)
    words = [str(word) for word in ("fit", data8, "-o", run, "--resume", "--threads", 1, "--device", "cpu", "--quiet")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1 and "step-0000006.safetensors: cannot be read (it is damaged" in result.stderr
    (command,) = re.findall(r"step-0000003\.safetensors, the one before it, is whole: .*\((rm .*)\) and resume", result.stderr)
    subprocess.run(shlex.split(command), check=True)
    assert CliRunner().invoke(main, words).exit_code == 0
    assert same_weights(run, six) and log(run) == log(six)


def test_a_disk_that_is_full_in_mid_run_is_told_and_nothing_is_lost(
    six: Path, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run = tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 4}), tmp_path / "run"
    fsync = os.fsync

    def full(handle: int) -> None:
        if os.fstat(handle).st_size > 50_000 and (run / "checkpoints/step-0000003.safetensors").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match=r"could not be written, as the disk is full: [\d.]+ GB of [\d.]+ GB are free"):
        go(data8, run, config)
    monkeypatch.undo()
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-0000003.safetensors"] and not list(run.rglob("*.tmp"))
    go(data8, run, config, resume=True)
    assert same_weights(run, six) and log(run) == log(six)


def test_a_disk_without_room_is_told_before_anything_is_written(
    data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=10**12, free=10**6))
    with pytest.raises(
        DiskFullError, match=r"run: a training's checkpoints and model may need [\d.]+ MB, and 1\.0 MB of 1000\.0 GB are free"
    ):
        go(data8, tmp_path / "run", tiny())
    assert not (tmp_path / "run").exists()
