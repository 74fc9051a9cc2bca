"""The report on an evaluation: its numbers as tables, by what they were measured with, and the pictures that stand out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from flawsmith.dataset.components import separate
from flawsmith.dataset.sample import Item
from flawsmith.images.files import read_mask
from flawsmith.metrics.masks import NAMES
from flawsmith.metrics.pictures import masks_by_kind
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.reports.charts import number, score_histogram, text
from flawsmith.reports.html import places_section, sizes_section, strip_figure
from flawsmith.reports.marks import Mark, mark
from flawsmith.reports.page import facts_table, note, page, table
from flawsmith.reports.places import panel_size, usual_size
from flawsmith.reports.strips import strips
from flawsmith.reports.verdicts import terminal_table

Result = Mapping[str, Any]  # what `metrics.evaluate.evaluate` returns
Kind = Mapping[str, Any]  # one of its "defects", or "all"

SHOWN = 4  # pairs at either end
NONE = "–"  # too few pictures to say


@dataclass(frozen=True)
class Numbers:
    """A table; one extractor's numbers only, or such as need none."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    words: str  # what to know to read it


def tables(result: Result) -> list[Numbers]:
    """Return the tables for page and terminal: likeness and variety by what they were measured with, then masks and shapes."""
    features, distance = (f"{x['name']} {x['digest']}" for x in (result["extractors"]["features"], result["extractors"]["distance"]))
    return [
        Numbers(f"Defect windows, {features}", (*_SIDES, "Window", *_LIKENESS), _lines(result, _window_line), _LIKENESS_NOTE),
        Numbers(f"Whole pictures, {features}", (*_SIDES, *_LIKENESS, "IS"), _lines(result, _whole_line), _WHOLE_NOTE),
        Numbers(f"Variety, {distance}", ("Defect", *_VARIETY), _lines(result, _variety_line), _VARIETY_NOTE),
        Numbers("Masks, background and copies, no network", ("Defect", *_MASKS), _lines(result, _mask_line), _MASKS_NOTE),
        Numbers("Sizes, places and shapes, no network", ("Defect", *_SHAPES), _lines(result, _shape_line), _SHAPES_NOTE),
    ]


def print_tables(result: Result, console: Console | None = None) -> None:
    """Print the tables."""
    console = console or Console()
    for one in tables(result):
        console.print(one.title, style="bold", markup=False, highlight=False)
        console.print(terminal_table(one.columns, one.lines))
        console.print()
    console.print(f"KID is shown times 1000. {NONE} too few pictures to say; --json tells why.", markup=False, highlight=False)


def evaluation_page(result: Result, items: Sequence[Item], out: Path) -> str:
    """Return the HTML page on an evaluation of the pairs in `out` against the real `items`."""
    pairs = PairFolder(out).accepted()
    real, made = _real_marks(items), _made_marks(out, pairs)
    counts = result["all"]["counts"]
    facts = {
        "Real": f"{result['real']}: {counts['real']['pictures']:,} pictures with {counts['real']['defects']:,} defects",
        "Generated": f"{result['out']}: {counts['generated']['pictures']:,} pictures with {counts['generated']['defects']:,} defects",
        "Features": "{name}, weights {digest}".format(**result["extractors"]["features"]),
        "Distances": "{name}, weights {digest}".format(**result["extractors"]["distance"]),
        "Seed": result["seed"],
    }
    body = [note(one.words) + table(one.title, one.columns, [tuple(map(text, line)) for line in one.lines]) for one in tables(result)]
    sections = [
        ("How alike", "likeness", body[0] + "<p></p>" + body[1]),
        ("How varied", "variety", body[2]),
        ("Masks and background", "masks", body[3] + _histograms(result)),
        ("Consistency of mask and change", "consistency", _ends(result, out, pairs)),
        ("Nearest to a copy", "copies", _nearest(result, out, pairs)),
        ("Where", "where", places_section(out, pairs, made, real, panel_size(usual_size(pairs)))),
        ("How large", "sizes", sizes_section(made, real, "real defects")),
        ("Shapes", "shapes", body[4] + _spreads(result)),
        ("Why there is no number", "reasons", _reasons(result)),
    ]
    lead = f"<p class=sum>{_summary(result)}</p>{facts_table(facts)}"
    return page("Evaluation of generated pairs", lead, sections)


def _summary(result: Result) -> str:
    windows, masks = result["all"]["windows"], result["all"]["masks"]
    kid, variety, fits, copies = windows["kid"], windows["diversity"], masks["consistency"], masks["copies"]
    said = []
    if kid["value"] is not None:
        said.append(f"KID of the defect windows {1000 * kid['value']:.1f}·10⁻³ ± {1000 * kid['deviation']:.1f}")
    if variety["value"] is not None:
        said.append(f"{variety['value']:.0%} as varied as the real defects")
    if fits["value"] is not None:
        said.append(f"mask consistency {fits['value']:.2f}")
    if copies["value"] is not None:
        said.append(f"copies of a real defect among the pairs: {copies['count']:,} of {copies['pairs']:,}")
    return text("; ".join(said) + "." if said else "There are too few pictures for any number.")


def _lines(result: Result, line: Callable[[Kind], tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return a line per kind, and one for all where there are several."""
    kinds = dict(result["defects"])
    if len(kinds) > 1:
        kinds["all"] = result["all"]
    return tuple((name, *line(kind)) for name, kind in kinds.items())


def _window_line(kind: Kind) -> tuple[str, ...]:
    side = kind.get("window")
    return (*_counted(kind, "defects"), f"{side} px" if side else NONE, *_likeness(kind["windows"]))


def _whole_line(kind: Kind) -> tuple[str, ...]:
    return (*_counted(kind, "pictures"), *_likeness(kind["whole"]), _cell(kind["whole"]["is"]))


def _counted(kind: Kind, what: str) -> tuple[str, str]:
    return f"{kind['counts']['real'][what]:,}", f"{kind['counts']['generated'][what]:,}"


def _likeness(part: Kind) -> tuple[str, ...]:
    kid = part["kid"]
    shown = NONE if kid["value"] is None else f"{1000 * kid['value']:.1f} ± {1000 * kid['deviation']:.1f}"
    mean = f"{1000 * kid['mean']:.1f}" if "mean" in kid else ""
    return (shown, mean, _cell(part["fid"]), *(_cell(part[name]) for name in ("precision", "recall", "density", "coverage")))


def _variety_line(kind: Kind) -> tuple[str, ...]:
    cells: list[str] = []
    for part in ("windows", "whole"):
        own, beside = kind[part]["ic_distance"], kind[part]["diversity"]
        known = beside["value"] is not None
        cells += [_cell(own), number(beside["generated"]) if known else NONE, number(beside["real"]) if known else NONE]
        cells.append(f"{beside['value']:.0%}" if known else NONE)
    return tuple(cells)


def _mask_line(kind: Kind) -> tuple[str, ...]:
    masks = kind["masks"]
    cells = []
    for name in ("consistency", "psnr", "ssim"):
        cells += [_cell(masks[name]), number(masks[name]["least"]) if "least" in masks[name] else NONE]
    copies = masks["copies"]
    known = copies["value"] is not None
    told = (f"{copies['count']:,} of {copies['pairs']:,}", number(copies["highest"])) if known else (NONE, NONE)
    return (*cells, *told)


def _shape_line(kind: Kind) -> tuple[str, ...]:
    cells = [_cell(kind["masks"][name]) for name in ("precision", "recall", "density", "coverage")]
    for name in ("area", "elongation", "solidity"):
        cells += [NONE if (v := kind["masks"]["shapes"][name][side]) is None else number(v[1]) for side in ("real", "generated")]
    return tuple(cells)


def _cell(found: Mapping[str, Any]) -> str:
    return NONE if found["value"] is None else number(found["value"])


def _histograms(result: Result) -> str:
    """Return how consistency, PSNR and the similarity to the nearest real defect are spread over the pairs."""
    figures = []
    for key, name in (
        ("consistency", "consistency"),
        ("psnr", "PSNR outside the mask, dB"),
        ("copy", "similarity to the nearest real defect"),
    ):
        values = [pair[key] for pair in result["pairs"] if pair[key] is not None]
        if values:
            figures.append(score_histogram(name, values, []))
    return f"<p></p><div class=row>{''.join(figures)}</div>" if figures else ""


def _ends(result: Result, out: Path, generated: Sequence[Pair]) -> str:
    """Return the pairs whose mask fits the change worst, and those where it fits best."""
    ranked = sorted(
        (pair for pair in result["pairs"] if pair["consistency"] is not None), key=lambda pair: (pair["consistency"], pair["id"])
    )
    if not ranked:
        return ""
    worst = ranked[:SHOWN]
    best = ranked[len(worst) :][-SHOWN:][::-1]
    groups = [("worst", worst)] + ([("best", best)] if best else [])
    shown = [f"<h3>{name}</h3>{_strips(pairs, out, generated, _agreed)}" for name, pairs in groups]
    return note(_STRIPS_NOTE) + "".join(shown)


def _agreed(pair: Mapping[str, Any]) -> str:
    return f"consistency {pair['consistency']:.2f}"


def _nearest(result: Result, out: Path, generated: Sequence[Pair]) -> str:
    """Return the pairs that are most like a real defect."""
    ranked = sorted((pair for pair in result["pairs"] if pair["copy"] is not None), key=lambda pair: (-pair["copy"], pair["id"]))[:SHOWN]

    def told(pair: Mapping[str, Any]) -> str:
        return f"{pair['copy']:.2f} alike to {pair['copy_of']}{', a copy' if pair['copied'] else ''}"

    return note(_COPIES_NOTE) + _strips(ranked, out, generated, told) if ranked else ""


def _strips(pairs: Sequence[Mapping[str, Any]], out: Path, generated: Sequence[Pair], told: Callable[[Mapping[str, Any]], str]) -> str:
    """Return the strips of some pairs, in their order, each with what is told of the pair."""
    known = {pair.id: pair for pair in generated}
    figures = []
    for pair in pairs:
        for strip in strips(out, [known[pair["id"]]]):
            figures.append(strip_figure(replace(strip, title=f"{strip.title}, {pair['defect']}: {told(pair)};")))
    return f"<div class=row>{''.join(figures)}</div>"


def _spreads(result: Result) -> str:
    """Return a table of each descriptor's median and middle 80 %, real beside generated, over all kinds."""
    lines = []
    for name, kind in result["defects"].items():
        spread = kind["masks"]["shapes"]
        for which in ("real", "generated"):
            cells = [NONE if (v := spread[key][which]) is None else f"{number(v[1])} ({number(v[0])} to {number(v[2])})" for key in NAMES]
            lines.append((text(name), which, *cells))
    columns = ("Defect", "", *NAMES)
    return "<p></p>" + table("Median and the middle 80 % of the defects; place as a share of the picture", columns, lines, words=(0, 1))


def _reasons(result: Result) -> str:
    """Return what was left out, and why."""
    lines = []
    for name, kind in {**result["defects"], "all": result["all"]}.items():
        for part in ("windows", "whole", "masks"):
            why: dict[str, list[str]] = {}
            for metric, found in kind[part].items():
                if isinstance(found, dict) and found.get("reason"):
                    why.setdefault(found["reason"], []).append(metric)
            lines += [(text(name), part, text(", ".join(metrics)), text(reason)) for reason, metrics in why.items()]
    return table("Too few pictures to say", ("Defect", "Of", "Numbers", "Reason"), lines, words=(0, 1, 2, 3)) if lines else ""


def _real_marks(items: Sequence[Item]) -> list[Mark]:
    found = []
    for item in items:
        assert item.mask is not None
        found += _marks(item.defect, read_mask(item.mask), placed=True)
    return found


def _made_marks(out: Path, pairs: Sequence[Pair]) -> list[Mark]:
    found = []
    folder = PairFolder(out)
    for pair in pairs:
        for kind, mask in masks_by_kind(pair, folder.mask(pair)):
            found += _marks(kind, mask, placed=not pair.from_noise)
    return found


def _marks(kind: str, whole: np.ndarray, placed: bool) -> list[Mark]:
    found = []
    for one in separate(whole):
        found.append(mark(kind, one.area, one.shape, (one.box.top, one.box.left), whole.shape if placed else None))
    return found


_SIDES = ("Defect", "Real", "Generated")
_COVERAGE = ("Precision", "Recall", "Density", "Coverage")
_LIKENESS = ("KID ×1000", "mean of kinds", "FID", *_COVERAGE)
_VARIETY = ("Windows: IC distance", "generated", "real", "of real", "Whole: IC distance", "generated", "real", "of real")
_MASKS = ("Consistency", "least", "PSNR dB", "least", "SSIM", "least", "Copies", "most alike")
_SHAPES = (*_COVERAGE, "Area, real", "generated", "Elongation, real", "generated", "Solidity, real", "generated")
_LIKENESS_NOTE = (
    "Windows at the camera's own scale round each defect, real against generated: about the defects more than about their backgrounds. "
    "KID: smaller is more alike, 0 when nothing tells the two apart (an unbiased estimate, so it may fall below), ± its standard "
    "deviation. FID: smaller is more alike, and it grows as pictures get fewer, so compare equal numbers only. Precision: generated "
    "ones that lie among the real; recall and coverage: how much of the real ones is reached; density: 1 as close together as real "
    "ones. The line for all mixes the kinds; the mean of their own KID stands beside it."
)
_WHOLE_NOTE = (
    "The same of whole pictures, squeezed into the network's square. IS, the Inception Score: how sure and varied a classifier of everyday "
    "pictures finds the generated ones; it says little about defects, and is here to be compared with papers."
)
_VARIETY_NOTE = (
    "IC distance: every generated one goes to its nearest real one, and the mean distance inside these clusters is taken; larger is more "
    "varied, and 0 would be one picture per real one again and again. It depends on how many there are, and real ones cannot be their "
    "own references; so the next two columns take half of the real ones as references, 50 times at random, one of each physical part, "
    "and as many generated ones as there are in the other half. Under 20 of either it is a rough figure."
)
_MASKS_NOTE = (
    "Consistency: overlap of the mask and what has changed against the normal, 0 to 1. PSNR and SSIM: how far the picture outside the "
    "mask is still that normal; 100 dB is the same. Copies: pairs with a defect more like a real one than real ones are like each "
    "other; most alike: the greatest similarity, 1 for a copy."
)
_SHAPES_NOTE = (
    "Whether the masks' sizes, places and shapes lie among real ones (precision, density) and reach all of them (recall, coverage); then "
    "medians. Elongation: length over thickness. Solidity: share of its convex hull that a defect fills."
)
_STRIPS_NOTE = "Each strip: normal, generated, the same with a line just outside its mask, and what changed with the same line."
_COPIES_NOTE = "The pairs with the defect most like a real one, in any of eight poses and in whatever brightness and contrast."
