"""Drawing and correcting masks: /p/KEY/label?picture=NAME of the data, and /p/KEY/label?pairs=NAME&id=ID of a pair that was made."""

import threading
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response

from flawsmith.core.errors import DataError, FlawsmithError
from flawsmith.dataset.windows import bounding_box
from flawsmith.images.channels import without_alpha
from flawsmith.images.files import image_size, read_image, read_mask
from flawsmith.pairs.review import LONGEST, checked_reviewer, correct_mask
from flawsmith.product.inside import inside_box
from flawsmith.studio import labels, listing, pairs_index, proposals, reading, review_board
from flawsmith.studio.bits import pack, unpack
from flawsmith.studio.listing import HELD_OUT, NORMAL, UNLABELLED, Which
from flawsmith.studio.pairs_index import folder_of, pair_of
from flawsmith.studio.pictures import KEPT, check_allowed, decoding, eight_bit, picture
from flawsmith.studio.project import Project
from flawsmith.studio.review_board import board_of
from flawsmith.studio.review_pictures import mask_path
from flawsmith.studio.state import Here
from flawsmith.studio.views import page

router = APIRouter(prefix="/p/{key}")
OPEN = Which(role=UNLABELLED)
MOST_KINDS = 64  # in one picture
MOST_BOXES = 200  # that are filled at once
HELD = 32_000_000  # values of a picture that stays decoded between two requests
_CORRECTING = threading.Lock()  # of two who correct a pair the second is told
Name = Annotated[str, Query(max_length=4096)]


class Layer(BaseModel):
    """The mask of one kind."""

    kind: str = Field(max_length=200)
    bits: str  # as `bits.pack` makes them


class Saving(BaseModel):
    """What is labelled in a picture."""

    picture: str = Field(max_length=4096)
    version: int = Field(ge=0)  # that it was begun from
    normal: bool = False
    layers: list[Layer] = Field([], max_length=MOST_KINDS)


class Asking(BaseModel):
    """A picture."""

    picture: str = Field(max_length=4096)
    version: int = Field(0, ge=0)


class Correcting(BaseModel):
    """The mask of a pair."""

    pairs: str = Field(max_length=64)
    id: str = Field(max_length=200)
    version: float = Field(ge=0)  # when the correction was made that it was begun from; 0 = the mask that was generated
    reviewer: str = Field(max_length=4 * LONGEST)
    bits: str = ""  # as `bits.pack` makes them; nothing: the generated mask counts again


class Kind(BaseModel):
    """A kind of defect, and what it is to be called."""

    name: str = Field(max_length=200)
    kind: str = Field("", max_length=200)  # that is renamed


class Boxes(BaseModel):
    """Boxes of a picture in which masks are to be started."""

    picture: str = Field(max_length=4096)
    boxes: list[tuple[int, int, int, int]] = Field(min_length=1, max_length=MOST_BOXES)  # left, top, right, bottom


@router.get("/label")
def show(request: Request, project: Here) -> HTMLResponse:
    """Show the room."""
    reading.renew(project)
    return page(request, "label", project, "label")


@router.get("/api/label")
def state(project: Here, picture: Name = "") -> dict[str, Any]:
    """Return what is labelled in a picture: without a name in the first that is unlabelled, or else in the first.

    No picture where there is none, or none of this name yet, as the data are being read.
    """
    busy = reading.is_reading(project)  # asked first: what it finds meanwhile is there afterwards
    name = picture or _first(project)
    if name is None or (busy and not listing.is_listed(project, name)):
        return {"picture": None, "reading": busy, "error": listing.reading(project).error}
    listed = listing.picture(project, name)
    path = listing.picture_of(project, name)
    size = image_size(path)
    drawn = labels.drawn(project, name)
    with decoding(path):
        layers, told = _layers(project, name, size)
    return {
        "picture": name,
        "file": str(path),
        "size": size,
        "version": drawn.version,
        "drawn": bool(drawn.role),
        "normal": listed.role in (NORMAL, HELD_OUT),
        "layers": layers,
        "told": told,
        "boxes": _boxes(project, name),
        "kinds": labels.kinds(project),
        "beside": beside(project, name),
    }


@router.post("/api/label")
def save(project: Here, asked: Saving) -> dict[str, Any]:
    """Save what is labelled in a picture; answers 409 where it was saved by another meanwhile."""
    size = image_size(listing.picture_of(project, asked.picture))
    masks = {layer.kind: unpack(layer.bits, size) for layer in asked.layers}
    try:
        version = labels.save(project, asked.picture, asked.version, masks, asked.normal)
    except labels.Outdated as error:
        raise HTTPException(409, str(error)) from error
    return {"version": version, "beside": beside(project, asked.picture), "kinds": labels.kinds(project)}


@router.post("/api/label/forget")
def forget(project: Here, asked: Asking) -> dict[str, Any]:
    """Have what the data say of a picture count again; `reading` until they are read."""
    try:
        labels.forget(project, asked.picture, asked.version)
    except labels.Outdated as error:
        raise HTTPException(409, str(error)) from error
    reading.renew(project, always=True)
    return {"reading": True}


@router.get("/api/label/reading")
def is_reading(project: Here) -> dict[str, bool]:
    """Return whether the data are being read."""
    return {"reading": reading.is_reading(project)}


@router.post("/api/label/kinds")
def add_kind(project: Here, asked: Kind) -> list[str]:
    """Add a kind of defect; returns all."""
    labels.add_kind(project, asked.name)
    return labels.kinds(project)


@router.post("/api/label/kinds/rename")
def rename_kind(project: Here, asked: Kind) -> list[str]:
    """Rename a kind of defect wherever it is labelled; returns all."""
    if labels.rename_kind(project, asked.kind, asked.name):
        reading.renew(project, always=True)
    return labels.kinds(project)


@router.get("/api/label/pair")
def pair_state(project: Here, pairs: Name, id: Name) -> dict[str, Any]:
    """Return what `state` does, of a pair."""
    pairs_index.look(project, pairs)
    review_board.look(project, pairs)
    pair = pair_of(project, pairs, id)
    path = mask_path(project, pairs, pair)
    check_allowed(project, path)
    mask = read_mask(path)
    version = _corrected_at(project, pairs, id)
    normal = folder_of(project, pairs).normal_path(pair)
    return {
        "picture": id,
        "title": f"Pair {id} of {pairs}",
        "size": mask.shape,
        "version": version,
        "drawn": version > 0,
        "normal": False,
        "layers": [{"kind": pair.defect, "bits": pack(mask)}],
        "told": "",
        "boxes": [],
        "kinds": [pair.defect],
        "beside": None,
        "compare": normal is not None and project.allowed(normal),
    }


@router.post("/api/label/pair")
def correct(project: Here, asked: Correcting) -> dict[str, Any]:
    """Save the corrected mask of a pair; answers 409 where another was saved meanwhile."""
    pairs_index.look(project, asked.pairs)
    pair, folder = pair_of(project, asked.pairs, asked.id), folder_of(project, asked.pairs)
    mask = unpack(asked.bits, image_size(folder.image_path(pair))) if asked.bits else None
    with _CORRECTING:
        review_board.look(project, asked.pairs)
        if _corrected_at(project, asked.pairs, asked.id) != asked.version:
            raise HTTPException(409, f"Pair {asked.id}: its mask was corrected meanwhile; nothing of yours was saved yet.")
        correct_mask(folder.folder, pair, mask, checked_reviewer(asked.reviewer))
        review_board.look(project, asked.pairs)
    return {"version": _corrected_at(project, asked.pairs, asked.id)}


@router.get("/api/label/picture")
def native(project: Here, name: Name) -> Response:
    """Return a picture of the data at its native size."""
    return picture(project, listing.picture_of(project, name))


@router.post("/api/label/proposal")
def propose(project: Here, asked: Asking) -> dict[str, Any]:
    """Return how far the proposal for a picture is; it is begun where there is none."""
    return vars(proposals.propose(project, asked.picture))


@router.get("/api/label/proposal/{made}/{file}")
def proposal(project: Here, made: str, file: str) -> Response:
    """Return a picture of a proposal that is ready: how the picture differs, or the normal that is most like it."""
    path = proposals.file_of(project, made, file)
    check_allowed(project, path)
    return FileResponse(path, media_type="image/png", headers=KEPT)


@router.post("/api/label/inside")
def inside(project: Here, asked: Boxes) -> list[dict[str, Any]]:
    """Return what stands out in boxes of a picture: for each its place and its mask, as `bits.pack` makes it."""
    path = listing.picture_of(project, asked.picture)
    size = image_size(path)
    image = _held(path, path.stat().st_mtime_ns) if size[0] * size[1] * 3 <= HELD else _decoded(path)
    found = []
    for left, top, right, bottom in asked.boxes:
        left, top, right, bottom = max(0, left), max(0, top), min(size[1], right), min(size[0], bottom)
        if left < right and top < bottom:
            mask = inside_box(image, left, top, right, bottom)
            found.append({"left": left, "top": top, "size": mask.shape, "bits": pack(mask)})
    return found


@router.get("/api/label/beside")
def beside_it(project: Here, picture: Name) -> dict[str, Any]:
    """Return what leads from a picture to the others."""
    return beside(project, picture)


def beside(project: Project, name: str) -> dict[str, Any]:
    """Return what leads from a picture to the others: names before and after it, of all and of unlabelled ones, and how many there are."""
    return {
        "number": listing.place(project, name) + 1,
        "count": listing.number(project),
        "open": listing.number(project, OPEN),
        "previous": listing.neighbour(project, name, False),
        "next": listing.neighbour(project, name, True),
        "previousOpen": listing.neighbour(project, name, False, OPEN),
        "nextOpen": listing.neighbour(project, name, True, OPEN),
    }


def _corrected_at(project: Project, pairs: str, id: str) -> float:
    """Return when the mask of a pair was corrected; 0 where the generated one counts."""
    row = board_of(project).one("SELECT at FROM corrections WHERE pairs = ? AND id = ?", (pairs, id))
    return 0.0 if row is None else float(row["at"])


def _first(project: Project) -> str | None:
    for which in (OPEN, listing.ALL):
        if found := listing.listed(project, 0, 1, which):
            return found[0].name
    return None


def _layers(project: Project, name: str, size: tuple[int, int]) -> tuple[list[dict[str, str]], str]:
    """Return the masks of a picture by kind, and what is wrong with those that cannot be read."""
    found: dict[str, np.ndarray] = {}
    told = []
    for label in listing.masks_of(project, name):
        try:
            mask = label.read()
            if mask.shape != size:
                raise DataError("it is of another size than the picture.")
            found[label.kind] = found[label.kind] | mask if label.kind in found else mask
        except (FlawsmithError, ValueError) as error:
            told.append(f"The mask of {label.kind} cannot be read: {error}")
    return [{"kind": kind, "bits": pack(mask)} for kind, mask in found.items()], " ".join(told)


def _boxes(project: Project, name: str) -> list[dict[str, Any]]:
    """Return the boxes of a picture in which masks are to be drawn, in pixels."""
    found = []
    for label in listing.boxes_of(project, name)[:MOST_BOXES]:
        try:
            mask = label.read()
        except FlawsmithError:
            continue  # it was drawn on another picture
        if mask.any():
            box = bounding_box(mask)
            found.append({"kind": label.kind, "box": (box.left, box.top, box.left + box.width, box.top + box.height)})
    return found


@lru_cache(maxsize=1)
def _held(path: Path, _changed: int) -> np.ndarray:
    """Return a picture as `inside_box` takes it; the last is kept, as box after box is drawn in it."""
    return _decoded(path)


def _decoded(path: Path) -> np.ndarray:
    with decoding(path):
        return without_alpha(eight_bit(read_image(path)))
