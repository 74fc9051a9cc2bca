"""The reject table: every refusal counted once per attempt, under the name of its check."""

import io
import math
from typing import Any

from rich.console import Console

from flawsmith.pairs.pair import Pair
from flawsmith.pairs.reason import Reason
from flawsmith.reports import verdicts


def pair(defect: str, verdict: str, *checks: str, **scores: Any) -> Pair:
    return Pair("000000", defect, verdict, reasons=tuple(Reason(check, "2, at most 1") for check in checks), scores=scores)


PAIRS = [
    pair("crack", "accepted", visible=4.5),
    pair("crack", "rejected", "visible", "area", visible=0.5),
    pair("crack", "rejected", "visible", visible=0.7),
    pair("spot", "accepted", visible=6.0),
    pair("spot", "failed", "seam", "seam", visible=math.nan),
]


def test_each_check_has_its_count_and_its_share_of_all_attempts() -> None:
    assert verdicts.reject_table(PAIRS) == [("visible", 2, 0.4), ("area", 1, 0.2), ("seam", 1, 0.2)]
    assert verdicts.reject_table([]) == [] and verdicts.reject_table(PAIRS[:1]) == []


def test_verdicts_are_counted_per_defect_with_their_reasons() -> None:
    counted = verdicts.verdicts(PAIRS)
    assert list(counted) == ["crack", "spot"]
    assert counted["crack"] == {"attempts": 3, "accepted": 1, "rejected": 2, "failed": 0, "reasons": {"visible": 2, "area": 1}}
    assert counted["spot"] == {"attempts": 2, "accepted": 1, "rejected": 0, "failed": 1, "reasons": {"seam": 1}}


def test_several_defects_have_a_line_for_all() -> None:
    assert verdicts.verdict_lines(PAIRS)[-1] == ("all", ("5", "2", "2", "1", "40%"))
    assert [name for name, _ in verdicts.verdict_lines(PAIRS[:3])] == ["crack"]


def test_scores_are_split_by_verdict_and_hold_numbers_only() -> None:
    assert verdicts.scores(PAIRS) == {"visible": ([4.5, 6.0], [0.5, 0.7])}


def printed(pairs: list[Pair]) -> list[str]:
    stream = io.StringIO()
    verdicts.print_table(pairs, Console(file=stream, width=100))
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def test_the_terminal_shows_both_tables() -> None:
    lines = printed(PAIRS)
    assert "crack 3 1 2 0 33%" in lines and "all 5 2 2 1 40%" in lines
    assert f"visible 2 40% {verdicts.meanings()['visible']}" in lines


def test_without_refusals_there_is_one_table() -> None:
    assert len(printed(PAIRS[:1])) == 2


def test_names_are_no_markup() -> None:
    assert "[red]x 1 1 0 0 100%" in printed([pair("[red]x", "accepted")])
