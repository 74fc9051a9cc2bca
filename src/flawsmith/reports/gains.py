"""The numbers of a benefit experiment in words: verdicts, and the cells of the tables on the page and in the terminal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flawsmith.benchmark.protocol import GENERATED, REAL, THIRD, made_of
from flawsmith.reports.plots import signed

Result = Mapping[str, Any]  # what `workflows.benefit.benefit` returns
Rows = Mapping[str, Any]  # one of its "tables"
ColumnRow = Mapping[str, Any]  # of a table's "detection" or "classification"

METRICS = {
    "pixel_ap": "Pixel AP",
    "pixel_auroc": "Pixel AUROC",
    "pixel_f1_max": "Pixel F1-max",
    "pixel_pro": "PRO",
    "image_auroc": "Image AUROC",
    "image_ap": "Image AP",
    "image_f1_max": "Image F1-max",
}
MARKS = {"up": "▲", "same": "=", "down": "▼", "none": "?"}  # beside a verdict, whose colour alone would not tell


@dataclass(frozen=True)
class GainVerdict:
    """Whether generated pairs help with one number of shots."""

    word: str
    sentence: str
    way: str  # "up", "same", "down" or "none": a key of MARKS


def verdict_of(table: Rows) -> GainVerdict:
    """Return the verdict of one number of shots; where nothing was trained on real and generated ones, of generated pairs alone."""
    found = table.get("verdict") or {}
    if found:
        return GainVerdict(found["word"], found["sentence"], {"helps": "up", "hurts": "down"}.get(found["word"], "same"))
    rows = by_column(table)
    gain = rows.get(f"{GENERATED} only", {}).get("gains", {}).get("pixel_ap")
    if not known(gain) or f"{REAL} + {GENERATED}" in rows:
        return GainVerdict("no verdict", "No verdict: pixel AP is not defined here, or no detector learned from generated pairs.", "none")
    low, high = gain["low"], gain["high"]
    way, told = ("up", "find more than real defects alone teach") if low > 0 else ("down", "teach less than real defects alone")
    if low <= 0 <= high:
        way, told = "same", "No difference to real defects alone is shown: the interval of the difference holds zero"
    else:
        told = f"Generated pairs alone {told}"
    word = {"up": "more than real", "down": "less than real", "same": "no difference shown"}[way]
    amount = f"{signed(100 * gain['value'])} points of pixel AP (95 % interval {signed(100 * low)} to {signed(100 * high)})"
    best = best_baseline(table)
    beside = ""
    if best is not None:
        own, other = (rows[name]["metrics"]["pixel_ap"]["value"] for name in (f"{GENERATED} only", best))
        beside = f" The best baseline, {best}, is at {points(other)}, generated pairs alone at {points(own)}."
    return GainVerdict(word, f"{told}: {amount}.{beside}", way)


def by_column(table: Rows) -> dict[str, ColumnRow]:
    """Return the rows of the detection table by their column."""
    return {row["column"]: row for row in table["detection"]}


def best_baseline(table: Rows) -> str | None:
    """Return the column of the classical baseline with the highest pixel AP; None where there is none."""
    if name := (table.get("verdict") or {}).get("best_baseline"):
        return str(name)
    rows = [row for row in table["detection"] if made_of(row["column"]) not in (None, GENERATED) and known(row["metrics"].get("pixel_ap"))]
    return max(rows, key=lambda row: row["metrics"]["pixel_ap"]["value"])["column"] if rows else None


def own_column(table: Rows) -> str | None:
    """Return the column to set against real defects: real and generated ones, else generated ones alone; None where there is neither."""
    names = by_column(table)
    return next((name for name in (f"{REAL} + {GENERATED}", f"{GENERATED} only") if name in names), None)


def alone_sentence(table: Rows) -> str:
    """Return how far generated pairs alone come; empty where that was not tried."""
    rows = by_column(table)
    own, real = (rows.get(name, {}).get("metrics", {}).get("pixel_ap") for name in (f"{GENERATED} only", REAL))
    if not known(own) or not known(real) or not real["value"]:
        return ""
    share = own["value"] / real["value"]
    return f"Trained on generated pairs alone, the detector reaches {share:.0%} of the pixel AP that real defects alone give."


def shots_name(shots: str) -> str:
    """Return a number of shots in words."""
    return "A third to learn from" if shots == THIRD else f"{shots} shot{'' if shots == '1' else 's'} per defect"


def known(found: Mapping[str, Any] | None) -> bool:
    """Return whether there is a number with an interval."""
    return found is not None and all(found.get(key) is not None and math.isfinite(found[key]) for key in ("value", "low", "high"))


def points(value: float) -> str:
    """Return a metric of 0 to 1 times 100, as papers print it."""
    return f"{100 * value:.1f}"


def interval(found: Mapping[str, Any], sign: bool = False) -> str:
    """Return the ends of an interval, times 100."""
    low, high = ((signed(100 * found[end]) if sign else points(found[end])) for end in ("low", "high"))
    return f"{low} to {high}"


def way_of(gain: Mapping[str, Any]) -> str:
    """Return "up" or "down" where the whole interval of a gain, as it is printed, is on one side of zero, else "same"."""
    low, high = (float(signed(100 * gain[end])) for end in ("low", "high"))
    return "up" if low > 0 else "down" if high < 0 else "same"


def share_of(row: ColumnRow) -> str:
    """Return which share of a column's defect crops came from made pairs."""
    return "none" if row["column"] == REAL else "all" if row["column"].endswith(" only") else f"{row['share']:.0%}"


def best_of(rows: Sequence[ColumnRow], metrics: Sequence[str]) -> dict[str, float]:
    """Return the best value of each metric as it is printed: equal ones are all the best."""
    best = {}
    for metric in metrics:
        values = [float(points(row["metrics"][metric]["value"])) for row in rows if known(row["metrics"].get(metric))]
        if values:
            best[metric] = max(values)
    return best


def confused(confusion: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Return (true, answered, how often) of the wrong answers, the most frequent first."""
    names, counts = confusion["names"], confusion["counts"]
    wrong = [(t, a, counts[i][j]) for i, t in enumerate(names) for j, a in enumerate(names) if i != j and counts[i][j]]
    return sorted(wrong, key=lambda each: (-each[2], each[0], each[1]))
