"""The reject table: every refusal counted once per attempt, under the name of its check."""

import io
import math
from typing import Any

import pytest
from rich.console import Console

from flawsmith.reports import verdicts


def row(defect: str, verdict: str, *reasons: str, **scores: Any) -> dict[str, Any]:
    return {"defect": defect, "verdict": verdict, "reasons": list(reasons), "scores": scores}


ROWS = [
    row("crack", "accepted", visible=4.5),
    row("crack", "rejected", "visible: 0.5, at least 1", "area: 4 px, at least 10 px", visible=0.5),
    row("crack", "rejected", "visible: 0.7, at least 1", visible=0.7),
    row("spot", "accepted", visible=6.0),
    row("spot", "failed", "seam: 2 times, at most 1.6", "seam: 3 times, at most 1.6", visible=math.nan),
]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("invisible", "invisible"),
        ("seam: gradient at the border 2.1 times that around it, at most 1.6", "seam"),
        ("the mask does not fit the change: overlap 0.21, needed 0.40", "the mask does not fit the change"),
        ("area 4 px is not plausible: expected 10 to 20 px", "area"),
        ("the branches disagree by 0.3, at most 0.1", "the branches disagree"),
    ],
)
def test_reasons_are_counted_without_their_numbers(reason: str, expected: str) -> None:
    assert verdicts.kind(reason) == expected


def test_each_check_has_its_count_and_its_share_of_all_attempts() -> None:
    assert verdicts.reject_table(ROWS) == [("visible", 2, 0.4), ("area", 1, 0.2), ("seam", 1, 0.2)]
    assert verdicts.reject_table([]) == [] and verdicts.reject_table(ROWS[:1]) == []


def test_verdicts_are_counted_per_defect_with_their_reasons() -> None:
    counted = verdicts.verdicts(ROWS)
    assert list(counted) == ["crack", "spot"]
    assert counted["crack"] == {"attempts": 3, "accepted": 1, "rejected": 2, "failed": 0, "reasons": {"visible": 2, "area": 1}}
    assert counted["spot"] == {"attempts": 2, "accepted": 1, "rejected": 0, "failed": 1, "reasons": {"seam": 1}}


def test_several_defects_have_a_line_for_all() -> None:
    assert verdicts.verdict_lines(ROWS)[-1] == ("all", ("5", "2", "2", "1", "40%"))
    assert [name for name, _ in verdicts.verdict_lines(ROWS[:3])] == ["crack"]


def test_scores_are_split_by_verdict_and_hold_numbers_only() -> None:
    assert verdicts.scores(ROWS) == {"visible": ([4.5, 6.0], [0.5, 0.7])}


def printed(rows: list[dict[str, Any]]) -> list[str]:
    stream = io.StringIO()
    verdicts.print_table(rows, Console(file=stream, width=100))
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def test_the_terminal_shows_both_tables() -> None:
    lines = printed(ROWS)
    assert "crack 3 1 2 0 33%" in lines and "all 5 2 2 1 40%" in lines
    assert f"visible 2 40% {verdicts.MEANINGS['visible']}" in lines


def test_without_refusals_there_is_one_table() -> None:
    assert len(printed(ROWS[:1])) == 2


def test_names_are_no_markup() -> None:
    assert "[red]x 1 1 0 0 100%" in printed([row("[red]x", "accepted")])
