"""`flawsmith fit`: what is typed reaches the function; `fit` itself is replaced here and tested with training."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flawsmith.config.resolve import dump, resolve
from flawsmith.config.schema import Config


@pytest.fixture
def calls(replace: Callable[[str, Any], None]) -> list[dict[str, Any]]:
    """Return the list of what `fit` was called with."""
    seen: list[dict[str, Any]] = []

    def fit(data: Path, run: Path, **options: Any) -> dict[str, Any]:
        seen.append({"data": data, "run": run, **options})
        return {"run": str(run), "steps": 5}

    replace("fit", fit)
    return seen


def test_what_is_typed_reaches_fit(run: Callable[..., Any], calls: list[dict[str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("training: {batch: 5, warmup: 3, steps: 11}\n")
    words = ["--preset", "small", "--config", file, "--set", "training.batch=6", "--set", "training.steps=12"]
    more = ["--max-steps", 13, "--max-minutes", 1.5, "--seed", 7, "--init", "OTHER"]
    more += ["--format", "coco", "--classes", "a=b; ignore=c", "--line-width", 3, "--normals", tmp_path]
    more += ["--device", "cpu", "--threads", 1, "--overwrite", "--quiet"]
    result = run("fit", "DATA", "-o", "RUN", *words, *more)
    assert (result.exit_code, result.output) == (0, "")
    (call,) = calls
    settings = ["training.batch=6", "training.steps=13", "training.minutes=1.5", "training.seed=7"]
    settings += ["training.warmup=3", "training.init=OTHER", "data.format=coco", "data.classes=a=b; ignore=c", "data.line_width=3.0"]
    settings += [f"data.normals={tmp_path}"]
    assert call.pop("config") == resolve("small", None, settings)
    assert call == {
        "data": Path("DATA"),
        "run": Path("RUN"),
        "resume": False,
        "overwrite": True,
        "device": "cpu",
        "threads": 1,
        "quiet": True,
    }


def test_limits_of_0_are_none(run: Callable[..., Any], calls: list[dict[str, Any]]) -> None:
    run("fit", "DATA", "-o", "RUN", "--max-minutes", 0, "--memory", 0, "--max-steps", 7)
    run("fit", "DATA", "-o", "RUN", "--max-minutes", 7, "--max-steps", 0)
    limits = [(c["config"].training.minutes, c["config"].training.memory, c["config"].training.steps) for c in calls]
    assert limits == [(0, 0, 7), (7, 0, 0)]
    result = run("fit", "DATA", "-o", "RUN", "--max-minutes", 0, "--max-steps", 0)
    assert result.exit_code == 2 and "training would never end" in result.stderr


def test_without_options_the_defaults_are_used(run: Callable[..., Any], calls: list[dict[str, Any]]) -> None:
    result = run("fit", "DATA", "-o", "my run")
    assert calls[0]["config"] == Config() and calls[0]["quiet"] is False
    assert "flawsmith generate 'my run' -o OUT --count 30" in result.stdout


def test_json_is_all_that_is_printed(run: Callable[..., Any], calls: list[dict[str, Any]]) -> None:
    assert json.loads(run("fit", "DATA", "-o", "RUN", "--json").stdout) == {"run": "RUN", "steps": 5}
    assert calls[0]["quiet"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "training.stpes=5"], "training.stpes: no such configuration key. Did you mean training.steps?"),
        (["--set", "training.batch=0"], "training.batch: got 0, expected a whole number of at least 1. Meaning: windows per step."),
        (["--preset", "huge"], "preset: got 'huge', expected one of tiny, small, sd15, sd15-paper, sd15-inpaint."),
        (["--config", "nowhere.yaml"], "nowhere.yaml: no such configuration file."),
    ],
)
def test_a_bad_configuration_is_refused_before_anything_starts(
    words: list[str], message: str, run: Callable[..., Any], calls: list[dict[str, Any]]
) -> None:
    result = run("fit", "DATA", "-o", "RUN", *words)
    assert (result.exit_code, result.stderr, calls) == (2, f"flawsmith: {message}\n", [])


def test_resume_and_overwrite_exclude_each_other(run: Callable[..., Any], calls: list[dict[str, Any]]) -> None:
    result = run("fit", "DATA", "-o", "RUN", "--resume", "--overwrite")
    assert (result.exit_code, calls) == (2, []) and "one of them" in result.stderr


def test_resume_keeps_the_limits_of_the_run(run: Callable[..., Any], calls: list[dict[str, Any]], tmp_path: Path) -> None:
    own = resolve("small", None, ["training.steps=77", "training.minutes=3"])
    (tmp_path / "config.yaml").write_text(dump(own))
    run("fit", "DATA", "-o", tmp_path, "--resume")
    run("fit", "DATA", "-o", tmp_path, "--resume", "--max-steps", 99)
    assert calls[0]["config"] == own and calls[0]["resume"] is True
    assert calls[1]["config"].training.steps == 99 and calls[1]["config"].training.minutes == 3


def test_ctrl_c_says_how_to_go_on(run: Callable[..., Any], replace: Callable[[str, Any], None], tmp_path: Path) -> None:
    folder = tmp_path / "my run"

    def fit(*_: Any, **__: Any) -> None:
        folder.mkdir()
        (folder / "config.yaml").write_text(dump(Config()))
        raise KeyboardInterrupt

    replace("fit", fit)
    result = run("fit", "DATA", "-o", folder, "--max-steps", 50, "--overwrite")
    assert result.exit_code == 130
    command = result.stderr.strip().partition("To go on: ")[2]
    assert shlex.split(command) == ["flawsmith", "fit", "--resume", "DATA", "-o", str(folder), "--max-steps", "50"]


def test_ctrl_c_before_the_start_says_that_nothing_was_written(
    run: Callable[..., Any], replace: Callable[[str, Any], None], tmp_path: Path
) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    replace("fit", fit)
    result = run("fit", "DATA", "-o", tmp_path / "run")
    assert (result.exit_code, result.stderr) == (130, "\nflawsmith: stopped; nothing was written.\n")
