"""People accept and reject pairs: /p/KEY/review, the sets, and /p/KEY/review/NAME, the queue of one."""

from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from flawsmith.core.errors import DataError
from flawsmith.pairs import review
from flawsmith.pairs.pair import PlacedDefect
from flawsmith.pairs.review import LONGEST, MOST_REASONS
from flawsmith.quality.ratings import told
from flawsmith.studio import pairs_index, review_board, review_queue
from flawsmith.studio.appended import Reach
from flawsmith.studio.pairs_index import bounds_of, folder_of, pair_of, row_of
from flawsmith.studio.pictures import picture
from flawsmith.studio.project import Project
from flawsmith.studio.reading import is_reading, renew
from flawsmith.studio.review_pictures import mask_path, pair_thumbnail, real_crop, real_defects
from flawsmith.studio.review_queue import Wanted
from flawsmith.studio.state import Here
from flawsmith.studio.views import page

router = APIRouter(prefix="/p/{key}")
MOST = 200  # pairs that are shown at once
MOST_AT_ONCE = 50_000  # pairs of one decision
REASONS = (  # for the keys 1 to 9
    "does not look real",
    "its border shows",
    "too faint",
    "too strong",
    "in the wrong place",
    "another kind of defect",
    "mask does not fit",
    "copy of a real one",
    "the rest of the picture changed",
)

Id = Annotated[str, Query(max_length=200)]
Reason = Annotated[str, Field(max_length=60)]
Ids = Annotated[list[str], Query(max_length=MOST)]


class Reviewer(BaseModel):
    """Who acts."""

    reviewer: str = Field(max_length=4 * LONGEST)


class Decision(Reviewer):
    """What somebody decides of pairs."""

    ids: list[str] = Field(min_length=1, max_length=MOST_AT_ONCE)
    decision: str
    reasons: list[Reason] = Field([], max_length=MOST_REASONS)


class Reasons(BaseModel):
    """For what the project's pairs are rejected, in the order of the keys."""

    reasons: list[Reason] = Field(max_length=len(REASONS))  # none: as usual


@router.get("/review")
def show(request: Request, project: Here) -> HTMLResponse:
    """Show the sets of pairs, and how far each is reviewed."""
    return page(request, "sets", project, "review", sets=overview(project))


@router.get("/review/{name}")
def show_queue(request: Request, project: Here, name: str) -> HTMLResponse:
    """Show the queue of one set."""
    folder_of(project, name)
    renew(project)  # real defects are shown beside the pairs
    return page(request, "review", project, "review", name=name, reasons=project.settings.reasons or REASONS, usual=REASONS)


@router.post("/api/reasons")
def change_reasons(project: Here, asked: Reasons) -> list[str]:
    """Change the reasons for rejections of this project; what was decided before keeps its own."""
    found = [" ".join(each.split()) for each in asked.reasons]
    if "" in found or len(set(found)) < len(found):
        raise DataError("Each reason is a text of its own: one is empty, or there twice.")
    project.change(reasons=[] if tuple(found) == REASONS else found)
    return found


@router.get("/api/review")
def overview(project: Here) -> list[dict[str, Any]]:
    """Return the sets of pairs, the newest first, and how far each is reviewed."""
    return [{"name": name, **state(project, name)} for name in pairs_index.sets(project)]


@router.get("/api/review/{name}")
def state(project: Here, name: str) -> dict[str, Any]:
    """Return how many pairs of a set there are, how many are decided, and how much of its rows has been read."""
    reach, acts = pairs_index.look(project, name), review_board.look(project, name)
    read = 1.0 if reach.complete else reach.place / reach.size
    return {**_counts(project, name, reach, acts), "read": read, "error": reach.error, "acts": acts.count}


@lru_cache(maxsize=64)
def _counts(project: Project, name: str, _reach: Reach, _acts: Reach) -> dict[str, Any]:
    """Return the counts of a set, once for each state of its files."""
    return review_queue.counts(project, name)


@router.get("/api/review/{name}/order")
def order(
    project: Here,
    name: str,
    sort: str = "made",
    down: bool = False,
    kind: str = "",
    verdict: str = "",
    reviewer: str = "",
    decision: str = "",
) -> Response:
    """Return the ids of pairs in the order and with the filters that are asked for (`review_queue.Wanted`)."""
    known = state(project, name)
    ids = review_queue.order(project, name, Wanted(sort, down, kind, verdict, reviewer, decision))
    return JSONResponse({"ids": ids, **known})  # as it is: looking at each of 20,000 ids takes longer than sorting them


@router.get("/api/review/{name}/items")
def items(project: Here, name: str, id: Ids) -> list[dict[str, Any]]:
    """Return what is known of some pairs from their rows and decisions."""
    folder_of(project, name)
    return review_queue.items(project, name, id)


@router.get("/api/review/{name}/changes")
def changes(project: Here, name: str, after: int) -> dict[str, Any]:
    """Return the pairs of which anything was decided after an act; "acts" is the number of acts until now.

    "again" says that there are more changes than are told, or that the acts are others than before: what is shown is to be asked anew.
    """
    known = state(project, name)
    ids = review_queue.changed_after(project, name, after, MOST + 1) if 0 <= after <= known["acts"] else []
    again = len(ids) > MOST or not 0 <= after <= known["acts"]
    return {**known, "again": again, "items": review_queue.items(project, name, ids[:MOST])}


@router.get("/api/review/{name}/pair")
def pair(project: Here, name: str, id: Id) -> dict[str, Any]:
    """Return what stands beside a pair: its scores with their limits in words, and the real defects to compare it with."""
    found, folder = pair_of(project, name, id), folder_of(project, name)
    normal = folder.normal_path(found)
    placed = found.placed() or (PlacedDefect(found.defect, scores=found.scores),)
    bounds = bounds_of(folder)
    return {
        "id": id,
        "scores": [{"kind": one.defect, "area": one.area, "told": [asdict(each) for each in told(one, bounds)]} for one in placed],
        "weakest": row_of(project, name, id)["weakest"],
        "reading": is_reading(project),
        "real": [{"kind": real.kind, "name": real.name, "why": real.why} for real in real_defects(project, found)],
        "normal": normal is not None and project.allowed(normal),
        "severity": found.severity,
        "attempt": found.attempt,
    }


@router.get("/api/review/{name}/picture")
def show_picture(project: Here, name: str, id: Id) -> Response:
    """Return a pair's picture."""
    return picture(project, folder_of(project, name).image_path(pair_of(project, name, id)))


@router.get("/api/review/{name}/mask")
def show_mask(project: Here, name: str, id: Id) -> Response:
    """Return a pair's mask as it counts now."""
    review_board.look(project, name)
    return picture(project, mask_path(project, name, pair_of(project, name, id)))


@router.get("/api/review/{name}/normal")
def show_normal(project: Here, name: str, id: Id) -> Response:
    """Return the normal that a pair was made on."""
    found = folder_of(project, name).normal_path(pair_of(project, name, id))
    if found is None:
        raise HTTPException(404)
    return picture(project, found)


@router.get("/api/review/{name}/thumbnail")
def show_thumbnail(request: Request, project: Here, name: str, id: Id, outline: bool = False) -> Response:
    """Return a small picture of a pair's largest defect."""
    return pair_thumbnail(project, name, pair_of(project, name, id), outline, request.headers.get("if-none-match", ""))


@router.get("/api/review/{name}/real")
def show_real(request: Request, project: Here, name: str, id: Id, number: int) -> Response:
    """Return one of the real defects beside a pair."""
    found = real_defects(project, pair_of(project, name, id))
    if not 0 <= number < len(found):
        raise HTTPException(404)
    return real_crop(project, found[number], request.headers.get("if-none-match", ""))


@router.post("/api/review/{name}/decide")
def decide(project: Here, name: str, asked: Decision) -> dict[str, Any]:
    """Note a decision on pairs; on several it is one step to undo."""
    pairs_index.look(project, name)
    if missing := review_queue.missing(project, name, asked.ids):
        raise DataError(f"{name} has no accepted pair {missing[0]}.")
    return _act(project, name, asked.ids, lambda out: review.decide(out, _name(asked), asked.ids, asked.decision, asked.reasons))


@router.post("/api/review/{name}/undo")
def undo(project: Here, name: str, asked: Reviewer) -> dict[str, Any]:
    """Take back what somebody decided last; "ids" are the pairs it was about, none where there was nothing."""
    review_board.look(project, name)
    ids = review_board.next_step(project, name, _name(asked), undone=False)
    return _act(project, name, ids, lambda out: review.undo(out, _name(asked))) if ids else _nothing(project, name)


@router.post("/api/review/{name}/redo")
def redo(project: Here, name: str, asked: Reviewer) -> dict[str, Any]:
    """Do again what somebody undid last."""
    review_board.look(project, name)
    ids = review_board.next_step(project, name, _name(asked), undone=True)
    return _act(project, name, ids, lambda out: review.redo(out, _name(asked))) if ids else _nothing(project, name)


def _act(project: Project, name: str, ids: list[str], write: Callable[[Path], None]) -> dict[str, Any]:
    """Write to the review, and return the pairs it is about as they are now."""
    write(folder_of(project, name).folder)
    review_board.look(project, name)
    return {"ids": ids, "items": review_queue.items(project, name, ids[:MOST])}


def _nothing(project: Project, name: str) -> dict[str, Any]:
    folder_of(project, name)
    return {"ids": [], "items": []}


def _name(asked: Reviewer) -> str:
    return review.checked_reviewer(asked.reviewer)
