"""The demo: from a few labelled solar cells to new defects on good ones, with a sheet and a report."""

import json
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flawsmith as fs
from flawsmith.config.resolve import resolve
from flawsmith.core.errors import DataError
from flawsmith.core.files import write_json
from flawsmith.core.folders import Kind, check_output, prepare_output
from flawsmith.core.locks import hold
from flawsmith.demo.cells import write_cells
from flawsmith.pairs.folder import PairFolder
from flawsmith.quality.readiness import warning
from flawsmith.reports.html import write_report
from flawsmith.reports.sheets import write_sheet

# Over the preset `tiny`: what the demo tells the configuration. The minutes bound a slow machine, the steps a fast one.
DEMO_SETTINGS: dict[str, Any] = {
    "training.steps": 250,
    "training.minutes": 4.0,
}
# Over DEMO_SETTINGS, for --quick: enough to see that everything works, not enough for good pictures.
QUICK_SETTINGS: dict[str, Any] = {
    "training.minutes": 1.0,
    "generation.attempts": 2,
}
COUNT = 24  # pairs, shared equally by the DEFECTS
DEFECTS = ("crack", "inactive")
SOURCE = (
    "ELPV dataset (package elpv-dataset): electroluminescence pictures of solar cells by Buerhop-Lutz et al. 2018, CC BY-NC-SA 4.0; "
    "the masks learned from were drawn by the flawsmith project"
)

DEMO = Kind("demo", (r"demo\.json", r"report\.html", "(data|run|pairs)/"))


def run_demo(folder: Path, quick: bool = False, overwrite: bool = False, threads: int = 0, quiet: bool = False) -> dict[str, Any]:
    """Return what happened, as written to FOLDER/demo.json; everything the demo makes is in `folder`.

    FOLDER/data is the data set, FOLDER/run the model, FOLDER/pairs what was generated, FOLDER/report.html the page to look at.
    Raises OutputExistsError when `folder` is not empty and `overwrite` is false.
    """
    check_output(folder, DEMO, overwrite)
    with hold(folder):
        prepare_output(folder, DEMO, overwrite)
        return _run_all(folder, quick, threads, quiet)


def _run_all(folder: Path, quick: bool, threads: int, quiet: bool) -> dict[str, Any]:
    """Do what `run_demo` says in an empty folder."""
    data, run, pairs, report = folder / "data", folder / "run", folder / "pairs", folder / "report.html"
    settings = {**DEMO_SETTINGS, **(QUICK_SETTINGS if quick else {})}
    write_json(folder / "demo.json", {"finished": False, "settings": settings})
    seconds: dict[str, float] = {}

    with _stage("1/4  preparing solar cells and their labels", "prepare", seconds, quiet):
        write_cells(data)
    with _stage("2/4  checking the data", "check", seconds, quiet):
        found = fs.check(data)
        if found.bad:
            raise DataError(f"{data}: the demo's own data has problems: {found.problems[0]}")
    with _stage("3/4  learning what cracks and inactive areas look like", "fit", seconds, quiet):
        resolved = resolve("tiny", None, [f"{key}={json.dumps(value)}" for key, value in settings.items()])
        fs.fit(data, run, config=resolved, threads=threads, quiet=quiet)
    with _stage(f"4/4  drawing {COUNT} new defects onto good cells it has not seen", "generate", seconds, quiet):
        onto = data / "test" / "good"
        fs.load(run, threads=threads).generate(pairs, COUNT, defect=list(DEFECTS), onto=onto, seed=0, quiet=quiet)

    attempts = PairFolder(pairs).read()
    sheet = pairs / "sheet.png"
    if not sheet.exists():
        write_sheet(pairs)
    seconds["total"] = sum(seconds.values())
    summary = {
        "finished": True,
        "quick": quick,
        "settings": settings,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "attempts": len(attempts),
        "accepted": sum(pair.accepted for pair in attempts),
        "peak_memory_mb": peak_memory(),
        "warning": warning(run),
        "sheet": str(sheet),
        "report": str(report),
        "source": SOURCE,
    }
    write_report(report, "flawsmith demo: new defects on real solar cells", run, pairs, facts(data, summary))
    write_json(folder / "demo.json", summary)
    return summary


def facts(data: Path, summary: dict[str, Any]) -> dict[str, str]:
    """Return the table at the top of the report: what was learned from, on what, in how many minutes."""
    import torch

    dataset = fs.read(data)
    seconds = summary["seconds"]
    labelled = ", ".join(f"{len(items)} {name}" for name, items in dataset.defects.items())
    memory = summary["peak_memory_mb"]
    return {
        "Learned from": f"{len(dataset.normals)} good cells; labelled defects: {labelled}",
        "Generated onto": f"{len(dataset.held_out_normals)} good cells that were not learned from",
        "Accepted": f"{summary['accepted']} of {summary['attempts']} attempts",
        "Minutes": f"{seconds['total'] / 60:.1f} in all: {seconds['fit'] / 60:.1f} to learn, {seconds['generate'] / 60:.1f} to generate",
        "Machine": f"{platform.machine()}, {torch.get_num_threads()} threads" + (f", {memory:,} MB at peak" if memory else ""),
        "Versions": f"flawsmith {fs.__version__}, torch {torch.__version__}, Python {platform.python_version()}",
        "Pictures": SOURCE,
    }


def peak_memory() -> int | None:
    """Return the most memory this process has held, in megabytes; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1 << 20 if sys.platform == "darwin" else 1 << 10)  # macOS counts bytes, Linux kilobytes


@contextmanager
def _stage(title: str, name: str, seconds: dict[str, float], quiet: bool) -> Iterator[None]:
    """Announce a stage and note how many seconds it took."""
    if not quiet:
        print(title, file=sys.stderr, flush=True)
    start = time.monotonic()
    yield
    seconds[name] = time.monotonic() - start
