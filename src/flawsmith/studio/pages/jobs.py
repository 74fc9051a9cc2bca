"""What runs, waits and has ended: /p/KEY/jobs."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from flawsmith.studio.jobs.job import RUNNING, Job, jobs_in
from flawsmith.studio.jobs.progress import progress_of
from flawsmith.studio.project import Project
from flawsmith.studio.state import Here
from flawsmith.studio.views import page

router = APIRouter(prefix="/p/{key}")


@router.get("/jobs")
def show(request: Request, project: Here) -> HTMLResponse:
    """Show all jobs of a project."""
    return page(request, "jobs", project, "jobs", jobs=[described(job) for job in jobs_in(project.folder / "jobs")])


@router.get("/api/jobs")
def states(project: Here, kind: str = "") -> list[dict[str, Any]]:
    """Return the jobs, the newest first; kind: these only."""
    return [described(job) for job in jobs_in(project.folder / "jobs") if kind in ("", job.order.kind)]


@router.get("/api/jobs/{job}")
def state(project: Here, job: str) -> dict[str, Any]:
    """Return one job."""
    return described(found(project, job))


@router.post("/api/jobs/{job}/stop")
def stop(project: Here, job: str) -> dict[str, Any]:
    """Ask a job to stop at its next step, keeping what it has; one that waits never begins."""
    asked = found(project, job)
    asked.stop()
    return described(asked)


def found(project: Project, name: str) -> Job:
    """Return a job of a project by its id; raises a 404 where there is none."""
    for job in jobs_in(project.folder / "jobs"):
        if job.id == name:
            return job
    raise HTTPException(404)


def described(job: Job) -> dict[str, Any]:
    """Return what pages show of a job, with how far it is."""
    said = job.to_json()
    return {**said, "progress": progress_of(job).to_json() if said["state"] == RUNNING else None}
