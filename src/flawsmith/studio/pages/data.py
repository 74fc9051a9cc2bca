"""What was understood of a project's data: /p/KEY/data."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from flawsmith.studio.state import Here
from flawsmith.studio.views import page

router = APIRouter(prefix="/p/{key}")


@router.get("/data")
def show(request: Request, project: Here) -> HTMLResponse:
    """Show a project's data."""
    return page(request, "data", project, "data")
