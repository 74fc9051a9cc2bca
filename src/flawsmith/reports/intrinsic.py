"""Tables of how good made pairs are by themselves; each holds the numbers of one network only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flawsmith.reports.charts import number, text
from flawsmith.reports.gains import NONE
from flawsmith.reports.page import note, table

Measured = Mapping[str, Sequence[Mapping[str, Any]]]  # kind of made pairs -> what `metrics.evaluate.measure` returned, by seed


@dataclass(frozen=True)
class Column:
    """Where a column's numbers stand in a measurement's "all"."""

    heading: str
    part: str  # "windows", "whole" or "masks"
    metric: str
    key: str = "value"
    times: float = 1
    form: str = ""  # of `format`; empty = three digits

    def of(self, entry: Mapping[str, Any]) -> float | None:
        """Return the number in one measurement, None where there is none."""
        found = self.cell(entry).get(self.key)
        return None if found is None else self.times * float(found)

    def cell(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return all that one measurement says of the metric."""
        found: Mapping[str, Any] = entry["all"].get(self.part, {}).get(self.metric) or {}
        return found

    def show(self, value: float) -> str:
        """Return a number as it is printed."""
        return format(value, self.form) if self.form else number(value)


LIKENESS = (
    Column("KID ×1000", "windows", "kid", times=1000, form=".1f"),
    Column("KID ×1000, mean of kinds", "windows", "kid", "mean", times=1000, form=".1f"),
    Column("FID", "windows", "fid"),
    *(Column(name.capitalize(), "windows", name, form=".2f") for name in ("precision", "recall", "density", "coverage")),
    Column("IS", "whole", "is"),
)
VARIETY = (
    Column("IC distance", "windows", "ic_distance"),
    Column("As many, generated", "windows", "diversity", "generated"),
    Column("As many, real", "windows", "diversity", "real"),
    Column("Of the real ones' variety", "windows", "diversity", form=".0%"),
)
MASKS = (
    Column("Consistency", "masks", "consistency", form=".2f"),
    Column("PSNR outside, dB", "masks", "psnr", form=".1f"),
    Column("SSIM outside", "masks", "ssim", form=".3f"),
    Column("Copies", "masks", "copies", form=".1%"),
    Column("Most alike", "masks", "copies", "highest", form=".2f"),
    *(Column(f"Shapes: {name}", "masks", name, form=".2f") for name in ("precision", "recall", "density", "coverage")),
)


def intrinsic_section(measured: Measured) -> str:
    """Return the tables as HTML: likeness and variety for each network by its name and digest, then what needs none, and the reasons."""
    if not any(measured.values()):
        return ""
    bodies = [note(_NOTE)]
    for which, what, columns in (("features", "Defect windows", LIKENESS), ("distance", "Variety of defect windows", VARIETY)):
        for name, entries in by_network(measured, which).items():
            bodies.append(_table(f"{what}, measured with {name}", columns, entries))
    bodies.append(_table("Masks, background and copies; no network needed", MASKS, measured))
    return "".join(bodies) + _reasons(measured)


def by_network(measured: Measured, which: str) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """Return the measurements by the network they were made with, "name digest"; which: "features" or "distance"."""
    found: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for made, entries in measured.items():
        for entry in entries:
            by = entry["extractors"][which]
            found.setdefault(f"{by['name']}, weights {by['digest']}", {}).setdefault(made, []).append(entry)
    return found


def _table(caption: str, columns: Sequence[Column], measured: Measured) -> str:
    lines = []
    for made, entries in measured.items():
        counts = [entry["all"]["counts"] for entry in entries]
        sizes = [" and ".join(sorted({f"{c[side]['defects']:,}" for c in counts})) for side in ("real", "generated")]
        lines.append((text(made), *sizes, *(_cell(column, entries) for column in columns)))
    return table(caption, ("Pairs", "Real defects", "Made defects", *(c.heading for c in columns)), lines)


def _cell(column: Column, entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the mean over seeds, with each seed's own below it where there are several."""
    values = [value for entry in entries if (value := column.of(entry)) is not None]
    if not values:
        return NONE
    shown = column.show(float(np.mean(values)))
    return shown if len(values) == 1 else f"{shown}<small>{', '.join(column.show(value) for value in values)}</small>"


def _reasons(measured: Measured) -> str:
    """Return why numbers are missing."""
    why: dict[tuple[str, str], list[str]] = {}
    for made, entries in measured.items():
        for column in (*LIKENESS, *VARIETY, *MASKS):
            for reason in sorted({column.cell(entry).get("reason") or "" for entry in entries} - {""}):
                headings = why.setdefault((made, reason), [])
                if column.heading not in headings:
                    headings.append(column.heading)
    lines = [(text(made), text(", ".join(headings)), text(reason)) for (made, reason), headings in why.items()]
    return table("Why there is no number", ("Pairs", "Numbers", "Reason"), lines, words=(0, 1, 2)) if lines else ""


_NOTE = (
    "Made pairs beside the real defects of the test part, without any detector; means over the seeds, with each seed's own below. "
    "KID and FID: smaller is more alike; FID grows as pictures get fewer. Precision: made ones among the real; recall and coverage: how "
    "much of the real ones is reached. IS is of whole pictures. IC distance: larger is more varied; as it depends on how many there are, "
    "the next two columns compare as many made ones as real ones. Consistency: overlap of mask and change, 0 to 1. Copies: pairs more "
    "like a defect learned from than real ones are like each other. Numbers of different networks cannot be compared: each has its own "
    "table."
)
