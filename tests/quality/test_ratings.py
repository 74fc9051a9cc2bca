"""What people sort pairs by, and how a score is told beside its limits."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flawsmith.core.errors import DataError
from flawsmith.dataset.windows import Box
from flawsmith.pairs.pair import Pair, PlacedDefect
from flawsmith.quality.ratings import Bounds, Told, changed_from, ratings, read_bounds, told, write_bounds
from flawsmith.workflows.generate import load

BOX = Box(1, 1, 4, 4)
BOUNDS = {
    "crack": {
        "softness": Bounds(low=0.0, high=4.0, least=1.0, median=2.0, most=3.0),  # told as 1 to 16 px
        "product": Bounds(high=2.0, least=0.5, median=1.0, most=1.5),
        "area": Bounds(low=10, high=100, least=20, median=50, most=80),
        "middle": Bounds(low=-1.0, high=1.0, least=-0.5, median=0.0, most=0.5),
        "consistency": Bounds(low=0.5),
        "copy": Bounds(high=0.8),
    }
}


def defect(scores: dict[str, float], severity: float = 1.0, kind: str = "crack") -> PlacedDefect:
    return PlacedDefect(kind, BOX, 30, severity=severity, scores=scores)


def pair(*defects: PlacedDefect) -> Pair:
    return Pair("000000", "crack", "accepted", image="-", mask="-", scores=defects[0].scores, defects=defects)


@pytest.mark.parametrize(
    ("scores", "realism", "weakest"),
    [
        ({"softness": 2.0, "product": 1.0}, 1.0, "product"),
        ({"softness": 3.0, "product": 1.0}, 0.5, "softness"),  # half of the way from the median to the upper limit
        ({"softness": 0.5, "product": 0.1}, 0.25, "softness"),  # too little of `product` is no fault
        ({"softness": 2.0, "product": 2.5}, 0.0, "product"),
        ({"softness": 2.0, "area": 99.0}, 1.0, "softness"),  # size says nothing of the look
        ({"area": 50.0}, None, ""),
    ],
)
def test_realism_is_the_room_of_the_score_that_fares_worst(scores: dict[str, float], realism: float | None, weakest: str) -> None:
    found = ratings(pair(defect(scores)), BOUNDS)
    assert (found.realism, found.weakest) == (realism, weakest)


def test_the_other_numbers_are_those_of_the_row() -> None:
    first, second = {"consistency": 0.7, "copy": 0.4, "tone0": 0.2, "tone1": -0.9}, {"consistency": 0.6, "copy": 0.5, "tone0": 0.1}
    found = ratings(pair(defect(first), defect(second)), BOUNDS)
    assert (found.consistency, found.novelty, found.contrast, found.size) == (0.6, 0.5, -0.9, 60)
    bare = ratings(Pair("000000", "crack", "accepted", image="-", mask="-"), {})
    assert (bare.realism, bare.consistency, bare.novelty, bare.contrast, bare.size) == (None, None, None, None, None)
    assert ratings(Pair("000000", "crack", "accepted", image="-", mask="-", scores={"area": 7.0}), {}).size == 7, "defects not told apart"


def test_from_which_change_on_a_pixel_has_changed_is_what_the_checks_took() -> None:
    assert changed_from(pair(defect({"changed_from": 0.03}), defect({"changed_from": 0.02}))) == 0.02
    assert changed_from(Pair("000000", "crack", "accepted", image="-", mask="-", scores={"changed_from": 0.01})) == 0.01
    assert changed_from(pair(defect({"consistency": 0.7}))) == 0.04, "a row of before"


def test_what_was_asked_to_be_fainter_is_not_held_against_it() -> None:
    assert ratings(pair(defect({"softness": 3.9, "middle": 0.25}, 0.5)), BOUNDS).realism == 0.5, "softness is left out, middle counts twice"


def one(name: str, value: float) -> Told:
    (found,) = told(defect({name: value}), BOUNDS)
    return found


def test_scores_are_told_as_factors_with_limits_and_place() -> None:
    found = one("softness", 3.0)
    assert (found.check, found.text) == ("edge", "its border is 8.00 px wide")
    assert (found.real, found.allowed) == ("real ones show 2.00 to 8.00 px", "allowed is at least 1.00 px and at most 16.00 px")
    assert (found.room, found.ok, found.place, found.shown) == (0.5, True, 0.75, (0.25, 0.75))
    beyond = one("product", 2.2)
    assert not beyond.ok and beyond.room == 0 and beyond.place == 1 and beyond.allowed == "allowed is at most 2.00"
    fixed = one("consistency", 0.4)
    assert not fixed.ok and fixed.room is None and fixed.allowed == "allowed is at least 0.50" and "overlap by 0.40" in fixed.text
    free = told(defect({"outside": 0.1}, kind="dent"), BOUNDS)
    assert [(each.allowed, each.ok) for each in free] == [("", True)], "a kind without limits"


def test_a_limit_that_lets_everything_pass_is_not_told() -> None:
    wide = {"crack": {"softness": Bounds(low=-1e9, high=1e9, least=1.0, median=2.0, most=3.0)}}
    (found,) = told(defect({"softness": 2.0}), wide)
    assert found.allowed == "" and found.ok and found.real == "real ones show 2.00 to 8.00 px"


def test_what_fails_comes_first_then_what_is_nearest_to_its_limit() -> None:
    found = told(defect({"softness": 2.0, "product": 1.9, "area": 200.0, "copy": 0.5}), BOUNDS)
    assert [each.score for each in found] == ["area", "product", "softness", "copy"]


def test_the_limits_of_a_run_are_written_beside_its_pairs(run8: Path, tmp_path: Path) -> None:
    verifier = load(run8, device="cpu", threads=1).generator.verifier
    write_bounds(tmp_path, verifier)
    found = read_bounds(tmp_path)
    assert set(found) == {"blob", "line"}
    for kind, limits in verifier.limits.kinds.items():
        for name, limit in limits.items():
            assert found[kind][name] == Bounds(limit.low, limit.high, limit.least, limit.median, limit.most)
        assert found[kind]["consistency"].low == verifier.known.config.consistency and 0.6 <= (found[kind]["copy"].high or 0) <= 0.9


@pytest.mark.parametrize("said", [[], {"crack": []}, {"crack": {"area": {"lowest": 1}}}, {"crack": {"area": {"low": "1"}}}])
def test_damaged_limits_are_named(said: Any, tmp_path: Path) -> None:
    assert read_bounds(tmp_path) == {}
    (tmp_path / "limits.json").write_text(json.dumps(said))
    with pytest.raises(DataError, match=r"limits\.json: expected the limits of scores by kind"):
        read_bounds(tmp_path)


def test_it_needs_no_torch() -> None:
    script = "import sys, flawsmith.quality.ratings; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
