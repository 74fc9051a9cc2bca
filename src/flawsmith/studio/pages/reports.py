"""How good pairs are, and whether they help a detector: /p/KEY/reports."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, Response

from flawsmith.images.files import read_image
from flawsmith.studio import reports
from flawsmith.studio.jobs.job import Order
from flawsmith.studio.pages.jobs import described
from flawsmith.studio.pairs_index import sets
from flawsmith.studio.pictures import check_allowed, picture, small, thumbnail
from flawsmith.studio.project import Project
from flawsmith.studio.reports import PAGE, SHEET, Benefit, Evaluation
from flawsmith.studio.state import Here, Shared, Studio
from flawsmith.studio.views import page

router = APIRouter(prefix="/p/{key}")
Room = Literal["reports", "pairs"]  # of what has a report
SIDE = 360  # pixels of a small sheet

# A report is one file without scripts. Whatever else stands in one does nothing.
SHUT = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "unsafe-none",  # a browser shows no page that is in a sandbox and asks for another
    "Cache-Control": "private, no-cache",
}


@router.get("/reports")
def show(request: Request, project: Here) -> HTMLResponse:
    """Show the reports, and what can be measured."""
    shown, kept = reports.listed(project), reports.of_sets(project)
    return page(request, "reports", project, "reports", reports=shown, kept=kept, sets=sets(project), measurable=reports.measurable())


@router.get("/api/reports")
def listed(project: Here) -> list[dict[str, Any]]:
    """Return the reports, the newest first."""
    return reports.listed(project)


@router.post("/api/reports/evaluate")
def evaluate(project: Here, studio: Shared, wish: Evaluation) -> dict[str, Any]:
    """Evaluate a set of pairs; returns the job."""
    return _asked(project, studio, reports.evaluation(project, wish))


@router.post("/api/reports/benefit")
def benefit(project: Here, studio: Shared, wish: Benefit) -> dict[str, Any]:
    """Measure what pairs are worth to a detector; returns the job."""
    return _asked(project, studio, reports.benefit(project, wish))


@router.post("/api/reports/benefit/time")
def estimate(wish: Benefit) -> dict[str, float]:
    """Return about how many hours a benefit takes."""
    return {"hours": reports.hours(wish)}


@router.post("/api/reports/resume/{name}")
def resume(project: Here, studio: Shared, name: str) -> dict[str, Any]:
    """Go on with a report that is not finished; returns the job."""
    return _asked(project, studio, reports.again(project, name))


@router.get("/{room}/{name}/report.html")
def read(project: Here, room: Room, name: str) -> Response:
    """Show a report, which can neither run nor load anything."""
    path = project.place(room, name) / PAGE
    check_allowed(project, path)
    return FileResponse(path, media_type="text/html", headers=SHUT)


@router.get("/pairs/{name}/sheet.png")
def sheet(project: Here, name: str) -> Response:
    """Show the contact sheet of a set."""
    return picture(project, project.place("pairs", name) / SHEET)


@router.get("/api/reports/sheet/{name}")
def small_sheet(project: Here, name: str) -> Response:
    """Show the contact sheet of a set, small."""
    path = project.place("pairs", name) / SHEET
    return thumbnail(project, f"sheet {SIDE}", (path,), lambda: small(read_image(path), SIDE))


def _asked(project: Project, studio: Studio, order: Order) -> dict[str, Any]:
    return described(studio.scheduler.ask(project.folder / "jobs", order))
