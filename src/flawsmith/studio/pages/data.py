"""What was understood of a project's data, and its pictures: /p/KEY/data."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from flawsmith.formats.options import ReadOptions
from flawsmith.formats.registry import formats
from flawsmith.images.mask_values import RULES
from flawsmith.studio import checking, figures, listing, pictures, reading
from flawsmith.studio.jobs.job import QUEUED, RUNNING
from flawsmith.studio.listing import TO_MEND, WARNING, Which
from flawsmith.studio.pages.jobs import described
from flawsmith.studio.project import Project
from flawsmith.studio.state import Here, Shared
from flawsmith.studio.views import page

router = APIRouter(prefix="/p/{key}")

WORDS = {"normal": "normal", "held out": "held-out normal", "defect": "with a defect", "unlabelled": "not labelled"}  # roles on pages
Count = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0)]
Known = Annotated[str, Header(alias="if-none-match")]


def _which(
    role: Literal["", "normal", "held out", "defect", "unlabelled"] = "", kind: str = "", text: str = "", bad: bool = False
) -> Which:
    return Which(role=role, kind=kind, text=text[:200], bad=bad)


Asked = Annotated[Which, Depends(_which)]


class Options(BaseModel):
    """How labels are to be read: what is as usual is not kept."""

    format: str = Field("", max_length=64)
    classes: str = Field("", max_length=10_000)
    normals: str = Field("", max_length=4096)
    line_width: float = Field(0.0, ge=0, lt=10_000)
    mask_values: str = Field("auto", max_length=16)
    group_pattern: str = Field("", max_length=1000)


@router.get("/data")
def show(request: Request, project: Here) -> HTMLResponse:
    """Show a project's data."""
    values: dict[str, Any] = {"options": Options(**project.settings.labels), "formats": formats(), "rules": RULES, "roles": WORDS}
    return page(request, "data", project, "data", **values, state=_state(project), **_understood(project))


@router.get("/data/understood")
def understood(request: Request, project: Here) -> HTMLResponse:
    """Return the part of the page that says what was understood, to be put in place of the old one."""
    return page(request, "data_understood", project, "data", **_understood(project))


@router.get("/api/data")
def state(project: Here) -> dict[str, Any]:
    """Return whether the data are being read or checked, and how many pictures there are."""
    return _state(project)


@router.post("/api/data/renew")
def renew(project: Here, always: bool = False) -> dict[str, Any]:
    """Have the data read in the background where they changed, or always."""
    reading.renew(project, always)
    return _state(project)


@router.post("/api/data/check")
def check(project: Here, studio: Shared, again: bool = False) -> dict[str, Any]:
    """Check the data, where they changed since the last time; again: also where not."""
    job = checking.newest(project)
    busy = job is not None and job.state in (QUEUED, RUNNING)
    if not busy and (again or checking.is_due(project)):
        studio.scheduler.ask(project.folder / "jobs", checking.order(project))
    return _state(project)


@router.post("/api/data/options")
def change(project: Here, studio: Shared, asked: Options) -> dict[str, Any]:
    """Read labels in another way from now on."""
    said = {name: value for name, value in asked.model_dump().items() if value != Options.model_fields[name].default}
    if "normals" in said:
        said["normals"] = str(studio.places.checked(said["normals"]))
    ReadOptions(**said)  # raises ConfigError for what cannot be used
    if said.get("format"):
        known = {one.name for one in formats()}
        if said["format"] not in known:
            raise HTTPException(400, f"There is no format {said['format']!r}.")
    project.change(labels=said)
    reading.renew(project, always=True)
    return _state(project)


@router.get("/api/pictures")
def listed(project: Here, which: Asked, offset: Offset = 0, count: Count = 100) -> dict[str, Any]:
    """Return some of the pictures, by name, and how many there are."""
    found = listing.listed(project, offset, count, which)
    names = [each.name for each in found]
    bad, boxed = _bad(project, names), listing.boxed(project, names)
    items = [{**each.to_json(), "bad": each.name in bad, "boxed": each.name in boxed} for each in found]
    return {"total": listing.number(project, which), "items": items}


@router.get("/api/pictures/one")
def one(project: Here, which: Asked, picture: str) -> dict[str, Any]:
    """Return one picture, where it stands among those asked for, and what is wrong with it."""
    found = listing.picture(project, picture)
    said = {name: [each.message for each in checking.findings(project, name, name=picture)] for name in (TO_MEND, WARNING)}
    return {**found.to_json(), "place": listing.place(project, picture, which), "findings": said}


@router.get("/api/findings")
def findings(project: Here, of: Literal["problem", "warning"], offset: Offset = 0, count: Count = 100) -> list[dict[str, Any]]:
    """Return what must be mended, or what should be looked at."""
    return [each.to_json() for each in checking.findings(project, of, offset, count)]


@router.get("/api/thumb")
def thumb(project: Here, picture: str, outline: bool = False, known: Known = "") -> Response:
    """Return a picture made small, with a line round its labels where asked."""
    return figures.small_picture(project, picture, outline, known)


@router.get("/api/picture")
def native(project: Here, picture: str) -> Response:
    """Return a picture at its native size."""
    return pictures.picture(project, listing.picture_of(project, picture))


@router.get("/api/mask")
def mask(project: Here, picture: str, kind: str) -> Response:
    """Return all that is labelled of a kind in a picture, as a grey picture of 0 and 255."""
    labels = [label for label in listing.masks_of(project, picture) if label.kind == kind]
    if not labels:
        raise HTTPException(404)
    with pictures.decoding(listing.picture_of(project, picture)):
        whole = labels[0].read()
        for label in labels[1:]:
            whole = whole | label.read()
        return pictures.mask(whole)


@router.get("/api/places")
def places(project: Here, kind: str, known: Known = "") -> Response:
    """Return a heat map of where the labels of a kind lie."""
    return figures.places(project, kind, known)


def _state(project: Project) -> dict[str, Any]:
    going = checking.take(project)
    job = checking.newest(project)
    now, said = listing.reading(project), checking.checked(project)
    return {
        "reading": reading.is_reading(project),
        "at": now.at,
        "error": now.error,
        "numbers": listing.numbers(project),
        "check": None if job is None else {"id": job.id, "state": going or job.state, "progress": described(job)["progress"]},
        "check_error": said.error,
        "due": checking.is_due(project),
        "of_now": said.stamp == now.stamp,
        "findings": said.report["findings"] if said.report else None,
    }


def _understood(project: Project) -> dict[str, Any]:
    """Return what the part of the page on it needs."""
    said = checking.checked(project)
    kinds = checking.kinds(project)
    return {
        "now": listing.reading(project),
        "numbers": listing.numbers(project),
        "report": said.report,
        "check_error": said.error,
        "drawn": {kind: figures.sizes(project, kind) for kind in kinds},
        "panel": figures.panel(project),
    }


def _bad(project: Project, names: list[str]) -> set[str]:
    """Return those of the pictures about which something must be mended."""
    marks = ",".join("?" * len(names))
    rows = listing.database(project).rows(f"SELECT DISTINCT name FROM findings WHERE list = ? AND name IN ({marks})", (TO_MEND, *names))
    return {row["name"] for row in rows}
