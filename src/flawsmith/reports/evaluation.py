"""The report on an evaluation: its numbers as tables, by what they were measured with, and the pairs that stand out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from rich.console import Console

from flawsmith.dataset.components import separate
from flawsmith.dataset.sample import Item
from flawsmith.metrics.masks import NAMES
from flawsmith.metrics.registry import MASKS, SHAPES, TABLES, VARIETY, WHOLE, WINDOWS
from flawsmith.metrics.registry import Table as MetricTable
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.kinds import masks_by_kind
from flawsmith.pairs.pair import Pair
from flawsmith.pairs.reviewed import in_words, taken
from flawsmith.reports.blocks import NONE, Block, Facts, Figure, Heading, Note, Row, Svg, Table, Terms
from flawsmith.reports.charts import number, score_histogram
from flawsmith.reports.marks import Mark, mark
from flawsmith.reports.metric_tables import cell, cells, heading, reading, reasons
from flawsmith.reports.page import Page, Section
from flawsmith.reports.places import panel_size, usual_size
from flawsmith.reports.sections import places, sizes, strip_figure
from flawsmith.reports.strips import strips
from flawsmith.reports.verdicts import terminal_table

Result = Mapping[str, Any]  # what `workflows.evaluate.evaluate` returns
Kind = Mapping[str, Any]  # one of its "defects", or "all"
PairRow = Mapping[str, Any]  # one of its "pairs"

SHOWN = 4  # pairs at either end


@dataclass(frozen=True)
class Numbers:
    """A table; one extractor's numbers only, or such as need none."""

    table: MetricTable
    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def tables(result: Result) -> list[Numbers]:
    """Return the tables for page and terminal, one for each table of the registry of metrics."""
    found = []
    for table in TABLES:
        columns, line = cells(table), _COUNTED.get(table.name)
        lead = ("Real", "Generated", "Window") if table == WINDOWS else ("Real", "Generated") if table == WHOLE else ()
        lines = [(name, *(line(kind) if line else ()), *(cell(kind, each) for each in columns)) for name, kind in _kinds(result).items()]
        headings = ("Defect", *lead, *(column.heading for _, column in columns))
        found.append(Numbers(table, heading(table, result["extractors"]), headings, tuple(lines)))
    return found


def print_tables(result: Result, console: Console | None = None) -> None:
    """Print the tables."""
    console = console or Console()
    for one in tables(result):
        console.print(one.title, style="bold", markup=False, highlight=False)
        console.print(terminal_table(one.columns, one.lines))
        console.print()
    if judge := result.get("judge"):
        console.print(judge_sentence(judge), markup=False, highlight=False)
    console.print(
        f"KID is shown times 1000. {NONE} not measured, or too few pictures to say; --json tells why.", markup=False, highlight=False
    )


def evaluation_page(result: Result, items: Sequence[Item], out: Path, pairs: Sequence[Pair]) -> str:
    """Return the HTML page on an evaluation of `pairs`, which lie in `out`, against the real `items`."""
    real, made = _real_marks(items), _made_marks(out, pairs)
    counts = result["all"]["counts"]
    facts = {
        "Real": f"{result['real']}: {counts['real']['pictures']:,} pictures with {counts['real']['defects']:,} defects",
        "Generated": f"{result['out']}: {counts['generated']['pictures']:,} pictures with {counts['generated']['defects']:,} defects",
        "Features": "{name}, weights {digest}".format(**result["extractors"]["features"]),
        "Distances": "{name}, weights {digest}".format(**result["extractors"]["distance"]),
        "Seed": result["seed"],
    }
    if review := result.get("review"):
        facts["Reviewed by people"] = f"{in_words(review)}; measured are {taken(review)}"
    body = {one.table.name: _table(one) for one in tables(result)}
    sections = [
        Section("How alike", "likeness", [*body[WINDOWS.name], *body[WHOLE.name]]),
        Section("How varied", "variety", body[VARIETY.name]),
        Section("Masks and background", "masks", [*body[MASKS.name], *_histograms(result)]),
        Section("Independent segmenter", "judge", _judge(result)),
        Section("Consistency of mask and change", "consistency", _ends(result, out, pairs)),
        Section("Nearest to a copy", "copies", _nearest(result, out, pairs)),
        Section("Where", "where", places(out, pairs, made, real, panel_size(usual_size(pairs)))),
        Section("How large", "sizes", sizes(made, real, "real defects")),
        Section("Shapes", "shapes", [*body[SHAPES.name], _spreads(result)]),
        Section("Why there is no number", "reasons", _reasons(result)),
    ]
    return Page("Evaluation of generated pairs", [Note(_summary(result), "sum"), Facts(facts)], sections).html()


def judge_sentence(judge: Mapping[str, Any]) -> str:
    """Return how the independent segmenter itself does on real defects that it has not learned from."""
    learned = judge["learned_from"]
    told = (
        f"The independent segmenter learned from {learned['defects']:,} pictures with a defect that the generator has not seen and "
        f"{learned['normals']:,} without."
    )
    if not (real := judge["real"].get("all")):
        return f"{told} There was none left to check it with."
    found = f"it finds {real['found']:.0%}, with a median IoU of {real['iou']:.2f}"
    return f"{told} Of {real['count']:,} real defects that neither has seen {found}."


def _table(one: Numbers) -> list[Block]:
    words = [Note(one.table.note)] if one.table.note else []
    return [*words, Table(one.title, one.columns, one.lines), Terms(reading(one.table))]


def _summary(result: Result) -> str:
    windows, masks = result["all"]["windows"], result["all"]["masks"]
    kid, variety, fits, copies = windows["kid"], windows["diversity"], masks["consistency"], masks["copies"]
    judged = masks.get("mask_iou", {})
    said = []
    if kid["value"] is not None:
        said.append(f"KID of the defect windows {1000 * kid['value']:.1f}·10⁻³ ± {1000 * kid['deviation']:.1f}")
    if variety["value"] is not None:
        said.append(f"{variety['value']:.0%} as varied as the real defects")
    if fits["value"] is not None:
        said.append(f"mask consistency {fits['value']:.2f}")
    if judged.get("value") is not None:
        said.append(f"mask IoU with an independent segmenter {judged['value']:.2f}")
    if copies["value"] is not None:
        said.append(f"copies of a real defect among the pairs: {copies['count']:,} of {copies['pairs']:,}")
    return "; ".join(said) + "." if said else "There are too few pictures for any number."


def _kinds(result: Result) -> dict[str, Kind]:
    """Return the kinds by name, and all together where there are several."""
    kinds = dict(result["defects"])
    return kinds | ({"all": result["all"]} if len(kinds) > 1 else {})


def _counted_windows(kind: Kind) -> tuple[str, ...]:
    side = kind.get("window")
    return (*_counted(kind, "defects"), f"{side} px" if side else NONE)


def _counted_pictures(kind: Kind) -> tuple[str, ...]:
    return _counted(kind, "pictures")


def _counted(kind: Kind, what: str) -> tuple[str, str]:
    return f"{kind['counts']['real'][what]:,}", f"{kind['counts']['generated'][what]:,}"


_COUNTED: dict[str, Callable[[Kind], tuple[str, ...]]] = {WINDOWS.name: _counted_windows, WHOLE.name: _counted_pictures}


def _histograms(result: Result) -> list[Block]:
    """Return how consistency, mask IoU, PSNR and the similarity to the nearest real defect are spread over the pairs."""
    figures = []
    for key, name in (
        ("consistency", "consistency"),
        ("mask_iou", "IoU with the independent segmenter"),
        ("psnr", "PSNR outside the mask, dB"),
        ("copy", "similarity to the nearest real defect"),
    ):
        values = [pair[key] for pair in result["pairs"] if pair.get(key) is not None]
        if values:
            figures.append(Figure([Svg(score_histogram(name, values, []))], caption=name))
    return [Row(figures)] if figures else []


def _judge(result: Result) -> list[Block]:
    """Return how the independent segmenter answers pairs, beside unseen real defects; without one, how to get it."""
    judge = result.get("judge")
    if not judge:
        return [Note(_NO_JUDGE)]
    lines = []
    for name, kind in _kinds(result).items():
        pairs, real = kind["masks"]["mask_iou"], judge["real"].get(name)
        told = (NONE,) * 4
        if pairs["value"] is not None:
            chance = NONE if pairs["by_chance"] is None else f"{pairs['by_chance']:.0%}"
            told = (f"{pairs['count']:,}", f"{pairs['found']:.0%}", f"{pairs['value']:.2f}", chance)
        beside = (NONE,) * 3 if real is None else (f"{real['count']:,}", f"{real['found']:.0%}", f"{real['iou']:.2f}")
        lines.append((name, *told, *beside))
    columns = ("Defect", "Pairs", "found", "Mask IoU", "found by chance", "Unseen real defects", "found", "IoU")
    return [Note(f"{judge_sentence(judge)} {_JUDGE_NOTE}"), Table("Pairs and unseen real defects, by the same segmenter", columns, lines)]


def _ends(result: Result, out: Path, generated: Sequence[Pair]) -> list[Block]:
    """Return the pairs whose mask fits the change worst, and those where it fits best."""
    ranked = sorted((pair for pair in result["pairs"] if pair["consistency"] is not None), key=lambda p: (p["consistency"], p["id"]))
    if not ranked:
        return []
    worst = ranked[:SHOWN]
    best = ranked[len(worst) :][-SHOWN:][::-1]
    blocks: list[Block] = [Note(_STRIPS_NOTE)]
    for name, pairs in (("worst", worst), ("best", best)):
        if pairs:
            blocks += [Heading(name), _strips(pairs, out, generated, lambda pair: f"consistency {pair['consistency']:.2f}")]
    return blocks


def _nearest(result: Result, out: Path, generated: Sequence[Pair]) -> list[Block]:
    """Return the pairs that are most like a real defect."""
    ranked = sorted((pair for pair in result["pairs"] if pair["copy"] is not None), key=lambda pair: (-pair["copy"], pair["id"]))[:SHOWN]

    def told(pair: PairRow) -> str:
        return f"{pair['copy']:.2f} alike to {pair['copy_of']}{', a copy' if pair['copied'] else ''}"

    return [Note(_COPIES_NOTE), _strips(ranked, out, generated, told)] if ranked else []


def _strips(pairs: Sequence[PairRow], out: Path, generated: Sequence[Pair], told: Callable[[PairRow], str]) -> Row:
    """Return the strips of some pairs, in their order, each with what is said of the pair."""
    known = {pair.id: pair for pair in generated}
    figures = []
    for pair in pairs:
        for strip in strips(out, [known[pair["id"]]]):
            figures.append(strip_figure(strip, f"{strip.title}, {pair['defect']}: {told(pair)};"))
    return Row(figures)


def _spreads(result: Result) -> Table:
    """Return a table of each descriptor's median and middle 80 %, real beside generated, over all kinds."""
    lines = []
    for name, kind in result["defects"].items():
        spread = kind["masks"]["shapes"]
        for which in ("real", "generated"):
            texts = [NONE if (v := spread[key][which]) is None else f"{number(v[1])} ({number(v[0])} to {number(v[2])})" for key in NAMES]
            lines.append((name, which, *texts))
    columns = ("Defect", "", *NAMES)
    return Table("Median and the middle 80 % of the defects; place as a share of the picture", columns, lines, words=(0, 1))


def _reasons(result: Result) -> list[Block]:
    """Return what was left out, and why."""
    lines = [(name, *told) for name, kind in {**result["defects"], "all": result["all"]}.items() for told in reasons(kind)]
    return [Table("Numbers that are not there", ("Defect", "Of", "Numbers", "Reason"), lines, words=(0, 1, 2, 3))] if lines else []


def _real_marks(items: Sequence[Item]) -> list[Mark]:
    found = []
    for item in items:
        assert item.mask is not None
        found += _marks(item.defect, item.read_mask(), placed=True)
    return found


def _made_marks(out: Path, generated: Sequence[Pair]) -> list[Mark]:
    found = []
    folder = PairFolder(out)
    for pair in generated:
        for kind, mask in masks_by_kind(pair, folder.mask(pair)):
            found += _marks(kind, mask, placed=not pair.from_noise)
    return found


def _marks(kind: str, whole: np.ndarray, placed: bool) -> list[Mark]:
    """Return a mark for each defect of a mask (H, W) bool."""
    found = []
    for one in separate(whole):
        found.append(mark(kind, one.area, one.shape, (one.box.top, one.box.left), whole.shape if placed else None))
    return found


_NO_JUDGE = Markup(
    "Not measured: the mask IoU needs a segmenter that learned from real defects which the generator has not seen. "
    "<code>flawsmith evaluate REAL OUT --judge RUN</code> trains one in minutes; RUN is the fit that the pairs come from, and must have "
    "left some real defects unseen (<code>fit --set data.split=third</code>)."
)
_JUDGE_NOTE = (
    "Pairs cannot do better than unseen real defects do. Found: at least a quarter of the mask is marked. Mask IoU: the median overlap "
    "with what is marked within 2 px of the mask, 0 where it is not found. Found by chance: masks that would count as found on the "
    "normal below, where nothing was drawn."
)
_STRIPS_NOTE = "Each strip: normal, generated, the same with a line just outside its mask, and what changed with the same line."
_COPIES_NOTE = "The pairs with the defect most like a real one, in any of eight poses and in whatever brightness and contrast."
