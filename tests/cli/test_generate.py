"""`flawsmith generate`: what is typed reaches the generator, which is replaced here and tested with generation."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Done:
    accepted: int
    folder: Path


class FakeGenerator:
    """Notes what it was asked for, and writes two rows."""

    def __init__(self) -> None:
        self.loaded: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}
        self.error: BaseException | None = None

    def load(self, run: Path, **options: Any) -> "FakeGenerator":
        self.loaded = {"run": run, **options}
        return self

    def generate(self, out: Path, count: int, **options: Any) -> Done:
        self.asked = {"out": out, "count": count, **options}
        out.mkdir(parents=True)
        (out / "pairs.jsonl").write_text('{"verdict": "accepted"}\n{"verdict": "rejected"}\n')
        if self.error:
            raise self.error
        return Done(1, out)


@pytest.fixture
def generator(replace: Callable[[str, Any], None]) -> FakeGenerator:
    """Return the generator that `flawsmith.load` gives."""
    fake = FakeGenerator()
    replace("load", fake.load)
    return fake


def test_what_is_typed_reaches_the_generator(run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["--defect", "crack", "--defect", "spot", "--onto", "normals", "--region", "mask.png", "--seed", 5, "--start", 100]
    more = ["--set", "generation.guidance=2", "--set", "quality.overlap=0.3", "--device", "cpu", "--threads", 2, "--overwrite"]
    result = run("generate", "RUN", "-o", out, "--count", 4, *words, *more)
    assert result.exit_code == 0, result.output
    settings = ("generation.guidance=2", "quality.overlap=0.3")
    assert generator.loaded == {"run": Path("RUN"), "device": "cpu", "threads": 2, "settings": settings}
    assert generator.asked == {
        "out": out,
        "count": 4,
        "defect": ["crack", "spot"],
        "onto": Path("normals"),
        "free": False,
        "region": Path("mask.png"),
        "seed": 5,
        "overwrite": True,
        "resume": False,
        "quiet": False,
        "start": 100,
    }
    assert "1 pairs accepted of 2 attempts" in result.stdout and str(out / "sheet.png") in result.stdout


def test_without_options_all_defects_go_onto_the_normals(run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    run("generate", "RUN", "-o", tmp_path / "out", "--count", 1)
    asked = generator.asked
    assert (asked["defect"], asked["onto"], asked["free"], asked["region"], asked["seed"]) == (None, None, False, None, 0)


def test_json_is_all_that_is_printed(run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("generate", "RUN", "-o", out, "--count", 1, "--free", "--json")
    assert json.loads(result.stdout) == {"out": str(out), "result": {"accepted": 1, "folder": str(out)}}
    assert generator.asked["quiet"] is True and generator.asked["free"] is True


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.cells=16", "--set model.cells=16: got a key that cannot change here, expected one of generation.*, quality.*."),
        ("generation.step=4", "generation.step: no such configuration key. Did you mean generation.steps?"),
        ("quality.overlap=2", "quality.overlap: got 2.0, expected 0 to 1."),
    ],
)
def test_a_bad_setting_is_refused_before_the_model_is_loaded(
    setting: str, message: str, run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path
) -> None:
    result = run("generate", "RUN", "-o", tmp_path / "out", "--count", 1, "--set", setting)
    assert (result.exit_code, result.stderr, generator.loaded) == (2, f"flawsmith: {message}\n", {})


@pytest.mark.parametrize("words", [["--free", "--onto", "normals"], ["--resume", "--overwrite"], ["--count", "0"]])
def test_what_does_not_go_together_is_refused(words: list[str], run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    assert run("generate", "RUN", "-o", tmp_path / "out", "--count", 1, *words).exit_code == 2
    assert generator.loaded == {}


def test_ctrl_c_says_how_to_go_on(run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    generator.error = KeyboardInterrupt()
    result = run("generate", "RUN", "-o", tmp_path / "out", "--count", 9)
    assert result.exit_code == 130
    assert f"flawsmith generate --resume RUN -o {tmp_path / 'out'} --count 9" in result.stderr
