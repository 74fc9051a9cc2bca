"""What verification said: counts per defect and per check, for the report and for the terminal."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flawsmith.pairs.pair import Pair
from flawsmith.quality.registry import checks

COLUMNS = ("Defect", "Attempts", "Accepted", "Rejected", "Failed", "Accepted of all")
LEFT_OUT = {"pick": "Is it among those kept because they differ most?"}


def meanings() -> dict[str, str]:
    """Return what each check asks, by its name; it rejects where the answer is no."""
    return {check.name: check.question for check in checks()} | LEFT_OUT


def verdicts(pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    """Return for each defect: attempts, accepted, rejected, failed, and how many attempts each check refused."""
    result = {}
    for defect in sorted({pair.defect for pair in pairs}):
        mine = [pair for pair in pairs if pair.defect == defect]
        count = Counter(pair.verdict for pair in mine)
        result[defect] = {
            "attempts": len(mine),
            "accepted": count["accepted"],
            "rejected": count["rejected"],
            "failed": count["failed"],
            "reasons": {check: number for check, number, _ in reject_table(mine)},
        }
    return result


def reject_table(pairs: Sequence[Pair]) -> list[tuple[str, int, float]]:
    """Return (check, attempts it refused, their share of all attempts), the most frequent first.

    An attempt that several checks refuse counts for each of them; a check that names two defects of one picture counts once.
    """
    counts = Counter(check for pair in pairs for check in sorted({reason.check for reason in pair.reasons}))
    return [(check, count, count / len(pairs)) for check, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def print_table(pairs: Sequence[Pair], console: Console | None = None) -> None:
    """Print how many attempts were accepted per defect and, where any were refused, which checks refused them."""
    console = console or Console()
    console.print(terminal_table(COLUMNS, [(defect, *numbers) for defect, numbers in verdict_lines(pairs)]))
    refused = [(check, f"{count:,}", f"{share:.0%}", meanings().get(check, "")) for check, count, share in reject_table(pairs)]
    if refused:
        console.print(terminal_table(("Check", "Rejections", "Of all attempts", "What it asks"), refused, text=(0, 3)))


def verdict_lines(pairs: Sequence[Pair]) -> list[tuple[str, tuple[str, ...]]]:
    """Return each defect, and for several a last line for all of them, with the texts for COLUMNS after the first."""
    found = verdicts(pairs)
    lines = [(defect, [v[name] for name in _COUNTS]) for defect, v in found.items()]
    if len(lines) > 1:
        lines.append(("all", [sum(column) for column in zip(*(numbers for _, numbers in lines), strict=True)]))
    return [(defect, (*(f"{n:,}" for n in numbers), f"{numbers[1] / numbers[0]:.0%}")) for defect, numbers in lines]


def scores(pairs: Sequence[Pair]) -> dict[str, tuple[list[float], list[float]]]:
    """Return for each score the values of the accepted and of the other attempts; values that are no finite numbers are left out."""
    result: dict[str, tuple[list[float], list[float]]] = {}
    for pair in pairs:
        for name, value in pair.scores.items():
            if isinstance(value, (int, float)) and math.isfinite(value):
                result.setdefault(name, ([], []))[not pair.accepted].append(float(value))
    return result


_COUNTS = ("attempts", "accepted", "rejected", "failed")


def terminal_table(columns: Sequence[str], lines: Sequence[Sequence[str]], text: Sequence[int] = (0,)) -> Table:
    """Return a table; the columns numbered in `text` hold words, the others numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index in text else "right")
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))  # as Text: a defect's name may hold what rich takes for markup
    return table
