"""The reports of a project: evaluations and benefits in reports/ with the jobs that write them, and those beside the sets of pairs."""

import html
import re
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from flawsmith.core.errors import DataError
from flawsmith.core.processors import cores
from flawsmith.studio.jobs.job import QUEUED, RUNNING, Job, Order, jobs_by_name
from flawsmith.studio.jobs.progress import progress_of
from flawsmith.studio.pairs_index import sets
from flawsmith.studio.project import Project

ROOM = "reports"
EVALUATE, BENEFIT = KINDS = ("evaluate", "benefit")
PAGE, SHEET = "report.html", "sheet.png"
BEGUN = "benefit.json"  # in a report's folder: it can be gone on with
HEAD = 4096  # bytes of a report in which its summary stands
# minutes of a core in a repetition of a benefit beside the fit, with pictures of half a megapixel: pairs and tests, and each training
REST, TRAINING = 3.0, 7.0
COLUMNS = 3  # detectors without a baseline: real, real and generated, generated only


class Evaluation(BaseModel):
    """Pairs beside the project's real defects."""

    pairs: str = Field(max_length=64)  # name of the set
    review: Literal["", "accepted", "unrejected", "ignored"] = ""  # which of the pairs, as `flawsmith evaluate --review` has it


class Benefit(BaseModel):
    """Detectors with and without made pairs."""

    shots: list[Literal["1", "3", "5", "third"]] = Field(min_length=1)  # labelled pictures per defect
    seeds: int = Field(default=2, ge=1, le=10)
    pairs: int = Field(default=30, ge=1, le=2000)  # made pairs per defect
    baselines: list[Literal["copy-paste", "poisson", "perlin", "cutpaste"]] = []
    minutes: float = Field(default=5, gt=0, le=1440)  # of each fit


def measurable() -> bool:
    """Whether the network that both compare with is installed."""
    return find_spec("efficientnet_lite_pytorch") is not None


def evaluation(project: Project, wish: Evaluation) -> Order:
    """Return the job that evaluates a set of pairs. Raises DataError where there is no such set."""
    if wish.pairs not in sets(project):
        raise DataError(f"{wish.pairs!r}: there is no such set of pairs in this project; choose one of the list.")
    name = project.free_name(ROOM, f"evaluation of {wish.pairs}"[:60])
    report = project.place(ROOM, name)
    words = (EVALUATE, str(project.data), str(project.place("pairs", wish.pairs)), "-o", str(report), *project.label_options)
    words += ("--review", wish.review) if wish.review else ()
    return Order(EVALUATE, f"Evaluate {wish.pairs}", words, {"name": name, "report": str(report), "pairs": wish.pairs})


def benefit(project: Project, wish: Benefit) -> Order:
    """Return the job that measures whether pairs help a detector."""
    name = project.free_name(ROOM, "benefit")
    report = project.place(ROOM, name)
    words = [BENEFIT, str(project.data), "-o", str(report), "--quick", "--shots", ",".join(wish.shots), "--seeds", str(wish.seeds)]
    words += ["--pairs", str(wish.pairs), "--baselines", ",".join(wish.baselines) or "none", "--max-minutes", f"{wish.minutes:g}"]
    words += project.label_options
    return Order(BENEFIT, f"Benefit, {' and '.join(wish.shots)} shots", tuple(words), {"name": name, "report": str(report)})


def hours(wish: Benefit, workers: int | None = None) -> float:
    """Return about how long a benefit takes, in hours; workers: processor cores that work on it, None = all."""
    repetition = wish.minutes + REST + (COLUMNS + len(wish.baselines)) * TRAINING
    side_by_side = min(workers or cores(), len(wish.shots) * wish.seeds * (COLUMNS + len(wish.baselines)))
    return len(wish.shots) * wish.seeds * repetition / side_by_side / 60


def again(project: Project, name: str) -> Order:
    """Return the job that goes on with what a report still lacks. Raises DataError where that is not possible."""
    jobs = jobs_by_name(project.folder / "jobs", KINDS).get(name, [])
    if not jobs:
        raise DataError(f"{name}: was not begun here, so it cannot be gone on with from here.")
    if jobs[0].state in (QUEUED, RUNNING):
        raise DataError(f"{name}: runs already, or waits for its turn.")
    before = jobs[0].order
    words = [word for word in before.arguments if word != "--resume"]
    resumed = before.kind == BENEFIT and (project.place(ROOM, name) / BEGUN).is_file()
    return Order(before.kind, before.title, (*words, "--resume") if resumed else tuple(words), before.about)


def listed(project: Project) -> list[dict[str, Any]]:
    """Return what pages show of each report, the newest first, those included that only a job is about."""
    jobs = jobs_by_name(project.folder / "jobs", KINDS)
    names = project.names(ROOM)
    waiting = [name for name in jobs if name not in names]
    return [_described(project.place(ROOM, name), jobs.get(name, [])) for name in (*waiting, *names)]


def of_sets(project: Project) -> list[dict[str, Any]]:
    """Return what stands beside each set of pairs, the newest first."""
    found = []
    for name in sets(project):
        folder = project.place("pairs", name)
        there = {"report": (folder / PAGE).is_file(), "sheet": (folder / SHEET).is_file()}
        found.append({"name": name, **there, "summary": summary(folder / PAGE)})
    return found


def summary(report: Path) -> str:
    """Return what a report comes to, as its first lines say; "" where they do not, or there is none."""
    with suppress(OSError), report.open("rb") as stream:
        found = re.search(rb'<meta name="description" content="([^"]*)">', stream.read(HEAD))
        return html.unescape(found[1].decode("utf-8", "replace")) if found else ""
    return ""


def _described(folder: Path, jobs: Sequence[Job]) -> dict[str, Any]:
    job = jobs[0] if jobs else None
    said = None if job is None else job.to_json()
    done = (folder / PAGE).is_file()
    kind = job.order.kind if job is not None else BENEFIT if (folder / BEGUN).is_file() else EVALUATE
    return {
        "name": folder.name,
        "kind": kind,
        "done": done,
        "summary": summary(folder / PAGE),
        "at": (folder / PAGE).stat().st_mtime if done else None,
        "job": said,
        "progress": progress_of(job).to_json() if job is not None and said is not None and said["state"] == RUNNING else None,
        "resumable": job is not None and not done and said is not None and said["state"] not in (QUEUED, RUNNING),
        "goes_on": kind == BENEFIT and (folder / BEGUN).is_file(),
    }
