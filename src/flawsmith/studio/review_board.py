"""What people decided of pairs, PROJECT/pairs/NAME/review.jsonl, in the project's database: `flawsmith.pairs.review.fold` on tables.

The file is the truth and the tables only its index: they are filled from it, whoever wrote there, and may be deleted at any time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flawsmith.core.errors import DataError
from flawsmith.pairs.folder import REVIEW
from flawsmith.pairs.review import Board, Change, Correction, Opinion, Step, fold, parse_line, verdict_of
from flawsmith.studio.appended import New, Reach, take
from flawsmith.studio.database import Database, Writing
from flawsmith.studio.pairs_index import ROOM, database, folder_of
from flawsmith.studio.project import Project

AT_ONCE = 1 << 20  # bytes of lines in one transaction
FEW = 500  # values in one statement
TABLES = """
CREATE TABLE IF NOT EXISTS opinions (
    pairs TEXT NOT NULL, id TEXT NOT NULL, reviewer TEXT NOT NULL, decision TEXT NOT NULL, reasons TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (pairs, id, reviewer)
);
CREATE INDEX IF NOT EXISTS opinions_by_reviewer ON opinions (pairs, reviewer, decision);
CREATE TABLE IF NOT EXISTS verdicts (
    pairs TEXT NOT NULL, id TEXT NOT NULL, verdict TEXT NOT NULL, changed INTEGER NOT NULL, PRIMARY KEY (pairs, id)
);
CREATE INDEX IF NOT EXISTS verdicts_by_change ON verdicts (pairs, changed);
CREATE TABLE IF NOT EXISTS corrections (
    pairs TEXT NOT NULL, id TEXT NOT NULL, mask TEXT NOT NULL, reviewer TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (pairs, id)
);
CREATE TABLE IF NOT EXISTS steps (
    pairs TEXT NOT NULL, reviewer TEXT NOT NULL, number INTEGER NOT NULL, undone INTEGER NOT NULL, changes TEXT NOT NULL,
    PRIMARY KEY (pairs, reviewer, number)
);
"""
EACH = ("opinions", "verdicts", "corrections", "steps")


def board_of(project: Project) -> Database:
    """Return a project's database, with the tables of reviews."""
    found = database(project)
    found.table(TABLES)
    return found


def look(project: Project, name: str) -> Reach:
    """Have what was decided of a set in the database, and return how far that is; its count is that of the acts.

    Raises DataError for a line that nobody knows.
    """
    database, path = board_of(project), folder_of(project, name).folder / REVIEW

    def put(to: Writing, new: New) -> None:
        if new.anew:
            for table in EACH:
                to.execute(f"DELETE FROM {table} WHERE pairs = ?", (name,))
        board = Tables(database, to, name)
        for place, text in new.lines:
            try:
                line = parse_line(text)
            except ValueError as error:
                raise DataError(f"{path}: the line at byte {place} {error}; expected what the studio writes.") from error
            if line is not None:
                new.count += 1
                board.now = new.count
                fold(board, line)

    while not (reach := take(database, f"{ROOM}/{name}/{REVIEW}", path, AT_ONCE, put)).complete:
        pass
    return reach


def next_step(project: Project, name: str, reviewer: str, undone: bool) -> list[str]:
    """Return the pairs of the step that a reviewer's undo would take back, or with `undone` the redo do again; [] where there is none."""
    row = _next(board_of(project), name, reviewer, undone)
    return [] if row is None else [change.id for change in _changes(row[1])]


class Tables(Board):
    """A board in the tables of one set of pairs, within a transaction."""

    def __init__(self, database: Database, to: Writing, pairs: str) -> None:
        """pairs: the set's name."""
        self._database, self._to, self._pairs = database, to, pairs
        self.now = 0  # number of the act that is folded: what it changes is marked with it

    def opinions(self, reviewer: str, ids: Sequence[str]) -> Mapping[str, Opinion]:
        """Return what a reviewer thinks of some pairs, by id."""
        query = "SELECT id, decision, reasons, at FROM opinions WHERE pairs = ? AND reviewer = ? AND id IN ({})"
        rows = [row for some in _some(ids) for row in self._database.rows(query.format(_marks(some)), (self._pairs, reviewer, *some))]
        return {row["id"]: Opinion(row["decision"], tuple(json.loads(row["reasons"])), row["at"]) for row in rows}

    def form(self, reviewer: str, opinions: Iterable[tuple[str, Opinion | None]]) -> None:
        """Note what a reviewer thinks of pairs, and what all together say of them."""
        found = list(opinions)
        gone = [(self._pairs, id, reviewer) for id, opinion in found if opinion is None]
        self._to.many("DELETE FROM opinions WHERE pairs = ? AND id = ? AND reviewer = ?", gone)
        kept = [(self._pairs, id, reviewer, one.decision, json.dumps(one.reasons), one.at) for id, one in found if one is not None]
        self._to.many("INSERT OR REPLACE INTO opinions VALUES (?, ?, ?, ?, ?, ?)", kept)
        self._judge([id for id, _ in found])

    def push(self, reviewer: str, step: Step) -> None:
        """Add a step to what can be undone."""
        self._to.execute("DELETE FROM steps WHERE pairs = ? AND reviewer = ? AND undone = 1", (self._pairs, reviewer))
        last = _next(self._database, self._pairs, reviewer, False)
        number = 1 if last is None else last[0] + 1
        self._to.execute("INSERT INTO steps VALUES (?, ?, ?, 0, ?)", (self._pairs, reviewer, number, json.dumps(step)))

    def undo(self, reviewer: str) -> Step:
        """Return the last step, which can be redone from now on."""
        return self._turn(reviewer, False)

    def redo(self, reviewer: str) -> Step:
        """Return the step that was undone last, which can be undone again."""
        return self._turn(reviewer, True)

    def correct(self, ids: Iterable[str], correction: Correction | None) -> None:
        """Note a corrected mask; None = the generated one counts."""
        for id in ids:
            self._to.execute("DELETE FROM corrections WHERE pairs = ? AND id = ?", (self._pairs, id))
            if correction is not None:
                self._to.execute("INSERT INTO corrections VALUES (?, ?, ?, ?, ?)", (self._pairs, id, *correction))
            self._judge([id])

    def _turn(self, reviewer: str, undone: bool) -> Step:
        found = _next(self._database, self._pairs, reviewer, undone)
        if found is None:
            return ()
        query = "UPDATE steps SET undone = ? WHERE pairs = ? AND reviewer = ? AND number = ?"
        self._to.execute(query, (int(not undone), self._pairs, reviewer, found[0]))
        return _changes(found[1])

    def _judge(self, ids: Sequence[str]) -> None:
        """Note what all reviewers together say of pairs."""
        query = "SELECT id, decision FROM opinions WHERE pairs = ? AND id IN ({})"
        decisions: dict[str, list[str]] = {id: [] for id in ids}
        for some in _some(ids):
            for row in self._database.rows(query.format(_marks(some)), (self._pairs, *some)):
                decisions[row["id"]].append(row["decision"])
        rows = [(self._pairs, id, verdict_of(found), self.now) for id, found in decisions.items()]
        self._to.many("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?)", rows)


def _next(database: Database, pairs: str, reviewer: str, undone: bool) -> tuple[int, str] | None:
    """Return number and changes of the step that is undone next, or redone."""
    order = "ASC" if undone else "DESC"
    query = f"SELECT number, changes FROM steps WHERE pairs = ? AND reviewer = ? AND undone = ? ORDER BY number {order} LIMIT 1"
    row = database.one(query, (pairs, reviewer, int(undone)))
    return None if row is None else (row["number"], row["changes"])


def _changes(text: str) -> Step:
    return tuple(Change(id, _opinion(before), _opinion(after)) for id, before, after in json.loads(text))


def _opinion(said: Any) -> Opinion | None:
    return None if said is None else Opinion(said[0], tuple(said[1]), said[2])


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield ids so many at a time as one statement takes."""
    return (ids[start : start + FEW] for start in range(0, len(ids), FEW))


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
