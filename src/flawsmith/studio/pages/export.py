"""Pairs in the format that somebody trains with: /p/KEY/export."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response, StreamingResponse

from flawsmith.core.errors import DataError
from flawsmith.core.locks import holder
from flawsmith.formats.writers.registry import writers
from flawsmith.studio import exports
from flawsmith.studio.exports import ROOM, Wish
from flawsmith.studio.pages.jobs import described
from flawsmith.studio.pairs_index import sets
from flawsmith.studio.state import Here, Shared
from flawsmith.studio.views import page
from flawsmith.studio.zipped import zipped

router = APIRouter(prefix="/p/{key}")


@router.get("/export")
def show(request: Request, project: Here, pairs: str = "") -> HTMLResponse:
    """Show what can be exported, and what was; pairs: the set that is chosen at first."""
    formats = [{"name": one.name, "description": one.description, "exact": one.exact, "polygons": one.polygons} for one in writers()]
    found = sets(project)
    chosen = pairs if pairs in found else next(iter(found), "")
    return page(request, "export", project, "export", formats=formats, sets=found, chosen=chosen, exports=exports.listed(project))


@router.get("/api/exports")
def listed(project: Here) -> list[dict[str, Any]]:
    """Return the exports, the newest first."""
    return exports.listed(project)


@router.get("/api/exports/review/{pairs}")
def review(project: Here, pairs: str) -> dict[str, Any]:
    """Return what people said of the pairs of a set, before it is exported."""
    return exports.review_of(project, pairs)


@router.post("/api/exports")
def begin(project: Here, studio: Shared, wish: Wish) -> dict[str, Any]:
    """Export as is wished; returns the job."""
    return described(studio.scheduler.ask(project.folder / "jobs", exports.order(project, wish)))


@router.get("/exports/{name}.zip")
def download(project: Here, name: str) -> Response:
    """Send an export as a zip file."""
    folder = project.place(ROOM, name)
    if not folder.is_dir() or not project.allowed(folder):
        raise HTTPException(404)
    if (owner := holder(folder)) is not None:
        raise DataError(f"{name} is being written ({owner}); wait for its end.")
    said = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}.zip", "Cache-Control": "no-store"}
    return StreamingResponse(zipped(folder, name), media_type="application/zip", headers=said)
