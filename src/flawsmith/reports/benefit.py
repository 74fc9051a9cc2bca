"""The report on a benefit experiment: verdicts first, then every number, curve and picture behind them, on one page and in the terminal."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from flawsmith.benchmark.jobs import read_result
from flawsmith.benchmark.protocol import GENERATED, NEAREST, REAL
from flawsmith.benchmark.tallies import load_tally
from flawsmith.benchmark.workspace import Workspace
from flawsmith.core.errors import FlawsmithError
from flawsmith.core.files import write_text
from flawsmith.reports import comparison
from flawsmith.reports.charts import text
from flawsmith.reports.convergence import convergence_block
from flawsmith.reports.drawing import jpeg_link
from flawsmith.reports.examples import TILE, DefectExample, examples, specimens
from flawsmith.reports.gains import (
    MARKS,
    NONE,
    Result,
    Rows,
    best_baseline,
    by_column,
    interval,
    known,
    own_column,
    points,
    share_of,
    shots_name,
    verdict_of,
)
from flawsmith.reports.intrinsic import intrinsic_section
from flawsmith.reports.page import facts_table, note, page, table
from flawsmith.reports.plots import signed
from flawsmith.reports.verdicts import terminal_table

STEPS = {  # folders or files of a repetition's results, and what was done there
    "fitted": "Fits",
    "pairs": "Pairs",
    "trained": "Detectors",
    "tested": "Tests",
    "classified": "Classifiers",
    "measured": "Pairs measured",
}


def write_benefit_report(report: Path, result: dict[str, Any], works: Sequence[Workspace]) -> None:
    """Write `report`/report.html on a finished experiment: what `result` holds, and curves and pictures from `works`.

    Pictures that are no longer there are left out, and the page says so.
    """
    nearest = (result.get("nearest") or {}).get("metrics")
    sections = []
    for shown in result["tables"]:
        own = [work for work in works if work.shots == shown["shots"]]
        heading = f"{shots_name(shown['shots'])}: {verdict_of(shown).word}"
        sections.append((heading, f"shots-{shown['shots']}", _body(shown, nearest, own, result)))
    sections += [
        ("How to read it", "reading", _reading(result)),
        ("Settings and machine", "settings", _settings(result, report)),
        ("Commands", "commands", _commands(report, result, works)),
    ]
    lead = "".join(_verdict(shown) for shown in result["tables"]) + facts_table(_facts(result))
    title = f"Do generated pairs help? {Path(result['data']).name}"
    write_text(report / "report.html", page(title, lead, sections, _STYLE))


def print_benefit(result: dict[str, Any]) -> None:
    """Print for each number of shots the main numbers as a table, and the verdict."""
    console = Console()
    nearest = (result.get("nearest") or {}).get("metrics") or {}
    for shown in result["tables"]:
        test = shown["counts"]["test"]
        tested = f"tested on {sum(test.values()) - test.get('good', 0):,} pictures with a defect and {test.get('good', 0):,} without"
        console.print(Text(f"{shots_name(shown['shots'])}, {tested}", style="bold"))
        named = {row["column"]: row for row in shown.get("classification", ())}
        lines = []
        for row in shown["detection"]:
            gain, accuracy = row["gains"].get("pixel_ap"), named.get(row["column"], {}).get("accuracy")
            told = (signed(100 * gain["value"]), interval(gain, sign=True)) if known(gain) else ("", "")
            lines.append((row["column"], share_of(row), *_line(row["metrics"], told), _short(accuracy)))
        if nearest:
            lines.append((NEAREST, NONE, *_line(nearest, ("", "")), NONE))
        console.print(terminal_table(_COLUMNS, lines))
        verdict = verdict_of(shown)
        style = {"up": "bold green", "down": "bold red"}.get(verdict.way, "bold")
        console.print(Text(f"{MARKS[verdict.way]} {verdict.sentence}", style=style))
        console.print()


def _line(metrics: Mapping[str, Any], gain: tuple[str, str]) -> tuple[str, ...]:
    """Return the numbers of a line in the terminal."""
    return (_short(metrics.get("pixel_ap")), *gain, *(_short(metrics.get(name)) for name in ("pixel_pro", "pixel_auroc", "image_auroc")))


def _short(found: Mapping[str, Any] | None) -> str:
    return points(found["value"]) if found is not None and known(found) else NONE


def _verdict(shown: Rows) -> str:
    """Return the verdict of one number of shots in large letters, with a link to its section."""
    verdict = verdict_of(shown)
    return (
        f'<div class="verdict {verdict.way}"><p class=word><span aria-hidden=true>{MARKS[verdict.way]}</span> '
        f'<a href="#shots-{text(shown["shots"])}">{text(shots_name(shown["shots"]))}</a>: {text(verdict.word)}</p>'
        f"<p class=told>{text(verdict.sentence)}</p></div>"
    )


def _facts(result: Result) -> dict[str, Any]:
    settings = result["settings"]
    return {
        "Data": result["data"],
        "Protocol": settings["protocol"],
        "Seeds": settings["seeds"],
        "Made pairs per defect": settings["pairs"],
        "Minutes": result["minutes"],
    }


def _body(shown: Rows, nearest: Mapping[str, Any] | None, works: Sequence[Workspace], result: Result) -> str:
    """Return all that is said of one number of shots."""
    rows, own, resize = shown["detection"], own_column(shown), bool(result["settings"].get("resize"))
    blocks = [
        ("What was learned from and tested", comparison.counts_block(shown["counts"]) + _notes(result)),
        ("Finding defects", comparison.alone_note(shown) + comparison.detection_block(rows, nearest, resize)),
        ("Gain per defect", comparison.defects_block(shown)),
        ("Precision and recall", _precision(shown, works)),
        ("Had the trainings converged?", convergence_block(rows)),
        ("Naming defects", comparison.classification_block(shown.get("classification", ()), own)),
        ("The pairs by themselves", intrinsic_section(shown.get("intrinsic", {}))),
        ("Where it helped and where it hurt", _examples(works[0], own) if works and own else ""),
        ("Real defects and generated ones", _specimens(works[0]) if works else ""),
    ]
    return "".join(f"<h3>{name}</h3>{body}" for name, body in blocks if body)


def _notes(result: Result) -> str:
    """Return what is not as asked for: defects with fewer pictures, defects left out, numbers of shots that come to the same."""
    return "".join(note(text(each)) for each in result.get("notes", ()))


def _precision(shown: Rows, works: Sequence[Workspace]) -> str:
    """Return the precision-recall plot of the columns that matter most: real, the verdict's, the best baseline, generated alone."""
    rows = by_column(shown)
    wanted = dict.fromkeys((REAL, f"{REAL} + {GENERATED}", best_baseline(shown), f"{GENERATED} only"))
    tallies = {}
    for column in wanted:
        files = [work.tested(column).with_suffix(".npz") for work in works] if column else []
        if column in rows and files and all(path.is_file() for path in files):
            tallies[str(column)] = [load_tally(path) for path in files]
    return comparison.precision_block(tallies, rows)


def _examples(work: Workspace, column: str) -> str:
    """Return the test pictures with the greatest gain and loss, with what both detectors mark."""
    try:
        gained, lost = examples(work, column)
    except (FlawsmithError, OSError, KeyError, ValueError) as error:
        return note(f"No pictures: the test pictures or the detectors' weights are no longer as they were ({text(error)}).")
    groups = []
    for name, found in ((f"Gained most with {column}", gained), (f"Lost most with {column}", lost)):
        figures = "".join(_example(each, column) for each in found) or note("None: there is no such picture.")
        groups.append(f"<h4>{text(name)}</h4><div class=row>{figures}</div>")
    return note(_EXAMPLES_NOTE) + "".join(groups)


def _example(found: DefectExample, column: str) -> str:
    names = ("the picture", "the labelled defect", f"marked by: {REAL}", f"marked by: {column}")
    panels = []
    for name, picture in zip(names, found.pictures, strict=True):
        link = jpeg_link(picture, 88)
        image = f'<img alt="{text(name)}, {text(found.image)}" width={TILE} height={TILE} src="{link}">'
        panels.append(f"<div>{image}<p>{text(name)}</p></div>")
    before, after = found.iou
    told = f"overlap with the label {before:.2f} with {REAL}, {after:.2f} with {column} ({after - before:+.2f})"
    head = f"<figcaption class=top><b>{text(found.defect)}</b> {text(found.image)}</figcaption>"
    return f"<figure class=marks>{head}<div class=row>{''.join(panels)}</div><figcaption>{text(told)}</figcaption></figure>"


def _specimens(work: Workspace) -> str:
    """Return for each defect the real ones learned from beside generated ones."""
    try:
        found = specimens(work, GENERATED)
    except (FlawsmithError, OSError) as error:
        return note(f"No pictures: they are no longer as they were ({text(error)}).")
    figures = []
    for defect, (real, made, side) in found.items():
        panels = []
        for name, sheet in (("real, learned from", real), ("generated", made)):
            if sheet is None:
                panels.append(f"<div><p>{name}: none</p></div>")
                continue
            height, width = sheet.shape[:2]
            link = jpeg_link(sheet, 88)
            panels.append(f'<div><img alt="{text(defect)}, {name}" width={width} height={height} src="{link}"><p>{name}</p></div>')
        head = f"<figcaption class=top><b>{text(defect)}</b> {side} × {side} pixels of the picture in each tile</figcaption>"
        figures.append(f"<figure class=pairs>{head}<div class=row>{''.join(panels)}</div></figure>")
    return note(_SPECIMENS_NOTE) + f"<div class=row>{''.join(figures)}</div>" if figures else ""


def _reading(result: Result) -> str:
    """Return what the numbers cover, what was chosen on what, and what they cannot tell."""
    settings, learned = result["settings"], [shown["counts"] for shown in result["tables"]]
    watched = all(sum(n for name, n in counts["validation"].items() if name != "good") for counts in learned)
    if settings["only_made"]:
        chosen = _CHOSEN_NOTHING
    elif len(settings["shares"]) == 1:
        chosen = _CHOSEN_ONE
    else:
        chosen = _CHOSEN_SHARE if watched else _CHOSEN_SHARE + _CHOSEN_BLIND
    seeds = _ONE_SEED if settings["seeds"] == 1 else _SEEDS.format(settings["seeds"])
    words = (_TEST_PART, chosen, _INTERVALS + seeds, _SENTENCES, _OPEN)
    return "<ul class=reading>" + "".join(f"<li>{each}</li>" for each in words) + "</ul>"


def _settings(result: Result, report: Path) -> str:
    """Return the settings, the machine, and how long each kind of step took."""
    settings = dict(result["settings"])
    training = settings.pop("training", {})
    # the share of made crops is each column's own, and stands in the tables
    lines = {f"training: {key.replace('_', ' ')}": value for key, value in training.items() if key != "share"}
    shown = {key.replace("_", " "): ", ".join(map(str, v)) if isinstance(v, (list, tuple)) else v for key, v in settings.items()}
    machine = {f"machine: {key}": value for key, value in result["machine"].items()}
    facts = {**shown, **lines, **machine, "minutes of the last call": result["minutes"], "flawsmith": result["flawsmith"]}
    return facts_table({key: NONE if value in ("", None) else value for key, value in facts.items()}) + _minutes(report)


def _minutes(report: Path) -> str:
    """Return the table of the jobs' own minutes, summed over jobs that may have run side by side."""
    spent: dict[str, list[float]] = {name: [] for name in STEPS.values()}
    work = report / "work"
    for path in sorted([*work.glob("shots-*/seed-*/*.json"), *work.glob("shots-*/seed-*/*/*.json")]):
        folder = path.relative_to(work).parts[2].removesuffix(".json")
        if folder in STEPS:
            found = read_result(path)
            if "job_seconds" in found:
                spent[STEPS[folder]].append(found["job_seconds"] / 60)
    lines = [(name, f"{len(each):,}", f"{sum(each):.1f}", f"{max(each):.1f}") for name, each in spent.items() if each]
    return "<p></p>" + table("Minutes of work; jobs ran side by side", ("Step", "Jobs", "Minutes", "longest"), lines) if lines else ""


def _commands(report: Path, result: Result, works: Sequence[Workspace]) -> str:
    """Return the command that makes this report, and for each step what one would type to do it alone."""
    whole = result.get("command") or shlex.join(["flawsmith", "benefit", result["data"], "-o", str(report)])
    body = note("All of this page:") + _code(whole) + note("Stopped half-way, or a result lost? What is there stays:")
    body += _code(f"{whole} --resume") + note(_STEP_NOTE)
    for work in (work for work in works if work.seed == 0):
        body += f"<h3>{text(shots_name(work.shots))}, seed 0</h3>" + _code(*step_commands(work))
    return body


def step_commands(work: Workspace) -> list[str]:
    """Return the commands that fit, generate and measure as this repetition did."""
    settings, out = work.settings, work.pairs(GENERATED)
    on = ["--device", settings.device, "--threads", str(work.threads)]
    sets = [word for key in settings.fit_settings for word in ("--set", key)]
    keys = ["generation.tinted=0", *(key for key in settings.fit_settings if key.startswith(("generation.", "quality.")))]
    later = [word for key in keys for word in ("--set", key)]
    try:
        count = settings.pairs * len(work.parts.learn.defects)
    except (FlawsmithError, OSError):
        count = settings.pairs
    lines = [
        ["fit", "LEARN", "-o", str(work.run), "--preset", settings.preset, *sets, "--seed", str(work.seed), *on],
        ["generate", str(work.run), "-o", str(out), "--count", str(count), "--seed", str(work.seed), *later, *on],
        *(["evaluate", "TEST", str(work.pairs(made)), "--seed", str(work.seed)] for made in settings.made),
    ]
    return [shlex.join(["flawsmith", *line]) for line in lines]


def _code(*lines: str) -> str:
    return f"<pre class=wide>{text(chr(10).join(lines))}</pre>"


_COLUMNS = ("Trained on", "Made", "Pixel\nAP", "\ngain", "\n95 %", "\nPRO", "Pixel\nAUROC", "Image\nAUROC", "Named\nright")
_EXAMPLES_NOTE = (
    "Pictures of the test part, of the first seed's detectors, by how much the overlap (IoU) of marks and label changed. The line is "
    "just outside what is labelled or marked. Each detector marks at the threshold of its own best F1 on the test part, which flatters all "
    "alike."
)
_SPECIMENS_NOTE = (
    "Real defects that were learned from and generated ones of the first seed, plain and below with a line just outside the mask. "
    "Not picked: the first of each kind by number, all of a kind at one scale."
)
_TEST_PART = (
    "<b>The test part</b> is the two thirds of each defect's pictures (by physical part where groups are known) that neither the model, "
    "nor a baseline, nor a detector, nor any choice has seen, and the held-out normals. It was read once, after everything was chosen. No "
    "file of it is a copy of one that was learned from. Every column is tested on the same pictures."
)
_CHOSEN_SHARE = (
    "<b>Chosen on the validation part</b>: where each training ends, and the share of made pairs among a detector's defect crops, for "
    "every column on its own, with the first seed; the other seeds follow it. A share other than the default is taken only where the 95 % "
    "interval of its difference in validation AP excludes zero. Nothing was chosen on the test part. "
)
_CHOSEN_BLIND = "Where the validation part has no defect, the default share was taken. "
_CHOSEN_ONE = "<b>Chosen on the validation part</b>: where each training ends; one share of made pairs was given. "
_CHOSEN_NOTHING = (
    "<b>Chosen</b>: nothing. As in the published protocol, no validation part is kept aside, and detectors beside the one on real defects "
    "learn from made pairs and normals alone. "
)
_INTERVALS = (
    "<b>Intervals</b> hold 95 % of 1000 resamples of the test pictures, drawn within each defect and the normals; pictures of one physical "
    "part are drawn together. Gains are paired: both columns are resampled alike, so a gain can be clear where the two intervals overlap. "
)
_SEEDS = (
    "The {} seeds, each a fit, pairs and trainings of its own, are resampled too; with two or three of them intervals are still somewhat "
    "too narrow."
)
_ONE_SEED = "There is one seed, so they cover the choice of pictures but not what another fit or training would give: they are too narrow."
_SENTENCES = (
    "<b>Helps</b> and <b>hurts</b> are said only where the whole interval of the gain in pixel AP is on one side of zero; otherwise it is "
    "<b>no gain</b>, however large the mean. Look at PRO and AUROC too: what gains in one may lose in another."
)
_OPEN = (
    "<b>Not covered</b>: another choice of the few labelled pictures, another product, another detector. F1-max takes its threshold from "
    "the test part, for every column alike."
)
_STEP_NOTE = (
    "What the steps are by themselves. LEARN is a folder with only the pictures that RUN/data.json lists, TEST one with only those of "
    "the test part (named in work/…/tested/real.json). Baselines, detectors and classifiers have no command of their own: "
    "<code>flawsmith benefit</code> runs them. Here, evaluate looks for copies of what was learned from; by itself, of what is in TEST."
)
_STYLE = """
:root { --good: #1a7f4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --good: #55c98c; --bad: #f2877f; } }
.verdict { margin: 0 0 18px; padding: 4px 0 4px 18px; border-left: 6px solid var(--faint); }
.verdict.up { border-color: var(--good); } .verdict.down { border-color: var(--bad); }
.verdict p { margin: 0; } .verdict .word { font-size: 26px; line-height: 1.3; font-weight: 700; } .verdict .told { font-size: 19px; }
.verdict .word a { color: inherit; text-decoration: none; }
.verdict.up .word { color: var(--good); } .verdict.down .word { color: var(--bad); }
span.up { color: var(--good); font-weight: 600; } span.down { color: var(--bad); font-weight: 600; }
small { display: block; color: var(--faint); font-size: 12px; font-weight: normal; }
h3 { font-size: 17px; margin-top: 36px; } h4 { margin: 18px 0 8px; }
details { margin-top: 12px; } summary { cursor: pointer; color: var(--made); margin-bottom: 8px; }
td, th { padding-right: 10px; } thead th.n { white-space: normal; } tbody th { white-space: nowrap; }
svg text.group { fill: var(--ink); font-weight: 600; }
line.own { stroke: var(--made); stroke-width: 2.5; } circle.own { fill: var(--made); }
line.other { stroke: var(--faint); stroke-width: 1.5; } rect.other { fill: var(--card); stroke: var(--faint); stroke-width: 1.5; }
polyline.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.confusion { width: auto; } .confusion td { text-align: right; padding: 6px 10px; min-width: 3.4em; }
.confusion tbody td { background: color-mix(in srgb, var(--made) calc(var(--share) * .55), transparent); }
.confusion .right { font-weight: 700; outline: 1px solid var(--faint); outline-offset: -1px; }
.reading li { margin-bottom: 10px; max-width: 52em; }
.pairs > .row { gap: 28px; } .marks img { border: 1px solid var(--rule); box-sizing: content-box; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; margin: 0 0 14px; }
@media print { :root { --good: #1a7f4b; --bad: #b3261e; } details > * { display: block; } }
"""
