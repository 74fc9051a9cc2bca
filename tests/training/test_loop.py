"""`fit`: what it leaves, how it goes on after an interruption, and what it refuses."""

import dataclasses
import errno
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable
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

from flawsmith.cli.main import main
from flawsmith.config.resolve import to_dict
from flawsmith.config.schema import Config
from flawsmith.core.errors import ConfigError, DataError, DiskFullError, FlawsmithError, FolderBusyError, OutputExistsError, RunError
from flawsmith.core.files import content_hash
from flawsmith.core.locks import hold
from flawsmith.core.precision import Precision
from flawsmith.core.signals import Terminated
from flawsmith.formats.reading import read
from flawsmith.images.files import read_image
from flawsmith.models.dual_model import DualModel
from flawsmith.models.store import load_model
from flawsmith.product.exemplars import load_exemplars
from flawsmith.quality.limits import load_limits
from flawsmith.training import devices, fitting, previews
from flawsmith.training import precision as timing
from flawsmith.training.ema import MovingAverage
from flawsmith.training.objective import Objective
from flawsmith.training.pool import Batch, Pool
from flawsmith.training.prepare import prepare_training
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


@pytest.fixture(scope="module")
def six(data8: Path, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six steps that was never interrupted. Read only."""
    run = tmp_path_factory.mktemp("six") / "run"
    go(data8, run, tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 4}))
    return run


# what it leaves


def test_without_previews_none_are_drawn_and_the_weights_are_the_same(six: Path, tiny: Tiny, data8: Path, tmp_path: Path) -> None:
    go(data8, tmp_path / "run", tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 0}))
    assert (six / "previews").is_dir() and not (tmp_path / "run/previews").exists()
    a, b = (load_model(run / "model/model.safetensors")[0].state_dict() for run in (six, tmp_path / "run"))
    assert all(torch.equal(w, b[name]) for name, w in a.items())


def test_a_run_has_everything_the_contract_names(six: Path, tiny: Tiny, data8: Path) -> None:
    config = tiny(training={"steps": 6, "checkpoint_every": 3, "preview_every": 4})
    assert yaml.safe_load((six / "config.yaml").read_text()) == to_dict(config), "fully resolved"
    model, learned, product = load_model(six / "model/model.safetensors")
    assert learned == config and product.shape.defects == ("blob", "line")
    assert not model.training and not any(p.requires_grad for p in model.parameters())
    assert [path.name for path in sorted((six / "checkpoints").iterdir())] == ["step-0000003.safetensors", "step-0000006.safetensors"]
    assert [path.name for path in sorted((six / "previews").iterdir())] == ["step-0000004.png", "step-0000006.png"]
    assert {e.defect for e in load_exemplars(six / "model/exemplars.safetensors")} == {"blob", "line"}
    assert load_limits(six / "model/limits.safetensors").kinds.keys() == {"blob", "line"}
    record = json.loads((six / "data.json").read_text())
    everything = [*record["normals"], *(row for rows in record["defects"].values() for row in rows)]
    assert len(everything) == 5 + 12 and all(row["sha256"] == content_hash(data8 / row["image"]) for row in everything)


def test_the_log_has_a_row_for_every_few_steps(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    rows = log(six)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    for row in rows:
        assert {"loss", "denoise", "align", "gradient", "learning_rate"} <= set(row) and all(np.isfinite(v) for v in row.values())
    rates = [row["learning_rate"] for row in rows]
    assert rates[0] < rates[1] == max(rates) == pytest.approx(3e-3), "two steps of rise"
    assert rates[-1] < 0.1 * rates[1], "and a fall to nearly zero"
    go(data8, tmp_path / "run", tiny(training={"steps": 6, "checkpoint_every": 100, "log_every": 4}))
    few = log(tmp_path / "run")
    assert [row["step"] for row in few] == [4, 6]
    for row, group in zip(few, (rows[:4], rows[4:]), strict=True):
        assert row["loss"] == pytest.approx(np.mean([r["loss"] for r in group]), abs=1e-4), "the mean since the last row"


def test_the_saved_model_is_the_average_and_not_the_last_step(six: Path) -> None:
    checkpoint = load_file(six / "checkpoints/step-0000006.safetensors")
    for name, value in weights(six).items():
        assert torch.equal(value, checkpoint[f"average.{name}"])
    assert any(not torch.equal(value, checkpoint[f"model.{name}"]) for name, value in weights(six).items())


def test_the_same_seed_gives_the_same_model(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    settings = {"steps": 6, "checkpoint_every": 100, "preview_every": 100}  # how often something is saved does not matter
    go(data8, tmp_path / "again", tiny(training=settings))
    assert same_weights(tmp_path / "again", six)
    go(data8, tmp_path / "other", tiny(training=settings | {"seed": 1}))
    assert not same_weights(tmp_path / "other", six)


def test_every_step_has_its_own_noise(data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Pool.batch
    monkeypatch.setattr(Pool, "batch", lambda pool, seed, _step, count: draw(pool, seed, 0, count))
    go(data8, tmp_path / "run", tiny(training={"steps": 4, "learning_rate": 1e-9, "preview_every": 100}))
    assert len({round(row["denoise"], 3) for row in log(tmp_path / "run")}) == 4, "with the same windows and the same weights"


def test_every_step_has_its_own_windows(data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for step in (1, 2, 3):
        on_batch(step, lambda batch: seen.append(batch.image.clone()) or batch, monkeypatch)  # type: ignore[func-returns-value]
    go(data8, tmp_path / "run", tiny(training={"steps": 3, "preview_every": 100}))
    assert len(seen) == 3 and not any(torch.equal(a, b) for a, b in zip(seen, seen[1:], strict=False))


def test_the_loss_falls(run8: Path) -> None:
    losses = [row["loss"] for row in log(run8)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


def test_the_third_is_learned_from_and_nothing_else(data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    go(data8, tmp_path / "run", tiny(data={"split": "third"}, training={"steps": 1}))
    record = json.loads((tmp_path / "run/data.json").read_text())
    learned = {name: [row["sha256"] for row in rows] for name, rows in record["defects"].items()}
    assert learned == {name: [content_hash(data8 / f"test/{name}/{i:03}.png") for i in range(2)] for name in ("blob", "line")}
    unseen = {content_hash(data8 / f"test/{name}/{i:03}.png") for name in ("blob", "line") for i in range(2, 6)}
    unseen |= {content_hash(path) for path in (data8 / "test/good").iterdir()}
    assert not unseen & {row["sha256"] for row in record["normals"]} and not unseen & set(sum(learned.values(), []))
    sources = {(e.defect, e.source) for e in load_exemplars(tmp_path / "run/model/exemplars.safetensors")}
    assert sources <= {(name, f"{i:03}.png") for name in ("blob", "line") for i in range(2)}


@pytest.mark.parametrize("steps", [1000, 0])
def test_minutes_are_a_limit_too(steps: int, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    result = go(data8, tmp_path / "run", tiny(training={"steps": steps, "minutes": 0.5 / 60, "clip": 0.0}))
    assert result["steps"] < 1000
    assert load_model(tmp_path / "run/model/model.safetensors")


@pytest.mark.usefixtures("untouched_generators")
def test_training_touches_no_global_generator(data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    go(data8, tmp_path / "run", tiny(training={"steps": 1}))


def test_global_generators_do_not_matter(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    state = torch.get_rng_state()
    try:
        torch.manual_seed(123)
        go(data8, tmp_path / "run", tiny(training={"steps": 6, "checkpoint_every": 100, "preview_every": 100}))
    finally:
        torch.set_rng_state(state)
    assert same_weights(tmp_path / "run", six)


def test_each_run_of_a_process_has_its_own_precision(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    results = [
        go(data8, tmp_path / f"{i}", tiny(training={"steps": 1, "precision": precision}))
        for i, precision in enumerate(("bf16", "fp32", "bf16"))
    ]
    assert [result["precision"] for result in results] == ["bf16", "fp32", "bf16"]
    assert same_weights(tmp_path / "0", tmp_path / "2") and not same_weights(tmp_path / "0", tmp_path / "1")


# going on


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


def test_the_precision_that_was_faster_is_recorded_and_kept(
    data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([Precision("bf16", "0.1 s a step, fp32 0.3 s"), Precision("fp32", "0.1 s a step, bf16 0.3 s")])
    asked: list[tuple[str, str]] = []

    def measure(name: str, device: str, step: Callable[[], object], what: str, *_: Any) -> Precision:
        if name != "auto":
            return Precision(name, "as asked for")
        step()
        asked.append((device, what))
        return next(answers)

    monkeypatch.setattr(timing, "measure_precision", measure)
    config = tiny(training={"precision": "auto", "steps": 2}, generation={"precision": "auto"})
    result = go(data8, tmp_path / "run", config)
    assert (result["precision"], result["precision_why"], asked) == ("bf16", "0.1 s a step, fp32 0.3 s", [("cpu", "training")])
    assert yaml.safe_load((tmp_path / "run/config.yaml").read_text())["training"]["precision"] == "bf16"
    learned = load_model(tmp_path / "run/model/model.safetensors")[1]
    assert (learned.training.precision, learned.generation.precision) == ("bf16", "auto"), "drawing may be elsewhere"
    longer = dataclasses.replace(config, training=dataclasses.replace(config.training, steps=3))
    assert go(data8, tmp_path / "run", longer, resume=True)["precision"] == "bf16" and len(asked) == 1, "not measured anew"
    untimed = go(data8, tmp_path / "other", tiny(training={"precision": "bf16", "steps": 2}, generation={"precision": "auto"}))
    assert untimed["precision"] == "bf16" and same_weights_at(tmp_path / "run", tmp_path / "other", "step-0000002"), "timing left no trace"
    assert load_model(tmp_path / "other/model/model.safetensors")[1].generation.precision == "bf16", "what is asked for holds for drawing"


def same_weights_at(a: Path, b: Path, name: str) -> bool:
    one, other = (load_file(run / f"checkpoints/{name}.safetensors") for run in (a, b))
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


class Placed(Exception):
    """Says where the model was put."""


@pytest.mark.parametrize(("asked", "expected"), [("cuda:1", "cuda:1"), ("cuda", "cuda:0")])
def test_the_index_of_a_device_counts(
    asked: str, expected: str, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current: list[torch.device] = []

    class Accelerator:
        """What accelerate says on a machine with two GPUs."""

        device, num_processes, process_index, is_main_process = torch.device("cuda", 0), 1, 0, True

        def __init__(self, **options: Any) -> None:
            assert not options["cpu"] and options["device_placement"] == (asked == "cuda"), "it would place on the first one"

        def wait_for_everyone(self) -> None:
            pass

    def place(_model: Any, device: torch.device) -> None:
        raise Placed(str(device))

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(devices, "Accelerator", Accelerator)
    monkeypatch.setattr(DualModel, "to", place)
    with pytest.raises(Placed, match=expected):
        fit(data8, tmp_path / "run", tiny(), device=asked, threads=1, quiet=True)
    assert current == ([torch.device("cuda:1")] if asked == "cuda:1" else [])


def test_a_device_that_is_not_there_is_named(data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match="--device cuda:2: .*expected .*cuda:0, cuda:1"):
        fit(data8, tmp_path / "run", tiny(), device="cuda:2", threads=1, quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_finished_training_can_be_made_longer(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    result = go(data8, run, tiny(training={"steps": 8}), resume=True)
    assert result["steps"] == 8
    assert [row["step"] for row in log(run)] == [1, 2, 3, 4, 5, 6, 7, 8] and log(run)[:6] == log(six)
    assert not same_weights(run, six)


def test_resume_refuses_what_would_change_a_step_and_names_all_of_it(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    before = snapshot(run)
    other = tiny(training={"steps": 7, "batch": 3, "learning_rate": 0.1}, model={"tokens": 3}, generation={"guidance": 2.0})
    with pytest.raises(ConfigError) as refused:
        go(data8, run, other, resume=True)
    for told in ("model.tokens is 2, got 3", "training.batch is 2, got 3", "learning_rate is 0.003, got 0.1", "guidance is 1.5, got 2.0"):
        assert told in str(refused.value)
    assert "training.steps is" not in str(refused.value) and snapshot(run) == before


def test_resume_takes_what_changes_no_step(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    go(data8, run, tiny(training={"steps": 8, "pieces": 2, "keep": 1, "checkpoint_every": 7, "log_every": 2}), resume=True)
    config = load_model(run / "model/model.safetensors")[1]
    assert (config.training.pieces, config.training.keep, config.training.steps) == (2, 1, 8)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-0000008.safetensors"]


@pytest.mark.parametrize("given", [True, False])  # without a configuration the run's own limits hold
def test_resume_with_nothing_left_to_do_changes_no_weight(
    given: bool, six: Path, data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    cut_off_at(7, monkeypatch)
    result = go(data8, run, tiny(training={"steps": 6}) if given else None, resume=True)
    assert result["steps"] == 6 and "no step was taken: the run already has its 6 steps (--max-steps" in result["note"]
    assert same_weights(run, six) and log(run) == log(six)


def snapshot(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("change", ["picture", "mask", "more", "fewer", "normal"])
def test_resume_refuses_data_that_changed(change: str, six: Path, make_product: Callable[..., Path], tiny: Tiny, tmp_path: Path) -> None:
    run, data = Path(shutil.copytree(six, tmp_path / "run")), make_product(tmp_path / "data")
    picture, mask = data / "test/blob/003.png", data / "ground_truth/blob/003_mask.png"
    if change == "picture":
        shutil.copy(data / "test/blob/004.png", picture)
    elif change == "mask":
        pixels = np.array(cv2.imread(str(mask), cv2.IMREAD_UNCHANGED))
        pixels[0, 0] = 255
        cv2.imwrite(str(mask), pixels)
    elif change == "more":
        shutil.copy(picture, data / "test/blob/009.png")
        shutil.copy(mask, data / "ground_truth/blob/009_mask.png")
    elif change == "fewer":
        picture.unlink()
        mask.unlink()
    else:
        (data / "train/good/002.png").unlink()
    before = snapshot(run)
    with pytest.raises(RunError, match=f"the {'normals' if change == 'normal' else 'defects'} in the data folder changed"):
        go(data, run, tiny(training={"steps": 8}), resume=True)
    assert snapshot(run) == before


def test_the_same_data_at_another_place_is_the_same_data(six: Path, make_product: Callable[..., Path], tiny: Tiny, tmp_path: Path) -> None:
    run, data = Path(shutil.copytree(six, tmp_path / "run")), make_product(tmp_path / "elsewhere")
    assert go(data, run, tiny(training={"steps": 7}), resume=True)["steps"] == 7


@pytest.mark.parametrize("there", [False, True])
def test_resume_needs_a_run(there: bool, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    if there:
        (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match="run: nothing to resume here.*without --resume"):
        go(data8, tmp_path / "run", tiny(), resume=True)
    assert there or not (tmp_path / "run").exists()


def test_resume_without_its_record_of_the_data_is_refused(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    (run / "data.json").unlink()
    before = snapshot(run)
    with pytest.raises(RunError, match=r"data\.json: is missing; copy the whole RUN folder"):
        go(data8, run, tiny(training={"steps": 8}), resume=True)
    assert snapshot(run) == before


# what it refuses


def test_a_missing_data_folder_is_named_and_leaves_nothing(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing"):
        go(tmp_path / "nothing", tmp_path / "run", tiny())
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_overwritten_unasked(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    before = snapshot(run)
    with pytest.raises(OutputExistsError, match="is not empty; nothing was written.*--overwrite"):
        go(data8, run, tiny())
    assert snapshot(run) == before
    go(data8, run, tiny(training={"steps": 1}), overwrite=True)
    assert [row["step"] for row in log(run)] == [1] and not (run / "checkpoints/step-0000006.safetensors").exists()


def test_a_run_that_holds_its_own_data_is_not_overwritten(six: Path, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    data = Path(shutil.copytree(data8, run / "data"))
    before = snapshot(run)
    with pytest.raises(OutputExistsError, match="lies in the output folder"):
        go(data, run, tiny(), overwrite=True)
    assert snapshot(run) == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_left_alone(overwrite: bool, data8: Path, tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").write_bytes(b"irreplaceable")
    with pytest.raises(OutputExistsError):
        go(data8, tmp_path / "photos", tiny(), overwrite=overwrite)
    assert snapshot(tmp_path / "photos") == {"holiday.jpg": b"irreplaceable"}


@pytest.mark.parametrize("spoiled", ["train/good/001.png", "test/line/002.png", "ground_truth/blob/000_mask.png"])
def test_a_bad_file_is_named_before_a_run_is_overwritten(
    spoiled: str, six: Path, make_product: Callable[..., Path], tiny: Tiny, tmp_path: Path
) -> None:
    run, data = Path(shutil.copytree(six, tmp_path / "run")), make_product(tmp_path / "data")
    (data / spoiled).write_bytes((data / spoiled).read_bytes()[:60])
    before = snapshot(run)
    with pytest.raises(FlawsmithError, match=Path(spoiled).name):
        go(data, run, tiny(), overwrite=True)
    assert snapshot(run) == before


@pytest.mark.parametrize(
    ("backbone", "device", "sampler"), [("no such folder", "cpu", "dpmpp"), ("", "abacus", "dpmpp"), ("", "cpu", "magic")]
)
def test_what_cannot_be_used_is_named_before_a_run_is_overwritten(
    backbone: str, device: str, sampler: str, six: Path, data8: Path, tiny: Tiny, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(six, tmp_path / "run"))
    before = snapshot(run)
    config = tiny(model={"backbone": backbone}, generation={"sampler": sampler})
    with pytest.raises(FlawsmithError, match="no such folder|--device abacus|got 'magic', expected ddim, dpmpp, pndm, renoise"):
        fit(data8, run, config, overwrite=True, device=device, threads=1, quiet=True)
    assert snapshot(run) == before


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


def short_of_memory(largest: int, monkeypatch: pytest.MonkeyPatch, error: type[Exception] = torch.OutOfMemoryError) -> list[int]:
    """Let no more than `largest` windows at a time fit into memory; return the list of how many there were in each pass that did."""
    forward, passed = Objective.forward, []

    def small(self: Objective, batch: Batch, *rest: Any) -> Any:
        if len(batch.ids) > largest:
            forward(self, batch, *rest).total.backward()  # what a failed pass leaves counts for nothing
            raise error("CUDA out of memory. Tried to allocate 2 GiB.")
        passed.append(len(batch.ids))
        return forward(self, batch, *rest)

    monkeypatch.setattr(Objective, "forward", small)
    return passed


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_a_batch_that_is_too_large_for_memory_goes_through_in_pieces(
    error: type[Exception], data8: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"steps": 2, "batch": 4, "preview_every": 0}
    go(data8, tmp_path / "asked", tiny(training=settings | {"pieces": 4}))
    passed = short_of_memory(1, monkeypatch, error)
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
