"""`flawsmith benefit`: what is typed becomes the settings of the experiment; the experiment itself is tested with tasks."""

import json
from collections.abc import Callable
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest

from flawsmith.benchmark.protocol import protocol


@pytest.fixture
def calls(replace: Callable[[str, Any], None]) -> list[dict[str, Any]]:
    """Return the list of what `benefit` was called with."""
    seen: list[dict[str, Any]] = []

    def benefit(data: Path, report: Path, settings: Any, **options: Any) -> dict[str, Any]:
        seen.append({"data": data, "report": report, "settings": settings, **options})
        return {"tables": [], "minutes": 1.0}

    replace("benefit", benefit)
    return seen


def test_what_is_typed_becomes_the_settings(run: Callable[..., Any], calls: list[dict[str, Any]]) -> None:
    words = ["--shots", "1,third", "--seeds", 4, "--pairs", 7, "--baselines", "perlin", "--shares", "0.4", "--train-steps", 9]
    more = ["--max-steps", 50, "--max-minutes", 2, "--preset", "small", "--set", "model.saim_rank=8"]
    more += ["--labelled", "--device", "cpu", "--workers", 3, "--threads", 2, "--seed", 5]
    result = run("benefit", "DATA", "-o", "REPORT", "--overwrite", "--json", *words, *more)
    assert result.exit_code == 0 and json.loads(result.stdout) == {"tables": [], "minutes": 1.0}
    (call,) = calls
    quick = protocol("quick")
    assert call.pop("settings") == changed(
        quick,
        shots=("1", "third"),
        seeds=4,
        seed=5,
        pairs=7,
        labelled=True,
        baselines=("perlin",),
        shares=(0.4,),
        training=changed(quick.training, steps=9),
        preset="small",
        fit_settings=("model.saim_rank=8", "training.steps=50", "training.minutes=2.0"),
    )
    command = call.pop("command")
    assert command.startswith("flawsmith benefit DATA") and "--overwrite" not in command and "--shots 1,third" in command
    assert run("benefit", "DATA", "--unfitted", "--device", "cpu", "--json").exit_code == 0
    assert calls.pop()["settings"] == changed(quick, unfitted=True)
    expected = {"data": Path("DATA"), "report": Path("REPORT"), "resume": False, "overwrite": True, "device": "cpu"}
    assert call == {**expected, "workers": 3, "threads": 2, "quiet": True}


@pytest.mark.parametrize(("words", "name"), [([], "quick"), (["--quick"], "quick"), (["--protocol", "paper"], "paper")])
def test_the_protocol_is_quick_without_a_gpu(run: Callable[..., Any], calls: list[dict[str, Any]], words: list[str], name: str) -> None:
    assert run("benefit", "DATA", "--device", "cpu", "--json", *words).exit_code == 0
    assert calls[0]["settings"] == protocol(name) and calls[0]["report"] == Path("flawsmith-benefit")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shots", "3,none"], "--shots 3,none: got 'none'"),
        (["--baselines", "gan"], "--baselines gan: got 'gan'"),
        (["--shares", "2"], "--shares 2: expected numbers between 0 and 1"),
        (["--protocol", "fast"], "--protocol fast: expected quick, full or paper"),
        (["--quick", "--protocol", "paper"], "give one of them"),
        (["--resume", "--overwrite"], "give one of them"),
        (["--unfitted", "--max-steps", 9], "about fits, --unfitted makes none"),
        (["--unfitted", "--max-minutes", 9], "about fits, --unfitted makes none"),
        (["--set", "training.stpes=5"], "training.stpes: no such configuration key"),
    ],
)
def test_bad_words_are_refused_before_anything_starts(
    run: Callable[..., Any], calls: list[dict[str, Any]], words: list[str], message: str
) -> None:
    result = run("benefit", "DATA", "--device", "cpu", *words)
    assert result.exit_code == 2 and message in result.stderr and not calls
