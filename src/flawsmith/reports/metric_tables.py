"""Tables of an evaluation's numbers, as the registry of metrics describes them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flawsmith.metrics.registry import TABLES, Column, Metric, Table, format_value, metrics, show
from flawsmith.reports.blocks import NONE

Cell = tuple[Metric, Column]


def cells(table: Table) -> list[Cell]:
    """Return the columns of a table with the metrics they belong to."""
    return [(metric, column) for metric in metrics(table) for column in metric.columns]


def heading(table: Table, extractors: Mapping[str, Mapping[str, str]]) -> str:
    """Return the title of a table with the network that its numbers come from."""
    by = extractors[table.extractor] if table.extractor else None
    return f"{table.title}, {by['name']} {by['digest']}" if by else f"{table.title}, no network"


def found(entry: Mapping[str, Any], metric: Metric) -> Mapping[str, Any]:
    """Return a metric's number in a kind's entry of a result; one that is not there, as in a result made by an older version, is empty."""
    number: Mapping[str, Any] = entry.get(metric.part, {}).get(metric.name) or {}
    return number


def cell(entry: Mapping[str, Any], each: Cell) -> str:
    """Return the text of a column for one kind's entry of a result."""
    metric, column = each
    told = show(column, found(entry, metric))
    return NONE if told is None else told


def mean_cell(entries: Sequence[Mapping[str, Any]], each: Cell) -> tuple[str, list[str]]:
    """Return the text of a column's mean over several results, and of each value where there are several."""
    metric, column = each
    values = [value for entry in entries if (value := found(entry, metric).get(column.key)) is not None]
    if not values:
        return NONE, []
    return format_value(column, float(np.mean(values))), [format_value(column, value) for value in values] if len(values) > 1 else []


def reading(table: Table) -> list[tuple[str, str]]:
    """Return for each metric of a table its name, with unit and direction, and how to read it."""
    lines = []
    for metric in metrics(table):
        hints = [metric.unit, {"lower": "smaller is better", "higher": "larger is better"}.get(metric.better, "")]
        lines.append((", ".join(each for each in (metric.title, *hints) if each), metric.sentence))
    return lines


def reasons(entry: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (part, metrics, why) for the numbers that one kind's entry of a result lacks."""
    why: dict[tuple[str, str], list[str]] = {}
    for table in TABLES:
        for metric in metrics(table):
            if reason := found(entry, metric).get("reason"):
                why.setdefault((table.title, reason), []).append(metric.title)
    return [(part, ", ".join(names), reason) for (part, reason), names in why.items()]
