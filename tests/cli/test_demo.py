"""`flawsmith demo`: what is typed reaches `run_demo`, which is replaced here and tested with the demo."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flawsmith.demo import run as demo

SUMMARY = {"accepted": 24, "attempts": 30, "seconds": {"total": 90.0}, "sheet": "demo/pairs/sheet.png", "report": "demo/report.html"}
SUMMARY |= {"warning": "What was learned is not good enough yet."}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Return the list of what `run_demo` was called with."""
    seen: list[tuple[Any, ...]] = []

    def run_demo(*args: Any) -> dict[str, Any]:
        seen.append(args)
        return SUMMARY

    monkeypatch.setattr(demo, "run_demo", run_demo)
    return seen


def test_what_is_typed_reaches_the_demo(run: Callable[..., Any], calls: list[tuple[Any, ...]]) -> None:
    run("demo")
    run("demo", "-o", "there", "--quick", "--overwrite", "--threads", 1, "--quiet")
    assert calls == [(Path("flawsmith-demo"), False, False, 0, False), (Path("there"), True, True, 1, True)]


def test_it_ends_with_the_files_to_look_at_and_the_next_command(run: Callable[..., Any], calls: list[tuple[Any, ...]]) -> None:
    output = run("demo").stdout
    for words in (
        "24 new pairs from 30 attempts in 1.5 minutes",
        "demo/pairs/sheet.png",
        "What was learned is not good enough yet.",
        "demo/report.html",
        "flawsmith check path/to/your",
    ):
        assert words in output


def test_json_is_all_that_is_printed(run: Callable[..., Any], calls: list[tuple[Any, ...]]) -> None:
    assert json.loads(run("demo", "--json").stdout) == SUMMARY
    assert calls[0][-1] is True


def test_a_full_folder_is_refused(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    result = run("demo", "-o", tmp_path)
    assert result.exit_code == 2 and "not empty" in result.stderr
    assert run("demo", "-o", tmp_path, "--overwrite").exit_code == 2  # it is not ours
    assert (tmp_path / "mine.txt").exists()


def test_no_pair_at_all_is_the_status_1(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "run_demo", lambda *_: {**SUMMARY, "accepted": 0})
    result = run("demo")
    assert result.exit_code == 1 and "none of 30 attempts was accepted" in result.stderr
