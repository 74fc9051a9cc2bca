"""Fits: what was learned, how far it is, and another begun: /p/KEY/fit, and /p/KEY/fit/RUN."""

import re
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from flawsmith.images.files import image_size
from flawsmith.studio import listing, machine, runs
from flawsmith.studio.following import START, added
from flawsmith.studio.jobs.job import ERR, QUEUED, RUNNING, Job, tail
from flawsmith.studio.jobs.scheduler import waits_for
from flawsmith.studio.pictures import picture
from flawsmith.studio.state import Here, Shared
from flawsmith.studio.views import page

router = APIRouter(prefix="/p/{key}")
PREVIEW = re.compile(r"step-(\d+)\.png")
BAR = "\u2501"  # what bars of progress are drawn with
MOST_SETTINGS = 50  # lines of further settings


class Wanted(BaseModel):
    """A fit to begin."""

    name: str = Field(max_length=64)
    preset: str = Field(max_length=64)
    steps: int = Field(0, ge=0, le=10**9)
    minutes: float = Field(0, ge=0, le=10**6)
    settings: list[str] = Field([], max_length=MOST_SETTINGS)  # KEY=VALUE
    threads: int = Field(0, ge=0, le=1024)  # of the processor; 0 = as many as it has cores


class Longer(BaseModel):
    """How much longer a fit is to go on than it was asked to; nothing: up to its limits."""

    steps: int = Field(0, ge=0, le=10**9)
    minutes: float = Field(0, ge=0, le=10**6)


class Looking(BaseModel):
    """Whether the machine is looked at although it is known."""

    again: bool = False


@router.get("/fit")
def show(request: Request, project: Here) -> HTMLResponse:
    """Show the runs, and what another begins with."""
    return page(request, "fit", project, "fit", given=overview(project), name=runs.free_name(project, "run"))


@router.get("/fit/{name}")
def show_run(request: Request, project: Here, name: str) -> HTMLResponse:
    """Show one run."""
    run = runs.run_of(project, name)
    return page(request, "run", project, "fit", run=run.to_json(), shown=previews(project, name), notes=run.notes())


@router.get("/api/runs")
def overview(project: Here) -> dict[str, Any]:
    """Return the runs, what the machine can run, and what steps took here, and what there is to learn from."""
    found, numbers = runs.runs_of(project), listing.numbers(project)
    return {
        "runs": [run.to_json() for run in found],
        "machine": machine.found(project),
        "measured": runs.step_times(found),
        "data": {"kinds": numbers["kinds"], "normals": numbers["roles"][listing.NORMAL], "known": bool(listing.reading(project).at)},
    }


@router.post("/api/machine")
def look(studio: Shared, project: Here, asked: Looking) -> dict[str, Any]:
    """Have the machine looked at, by a job, where nobody has; return what is known."""
    return machine.look(project, studio.scheduler, asked.again)


@router.post("/api/runs")
def begin(studio: Shared, project: Here, asked: Wanted) -> dict[str, Any]:
    """Begin a fit; return its run."""
    settings = tuple(line.strip() for line in asked.settings if line.strip())
    wish = runs.Wish(asked.name.strip(), asked.preset, asked.steps, asked.minutes, settings, asked.threads)
    return runs.start(project, studio.scheduler, wish).to_json()


@router.get("/api/runs/{name}")
def state(project: Here, name: str, after: str = START) -> dict[str, Any]:
    """Return a run, and the rows of its log behind a mark."""
    run = runs.run_of(project, name)
    new = added(run.folder / "log.jsonl", after)
    return {
        "run": run.to_json(),
        "notes": run.notes() if run.state not in runs.OPEN else [],
        "said": "" if run.job is None else _said(run.job),
        "before": waits_for(project.folder / "jobs") if run.state == QUEUED else "",
        "rows": new.rows,
        "mark": new.mark,
        "anew": new.anew,
        "more": new.more,
    }


@router.get("/api/runs/{name}/previews")
def previews(project: Here, name: str) -> dict[str, Any]:
    """Return the steps of which there are previews, with what the checks said of them, and the size of the pictures."""
    run = runs.run_of(project, name)
    looks = {look.step: look for look in run.looks}
    steps = sorted(int(found[1]) for path in _previews(run.folder) if (found := PREVIEW.fullmatch(path.name)))
    height, width = image_size(_preview(run.folder, steps[-1])) if steps else (0, 0)
    rows = []
    for step in steps:
        look = looks.get(step)
        row: dict[str, Any] = {"step": step, "seconds": None if look is None else look.seconds}
        if look is not None:
            row |= {"drawn": look.drawn, "passed": look.passed, "refused": runs.refused(look.refusals, look.drawn)}
        rows.append(row)
    return {"previews": rows, "height": height, "width": width}


@router.get("/api/runs/{name}/previews/{step}")
def preview(project: Here, name: str, step: int) -> Response:
    """Return the previews of a step as a picture."""
    return picture(project, _preview(runs.run_of(project, name).folder, step))


@router.post("/api/runs/{name}/stop")
def stop(project: Here, name: str) -> dict[str, Any]:
    """Ask a fit to stop at its next step, keeping what it has."""
    run = runs.run_of(project, name)
    if run.job is None or run.state not in (QUEUED, RUNNING):
        raise HTTPException(409, run.reason() or "It is at rest already.")
    run.job.stop()
    return runs.run_of(project, name).to_json()


@router.post("/api/runs/{name}/resume")
def resume(studio: Shared, project: Here, name: str, asked: Longer) -> dict[str, Any]:
    """Have a run go on: up to its limits, or longer."""
    return runs.go_on(project, studio.scheduler, runs.run_of(project, name), asked.steps, asked.minutes).to_json()


@router.post("/api/runs/{name}/remove")
def remove(project: Here, name: str) -> dict[str, Any]:
    """Move a run into the project's trash."""
    place = runs.remove(project, runs.run_of(project, name))
    return {"place": "" if place is None else str(place)}


def _said(job: Job) -> str:
    """Return what a command said last, without its bars."""
    return "\n".join(line for line in tail(job.folder / ERR).splitlines() if BAR not in line)


def _previews(run: Path) -> list[Path]:
    folder = run / "previews"
    return list(folder.iterdir()) if folder.is_dir() else []


def _preview(run: Path, step: int) -> Path:
    return run / "previews" / f"step-{step:07d}.png"
