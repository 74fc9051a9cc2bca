"""Pages: jinja2 templates beside this file and those of the reports, on one base of styles."""

from functools import cache
from typing import Any

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from flawsmith.reports.page import plain
from flawsmith.studio.project import Project

# what stands in the head of a project's pages: address, name
ROOMS = (
    ("data", "Data"),
    ("label", "Label"),
    ("fit", "Fit"),
    ("generate", "Generate"),
    ("review", "Review"),
    ("reports", "Reports"),
    ("export", "Export"),
    ("jobs", "Jobs"),
)


@cache
def environment() -> Environment:
    """Return what renders templates: every text is escaped, and a name that is not there is an error."""
    loader = ChoiceLoader([PackageLoader("flawsmith.studio"), PackageLoader("flawsmith.reports")])
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters["plain"] = plain
    return found


def page(request: Request, template: str, project: Project | None = None, room: str = "", status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page: templates/TEMPLATE.html.j2 extends layout.html.j2, which shows where in the project one is.

    room: of ROOMS. `values` are the template's own.
    """
    base = f"/p/{project.key}" if project else ""
    values |= {"request": request, "project": project, "room": room, "rooms": ROOMS, "base": base}
    return HTMLResponse(environment().get_template(f"{template}.html.j2").render(values), status)
