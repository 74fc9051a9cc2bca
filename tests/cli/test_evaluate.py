"""`flawsmith evaluate`: what it passes on, what it prints and how it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flawsmith.core.errors import DataError
from flawsmith.formats.options import ReadOptions


@pytest.fixture
def asked(replace: Callable[[str, Any], None]) -> dict[str, Any]:
    """What `fs.evaluate` was called with; in its place stands a function that returns a result without kinds."""
    found: dict[str, Any] = {}

    def evaluate(real: Path, out: Path, report: Path | None, **options: Any) -> dict[str, Any]:
        found.update(options, real=real, out=out, report=report)
        network = {"name": "Net", "digest": "0123"}
        return {"extractors": {"features": network, "distance": network}, "defects": {}, "all": {}, "pairs": [], "review": {}}

    replace("evaluate", evaluate)
    return found


def test_the_words_arrive(run: Callable, asked: dict[str, Any]) -> None:
    words = ("--extractor", "offline", "--seed", "7", "--overwrite", "--device", "cpu", "--threads", "1")
    result = run(
        "evaluate",
        "data",
        "pairs",
        "-o",
        "report",
        *words,
        "--judge",
        "run",
        "--judge-steps",
        "5",
        "--classes",
        "a=b",
        "--review",
        "ignored",
    )
    assert result.exit_code == 0
    expected = {"extractor": "offline", "seed": 7, "overwrite": True, "device": "cpu", "threads": 1, "quiet": False}
    expected |= {"judge": Path("run"), "judge_steps": 5, "labels": ReadOptions(classes="a=b"), "review": "ignored"}
    assert asked == {"real": Path("data"), "out": Path("pairs"), "report": Path("report"), **expected}
    assert "Defect windows, Net 0123" in result.stdout and str(Path("report") / "report.html") in result.stdout


def test_without_a_folder_there_are_tables_only(run: Callable, asked: dict[str, Any]) -> None:
    result = run("evaluate", "data", "pairs")
    assert asked["report"] is None and asked["extractor"] == "auto" and asked["seed"] == 0
    assert "Variety, Net 0123" in result.stdout and "report.html" not in result.stdout


def test_quiet_prints_nothing_and_json_only_json(run: Callable, asked: dict[str, Any]) -> None:
    assert run("evaluate", "data", "pairs", "--quiet").output == ""
    assert json.loads(run("evaluate", "data", "pairs", "--json").stdout)["extractors"]["features"]["name"] == "Net"
    assert asked["quiet"] is True


@pytest.mark.parametrize("words", [("data",), ("data", "pairs", "--extractor", "vgg"), ("data", "pairs", "--seed", "-1")])
def test_wrong_usage_exits_with_2(words: tuple[str, ...], run: Callable) -> None:
    assert run("evaluate", *words).exit_code == 2


def test_a_users_error_is_one_line(run: Callable, replace: Callable[[str, Any], None]) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DataError("pairs: holds no accepted pairs.")

    replace("evaluate", fail)
    result = run("evaluate", "data", "pairs")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "flawsmith: pairs: holds no accepted pairs.\n")


def test_ctrl_c_exits_with_130(run: Callable, replace: Callable[[str, Any], None]) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    replace("evaluate", stop)
    result = run("evaluate", "data", "pairs")
    assert result.exit_code == 130 and "stopped; nothing was written" in result.stderr


def test_a_folder_that_is_not_there_is_named(run: Callable, data8: Path, tmp_path: Path) -> None:
    result = run("evaluate", data8, tmp_path / "pairs")
    assert result.exit_code == 1 and "there is no such folder" in result.stderr
