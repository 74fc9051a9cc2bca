"""What `flawsmith check` says of a project's data: run as a job when they are new or changed, its report taken into the database."""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError, FileError
from flawsmith.core.files import read_json
from flawsmith.core.paths import inside, relative
from flawsmith.studio.card import write_card
from flawsmith.studio.database import Database
from flawsmith.studio.jobs.job import DONE, QUEUED, RUNNING, STOPPED, Job, Order
from flawsmith.studio.listing import TO_MEND, WARNING, database, reading
from flawsmith.studio.project import Project

KIND, REPORT = "check", "check.json"  # of jobs; the report in the project
MOST = 20_000  # findings of a kind that pages show; all are in the report
TABLES = """
CREATE TABLE IF NOT EXISTS checked (
    one INTEGER PRIMARY KEY CHECK (one = 1), job TEXT NOT NULL, stamp TEXT NOT NULL, report TEXT NOT NULL, error TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS spots (kind TEXT PRIMARY KEY, areas TEXT NOT NULL, sides TEXT NOT NULL, places TEXT NOT NULL);
"""
_taking: dict[Path, threading.Thread] = {}  # by the project's folder
_APART = ("problems", "warnings", "spots")  # parts of the report that have tables of their own


@dataclass(frozen=True)
class Checked:
    """What the last check said."""

    report: Mapping[str, Any] | None = None  # without findings and places; None where there is none
    stamp: str = ""  # of the data that it is about
    error: str = ""  # why there is none, or none of the data as they are


@dataclass(frozen=True)
class Finding:
    """Something wrong with a file, or to be looked at."""

    path: str  # as seen from the data's root
    message: str
    name: str | None  # of the picture that it is about, where there is one

    def to_json(self) -> dict[str, Any]:
        """Return it for pages."""
        return dict(vars(self))


def order(project: Project) -> Order:
    """Return the job that checks the data as they are."""
    arguments = ("check", str(project.data), "--report", str(project.folder / REPORT), *project.label_options)
    return Order(KIND, "Check of the data", arguments, {"stamp": reading(project).stamp})


def newest(project: Project) -> Job | None:
    """Return the last check that was asked for."""
    for folder in sorted((project.folder / "jobs").glob(f"[0-9]*-{KIND}"), reverse=True):
        try:
            return Job(folder)
        except DataError:
            continue  # damaged, or just being written
    return None


def is_due(project: Project) -> bool:
    """Whether the data are read, and no check of them as they are was asked for."""
    now, job = reading(project), newest(project)
    if not now.stamp or now.error:
        return False
    if job is not None and job.state in (QUEUED, RUNNING):
        return False
    return now.stamp not in ("" if job is None else job.order.about.get("stamp"), checked(project).stamp)


def take(project: Project) -> str:
    """Have what the last check found taken into the database, in the background, where it has ended since.

    Returns the state of its job, which runs until that is done; "" where there is none.
    """
    job = newest(project)
    if job is None:
        return ""
    state = job.state
    if state in (QUEUED, RUNNING):
        return state
    known = _tables(project).one("SELECT job FROM checked")
    if known is not None and known["job"] == job.id:
        return state
    thread = _taking.get(project.folder)
    if thread is None or not thread.is_alive():
        thread = threading.Thread(target=_take, args=(project, job), name="check", daemon=True)
        _taking[project.folder] = thread
        thread.start()
    return RUNNING


def checked(project: Project) -> Checked:
    """Return what the last check said that was taken."""
    row = _tables(project).one("SELECT * FROM checked")
    return Checked(json.loads(row["report"]), row["stamp"], row["error"]) if row else Checked()


def findings(project: Project, which: str, offset: int = 0, count: int = 100, name: str = "") -> list[Finding]:
    """Return findings of a list, TO_MEND or WARNING, by path; name: those about this picture alone."""
    condition, values = ("list = ? AND name = ?", (which, name)) if name else ("list = ?", (which,))
    query = f"SELECT path, message, name FROM findings WHERE {condition} ORDER BY rowid LIMIT ? OFFSET ?"
    return [Finding(*row) for row in database(project).rows(query, (*values, count, offset))]


def spots(project: Project, kind: str) -> tuple[list[int], list[int], list[list[int]]] | None:
    """Return areas, sides and places of the labels of a kind, see dataset.spots.Spots; None where it has none."""
    row = _tables(project).one("SELECT areas, sides, places FROM spots WHERE kind = ?", (kind,))
    return None if row is None else (json.loads(row["areas"]), json.loads(row["sides"]), json.loads(row["places"]))


def kinds(project: Project) -> list[str]:
    """Return the kinds of defect whose labels the last check has seen."""
    return [row["kind"] for row in _tables(project).rows("SELECT kind FROM spots ORDER BY kind")]


def _take(project: Project, job: Job) -> None:
    if job.state != DONE:
        _note(project, job, "The check was stopped." if job.state == STOPPED else job.error or "The check did not end well.")
        return
    try:
        report = read_json(project.folder / REPORT)
        root, lists = Path(report["root"]), {TO_MEND: report["problems"][:MOST], WARNING: report["warnings"][:MOST]}
        names = _pictures_of(project, root)
        rows = [(which, each["path"], each["message"], _picture(each, names)) for which, found in lists.items() for each in found]
        places = [(kind, *(json.dumps(said[part]) for part in ("areas", "sides", "places"))) for kind, said in report["spots"].items()]
        said = {key: value for key, value in report.items() if key not in _APART}
        said["findings"] = {TO_MEND: len(report["problems"]), WARNING: len(report["warnings"])}
    except (FileError, KeyError, TypeError) as error:
        _note(project, job, f"{project.folder / REPORT}: is no report of `flawsmith check` ({error}). Check the data again.")
        return
    stamp = str(job.order.about.get("stamp", ""))
    with _tables(project).writing() as to:
        to.execute("INSERT OR REPLACE INTO checked VALUES (1, ?, ?, ?, '')", (job.id, stamp, json.dumps(said)))
        to.execute("DELETE FROM findings")
        to.execute("DELETE FROM spots")
        to.many("INSERT INTO findings VALUES (?, ?, ?, ?)", rows)
        to.many("INSERT INTO spots VALUES (?, ?, ?, ?)", places)
    write_card(project)


def _note(project: Project, job: Job, error: str) -> None:
    """Note why a check brought nothing; what the one before said stays."""
    before = checked(project)
    with _tables(project).writing() as to:
        to.execute("INSERT OR REPLACE INTO checked VALUES (1, ?, ?, ?, ?)", (job.id, before.stamp, json.dumps(before.report), error))


def _pictures_of(project: Project, root: Path) -> dict[str, list[str]]:
    """Return the names of the pictures that a path in a finding, as seen from the root, is about: itself, or those that it labels."""
    found = {row["name"]: [row["name"]] for row in database(project).rows("SELECT name FROM pictures")}
    start = f"{root}{os.sep}"
    for row in database(project).rows("SELECT DISTINCT file, name FROM labels WHERE file IS NOT NULL"):
        path = os.fsdecode(row["file"])
        own = path[len(start) :].replace(os.sep, "/") if path.startswith(start) else relative(Path(path), root)
        found.setdefault(inside(own), []).append(row["name"])
    return found


def _picture(finding: Mapping[str, str], names: Mapping[str, list[str]]) -> str | None:
    """Return the picture that a finding is about: of several that a file labels the one that its message begins with."""
    about = names.get(inside(finding["path"]), [])
    if len(about) == 1:
        return about[0]
    written = finding["message"].split(": ", 1)[0]
    return next((name for name in about if name.rsplit("/", 1)[-1] == written), None)


def _tables(project: Project) -> Database:
    database(project).table(TABLES)
    return project.database
