"""The report on a run of `generate`: pictures, heat maps, charts and tables in one HTML file that needs nothing but a browser."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flawsmith.core.files import read_lines, write_text
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import ACCEPTED, FAILED, Pair
from flawsmith.reports.charts import loss_curve, pie, score_histogram, size_histogram, slice_colour, text
from flawsmith.reports.drawing import jpeg_link
from flawsmith.reports.marks import Mark, generated_marks, real_marks
from flawsmith.reports.page import facts_table, note, page, table
from flawsmith.reports.places import heat, heat_map, mean_normal, panel_size, usual_size
from flawsmith.reports.sheets import write_sheet
from flawsmith.reports.strips import Strip, strips
from flawsmith.reports.verdicts import COLUMNS, meanings, reject_table, scores, verdict_lines, verdicts

SHEET_BYTES, STRIP_BYTES = 1_400_000, 2_800_000  # characters of the page that the sheet and the strips may take


def write_run_report(out: Path, run: Path | None, facts: Mapping[str, Any]) -> Path:
    """Write OUT/report.html on the pairs in `out`, made by the model in `run`, and return its path; see `write_report`."""
    path = out / "report.html"
    write_report(path, "Generated pairs", run, out, facts)
    return path


def write_report(path: Path, title: str, run: Path | None, out: Path, facts: Mapping[str, Any]) -> None:
    """Write the report on the pairs in `out`, and on the training in `run` where it is given, to `path`.

    `facts` is a table of names and values for the top of the page. Reads OUT/pairs.jsonl and the pictures, masks and normals it names,
    OUT/sheet.png (made if it is missing), and of RUN the defects learned from and log.jsonl; what is no longer there is left out.
    """
    pairs = PairFolder(out).read()
    accepted = [pair for pair in pairs if pair.accepted]
    size = usual_size(accepted or pairs)
    made, real = generated_marks(out, pairs), real_marks(run, size)
    sections = [
        ("Pairs", "pairs", _sheet(out)),
        ("Verification", "verification", _verification(pairs)),
        ("Where", "where", places_section(out, accepted, made, real, panel_size(size))),
        ("How large", "sizes", sizes_section(made, real)),
        ("Before and after", "strips", _strips(out, pairs)),
        ("Scores", "scores", _scores(pairs)),
        ("Training", "training", _training(run)),
    ]
    write_text(path, page(title, f"<p class=sum>{_summary(pairs)}</p>{facts_table(facts)}", sections))


def _summary(pairs: Sequence[Pair]) -> str:
    """Return in one sentence what came of the attempts."""
    if not pairs:
        return "Nothing was attempted."
    accepted, failed = (sum(pair.verdict == verdict for pair in pairs) for verdict in (ACCEPTED, FAILED))
    given_up = f"; {_plural(failed, 'pair')} given up after the last attempt allowed" if failed else ""
    return f"{_plural(accepted, 'pair')} accepted of {_plural(len(pairs), 'attempt')} ({accepted / len(pairs):.0%}){given_up}."


def _sheet(out: Path) -> str:
    """Return the contact sheet inside the page, as a JPEG as good as its share of the page allows."""
    path = out / "sheet.png"
    with Image.open(path if path.exists() else write_sheet(out)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    height, width = pixels.shape[:2]
    for quality in (92, 85, 75, 60, 40):
        link = jpeg_link(pixels, quality)
        if len(link) <= SHEET_BYTES:
            break
    words = "Contact sheet: normal, generated picture, and the outline of its mask"
    return note(_PAIRS_NOTE) + f'<div class=wide><img alt="{words}" width={width} height={height} src="{link}"></div>'


def _verification(pairs: Sequence[Pair]) -> str:
    """Return the tables of verdicts and of what the checks refused, with a pie of the latter."""
    reasons = {defect: ", ".join(f"{text(check)} ({n})" for check, n in v["reasons"].items()) for defect, v in verdicts(pairs).items()}
    lines = [(text(defect), *numbers, reasons.get(defect, "")) for defect, numbers in verdict_lines(pairs)]
    body = note(_VERDICT_NOTE) + table("Attempts by defect", (*COLUMNS, "Refused by"), lines, words=(0, 6))
    refused = reject_table(pairs)
    if not refused:
        return body + note("No check refused an attempt.")
    cells = []
    for index, (check, n, share) in enumerate(refused):
        key = f'<span class=key style="background:{slice_colour(index)}"></span>'
        cells.append((f"<span class=together>{key} {text(check)}</span>", f"{n:,}", f"{share:.0%}", text(meanings().get(check, "–"))))
    listed = table("Which check said no", ("Check", "Said no", "Of all attempts", "What it asks"), cells, words=(0, 3))
    chart = f"<figure>{pie([(check, n) for check, n, _ in refused])}<figcaption>{_PIE_NOTE}</figcaption></figure>"
    return f"{body}<div class=row>{chart}{listed}</div>"


def places_section(out: Path, pairs: Sequence[Pair], made: Sequence[Mark], real: Sequence[Mark], size: tuple[int, int]) -> str:
    """Return for each defect a heat map of the real ones and one of the generated ones; nothing where no pair has a place."""
    placed = [mark for mark in made if mark.extent is not None]
    if not placed:
        return ""
    background = mean_normal(out, pairs, *size)
    figures = []
    for defect in sorted({mark.defect for mark in placed}):
        panels = []
        for which, marks in (("real", real), ("generated", placed)):
            mine = [mark for mark in marks if mark.defect == defect]
            link = jpeg_link(heat_map(heat(mine, *size), background), 88)
            words = f"Heat map of {len(mine)} {which} defects: {text(defect)}{_middle(mine)}"
            picture = f'<img alt="{words}" width={size[1]} height={size[0]} src="{link}">'
            panels.append(f"<div>{picture}<p>{which}: {len(mine):,}</p></div>")
        figures.append(_figure(defect, "".join(panels)))
    behind = _MEAN_NOTE if background is not None else _FRAME_NOTE
    return f"{note(_PLACES_NOTE + behind)}<div class=row>{''.join(figures)}</div>"


def _figure(defect: str, pictures: str) -> str:
    return f"<figure><figcaption class=top><b>{text(defect)}</b></figcaption><div class=row>{pictures}</div></figure>"


def _middle(marks: Sequence[Mark]) -> str:
    """Return in words where the marks are on average."""
    middles = [mark.middle for mark in marks if mark.middle is not None]
    if not middles:
        return ""
    row, column = np.mean(middles, axis=0)
    return f", on average {row:.0%} down and {column:.0%} across the picture"


def sizes_section(made: Sequence[Mark], real: Sequence[Mark], which: str = "real defects the model learned from") -> str:
    """Return for each defect histograms of area and longer side, and a table of the medians; nothing where nothing was accepted."""
    if not made:
        return ""
    figures, lines = [], []
    for defect in sorted({mark.defect for mark in made}):
        sets = [[mark for mark in marks if mark.defect == defect] for marks in (real, made)]
        areas, sides = [[mark.area for mark in marks] for marks in sets], [[mark.side for mark in marks] for marks in sets]
        charts = size_histogram("area", "px", areas[0], areas[1]) + size_histogram("longer side", "px", sides[0], sides[1])
        figures.append(_figure(defect, charts))
        lines.append((text(defect), *(f"{len(marks):,}" for marks in sets), *(_spread(values) for values in (*areas, *sides))))
    columns = ("Defect", "Real", "Generated", "Area, real", "Area, generated", "Longer side, real", "Longer side, generated")
    medians = table("Median size in pixels, and the middle 80 %", columns, lines)
    return f"{note(_SIZES_NOTE.format(text(which)))}<div class=row>{''.join(figures)}</div>{medians}"


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "–"
    low, middle, high = np.percentile(values, [10, 50, 90])
    return f"{middle:,.0f} ({low:,.0f} to {high:,.0f})"


def _strips(out: Path, pairs: Sequence[Pair]) -> str:
    """Return a strip for each accepted defect, as many as their share of the page allows, ordered by kind."""
    left = STRIP_BYTES
    by_defect: dict[str, list[tuple[str, str]]] = {}
    shown = 0
    for strip in strips(out, pairs):
        figure = strip_figure(strip)
        left -= len(figure)
        if left < 0:
            break
        by_defect.setdefault(strip.defect, []).append((strip.title, figure))
        shown += 1
    if not shown:
        return ""
    total = sum(max(1, len(pair.defects)) for pair in pairs if pair.accepted)
    few = f" The page shows {shown:,} of {total:,} so that it stays small; all are in the folder." if shown < total else ""
    groups = [(defect, "".join(figure for _, figure in sorted(found))) for defect, found in sorted(by_defect.items())]
    return note(_STRIPS_NOTE + few) + "".join(f"<h3>{text(defect)}</h3><div class=row>{figures}</div>" for defect, figures in groups)


def strip_figure(strip: Strip) -> str:
    """Return the figure of a strip; one that is enlarged is stored as it is and enlarged by the browser."""
    height, width = (side * strip.zoom for side in strip.picture.shape[:2])
    link = jpeg_link(strip.picture, 84 if strip.zoom == 1 else 94)  # where a pixel is seen large, its blocks would be too
    words = "Normal, generated, outline of the mask, change" if strip.compared else "Generated, outline of the mask"
    return (
        f'<figure class=strip><img alt="{words}: {text(strip.defect)} {text(strip.title)}" width={width} height={height} src="{link}">'
        f"<figcaption><b>{text(strip.title)}</b> {text(strip.caption)}</figcaption></figure>"
    )


def _scores(pairs: Sequence[Pair]) -> str:
    histograms = [score_histogram(name, *values) for name, values in scores(pairs).items()]
    return f"{note(_SCORES_NOTE)}<div class=row>{''.join(histograms)}</div>" if histograms else ""


def _training(run: Path | None) -> str:
    log = read_lines(run / "log.jsonl") if run and (run / "log.jsonl").exists() else []
    points = [(row["step"], row["loss"]) for row in log if isinstance(row.get("loss"), (int, float)) and math.isfinite(row["loss"])]
    return f"{note(_LOSS_NOTE)}<div class=wide>{loss_curve(points)}</div>" if points else ""


def _plural(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


_PAIRS_NOTE = "Each pair: the normal it was made on, the generated picture, and the same with a line just outside its mask."
_VERDICT_NOTE = (
    "Every attempt is checked before it counts. One that is rejected is made again; one that failed was the last allowed for its pair."
)
_PIE_NOTE = "Shares of all refusals. An attempt that several checks refuse counts for each of them."
_PLACES_NOTE = (
    "The darker the blue, the more defects cover the place; each map has its own scale. Places are shares of the picture's height "
    "and width. "
)
_MEAN_NOTE = "Behind them, faint: the mean of a few normals."
_FRAME_NOTE = "The frame is empty because the normals differ in size or are no longer there."
_SIZES_NOTE = (
    '<span class="key real"></span> {}, <span class="key made"></span> generated ones; the height '
    "of a bar is a share of its own kind, and the axis is logarithmic."
)
_STRIPS_NOTE = (
    "Each strip: normal, generated, the same with a line just outside its mask, and what changed (white: nothing; dark: most) with the "
    "same line; large ones in two rows. One pixel of the picture is one pixel here, or a whole number of them; nothing is made smaller. "
    "Sizes are width × height."
)
_SCORES_NOTE = 'What the checks measured: <span class="key made"></span> accepted, <span class="key refused"></span> rejected or failed.'
_LOSS_NOTE = "Loss over training steps, on a logarithmic scale: each logged row, and their running mean."
