"""Tables of how good made pairs are by themselves; each holds the numbers of one network only."""

from collections.abc import Mapping, Sequence
from typing import Any

from flawsmith.metrics.registry import TABLES, Table
from flawsmith.reports.blocks import Block, Cell, Note, Terms
from flawsmith.reports.blocks import Table as TableBlock
from flawsmith.reports.metric_tables import cells, heading, mean_cell, reading, reasons

Measured = Mapping[str, Sequence[Mapping[str, Any]]]  # kind of made pairs -> what `metrics.measure.measure` returned, by seed


def intrinsic_section(measured: Measured) -> list[Block]:
    """Return the tables of the registry of metrics, for each network by its name and digest, how to read them, and the reasons."""
    if not any(measured.values()):
        return []
    blocks: list[Block] = [Note(_NOTE)]
    for table in TABLES:
        for title, entries in by_network(measured, table).items():
            blocks.append(_table(table, title, entries))
        blocks.append(Terms(reading(table)))
    return [*blocks, *_reasons(measured)]


def by_network(measured: Measured, table: Table) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """Return the measurements by the title of their table, which names the network they were made with."""
    found: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for made, entries in measured.items():
        for entry in entries:
            found.setdefault(heading(table, entry["extractors"]), {}).setdefault(made, []).append(entry)
    return found


def _table(table: Table, title: str, measured: Measured) -> TableBlock:
    """Return a table with a line for each kind of made pairs: means over the seeds, each seed's own below where there are several."""
    columns = cells(table)
    lines: list[list[str | Cell]] = []
    for made, entries in measured.items():
        counts = [entry["all"]["counts"] for entry in entries]
        sizes = [" and ".join(sorted({f"{c[side]['defects']:,}" for c in counts})) for side in ("real", "generated")]
        found = [mean_cell([entry["all"] for entry in entries], each) for each in columns]
        lines.append([made, *sizes, *(Cell(text, small=", ".join(seeds)) for text, seeds in found)])
    return TableBlock(title, ("Pairs", "Real defects", "Made defects", *(column.heading for _, column in columns)), lines)


def _reasons(measured: Measured) -> list[Block]:
    """Return why numbers are missing."""
    why: dict[tuple[str, str, str], None] = {}
    for made, entries in measured.items():
        for entry in entries:
            for part, names, reason in reasons(entry["all"]):
                why[made, f"{part}: {names}", reason] = None
    if not why:
        return []
    return [TableBlock("Why there is no number", ("Pairs", "Numbers", "Reason"), list(why), words=(0, 1, 2))]


_NOTE = (
    "Made pairs beside the real defects of the test part, without any detector; means over the seeds, with each seed's own below. "
    "Copies are looked for among the defects learned from. Numbers of different networks cannot be compared: each has its own table."
)
