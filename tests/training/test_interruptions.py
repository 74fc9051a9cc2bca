"""A fit that is cut off or asked to end goes on as if it had never stopped."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from small_fits import Killed, Tiny, cut_off_at, go, log, on_batch, same_weights

from flawsmith.cli.main import main
from flawsmith.core.errors import FolderBusyError
from flawsmith.core.locks import hold
from flawsmith.core.signals import Terminated
from flawsmith.models.store import load_model
from flawsmith.training import previews
from flawsmith.training.ema import MovingAverage
from flawsmith.training.pool import Batch


@pytest.mark.parametrize("step", [4, 6])  # right after the checkpoint of step 3; and with rows in the log beyond it
def test_an_interrupted_training_goes_on_as_if_it_had_never_stopped(
    step: int, six: Path, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run = tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 4}), tmp_path / "run"
    cut_off_at(step, monkeypatch)
    with pytest.raises(Killed):
        go(data8, run, config)
    monkeypatch.undo()
    assert [row["step"] for row in log(run)] == list(range(1, step))
    if step == 6:
        with (run / "log.jsonl").open("a") as stream:
            stream.write('{"step": 6, "lo')  # cut off in the middle of a line
    result = go(data8, run, config, resume=True)
    assert result["steps"] == 6
    assert same_weights(run, six)
    assert log(run) == log(six)
    ours, theirs = (load_file(r / "checkpoints/step-0000006.safetensors") for r in (run, six))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours), "optimiser and all"


def test_a_training_stopped_by_ctrl_c_keeps_what_it_has_learned(
    six: Path, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run = tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 4}), tmp_path / "run"
    cut_off_at(6, monkeypatch, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        go(data8, run, config)
    monkeypatch.undo()
    assert (run / "checkpoints/step-0000005.safetensors").is_file()
    assert load_model(run / "model/model.safetensors")[1] == config, "it can be used as it is"
    go(data8, run, config, resume=True)
    assert same_weights(run, six) and log(run) == log(six)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_a_training_stopped_by_sigterm_keeps_what_it_has_learned(data8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(batch: Batch) -> Batch:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):  # those after the first harm nothing
            os.kill(os.getpid(), number)
        return batch

    on_batch(3, end, monkeypatch)
    small = ("data.window=32", "model.width=32", "model.depth=1", "model.head_dim=16", "training.init=none", "training.batch=2")
    words = ["fit", data8, "-o", tmp_path / "run", "--threads", 1, "--device", "cpu", "--quiet", "--max-steps", 9]
    words += [word for setting in small for word in ("--set", setting)]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 143 and "flawsmith: stopped. To go on: flawsmith fit --resume" in result.stderr
    assert (tmp_path / "run/checkpoints/step-0000002.safetensors").is_file()
    assert load_model(tmp_path / "run/model/model.safetensors")[1].data.window == 32, "it can be used as it is"


@pytest.mark.parametrize("options", [{"resume": True}, {"overwrite": True}])
def test_two_at_once_do_not_train_in_one_folder(options: dict[str, bool], six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(six, run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with hold(run), pytest.raises(FolderBusyError):
        go(data8, run, tiny(training={"steps": 8}), **options)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("owner", "name"), [(torch.optim.AdamW, "zero_grad"), (MovingAverage, "update")])
def test_ctrl_c_in_the_middle_of_a_step_keeps_no_half_step(
    owner: type, name: str, six: Path, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run = tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 4}), tmp_path / "run"
    act, calls = getattr(owner, name), []

    def interrupt(*args: Any, **options: Any) -> Any:
        calls.append(name)
        if len(calls) == 5:  # the weights have moved, and what comes after has not
            raise KeyboardInterrupt
        return act(*args, **options)

    monkeypatch.setattr(owner, name, interrupt)
    with pytest.raises(KeyboardInterrupt):
        go(data8, run, config)
    monkeypatch.undo()
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-0000003.safetensors"]
    go(data8, run, config, resume=True)
    assert same_weights(run, six) and log(run) == log(six)


def test_a_row_of_the_log_is_the_mean_over_an_interruption_too(
    six: Path, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run = tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 100, "log_every": 2}), tmp_path / "run"
    cut_off_at(4, monkeypatch)
    with pytest.raises(Killed):
        go(data8, run, config)
    monkeypatch.undo()
    go(data8, run, config, resume=True)
    rows, every = log(run), log(six)
    assert [row["step"] for row in rows] == [2, 4, 6]
    for row, pair in zip(rows, (every[:2], every[2:4], every[4:]), strict=True):
        for name in ("loss", "denoise", "gradient"):
            assert row[name] == pytest.approx(np.mean([one[name] for one in pair]), abs=1e-4)


@pytest.mark.parametrize("initialised", [False, True])
def test_a_training_that_was_cut_off_before_its_first_checkpoint_begins_anew(
    initialised: bool, six: Path, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"steps": 6, "checkpoint_every": 3, "preview_every": 4, "init": str(six) if initialised else "none"}
    config, run, whole = tiny(training=settings), tmp_path / "run", six
    if initialised:
        whole = tmp_path / "whole"
        go(data8, whole, config)
        assert not same_weights(whole, six)
    cut_off_at(3, monkeypatch)
    with pytest.raises(Killed):
        go(data8, run, config)
    monkeypatch.undo()
    with (run / "log.jsonl").open("a") as stream:
        stream.write('{"step": 3, "lo')  # cut off in the middle of a line
    result = go(data8, run, config, resume=True)
    assert same_weights(run, whole), "what it started from is not forgotten"
    assert ("init" in result) == initialised
    assert log(run) == log(whole), "every step once"


def test_what_a_run_started_from_is_told_after_an_interruption_too(
    six: Path, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run = tiny(training={"steps": 4, "checkpoint_every": 2, "preview_every": 100, "init": str(six)}), tmp_path / "run"
    cut_off_at(4, monkeypatch)
    with pytest.raises(Killed):
        go(data8, run, config)
    monkeypatch.undo()
    assert go(data8, run, config, resume=True)["init"]["taken"] > 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, Terminated])
def test_ctrl_c_while_previews_are_drawn_saves_no_average_as_the_weights(
    error: type[BaseException], six: Path, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run = tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 4}), tmp_path / "run"

    def stop(*_: Any) -> None:
        raise error

    monkeypatch.setattr(previews, "draw", stop)
    with pytest.raises(error):
        go(data8, run, config)
    monkeypatch.undo()
    assert (run / "checkpoints/step-0000004.safetensors").is_file()
    go(data8, run, config, resume=True)
    assert same_weights(run, six) and log(run) == log(six)
