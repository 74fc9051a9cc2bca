"""The first page: the projects that are known, and how another is begun."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, RedirectResponse

from flawsmith.core.errors import DataError
from flawsmith.studio.state import Here, Shared
from flawsmith.studio.views import page

router = APIRouter()


class Opening(BaseModel):
    """A folder to open, or the name of a project for pictures that will be brought to it."""

    path: str = Field("", max_length=4096)
    name: str = Field("", max_length=64)


@router.get("/")
def show(request: Request, studio: Shared) -> HTMLResponse:
    """Show the projects."""
    return page(request, "projects", projects=studio.home.projects(), home=str(studio.home.folder))


@router.post("/api/projects")
def begin(studio: Shared, asked: Opening) -> dict[str, Any]:
    """Open the project of a folder, or make one without pictures; returns its address."""
    if bool(asked.path) == bool(asked.name.strip()):
        raise DataError("Give the path of a folder, or a name for a new project.")
    project = studio.home.open(studio.places.checked(asked.path)) if asked.path else studio.home.new(asked.name.strip())
    return {"key": project.key, "address": f"/p/{project.key}/data"}


@router.post("/p/{key}/api/forget")
def forget(studio: Shared, project: Here) -> dict[str, Any]:
    """Take a project from the list; nothing of it is removed."""
    studio.home.forget(project.key)
    return {"folder": str(project.folder)}


@router.get("/p/{key}")
def enter(project: Here) -> RedirectResponse:
    """Lead to the first room."""
    return RedirectResponse(f"/p/{project.key}/data", 307)
