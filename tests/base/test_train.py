"""Training of the base: what was stopped goes on to the bit, and what is exported is what a fit begins with."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner
from safetensors.torch import load_file

from flawsmith.base import critic, train
from flawsmith.base.train import main
from flawsmith.base.weights import base_model, load_weights
from flawsmith.core.precision import Precision
from flawsmith.training import precision
from flawsmith.training.episode_pool import EpisodePool
from flawsmith.training.pool import Batch

SMALL: tuple[str, ...] = ("model.width=32", "model.depth=1", "model.head_dim=16", "model.pixels=4", "model.saim_rank=4")
SMALL += ("model.token_dim=32", "training.batch=3", "training.precision=fp32", "training.warmup=2")
SMALL += ("training.checkpoint_every=3", "training.log_every=1")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Look at few held windows, and hear the critic from the third step on."""
    patch.setattr(train, "HELD", 1)
    patch.setattr(critic, "ALONE", 1)
    patch.setattr(critic, "RISE", 1)


def go(*words: object, settings: tuple[str, ...] = (), code: int = 0) -> str:
    extra = [word for setting in settings for word in ("--set", setting)]
    result = CliRunner().invoke(main, [*(str(word) for word in words), "--threads", "1", "--device", "cpu", *extra])
    assert result.exit_code == code, result.output
    return result.output


def refused(*words: object, status: int = 1) -> str:
    """Return the message with which the command ends, as `flawsmith` says it."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == status and result.stderr.startswith("flawsmith: ")
    return result.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of seven steps. Read only."""
    run = tmp_path_factory.mktemp("base") / "run"
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        go("-o", run, settings=(*SMALL, "training.steps=7"))
    return run


def rows(path: Path) -> list[dict[str, float]]:
    """Return the rows of a log without their times."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in found]


def same_checkpoint(a: Path, b: Path, step: int) -> bool:
    """Return whether the network and the critic of two trainings are the same after a step."""
    for name in ("step", "critic"):
        one, other = (load_file(run / f"checkpoints/{name}-{step:07}.safetensors") for run in (a, b))
        if one.keys() != other.keys() or not all(torch.equal(x, other[key]) for key, x in one.items()):
            return False
    return True


def test_a_training_leaves_its_settings_log_checkpoints_and_what_held_episodes_say(whole: Path) -> None:
    assert [row["step"] for row in rows(whole / "log.jsonl")] == list(range(1, 8))
    assert [row["step"] for row in rows(whole / "held.jsonl")] == [3, 6, 7]
    assert all({"inside", "border", "mask_iou", "start"} < row.keys() for row in rows(whole / "held.jsonl"))
    kept = [f"{name}-{step:07}" for name in ("critic", "step") for step in (3, 6, 7)]
    assert [path.stem for path in sorted((whole / "checkpoints").iterdir())] == kept
    config = yaml.safe_load((whole / "config.yaml").read_text())
    assert (config["model"]["width"], config["model"]["cells"], config["training"]["steps"]) == (32, 16, 7)


def test_a_training_that_was_stopped_and_goes_on_is_the_one_that_was_not(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    real = EpisodePool.batch

    def stopped(pool: EpisodePool, step: int, side: int, count: int) -> Batch:
        if step == 4:
            raise KeyboardInterrupt
        return real(pool, step, side, count)

    monkeypatch.setattr(EpisodePool, "batch", stopped)
    go("-o", run, settings=(*SMALL, "training.steps=7"), code=130)
    monkeypatch.setattr(EpisodePool, "batch", real)
    assert max((run / "checkpoints").iterdir()).stem == "step-0000004", "Ctrl-C keeps the steps that were taken"
    go("-o", run, "--resume")
    assert same_checkpoint(run, whole, 7) and same_checkpoint(run, whole, 6)
    assert rows(run / "log.jsonl") == rows(whole / "log.jsonl")
    assert rows(run / "held.jsonl") == rows(whole / "held.jsonl")


def test_a_training_whose_critic_is_gone_does_not_go_on_without_it(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    (run / "checkpoints/critic-0000007.safetensors").unlink()
    message = refused("-o", run, "--resume", "--set", "training.steps=8")
    assert "critic-0000007.safetensors: is missing" in message and "critic-0000006.safetensors is there" in message
    (run / "checkpoints/step-0000007.safetensors").unlink()
    go("-o", run, "--resume", settings=("training.steps=7",))
    assert same_checkpoint(run, whole, 7)


def test_minutes_end_it_and_more_steps_may_be_asked_for(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    go("-o", run, "--minutes", 1e-6, settings=(*SMALL, "training.steps=7"))
    assert max((run / "checkpoints").iterdir()).stem == "step-0000001"
    go("-o", run, "--resume", settings=("training.steps=2",))
    assert rows(run / "log.jsonl") == rows(whole / "log.jsonl")[:2]


def test_the_precision_is_timed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([Precision("fp32", "0.1 s a step")])
    monkeypatch.setattr(
        precision, "measure_precision", lambda name, *_: next(answers) if name == "auto" else Precision(name, "as asked for")
    )
    go("-o", tmp_path / "run", settings=(*SMALL, "training.precision=auto", "training.steps=1"))
    go("-o", tmp_path / "run", "--resume", settings=("training.steps=2",))
    assert [row["step"] for row in rows(tmp_path / "run/log.jsonl")] == [1, 2]


def test_what_is_exported_loads_as_the_average_of_the_newest_checkpoint(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    go("-o", whole, "--export", path)
    weights, config, facts = load_weights(path)
    model = base_model(config, seed=0)
    model.load_state_dict(weights, strict=True)
    kept = load_file(whole / "checkpoints/step-0000007.safetensors")
    averages = {name.removeprefix("average."): w for name, w in kept.items() if name.startswith("average.")}
    assert averages.keys() == weights.keys()
    assert all(torch.equal(w.half().float(), weights[name]) for name, w in averages.items())
    assert facts["steps"] == 7 and facts["seed"] == 0 and facts["hours"] >= 0 and facts["training"]["batch"] == 3
    assert len(rows(whole / "log.jsonl")) == 7, "nothing was trained"


def test_a_folder_in_use_and_one_without_a_checkpoint_are_refused(whole: Path, tmp_path: Path) -> None:
    assert "is not empty" in refused("-o", whole, status=2)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text((whole / "config.yaml").read_text())
    assert "has no checkpoint yet; train first" in refused("-o", tmp_path / "run", "--export", tmp_path / "w")
    assert "Did you mean training.steps?" in refused("-o", tmp_path / "other", "--set", "training.stepps=3", status=2)


def test_a_loss_that_is_not_a_number_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [word for setting in (*SMALL, "training.steps=9", "training.learning_rate=1e30") for word in ("--set", setting)]
    assert "the loss is not a number at step" in refused("-o", tmp_path / "run", "--threads", 1, "--device", "cpu", *words)


def test_a_training_can_begin_with_exported_weights(whole: Path, tmp_path: Path) -> None:
    exported = tmp_path / "weights.safetensors"
    go("-o", whole, "--export", exported)
    still = ("training.steps=1", "training.learning_rate=1e-12", "training.weight_decay=0", f"training.init={exported}")
    go("-o", tmp_path / "run", settings=(*SMALL, *still))
    go("-o", tmp_path / "run", "--export", tmp_path / "again.safetensors")
    (first, _, before), (again, _, facts) = (load_weights(path) for path in (exported, tmp_path / "again.safetensors"))
    assert facts["begun_with"] == before and facts["training"]["init"] == exported.name, "and says with which, but not where they lay"
    assert all(torch.allclose(first[name], again[name], atol=1e-6) for name in first)
    fresh = base_model(load_weights(exported)[1], 0).state_dict()
    assert not all(torch.allclose(first[name], fresh[name], atol=1e-3) for name in first), "random ones would not pass for them"
