"""`flawsmith generate`: what is typed reaches the generator, which is replaced here and tested with generation."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.pairs.reason import Reason


@dataclass(frozen=True)
class Done:
    accepted: int
    folder: Path


class FakeGenerator:
    """Notes what it was asked for, and writes rows."""

    def __init__(self) -> None:
        self.loaded: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}
        self.error: BaseException | None = None
        self.rows: list[tuple[str, list[str]]] = [("accepted", []), ("rejected", ["copy"])]

    def load(self, run: Path, **options: Any) -> "FakeGenerator":
        self.loaded = {"run": run, **options}
        return self

    def generate(self, out: Path, count: int | None, **options: Any) -> Done:
        self.asked = {"out": out, "count": count, **options}
        out.mkdir(parents=True)
        if not options["dry_run"]:
            folder = PairFolder(out)
            for number, (verdict, reasons) in enumerate(self.rows):
                files = ("a.png", "a_mask.png") if verdict == "accepted" else (None, None)
                told = tuple(Reason(check, "2, at most 1") for check in reasons)
                folder.append(Pair(f"{number:06d}", "crack", verdict, image=files[0], mask=files[1], reasons=told))
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
    words = ["--defect", "crack", "--defect", "spot", "--onto", "normals", "--region", "rect:10%,20%,30,40", "--seed", 5, "--start", 100]
    words += ["--place-map", "map.png", "--foreground", "objects", "--size", "20-60px", "--severity", "0.5-1.5", "--per-image", "1-3"]
    words += ["--mix", "--pick-from", 9, "--backbone", "there", "--like", "a.png,b.png", "--strength", "0.8", "--mask", "labelled"]
    more = ["--set", "generation.guidance=2", "--set", "quality.consistency=0.3", "--device", "cpu", "--threads", 2, "--overwrite"]
    result = run("generate", "RUN", "-o", out, "--count", 4, *words, *more)
    assert result.exit_code == 0, result.output
    settings = ("generation.guidance=2", "quality.consistency=0.3")
    assert generator.loaded == {
        "run": Path("RUN"),
        "device": "cpu",
        "threads": 2,
        "settings": settings,
        "backbone": "there",
        "quiet": False,
    }
    assert generator.asked == {
        "out": out,
        "count": 4,
        "defect": ["crack", "spot"],
        "onto": Path("normals"),
        "free": False,
        "region": "rect:10%,20%,30,40",
        "place_map": Path("map.png"),
        "foreground": Path("objects"),
        "size": "20-60px",
        "severity": "0.5-1.5",
        "per_image": "1-3",
        "mix": True,
        "plan": None,
        "pick_from": 9,
        "dry_run": False,
        "seed": 5,
        "overwrite": True,
        "resume": False,
        "quiet": False,
        "start": 100,
        "like": "a.png,b.png",
        "strength": 0.8,
        "mask": "labelled",
    }


def test_every_option_is_a_wish_of_the_same_name(run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    from flawsmith.generation.request import Request

    run("generate", "RUN", "-o", tmp_path / "out", "--count", 1)
    control = {"out", "overwrite", "resume", "quiet", "dry_run"}
    assert generator.asked.keys() - control == {f.name for f in fields(Request)}


def test_it_ends_with_the_table_of_what_the_checks_said(run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("generate", "RUN", "-o", out, "--count", 1)
    words = " ".join(result.stdout.split())
    assert "crack 2 1 1 0 50%" in words and "copy 1 50%" in words
    assert "1 pairs accepted of 2 attempts" in words and str(out / "report.html") in result.stdout
    assert "given up" not in words


def test_fewer_than_wanted_is_said_with_the_reasons(run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    reasons = ["visible", "seam"]
    generator.rows = [("accepted", []), ("rejected", reasons), ("failed", reasons[:1]), ("failed", reasons[:1]), ("rejected", ["pick"])]
    result = run("generate", "RUN", "-o", tmp_path / "out", "--count", 3)
    words = " ".join(result.stdout.split())
    assert "2 of the wanted pairs were given up after their last attempt. What the checks found most: visible (3), seam (1)." in words
    assert "--set generation.attempts=N" in words and "--resume and a larger --count" in words
    assert "1 pairs accepted of 5 attempts" in words and result.exit_code == 0


@pytest.mark.parametrize("extra", [[], ["--quiet"], ["--json"]])
def test_no_pair_at_all_is_the_status_1(extra: list[str], run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    generator.rows = [("rejected", ["visible"]), ("failed", ["visible"])]
    result = run("generate", "RUN", "-o", tmp_path / "out", "--count", 1, *extra)
    assert result.exit_code == 1 and "none of 2 attempts was accepted" in result.stderr


def test_a_dry_run_says_what_to_look_at_and_how_to_go_on(run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("generate", "RUN", "-o", out, "--count", 1, "--dry-run")
    assert generator.asked["dry_run"] is True
    for words in ("Nothing was drawn", str(out / "plan.png"), f"--plan {out / 'plan.jsonl'}"):
        assert words in result.stdout
    assert run("generate", "RUN", "-o", tmp_path / "other", "--count", 1, "--dry-run", "--quiet").output == ""


def test_a_plan_needs_no_count(run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    assert run("generate", "RUN", "-o", tmp_path / "out", "--plan", "mine.jsonl").exit_code == 0
    assert generator.asked["plan"] == Path("mine.jsonl") and generator.asked["count"] is None


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
        (
            "quality.consistency=2",
            "quality.consistency: got 2, expected a number from 0 to 1. Meaning: least consistency of mask and change, 0 to 1.",
        ),
    ],
)
def test_a_bad_setting_is_refused_before_the_model_is_loaded(
    setting: str, message: str, run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path
) -> None:
    result = run("generate", "RUN", "-o", tmp_path / "out", "--count", 1, "--set", setting)
    assert (result.exit_code, result.stderr, generator.loaded) == (2, f"flawsmith: {message}\n", {})


@pytest.mark.parametrize(
    "words", [["--free", "--onto", "normals"], ["--resume", "--overwrite"], ["--count", "0"], ["--pick-from", "-1"], ["--strength", "1.5"]]
)
def test_what_does_not_go_together_is_refused(words: list[str], run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    assert run("generate", "RUN", "-o", tmp_path / "out", "--count", 1, *words).exit_code == 2
    assert generator.loaded == {}


def test_ctrl_c_says_how_to_go_on(run: Callable[..., Any], generator: FakeGenerator, tmp_path: Path) -> None:
    generator.error = KeyboardInterrupt()
    result = run("generate", "RUN", "-o", tmp_path / "out", "--count", 9)
    assert result.exit_code == 130
    assert f"flawsmith generate --resume RUN -o {tmp_path / 'out'} --count 9" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--count", "0"], "0 is not in the range x>=1"),
        ([], "--count: is missing; say how many accepted pairs are wanted, or give a --plan."),
        (["--count", "1", "--size", "big"], "--size big: expected pixels such as 40px"),
        (["--count", "1", "--severity", "9"], "--severity 9: expected a number above 0 and at most 4"),
        (["--count", "1", "--severity", "faint"], "--severity faint: expected a number"),
        (["--count", "1", "--per-image", "3-1"], "--per-image 3-1: expected a whole number from 1 to 16, or a range such as 1-3."),
        (["--count", "1", "--region", "rect:1,2,3"], "--region rect:1,2,3: got 3 numbers"),
        (["--count", "1", "--region", "none.png"], "--region none.png: there is no such file or folder"),
        (["--count", "1", "--place-map", "none.png"], "--place-map none.png: there is no such file or folder"),
        (["--count", "1", "--foreground", "none"], "--foreground none: there is no such file or folder"),
        (["--count", "1", "--plan", "plan.jsonl"], "--count: does not go with --plan"),
        (["--plan", "plan.jsonl"], "row 1: defect: got 'dent'"),
        (["--plan", "none.jsonl"], "--plan none.jsonl: there is no such file"),
        (["--count", "4", "--pick-from", "2"], "--pick-from 2: is less than --count 4"),
        (["--count", "1", "--free", "--dry-run"], "--dry-run: shows where on normals defects would go"),
        (["--count", "1", "--resume", "--dry-run"], "--dry-run: "),
        (["--count", "1", "--free", "--region", "rect:1,1,9,9"], "--region: is about defects on a normal"),
    ],
)
def test_a_bad_wish_is_told_with_the_status_of_its_kind(
    words: list[str], message: str, run: Callable[..., Any], run8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.jsonl").write_text('{"defect": "dent"}\n')
    result = run("generate", run8, "-o", "out", "--threads", 1, *words)
    files = ("there is no such", "row 1")  # bad input; the rest is wrong usage
    status = 1 if any(word in message for word in files) else 2
    assert result.exit_code == status and message in result.stderr, result.output
    assert not (tmp_path / "out").exists(), "before anything is written"


def test_pairs_and_plans_from_a_real_model(run: Callable[..., Any], run8: Path, tmp_path: Path) -> None:
    words = ["generate", run8, "--threads", 1, "--device", "cpu", "--set", "generation.attempts=1"]
    planned = run(*words, "-o", tmp_path / "plan", "--count", 2, "--region", "rect:10%,10%,80%,80%", "--dry-run")
    assert planned.exit_code == 0, planned.output
    made = run(*words, "-o", tmp_path / "out", "--plan", tmp_path / "plan/plan.jsonl")
    assert made.exit_code in (0, 1) and "of 2 attempts" in made.stdout, made.output  # 1: made, and none accepted
    assert (tmp_path / "out/report.html").is_file() and (tmp_path / "out/sheet.png").is_file()
    again = run(*words, "-o", tmp_path / "out", "--count", 1)
    assert again.exit_code == 2 and "--overwrite" in again.stderr
