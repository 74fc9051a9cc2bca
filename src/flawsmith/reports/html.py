"""The report on a run of `generate`: pictures, heat maps, charts and tables in one HTML file that needs nothing but a browser."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from flawsmith.core.files import read_lines, write_text
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import ACCEPTED, FAILED, Pair
from flawsmith.reports.blocks import NONE, Block, Cell, Facts, Figure, Heading, Note, Row, Svg, Table, Wide
from flawsmith.reports.charts import loss_curve, pie, score_histogram, slice_colour
from flawsmith.reports.marks import generated_marks, real_marks
from flawsmith.reports.page import Page, Section
from flawsmith.reports.places import panel_size, usual_size
from flawsmith.reports.sections import picture, places, sizes, strip_figure
from flawsmith.reports.sheets import write_sheet
from flawsmith.reports.strips import strips
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
        Section("Pairs", "pairs", _sheet(out)),
        Section("Verification", "verification", _verification(pairs)),
        Section("Where", "where", places(out, accepted, made, real, panel_size(size))),
        Section("How large", "sizes", sizes(made, real)),
        Section("Before and after", "strips", _strips(out, pairs)),
        Section("Scores", "scores", _scores(pairs)),
        Section("Training", "training", _training(run)),
    ]
    write_text(path, Page(title, [Note(_summary(pairs), "sum"), Facts(facts)], sections).html())


def _summary(pairs: Sequence[Pair]) -> str:
    """Return in one sentence what came of the attempts."""
    if not pairs:
        return "Nothing was attempted."
    accepted, failed = (sum(pair.verdict == verdict for pair in pairs) for verdict in (ACCEPTED, FAILED))
    given_up = f"; {_plural(failed, 'pair')} given up after the last attempt allowed" if failed else ""
    return f"{_plural(accepted, 'pair')} accepted of {_plural(len(pairs), 'attempt')} ({accepted / len(pairs):.0%}){given_up}."


def _sheet(out: Path) -> list[Block]:
    """Return the contact sheet, as a JPEG as good as its share of the page allows."""
    path = out / "sheet.png"
    with Image.open(path if path.exists() else write_sheet(out)) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    alt = "Contact sheet: normal, generated picture, and the outline of its mask"
    for quality in (92, 85, 75, 60, 40):
        shown = picture(pixels, alt, quality)
        if len(shown.link) <= SHEET_BYTES:
            break
    return [Note(_PAIRS_NOTE), Wide([shown])]


def _verification(pairs: Sequence[Pair]) -> list[Block]:
    """Return the tables of verdicts and of rejections per check, with a pie of the latter."""
    reasons = {defect: ", ".join(f"{check} ({n})" for check, n in v["reasons"].items()) for defect, v in verdicts(pairs).items()}
    lines = [(defect, *numbers, reasons.get(defect, "")) for defect, numbers in verdict_lines(pairs)]
    blocks: list[Block] = [Note(_VERDICT_NOTE), Table("Attempts by defect", (*COLUMNS, "Rejected by"), lines, words=(0, 6))]
    refused = reject_table(pairs)
    if not refused:
        return [*blocks, Note("No check rejected an attempt.")]
    cells = [
        (Cell(check, colour=slice_colour(index)), f"{n:,}", f"{share:.0%}", meanings().get(check, NONE))
        for index, (check, n, share) in enumerate(refused)
    ]
    listed = Table("Rejections per check", ("Check", "Rejections", "Of all attempts", "What it asks"), cells, words=(0, 3))
    chart = Figure([Svg(pie([(check, n) for check, n, _ in refused]))], caption=_PIE_NOTE)
    return [*blocks, Row([chart, listed])]


def _strips(out: Path, pairs: Sequence[Pair]) -> list[Block]:
    """Return a strip for each accepted defect, as many as their share of the page allows, ordered by kind."""
    left = STRIP_BYTES
    by_defect: dict[str, list[tuple[str, Figure]]] = {}
    shown = 0
    for strip in strips(out, pairs):
        figure = strip_figure(strip)
        left -= len(getattr(figure.blocks[0], "link", ""))
        if left < 0:
            break
        by_defect.setdefault(strip.defect, []).append((strip.title, figure))
        shown += 1
    if not shown:
        return []
    total = sum(max(1, len(pair.defects)) for pair in pairs if pair.accepted)
    few = f" The page shows {shown:,} of {total:,} so that it stays small; all are in the folder." if shown < total else ""
    blocks: list[Block] = [Note(_STRIPS_NOTE + few)]
    for defect, found in sorted(by_defect.items()):
        blocks += [Heading(defect), Row([figure for _, figure in sorted(found, key=lambda each: each[0])])]
    return blocks


def _scores(pairs: Sequence[Pair]) -> list[Block]:
    histograms = [Figure([Svg(score_histogram(name, *values))], caption=name) for name, values in scores(pairs).items()]
    return [Note(_SCORES_NOTE), Row(histograms)] if histograms else []


def _training(run: Path | None) -> list[Block]:
    log = read_lines(run / "log.jsonl") if run and (run / "log.jsonl").exists() else []
    blocks: list[Block] = []
    for key, name, note in (("loss", "Loss", _LOSS_NOTE), ("held_inside", "Error on held-out defects", _HELD_NOTE)):
        points = [(row["step"], row[key]) for row in log if isinstance(row.get(key), (int, float)) and math.isfinite(row[key])]
        blocks += [Note(note), Wide([Svg(loss_curve(points, name))])] if points else []
    return blocks


def _plural(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


_PAIRS_NOTE = "Each pair: the normal it was made on, the generated picture, and the same with a line just outside its mask."
_VERDICT_NOTE = (
    "Every attempt is checked before it counts. One that is rejected is made again; one that failed was the last allowed for its pair."
)
_PIE_NOTE = "Shares of all rejections. An attempt that several checks reject counts for each of them."
_STRIPS_NOTE = (
    "Each strip: normal, generated, the same with a line just outside its mask, and what changed (white: nothing; dark: most) with the "
    "same line; large ones in two pairs. One pixel of the picture is one pixel here, or a whole number of them; nothing is made smaller. "
    "Sizes are width × height."
)
_SCORES_NOTE = Markup(
    'What the checks measured: <span class="key made"></span> accepted, <span class="key refused"></span> rejected or failed.'
)
_HELD_NOTE = "Error of the averaged weights inside labelled defects that are held out; the weights with the least one are kept."
_LOSS_NOTE = "Loss over training steps, on a logarithmic scale: each logged row, and their running mean."
