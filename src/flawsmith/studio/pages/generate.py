"""Making pairs: what is asked for, a plan of it, and the pictures as they come: /p/KEY/generate, and /p/KEY/generate/SET."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from flawsmith.images.files import image_size, read_image
from flawsmith.reports.drawing import crop_picture, outline, to_display, view
from flawsmith.reports.verdicts import meanings
from flawsmith.studio import bits, listing, pairs_index, pictures, regions, sets
from flawsmith.studio.jobs.job import QUEUED, RUNNING
from flawsmith.studio.jobs.scheduler import waits_for
from flawsmith.studio.pages.jobs import described
from flawsmith.studio.sources import BASE, sources
from flawsmith.studio.state import Here, Shared
from flawsmith.studio.views import page

router = APIRouter(prefix="/p/{key}")
Known = Annotated[str, Header(alias="if-none-match")]
Offset = Annotated[int, Query(ge=0)]
Count = Annotated[int, Query(ge=1, le=500)]
EXAMPLE = 96  # pixels of a picture's part around an example, at least
MOST_COUNT = 1_000_000


class Wanted(BaseModel):
    """A set of pairs to make: the fields of `sets.Wish`."""

    name: str = Field("pairs", max_length=64)
    count: int = Field(ge=1, le=MOST_COUNT)
    source: str = Field(BASE, max_length=64)
    kinds: list[str] = Field([], max_length=1000)
    normals: list[str] = Field([], max_length=sets.MOST_PICTURES)
    regions: bool = False
    size: str = Field("", max_length=40)
    severity: str = Field("1", max_length=40)
    per_image: str = Field("1", max_length=40)
    mix: bool = False
    like: list[str] = Field([], max_length=sets.MOST_PICTURES)
    strength: float = Field(0.5, ge=0, le=1)
    mask: str = Field("exact", max_length=16)
    seed: int = Field(0, ge=0, le=2**53)
    start: int = Field(0, ge=0, le=10**9)
    settings: list[str] = Field([], max_length=50)
    threads: int = Field(0, ge=0, le=1024)

    def wish(self) -> sets.Wish:
        """Return it as what is asked for."""
        said = self.model_dump(exclude={"name"})
        said["settings"] = [line.strip() for line in self.settings if line.strip()]
        return sets.wish_from(said)


class Painted(BaseModel):
    """A region that was painted on a normal."""

    picture: str = Field(max_length=4096)
    mask: str  # as `bits.pack` writes it


class More(BaseModel):
    """How many more pairs are wanted than before; 0: only those that were."""

    count: int = Field(0, ge=0, le=MOST_COUNT)


@router.get("/generate")
def show(request: Request, project: Here) -> HTMLResponse:
    """Show what pairs can be made from, and the sets there are."""
    return page(request, "generate", project, "generate", given=overview(project), name=sets.free_name(project))


@router.get("/generate/{name}")
def show_set(request: Request, project: Here, name: str) -> HTMLResponse:
    """Show one set as it is made."""
    return page(request, "making", project, "generate", made=sets.set_of(project, name).to_json())


@router.get("/api/generate")
def overview(project: Here) -> dict[str, Any]:
    """Return what pairs can be made from, the normals with a region, and the sets."""
    numbers = listing.numbers(project)
    return {
        "sources": [one.to_json() for one in sources(project)],
        "kinds": numbers["kinds"],
        "normals": numbers["roles"][listing.NORMAL],
        "regions": regions.regions(project),
        "sets": [one.to_json() for one in sets.sets_of(project)],
    }


@router.get("/api/sets")
def listed(project: Here) -> list[dict[str, Any]]:
    """Return the sets, those that changed last first."""
    return [one.to_json() for one in sets.sets_of(project)]


@router.post("/api/sets")
def begin(studio: Shared, project: Here, asked: Wanted) -> dict[str, Any]:
    """Have a set made; return it."""
    return sets.start(project, studio.scheduler, asked.name.strip(), asked.wish()).to_json()


@router.post("/api/generate/command")
def command(project: Here, asked: Wanted) -> dict[str, str]:
    """Return the command that would make a set; nothing is written."""
    return {"command": sets.command(project, asked.name.strip(), asked.wish())}


@router.post("/api/generate/plan")
def plan(studio: Shared, project: Here, asked: Wanted) -> dict[str, Any]:
    """Have a plan drawn; return its job."""
    return described(sets.plan(project, studio.scheduler, asked.wish()))


@router.get("/api/generate/plan")
def planned(project: Here) -> Response:
    """Return the plan that was drawn last as a picture."""
    return pictures.picture(project, project.folder / sets.REQUESTS / sets.PLANNED / "out" / "plan.png")


@router.get("/api/generate/example")
def example(project: Here, kind: str, known: Known = "") -> Response:
    """Return a real defect of a kind, the part of a picture around it, small; a 404 where there is none."""
    found = next((one for one in listing.listed(project, 0, 20, listing.Which(kind=kind)) if one.shown), None)
    labels = [] if found is None else [label for label in listing.masks_of(project, found.name) if label.kind == kind]
    if found is None or not labels:
        raise HTTPException(404)
    path = listing.picture_of(project, found.name)
    files = tuple(dict.fromkeys((path, *(file for label in labels for file in label.files))))
    return pictures.thumbnail(project, f"example {kind}", files, lambda: _example(path, labels[0]), known)


@router.post("/api/regions")
def paint(project: Here, asked: Painted) -> dict[str, int]:
    """Keep the region that was painted on a normal; an empty one is taken away. Returns the pixels of all regions by name."""
    size = image_size(listing.picture_of(project, asked.picture))
    regions.save(project, asked.picture, bits.unpack(asked.mask, size))
    return regions.regions(project)


@router.get("/api/regions/mask")
def region(project: Here, picture: str) -> Response:
    """Return the region of a normal as a grey picture of 0 and 255; a 404 where it has none."""
    path = regions.region_of(project, picture)
    if path is None:
        raise HTTPException(404)
    return pictures.picture(project, path)


@router.get("/api/sets/{name}")
def state(project: Here, name: str) -> dict[str, Any]:
    """Return a set, how many attempts have which verdict, and which checks refused them."""
    found = sets.set_of(project, name)
    if found.begun:
        pairs_index.look(project, name)
    verdicts, refusals = pairs_index.tally(project, name)
    asks = meanings()
    return {
        "set": found.to_json(),
        "verdicts": verdicts,
        "refused": [{"check": check, "count": count, "asks": asks.get(check, "")} for check, count in refusals.items()],
        "before": waits_for(project.folder / "jobs") if found.state == QUEUED else "",
    }


@router.get("/api/sets/{name}/wish")
def wish(project: Here, name: str) -> dict[str, Any]:
    """Return what a set was asked for; a 404 where nobody knows."""
    found = sets.set_of(project, name).wish
    if found is None:
        raise HTTPException(404)
    return asdict(found)


@router.get("/api/sets/{name}/pictures")
def made(project: Here, name: str, offset: Offset = 0, count: Count = 100) -> dict[str, Any]:
    """Return accepted pairs of a set, the newest first, and how many there are."""
    total, rows = pairs_index.newest(project, sets.set_of(project, name).name, offset, count)
    return {"total": total, "items": [{"id": row["id"], "kind": row["defect"], "size": row["size"]} for row in rows]}


@router.post("/api/sets/{name}/stop")
def stop(project: Here, name: str) -> dict[str, Any]:
    """Ask a set's job to stop after the attempt it is at."""
    found = sets.set_of(project, name)
    if found.job is None or found.state not in (QUEUED, RUNNING):
        raise HTTPException(409, found.reason() or "It is at rest already.")
    found.job.stop()
    return sets.set_of(project, name).to_json()


@router.post("/api/sets/{name}/resume")
def resume(studio: Shared, project: Here, name: str, asked: More) -> dict[str, Any]:
    """Have a set go on: up to its count, or with so many more."""
    return sets.go_on(project, studio.scheduler, sets.set_of(project, name), asked.count).to_json()


def _example(path: Path, label: listing.Label) -> np.ndarray:
    with pictures.decoding(path):
        image, mask = read_image(path), label.read()
    frame = view(mask, EXAMPLE)
    return pictures.small(outline(to_display(crop_picture(image, frame)), crop_picture(mask, frame)))
