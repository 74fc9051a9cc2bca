"""Pictures brought in the browser: /new, a new project; /new?project=KEY, more of one."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse

from flawsmith.core.disk import size
from flawsmith.studio import reading
from flawsmith.studio.incoming import MOST_BYTES, MOST_FILES, require_own
from flawsmith.studio.state import Shared
from flawsmith.studio.taking import LABELS, Place
from flawsmith.studio.views import page

router = APIRouter()


class Announced(BaseModel):
    """What will be brought."""

    files: int = Field(ge=1)
    bytes: int = Field(ge=0)


class Finish(BaseModel):
    """What becomes of it: a new project of this name, or more of the data of one."""

    name: str = Field("", max_length=64)
    project: str = Field("", max_length=64)


@router.get("/new")
def show(request: Request, studio: Shared, project: str = "") -> HTMLResponse:
    """Show where pictures are dropped; project: the key of the one that gets them."""
    found = studio.home.project(project) if project else None
    if found is not None:
        require_own(found)
    limits = f"At most {MOST_FILES:,} files and {size(MOST_BYTES)} at once, {size(studio.upload)} each."
    return page(request, "bring", found, "data", to=project, limits=limits, labels=", ".join(LABELS))


@router.post("/api/incoming")
def begin(studio: Shared, said: Announced) -> dict[str, Any]:
    """Make room for what will be brought; returns its name."""
    return {"id": studio.incoming.begin(said.files, said.bytes)}


@router.post("/incoming/{id}/api/upload")
async def receive(
    request: Request,
    studio: Shared,
    id: str,
    name: Annotated[str, Query(max_length=2000)],
    place: Literal["whole", "normal", "defect", "mask"] = "whole",
    kind: Annotated[str, Query(max_length=200)] = "",
) -> dict[str, Any]:
    """Store one file, whose content is the body; returns what was left out of an archive."""
    try:
        return {"left": await studio.incoming.receive(id, Place(place, kind), name, request.stream())}
    except ClientDisconnect:
        raise HTTPException(400, f"{name}: did not come to its end.") from None


@router.post("/api/incoming/{id}/finish")
def finish(studio: Shared, id: str, said: Finish) -> dict[str, Any]:
    """Make a project of what was brought; returns its address."""
    to = studio.home.project(said.project) if said.project else None
    project = studio.incoming.finish(id, said.name.strip() or "Pictures", to)
    reading.renew(project)
    return {"key": project.key, "address": f"/p/{project.key}/data"}


@router.post("/api/incoming/{id}/cancel")
def cancel(studio: Shared, id: str) -> dict[str, Any]:
    """Remove what was brought so far."""
    studio.incoming.cancel(id)
    return {}
