"""The rows of PROJECT/pairs/NAME/pairs.jsonl in the project's database, so that 20,000 pairs are sorted and paged in milliseconds.

`look` takes what is new: a few rows at once, many by a thread in the background.
"""

import json
import threading
from collections import Counter
from functools import lru_cache
from pathlib import Path
from sqlite3 import Row
from typing import Any

from starlette.exceptions import HTTPException

from flawsmith.core.parsing import parse_json
from flawsmith.pairs.folder import ROWS, PairFolder
from flawsmith.pairs.pair import ACCEPTED, VERDICTS, Pair
from flawsmith.quality.ratings import LIMITS, AllBounds, Ratings, ratings, read_bounds
from flawsmith.quality.registry import rules
from flawsmith.studio.appended import New, Reach, take
from flawsmith.studio.appended import reach as reach_of
from flawsmith.studio.database import Database, Writing
from flawsmith.studio.project import Project

ROOM = "pairs"
AT_ONCE = 1 << 18  # bytes of rows in one transaction: others wait for its end
SOON = 1 << 20  # bytes that whoever asks takes: more is left to a thread
TABLES = """
CREATE TABLE IF NOT EXISTS pairs (
    pairs TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, defect TEXT NOT NULL, verdict TEXT NOT NULL, place INTEGER NOT NULL,
    length INTEGER NOT NULL, height INTEGER, width INTEGER, boxes TEXT NOT NULL, why TEXT NOT NULL, realism REAL, weakest TEXT NOT NULL,
    consistency REAL, novelty REAL, contrast REAL, size INTEGER, PRIMARY KEY (pairs, number)
);
CREATE INDEX IF NOT EXISTS pairs_by_id ON pairs (pairs, id, number);
CREATE INDEX IF NOT EXISTS pairs_by_verdict ON pairs (pairs, verdict, number);
CREATE TABLE IF NOT EXISTS refusals (
    pairs TEXT NOT NULL, check_name TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (pairs, check_name)
);
"""

_threads: dict[tuple[Path, str], threading.Thread] = {}
_lock = threading.Lock()


def database(project: Project) -> Database:
    """Return a project's database, with the table of its pairs."""
    project.database.table(TABLES)
    return project.database


def folder_of(project: Project, name: str) -> PairFolder:
    """Return a set of pairs. Raises a 404 where there is none."""
    folder = PairFolder(project.place(ROOM, name))
    if not folder.begun:
        raise HTTPException(404)
    return folder


def sets(project: Project) -> list[str]:
    """Return the names of a project's sets of pairs, the newest first."""
    return [name for name in project.names(ROOM) if PairFolder(project.place(ROOM, name)).begun]


def look(project: Project, name: str) -> Reach:
    """Have the rows of a set in the database, at once where few are new, else by a thread; return how far that is.

    While a thread takes them nobody else does: who asks waits for no transaction. Raises a 404 where there is no such set.
    """
    folder = folder_of(project, name)
    thread = _threads.get((project.folder, name))
    if thread is not None and thread.is_alive():
        return reach_of(database(project), f"{ROOM}/{name}/{ROWS}", folder.rows)
    reach = _take_some(project, name, folder)
    if reach.size - reach.place <= SOON:
        return _take_all(project, name, folder, reach)
    with _lock:
        thread = _threads.get((project.folder, name))
        if thread is None or not thread.is_alive():
            thread = threading.Thread(target=_take_all, args=(project, name, folder, reach), name=f"pairs {name}", daemon=True)
            _threads[project.folder, name] = thread
            thread.start()
    return reach


def rows_after(project: Project, name: str, number: int, most: int = 200) -> list[Row]:
    """Return the rows of attempts from a number on, in the order they were made, `most` at most; `look` has new ones taken before.

    Their keys are the columns of `pairs`: number, id, defect, verdict, why it does not count, the picture's height and width, boxes as JSON
    ([[top, left, height, width], ...]) and ratings. Numbers count from 0, and begin anew where the file was written anew.
    """
    return database(project).rows("SELECT * FROM pairs WHERE pairs = ? AND number >= ? ORDER BY number LIMIT ?", (name, number, most))


def newest(project: Project, name: str, offset: int, count: int) -> tuple[int, list[Row]]:
    """Return how many pairs of a set are accepted, and `count` rows of them from the `offset`th on, those made last first."""
    asked, values = database(project), (name, ACCEPTED)
    total = asked.one("SELECT count(*) FROM pairs WHERE pairs = ? AND verdict = ?", values)
    assert total is not None
    query = "SELECT * FROM pairs WHERE pairs = ? AND verdict = ? ORDER BY number DESC LIMIT ? OFFSET ?"
    return int(total[0]), asked.rows(query, (*values, count, offset))


def tally(project: Project, name: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many attempts of a set have each verdict, and how many each check refused, the most frequent first."""
    asked = database(project)
    verdicts = dict(map(tuple, asked.rows("SELECT verdict, count(*) FROM pairs WHERE pairs = ? GROUP BY verdict", (name,))))
    refusals = asked.rows("SELECT check_name, count FROM refusals WHERE pairs = ? ORDER BY count DESC, check_name", (name,))
    return {verdict: verdicts.get(verdict, 0) for verdict in VERDICTS}, dict(map(tuple, refusals))


def row_of(project: Project, name: str, id: str) -> Row:
    """Return an accepted pair's row of the database. Raises a 404 where there is none."""
    query = "SELECT * FROM pairs WHERE pairs = ? AND id = ? AND verdict = ? ORDER BY number DESC"
    row = database(project).one(query, (name, id, ACCEPTED))
    if row is None:
        raise HTTPException(404)
    return row


def pair_of(project: Project, name: str, id: str) -> Pair:
    """Return an accepted pair as its row says. Raises a 404 where there is none."""
    row, folder = row_of(project, name, id), folder_of(project, name)
    with folder.rows.open("rb") as stream:
        stream.seek(row["place"])
        line = stream.read(row["length"])
    try:
        pair = Pair.from_row(parse_json(line))
    except ValueError:
        raise HTTPException(404) from None  # the file was written anew since the last look
    if pair.id != id or not pair.accepted:
        raise HTTPException(404)
    return pair


def bounds_of(folder: PairFolder) -> AllBounds:
    """Return the limits of a set's scores, read again where their file changed."""
    path = folder.folder / LIMITS
    return _bounds(folder.folder, path.stat().st_mtime_ns) if path.is_file() else {}


@lru_cache(maxsize=8)
def _bounds(folder: Path, _changed: int) -> AllBounds:
    return read_bounds(folder)


def _take_all(project: Project, name: str, folder: PairFolder, reach: Reach) -> Reach:
    while not reach.complete:
        reach = _take_some(project, name, folder)
    return reach


def _take_some(project: Project, name: str, folder: PairFolder) -> Reach:
    """Have up to AT_ONCE more bytes of rows in the database."""
    bounds, known = bounds_of(folder), rules()

    def put(to: Writing, new: New) -> None:
        if new.anew:
            for table in ("pairs", "refusals"):
                to.execute(f"DELETE FROM {table} WHERE pairs = ?", (name,))
        made, refused = [], Counter[str]()
        for place, line in new.lines:
            try:
                pair = Pair.from_row(parse_json(line))
            except ValueError as error:
                new.error = new.error or f"{folder.rows}: the row at byte {place} is left out: {error}"
                continue
            made.append((name, new.count, *_columns(pair, place, len(line), ratings(pair, bounds, known))))
            refused.update({reason.check for reason in pair.reasons})
            new.count += 1
        counts = "INSERT INTO refusals VALUES (?, ?, ?) ON CONFLICT (pairs, check_name) DO UPDATE SET count = count + excluded.count"
        to.many(counts, [(name, check, count) for check, count in refused.items()])
        to.many(f"INSERT OR REPLACE INTO pairs VALUES ({', '.join('?' * 17)})", made)

    return take(database(project), f"{ROOM}/{name}/{ROWS}", folder.rows, AT_ONCE, put)


def _columns(pair: Pair, place: int, length: int, rated: Ratings) -> tuple[Any, ...]:
    boxes = [[box.top, box.left, box.height, box.width] for defect in pair.placed() if (box := defect.box) is not None]
    why = "; ".join(reason.text for reason in pair.reasons)
    numbers = rated.realism, rated.weakest, rated.consistency, rated.novelty, rated.contrast, rated.size
    return pair.id, pair.defect, pair.verdict, place, length, *(pair.size or (None, None)), json.dumps(boxes), why, *numbers
