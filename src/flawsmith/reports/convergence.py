"""The block of the benefit page on the trainings: curves of loss and validation AP, and how sure that part is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flawsmith.benchmark.protocol import REAL
from flawsmith.reports.blocks import NONE, Block, Cell, Figure, Heading, Note, Row, Svg, Table
from flawsmith.reports.gains import ColumnRow, interval, known, points
from flawsmith.reports.plots import Curve, curve_plot


def convergence_block(rows: Sequence[ColumnRow]) -> list[Block]:
    """Return for each column its curves of training loss and validation pixel AP, and a table of how its trainings ended."""
    figures: list[Block] = []
    for key, name in (("pixel_ap", "validation AP"), ("loss", "training loss")):
        seen = {row["column"]: [_values(curve, key) for curve in row["curve"]] for row in rows}
        values = [at for curves in seen.values() for curve in curves for at in curve]
        if not values:
            continue
        last, top = max(step for step, _ in values), max(0.05, *(value for _, value in values))
        plots = [_figure(column, name, curves, last, top) for column, curves in seen.items() if any(curves)]
        figures += [Heading(name, 4), Row(plots)]
    watched = any(known((row.get("validation") or {}).get("pixel_ap")) for row in rows)
    return [Note(_WATCHED_NOTE if watched else _UNWATCHED_NOTE), *figures, _ends(rows)]


def _values(curve: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    """Return (step, value) of each evaluation of a curve that has a value of that name."""
    return [(at["step"], at[key]) for at in curve if at.get(key) is not None]


def _figure(column: str, name: str, curves: Sequence[Sequence[tuple[float, float]]], last: float, top: float) -> Figure:
    """Return a column's curves, each seed thin where there are several, and their mean up to where the first one ended."""
    own = [curve for curve in curves if curve]
    steps = sorted(set.intersection(*({step for step, _ in curve} for curve in own)))
    means = [(step, float(np.mean([dict(curve)[step] for curve in own]))) for step in steps]
    lines = [Curve("", curve, thin=True) for curve in own] if len(own) > 1 else []
    told = f"{column}: {name} over training steps"
    plot = curve_plot(told, [*lines, Curve(column, means)], ("step", name.split()[-1]), (0, last), (0, top), 250, 170, legend=False)
    return Figure([Svg(plot)], title=column)


def _ends(rows: Sequence[ColumnRow]) -> Table:
    """Return the table of each column's loss at the end and before, its validation AP with interval, and the choice of its share."""
    lines = []
    for row in rows:
        validation = row.get("validation") or {}
        found = validation.get("pixel_ap")
        rated = Cell(points(found["value"]), small=interval(found)) if found and known(found) else NONE
        count = f"{validation.get('pictures', 0):,} + {validation.get('normals', 0):,}"
        curves = [_values(curve, "loss") for curve in row["curve"]]
        steps = ", ".join(dict.fromkeys(f"{curve[-1][0]:,}" for curve in curves if curve)) or NONE
        losses = ", ".join(" to ".join(f"{loss:.2f}" for _, loss in curve[-2:]) for curve in curves) or NONE
        choice = (row.get("choice") or {}).get("reason", "") if row["column"] != REAL else "no made pairs"
        lines.append((row["column"], steps, losses, count, rated, choice or NONE))
    columns = (
        "Trained on",
        "Steps",
        "Loss before and at the end, by seed",
        "Validation: defects + normals",
        "Validation AP",
        "Share of made pairs",
    )
    return Table("Each column's trainings", columns, lines, words=(0, 5))


_UNWATCHED_NOTE = "There is no validation part with a defect, so nothing was watched during training."
_WATCHED_NOTE = (
    "Every column trains for as many steps, over which the learning rate falls to zero, and the averaged weights of the last are kept. The "
    "validation part watches; it ends nothing, as what is best of many evaluations of a few pictures is chance. Each seed thin, their mean "
    "with dots. The interval over pictures says how little a handful of them can tell. "
)
