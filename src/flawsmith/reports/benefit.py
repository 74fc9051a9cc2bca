"""The report on a benefit experiment: verdicts first, then every number, curve and picture behind them, on one page and in the terminal."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from rich.console import Console
from rich.text import Text

from flawsmith.benchmark.jobs import read_result
from flawsmith.benchmark.protocol import GENERATED, NEAREST, REAL
from flawsmith.benchmark.tallies import load_tally
from flawsmith.benchmark.workspace import Workspace
from flawsmith.core.errors import FlawsmithError
from flawsmith.core.files import write_text
from flawsmith.reports import comparison
from flawsmith.reports.benefit_pictures import examples_block, specimens_block
from flawsmith.reports.blocks import NONE, Block, Commands, Facts, Heading, Note, Table, VerdictBox
from flawsmith.reports.convergence import convergence_block
from flawsmith.reports.gains import (
    MARKS,
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
from flawsmith.reports.page import Page, Section
from flawsmith.reports.plots import signed
from flawsmith.reports.reading import reading
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
        sections.append(Section(heading, f"shots-{shown['shots']}", _body(shown, nearest, own, result)))
    sections += [
        Section("How to read it", "reading", [reading(result)]),
        Section("Settings and machine", "settings", _settings(result, report)),
        Section("Commands", "commands", _commands(report, result, works)),
    ]
    lead = [*(_verdict(shown) for shown in result["tables"]), Facts(_facts(result))]
    title = f"Do generated pairs help? {Path(result['data']).name}"
    write_text(report / "report.html", Page(title, lead, sections, ("style.css", "benefit.css")).html())


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
        if shown.get("masks"):
            console.print(Text(shown["masks"]["sentence"]))
        console.print()


def _line(metrics: Mapping[str, Any], gain: tuple[str, str]) -> tuple[str, ...]:
    """Return the numbers of a line in the terminal."""
    return (_short(metrics.get("pixel_ap")), *gain, *(_short(metrics.get(name)) for name in ("pixel_pro", "pixel_auroc", "image_auroc")))


def _short(found: Mapping[str, Any] | None) -> str:
    return points(found["value"]) if found is not None and known(found) else NONE


def _verdict(shown: Rows) -> VerdictBox:
    """Return the verdict of one number of shots in large letters, with a link to its section."""
    verdict = verdict_of(shown)
    name, key = shots_name(shown["shots"]), f"shots-{shown['shots']}"
    return VerdictBox(name, key, verdict.word, verdict.sentence, verdict.way, MARKS[verdict.way])


def _facts(result: Result) -> dict[str, Any]:
    settings, misses = result["settings"], result.get("misses")
    facts = {
        "Data": result["data"],
        "Protocol": settings["protocol"],
        "Seeds": settings["seeds"],
        "Made pairs per defect": settings["pairs"],
        "Minutes": result["minutes"],
    }
    if misses:
        facts["Missed with real defects alone"] = f"{misses['pictures']} of {misses['of']} validation pictures ({misses['file']})"
    return facts


def _body(shown: Rows, nearest: Mapping[str, Any] | None, works: Sequence[Workspace], result: Result) -> list[Block]:
    """Return all that is said of one number of shots."""
    rows, own, resize = shown["detection"], own_column(shown), bool(result["settings"].get("resize"))
    masks = [Note(shown["masks"]["sentence"])] if shown.get("masks") else []
    notes = [Note(each) for each in result.get("notes", ())]  # what is not as asked for, such as defects with fewer pictures
    parts: list[tuple[str, Sequence[Block]]] = [
        ("What was learned from and tested", [*comparison.counts_block(shown["counts"]), *notes]),
        ("Finding defects", [*comparison.alone_note(shown), *masks, *comparison.detection_block(rows, nearest, resize)]),
        ("Gain per defect", comparison.defects_block(shown)),
        ("Precision and recall", _precision(shown, works)),
        ("Had the trainings converged?", convergence_block(rows)),
        ("Naming defects", comparison.classification_block(shown.get("classification", ()), own)),
        ("The pairs by themselves", intrinsic_section(shown.get("intrinsic", {}))),
        ("Where it helped and where it hurt", examples_block(works[0], own) if works and own else []),
        ("Real defects and generated ones", specimens_block(works[0]) if works else []),
    ]
    return [block for name, blocks in parts if blocks for block in (Heading(name), *blocks)]


def _precision(shown: Rows, works: Sequence[Workspace]) -> list[Block]:
    """Return the precision-recall plot of the columns that matter most: real, the verdict's, the best baseline, generated alone."""
    rows = by_column(shown)
    wanted = dict.fromkeys((REAL, f"{REAL} + {GENERATED}", best_baseline(shown), f"{GENERATED} only"))
    tallies = {}
    for column in wanted:
        files = [work.tested(column).with_suffix(".npz") for work in works] if column else []
        if column in rows and files and all(path.is_file() for path in files):
            tallies[str(column)] = [load_tally(path) for path in files]
    return comparison.precision_block(tallies, rows)


def _settings(result: Result, report: Path) -> list[Block]:
    """Return the settings, the machine, and how long each kind of step took."""
    settings = dict(result["settings"])
    training = settings.pop("training", {})
    # the share of made crops is each column's own, and stands in the tables
    lines = {f"training: {key.replace('_', ' ')}": value for key, value in training.items() if key != "share"}
    shown = {key.replace("_", " "): ", ".join(map(str, v)) if isinstance(v, (list, tuple)) else v for key, v in settings.items()}
    machine = {f"machine: {key}": value for key, value in result["machine"].items()}
    facts = {**shown, **lines, **machine, "minutes of the last call": result["minutes"], "flawsmith": result["flawsmith"]}
    return [Facts({key: NONE if value in ("", None) else value for key, value in facts.items()}), *_minutes(report)]


def _minutes(report: Path) -> list[Block]:
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
    return [Table("Minutes of work; jobs ran side by side", ("Step", "Jobs", "Minutes", "longest"), lines)] if lines else []


def _commands(report: Path, result: Result, works: Sequence[Workspace]) -> list[Block]:
    """Return the command that makes this report, and for each step what one would type to do it alone."""
    whole = result.get("command") or shlex.join(["flawsmith", "benefit", result["data"], "-o", str(report)])
    blocks: list[Block] = [Note("All of this page:"), Commands([whole])]
    blocks += [Note("Stopped half-way, or a result lost? What is there stays:"), Commands([f"{whole} --resume"]), Note(_STEP_NOTE)]
    for work in (work for work in works if work.seed == 0):
        blocks += [Heading(f"{shots_name(work.shots)}, seed 0"), Commands(step_commands(work))]
    return blocks


def step_commands(work: Workspace) -> list[str]:
    """Return the commands that fit (unless nothing was), generate and measure as this repetition did."""
    settings, out = work.settings, work.pairs(GENERATED)
    on = ["--device", settings.device, "--threads", str(work.threads)]
    sets = [word for key in settings.fit_settings for word in ("--set", key)]
    groups = ("generation.", "quality.", *(("data.", "training.init=") if settings.unfitted else ()))
    keys = [key for key in settings.fit_settings if key.startswith(groups)]
    later = [word for key in keys for word in ("--set", key)]
    try:
        count = settings.pairs * len(work.parts.learn.defects)
    except (FlawsmithError, OSError):
        count = settings.pairs
    fit = ["fit", "LEARN", "-o", str(work.run), "--preset", settings.preset, *sets, "--seed", str(work.seed), *on]
    by = "LEARN" if settings.unfitted else str(work.run)
    lines = [
        *([] if settings.unfitted else [fit]),
        ["generate", by, "-o", str(out), "--count", str(count), "--seed", str(work.seed), *later, *on],
        *(["evaluate", "TEST", str(work.pairs(made)), "--seed", str(work.seed)] for made in settings.made),
    ]
    return [shlex.join(["flawsmith", *line]) for line in lines]


_COLUMNS = ("Trained on", "Made", "Pixel\nAP", "\ngain", "\n95 %", "\nPRO", "Pixel\nAUROC", "Image\nAUROC", "Named\nright")
_STEP_NOTE = Markup(
    "What the steps are by themselves. LEARN is a folder with only the pictures that RUN/data.json lists, TEST one with only those of "
    "the test part (named in work/…/tested/real.json). Baselines, detectors and classifiers have no command of their own: "
    "<code>flawsmith benefit</code> runs them. Here, evaluate looks for copies of what was learned from; by itself, of what is in TEST."
)
