"""Whether what was learned is good enough, from looks at previews; and that fit, generate and the demo say so."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import flawsmith as fs
from flawsmith.config.schema import Config
from flawsmith.quality.readiness import Look, assess, look_at, more_minutes, warning


def looks(*passed: int, drawn: int = 12) -> list[Look]:
    """Return looks at doubling steps, a minute of training for 100 of them."""
    return [Look(100 * 2**i, 60.0 * 2**i, drawn, n, {"edge": drawn - n}) for i, n in enumerate(passed)]


def test_a_look_counts_previews_and_each_check_once_a_preview() -> None:
    found = look_at(7, 1.234, [["edge", "edge", "seam"], [], ["edge"]])
    assert found == Look(7, 1.23, 3, 1, {"edge": 2, "seam": 1})


@pytest.mark.parametrize(("passed", "ready"), [((0, 5, 6), True), ((0, 5, 5), False), ((12, 12, 0), False)])
def test_the_last_look_decides(passed: tuple[int, ...], ready: bool) -> None:
    found = assess(looks(*passed))
    assert found is not None and found.ready == ready and f"{passed[-1]} of 12 previews pass" in found.text
    assert ("good enough:" in found.text) == ready


def test_what_is_refused_most_is_named() -> None:
    found = assess([Look(1, 1.0, 6, 0, {"copy": 1, "edge": 4, "seam": 6, "grain": 2})])
    assert found is not None and "refused most by seam (6), edge (4), grain (2)." in found.text
    assert assess([]) is None and assess([Look(0, 0.0, 0, 0)]) is None


def test_a_steady_rise_says_how_many_more_minutes() -> None:
    """One more of twelve with every doubling: from 4 to 6 of 12 takes two doublings, from 8 to 32 minutes."""
    assert more_minutes(looks(1, 2, 3, 4)) == pytest.approx(24, rel=0.01)
    found = assess(looks(1, 2, 3, 4))
    assert found is not None and found.more_minutes == pytest.approx(24, rel=0.01) and "about 24 more minutes" in found.text


@pytest.mark.parametrize("passed", [(3, 3, 3), (4, 3, 2), (1, 2), (0, 3, 0, 2), (0, 0, 0), (10, 10, 10, 11, 1)])
def test_without_a_clear_rise_nothing_is_promised(passed: tuple[int, ...]) -> None:
    found = assess(looks(*passed))
    assert found is not None and found.more_minutes is None and "nobody can say how much longer" in found.text


def test_a_rise_that_takes_too_long_is_no_estimate() -> None:
    assert more_minutes([Look(100 * 2**i, 60.0 * 2**i, 1200, 10 * i) for i in range(4)]) is None


# by the production path


def test_fit_says_whether_it_is_enough_and_generate_repeats_a_warning(
    data8: Path, tiny: Callable[..., Config], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny(training={"steps": 4, "batch": 2, "preview_every": 2, "checkpoint_every": 100}, generation={"steps": 2, "attempts": 1})
    run = tmp_path / "run"
    result = fs.fit(data8, run, config=config, device="cpu", threads=1)
    said = " ".join(capsys.readouterr().err.split())
    told = json.loads((run / "fit.json").read_text())["readiness"]
    assert told == result["readiness"] and told["ready"] is False and told["drawn"] == 12
    assert "What was learned is not good enough yet: " in said and told["text"] in said
    steps = [json.loads(line)["step"] for line in (run / "looks.jsonl").read_text().splitlines()]
    assert steps == [2, 4, 4], "at each preview, and again with more of them at the end"
    assert warning(run) == told["text"]
    fs.load(run, threads=1).generate(tmp_path / "out", 1, quiet=False)
    assert told["text"] in " ".join(capsys.readouterr().err.split())
    fs.load(run, threads=1).generate(tmp_path / "silent", 1, quiet=True)
    assert told["text"] not in capsys.readouterr().err


def test_what_is_good_enough_is_no_warning(tmp_path: Path) -> None:
    good = assess(looks(0, 6, 12))
    assert good is not None
    (tmp_path / "fit.json").write_text(json.dumps({"readiness": good.to_json()}))
    assert warning(tmp_path) is None and warning(tmp_path / "nowhere") is None
    (tmp_path / "fit.json").write_text("{")
    assert warning(tmp_path) is None
