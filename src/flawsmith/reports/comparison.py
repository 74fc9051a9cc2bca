"""The blocks of the benefit page that compare columns: tables of detection and classification, gains, curves, confusion."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flawsmith.benchmark.protocol import GENERATED, NEAREST, REAL, made_of
from flawsmith.metrics.statistics import Tally
from flawsmith.reports.blocks import NONE, Block, Cell, Confusion, Details, Figure, Note, Row, Svg, Table, Wide
from flawsmith.reports.gains import (
    MARKS,
    METRICS,
    ColumnRow,
    Rows,
    alone_sentence,
    best_of,
    confused,
    interval,
    known,
    own_column,
    points,
    share_of,
    way_of,
)
from flawsmith.reports.plots import Curve, Gain, curve_plot, forest_plot, signed

RECALLS = np.linspace(0.005, 1, 200)  # where precision is read off


def counts_block(counts: Mapping[str, Mapping[str, int]]) -> list[Block]:
    """Return the table of what was learned from, chosen with and tested on."""
    names = sorted({name for part in counts.values() for name in part if name != "good"})
    named = (("learn", "Learned from"), ("validation", "Chosen with (validation)"), ("test", "Tested on"))
    lines = [(title, *(f"{counts.get(key, {}).get(name, 0):,}" for name in (*names, "good"))) for key, title in named]
    return [Table("Pictures of each part", ("Part", *names, "without a defect"), lines)]


def detection_block(rows: Sequence[ColumnRow], nearest: Mapping[str, Any] | None, resized: bool) -> list[Block]:
    """Return the table of metrics with intervals, the table of gains, and every seed's own values."""
    shown = [*rows, {"column": NEAREST, "metrics": nearest}] if nearest else list(rows)
    best = best_of(shown, list(METRICS))
    lines = []
    for row in shown:
        reference = row["column"] == NEAREST
        name = Cell(row["column"], small="nearest neighbour, for reference" if reference else "")
        values = [_value(row["metrics"].get(metric), best.get(metric)) for metric in METRICS]
        lines.append((name, NONE if reference else share_of(row), *values))
    columns = ("Trained on", "Made of defect crops", *METRICS.values())
    blocks: list[Block] = [Note(_DETECTION_NOTE + (_NATIVE_NOTE if nearest and resized else "")), Table(_DETECTION, columns, lines)]
    gains = [(row["column"], *(_gain(row["gains"].get(metric)) for metric in METRICS)) for row in rows if row["gains"]]
    if gains:
        blocks.append(Table("Gain over real defects alone, in points", ("Trained on", *METRICS.values()), gains))
    return blocks + _seeds(rows)


def _value(found: Mapping[str, Any] | None, best: float | None) -> str | Cell:
    if found is None or not known(found):
        return NONE
    value = points(found["value"])
    first = float(value) == best
    return Cell(value, small=interval(found), bold=first, mark="★ " if first else "")


def _gain(found: Mapping[str, Any] | None) -> str | Cell:
    """Return a gain with its interval; a mark beside it, not its colour alone, tells whether zero is outside of it."""
    if found is None or not known(found):
        return NONE
    way = way_of(found)
    mark = "" if way == "same" else f"{MARKS[way]} "
    return Cell(signed(100 * found["value"]), small=interval(found, sign=True), way=way, mark=mark)


def _seeds(rows: Sequence[ColumnRow]) -> list[Block]:
    """Return every seed's own values, folded; nothing for one seed."""
    count = max((len(found.get("seeds", ())) for row in rows for found in row["metrics"].values()), default=0)
    if count < 2:
        return []
    lines = []
    for row in rows:
        values = [row["metrics"].get(metric, {}).get("seeds", ()) for metric in METRICS]
        lines.append((row["column"], *(", ".join(points(v) for v in each) or NONE for each in values)))
    return [Details("Every seed", [Table("Each seed's value, times 100", ("Trained on", *METRICS.values()), lines)])]


def defects_block(table: Rows) -> list[Block]:
    """Return the forest plot of gains in pixel AP per defect and column, and the metrics of each defect, folded."""
    rows = table["detection"]
    names = sorted({name for row in rows for name in row["defects"]})
    groups = []
    over_all = [_line(row["column"], row["gains"].get("pixel_ap")) for row in rows if row["column"] != REAL]
    if len(names) != 1:
        groups.append(("all defects", over_all))
    for name in names:
        gains = [(row["column"], row["defects"].get(name, {}).get("gain", {}).get("pixel_ap")) for row in rows if row["column"] != REAL]
        groups.append((name, [_line(*each) for each in gains]))
    if not over_all:
        return []
    plot = forest_plot("gain in pixel AP over real defects alone, points, with 95 % intervals", groups)
    metrics = ("pixel_ap", "pixel_auroc", "pixel_pro")
    lines = []
    for name in names:
        for row in rows:
            found = row["defects"].get(name, {})
            lines.append((name, row["column"], *(_value(found.get(metric), None) for metric in metrics)))
    columns = ("Defect", "Trained on", *(METRICS[metric] for metric in metrics))
    inside = Table("Each defect's pictures and all normals, times 100", columns, lines, words=(0, 1))
    return [Note(_FOREST_NOTE), Wide([Svg(plot)]), Details("Metrics of each defect", [inside])]


def _line(column: str, found: Mapping[str, Any] | None) -> Gain:
    own = made_of(column) == GENERATED
    if found is None or not known(found):
        return Gain(column, None, own=own)
    return Gain(column, 100 * found["value"], 100 * found["low"], 100 * found["high"], own)


def precision_at_recalls(tally: Tally) -> np.ndarray:
    """Return (R,) the precision, over all pixels, at the first threshold that reaches each of RECALLS; NaN without defects."""
    hits, marked = (np.cumsum(x.sum(0, dtype=np.float64)) for x in (tally.counts.defect, tally.counts.defect + tally.counts.normal))
    if not len(hits) or hits[-1] == 0:
        return np.full(len(RECALLS), np.nan)
    where = np.searchsorted(hits, RECALLS * hits[-1] * (1 - 1e-9))
    found: np.ndarray = (hits / np.maximum(marked, 1e-300))[where]
    return found


def precision_block(tallies: Mapping[str, Sequence[Tally]], rows: Mapping[str, ColumnRow]) -> list[Block]:
    """Return the plot of precision over recall, one curve per column: the mean of its seeds at equal recall."""
    curves = []
    for column, found in tallies.items():
        precision = np.mean([precision_at_recalls(each) for each in found], axis=0)
        metric = rows[column]["metrics"].get("pixel_ap")
        if np.isfinite(precision).all() and known(metric):
            name = f"{column} (AP {points(metric['value'])})"
            curves.append(Curve(name, list(zip(RECALLS.tolist(), precision.tolist(), strict=True))))
    if not curves:
        return []
    told = "Precision over recall of pixels: " + ", ".join(curve.name for curve in curves)
    return [Note(_CURVE_NOTE), Wide([Svg(curve_plot(told, curves, ("recall", "precision"), (0, 1), (0, 1), 900))])]


def classification_block(rows: Sequence[ColumnRow], own: str | None) -> list[Block]:
    """Return the table of accuracies and gains, and the confusion matrices of real defects alone and of the column `own`."""
    if not rows:
        return []
    names = {"accuracy": "Accuracy", "mean_accuracy": "Mean accuracy of the defects"}
    best = best_of([{"metrics": row} for row in rows], list(names))
    lines = []
    for row in rows:
        gains = row.get("gain", {})
        cells = [cell for key in names for cell in (_value(row.get(key), best.get(key)), _gain(gains.get(key)))]
        lines.append((row["column"], row["network"], *cells))
    columns = ("Trained on", "Network", "Accuracy", "gain", "Mean of the defects' accuracies", "gain")
    named = Table("Naming the defect, times 100", columns, lines, words=(0, 1))
    shown = [_confusion(row) for row in rows if row["column"] in (REAL, own)]
    return [Note(_CLASSES_NOTE), named, Note(_CONFUSION_NOTE), Row(shown)]


def _confusion(row: ColumnRow) -> Figure:
    worst = confused(row["confusion"])[:1]
    words = "No answer was wrong." if not worst else "Most often wrong: {} taken for {}, {} times.".format(*worst[0])
    return Figure([Confusion(row["confusion"]["names"], row["confusion"]["counts"])], head=row["column"], caption=words)


def alone_note(table: Rows) -> list[Block]:
    """Return the sentence on generated pairs alone, where real and generated ones are the verdict's."""
    sentence = alone_sentence(table)
    return [Note(sentence, "alone")] if sentence and own_column(table) else []


_DETECTION = "Detection, times 100"
_DETECTION_NOTE = (
    "Each detector has the same network, rule of training and seeds, and differs in what it learned from. Below a value: its 95 % "
    "interval. ★ marks the best of a column (equal ones all). Pixel metrics are over the pixels of all test pictures together, image "
    "metrics over one score per picture. Made of defect crops: the share of made pairs, the default unless the validation part is sure "
    "of another. "
)
_NATIVE_NOTE = "The nearest-neighbour detector sees pictures at their own size, the others resized: compare its pixel metrics with care."
_FOREST_NOTE = (
    "Each line: a gain and its 95 % interval; discs are flawsmith's pairs, squares the baselines. Where a line crosses zero, no gain and "
    "no loss is shown. Of many lines one in twenty lies to one side of zero by chance alone."
)
_CURVE_NOTE = (
    "Pixels of all test pictures: of those marked, the share that is defect, over the share of the defects that is marked. "
    "Each curve is the mean of its seeds at equal recall."
)
_CLASSES_NOTE = "A classifier names the defect of each test picture that has one; perlin and cutpaste pairs have no names to teach."
_CONFUSION_NOTE = "Down: what it is; across: the answer; counts over all seeds, right answers framed, and the darker the more of its line."
