"""The exports of a project: each a folder in exports/ and the jobs that wrote it."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from flawsmith.core.errors import ConfigError, DataError
from flawsmith.core.files import read_json
from flawsmith.formats.writers.journal import STATE
from flawsmith.formats.writers.registry import Writer, find_writer
from flawsmith.formats.writers.row import SPLITS
from flawsmith.formats.writers.splitting import parse_shares
from flawsmith.studio import pairs_index, review_board
from flawsmith.studio.jobs.job import DONE, OUT, QUEUED, RUNNING, Job, Order, jobs_by_name
from flawsmith.studio.pairs_index import sets
from flawsmith.studio.project import Project
from flawsmith.studio.review_queue import counts

ROOM = "exports"
KIND = "export"
CARD = "datacard.json"
LISTED = 10  # pictures that came back otherwise than they went out: as many are named


class Wish(BaseModel):
    """What is to be exported, and how."""

    pairs: str = Field(max_length=64)  # name of the set
    to: str = Field(max_length=64)  # format
    name: str = Field(max_length=64)  # of the export's folder
    review: Literal["", "accepted", "unrejected", "ignored"] = ""  # which of the pairs, as `flawsmith export --review` has it
    real: bool = False  # the project's labelled pictures come along
    split: tuple[float, float, float] = (100, 0, 0)  # percent of train, val and test
    polygons: bool = False
    link: bool = False
    marker: bool = True
    normals: bool = True


def review_of(project: Project, name: str) -> dict[str, Any]:
    """Return how many pairs of a set the checks accepted ("pairs"), and how many of these people accepted, rejected, ... ("verdicts").

    "complete" is False while more are being read. Raises a 404 where there is no such set.
    """
    complete = pairs_index.look(project, name).complete and review_board.look(project, name).complete
    found = counts(project, name)
    return {"pairs": found["pairs"], "verdicts": found["verdicts"], "complete": complete}


def order(project: Project, wish: Wish) -> Order:
    """Return the job that exports as is wished. Raises FlawsmithError for what cannot be, such as another format's folder."""
    if wish.pairs not in sets(project):
        raise DataError(f"{wish.pairs!r}: there is no such set of pairs in this project; choose one of the list.")
    writer, into = find_writer(wish.to), project.place(ROOM, wish.name)
    if wish.polygons and not writer.polygons:
        raise ConfigError(f"{writer.name} has no outlines to choose; leave them out.")
    split = ",".join(f"{share:g}" for share in wish.split)
    parse_shares(split)
    _check_same(into, writer, wish.polygons)
    if any(job.state in (QUEUED, RUNNING) for job in jobs_by_name(project.folder / "jobs", (KIND,)).get(wish.name, ())):
        raise DataError(f"{wish.name}: is being exported already; wait for its end, or choose another name.")
    words = ["export", str(project.place("pairs", wish.pairs)), "--to", writer.name, "-o", str(into), "--json", "--split", split]
    words += ["--review", wish.review] if wish.review else []
    words += ["--with", str(project.data), *project.label_options] if wish.real else []
    given = {"--polygons": wish.polygons, "--link": wish.link, "--no-marker": not wish.marker, "--no-normals": not wish.normals}
    words += [option for option, asked in given.items() if asked]
    return Order(KIND, f"Export {wish.pairs} to {writer.name}", tuple(words), {"name": wish.name, "into": str(into), "pairs": wish.pairs})


def listed(project: Project) -> list[dict[str, Any]]:
    """Return what pages show of each export, the newest first, those included that only a job is about."""
    jobs = jobs_by_name(project.folder / "jobs", (KIND,))
    waiting = [name for name in jobs if not project.place(ROOM, name).is_dir()]
    return [_described(project, name, jobs.get(name, ())) for name in (*waiting, *project.names(ROOM))]


def _described(project: Project, name: str, jobs: Sequence[Job]) -> dict[str, Any]:
    folder = project.place(ROOM, name)
    shown = jobs[0].to_json() if jobs else None
    ended = next((job for job in jobs if job.state == DONE), None)
    state, card = _read(folder / STATE), _read(folder / CARD)  # after the jobs: what one that is done wrote is there
    use = ""
    with suppress(ConfigError, KeyError):  # an export of a format that is no longer installed
        use = find_writer(state["to"]).opened(folder)
    return {
        "name": name,
        "folder": str(folder),
        "to": state.get("to", ""),
        "polygons": bool(state.get("options", {}).get("polygons")),
        "pictures": {part: card.get("pictures", {}).get(part, {}) for part in SPLITS},
        "classes": state.get("classes", []),
        "use": use if card else "",
        "ready": bool(card),
        "job": shown,
        "result": None if ended is None else _result(ended.folder / OUT),
    }


def _check_same(folder: Path, writer: Writer, polygons: bool) -> None:
    """Raise DataError for the folder of an export in another form: nothing can be added to it."""
    state = _read(folder / STATE)
    if state and (state.get("to"), bool(state.get("options", {}).get("polygons"))) != (writer.name, polygons):
        form = f"{state.get('to')}{' with outlines' if state.get('options', {}).get('polygons') else ''}"
        raise DataError(f"{folder.name}: holds an export to {form}, to which this one cannot be added. Choose another name.")


@lru_cache(maxsize=64)
def _result(path: Path) -> Mapping[str, Any]:
    """Return what a job printed that is done, in short: its list of every outline may be long. Empty where it cannot be read."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        back = said["round_trip"]
        poor = (back or {}).get("poor" if said["outlines"] else "different", {})
        return {
            "added": said["added"],
            "already_there": said["already_there"],
            "told": said["told"],
            "notes": said.get("notes", []),
            "review": said.get("review"),
            "compared": None if back is None else back["compared"],
            "exact": None if back is None else back["compared"] - len(back["different"]),
            "outlines": bool(said["outlines"]),
            "least": min(said["outlines"].values(), default=None),
            "poor": len(poor),
            "worst": dict(sorted(poor.items(), key=lambda one: one[1])[:LISTED]),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, DataError):
        said = read_json(path)
        return said if isinstance(said, dict) else {}
    return {}
