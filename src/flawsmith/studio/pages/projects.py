"""The first page: the projects that are known, and how another is begun."""

import time
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, RedirectResponse

from flawsmith.core.errors import DataError
from flawsmith.studio.card import read_card
from flawsmith.studio.jobs.job import Job
from flawsmith.studio.project import Project
from flawsmith.studio.state import Here, Shared
from flawsmith.studio.views import page

router = APIRouter()

STATES = {"queued": "waits", "running": "runs", "done": "done", "stopped": "stopped", "failed": "failed", "died": "died"}


class Opening(BaseModel):
    """A folder to open, or the name of a project for pictures that will be brought to it."""

    path: str = Field("", max_length=4096)
    name: str = Field("", max_length=64)


@router.get("/")
def show(request: Request, studio: Shared) -> HTMLResponse:
    """Show the projects."""
    cards = [_card(project) for project in studio.home.projects()]
    return page(request, "projects", cards=cards, home=str(studio.home.folder), anywhere=studio.places.anywhere)


@router.post("/api/projects")
def begin(studio: Shared, asked: Opening) -> dict[str, Any]:
    """Open the project of a folder, or make one without pictures; returns its address."""
    if bool(asked.path) == bool(asked.name.strip()):
        raise DataError("Give the path of a folder, or a name for a new project.")
    project = studio.home.open(studio.places.checked(asked.path)) if asked.path else studio.home.new(asked.name.strip())
    return {"key": project.key, "address": f"/p/{project.key}/data"}


@router.get("/api/folders")
def folders(studio: Shared, path: str = "") -> dict[str, Any]:
    """Return the names of the folders in a folder, and where its own folder is, as far as one may go."""
    found = studio.places.checked(path) if path else studio.places.start
    above = found.parent if studio.places.anywhere or found.resolve() != studio.home.folder.resolve() else found
    return {"path": str(found), "above": "" if above == found else str(above), "folders": studio.places.folders(found)}


@router.post("/p/{key}/api/forget")
def forget(studio: Shared, project: Here) -> dict[str, Any]:
    """Take a project from the list; nothing of it is removed."""
    studio.home.forget(project.key)
    return {"folder": str(project.folder)}


@router.get("/p/{key}")
def enter(project: Here) -> RedirectResponse:
    """Lead to the first room."""
    return RedirectResponse(f"/p/{project.key}/data", 307)


def _card(project: Project) -> dict[str, Any]:
    job = _last(project)
    return {
        "key": project.key,
        "name": project.name,
        "data": str(project.data),
        "card": read_card(project),
        "pairs": len(project.names("pairs")),
        "last": None if job is None else {"title": job.order.title, "state": STATES[job.state], "at": _when(job.order.asked)},
    }


def _last(project: Project) -> Job | None:
    """Return the job that was asked for last, checks of the data aside."""
    for folder in sorted((project.folder / "jobs").glob("[0-9]*-*"), reverse=True):
        if not folder.name.endswith("-check"):
            try:
                return Job(folder)
            except DataError:
                continue
    return None


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
