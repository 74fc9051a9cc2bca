"""One SQLite database in a project: several threads, tabs and servers may use it at once."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flawsmith.core.errors import DataError

PATIENCE = 10.0  # seconds that a writer waits for another


class Database:
    """A file; each thread has a connection of its own."""

    def __init__(self, path: Path) -> None:
        """path: is made when it is first written to."""
        self.path = path
        self._local = threading.local()
        self._made: set[str] = set()

    def table(self, statements: str) -> None:
        """Make tables and indexes that are not there: `CREATE ... IF NOT EXISTS ...`, divided by semicolons."""
        if statements not in self._made:
            with _told(self.path):
                self._connection.executescript(statements)
            self._made.add(statements)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return what a query finds."""
        with _told(self.path):
            return self._connection.execute(query, values).fetchall()

    def one(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Return the first that a query finds; None where it finds nothing."""
        with _told(self.path):
            found: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
        return found

    @contextmanager
    def writing(self) -> Iterator["Writing"]:
        """Write all that the block does, or nothing where it raises."""
        connection = self._connection
        with _told(self.path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Writing(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise

    @property
    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = _connect(self.path)
        return found


class Writing:
    """What a block writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Do one statement."""
        self._connection.execute(statement, values)

    def many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        """Do one statement for each of several rows of values."""
        self._connection.executemany(statement, values)


def _connect(path: Path) -> sqlite3.Connection:
    with _told(path):
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
    return connection


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what a disk, another process or a damaged file makes impossible into an error that says what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        words = str(error)
        found = next((advice for sign, advice in _ADVICE.items() if sign in words), None)
        if found is None:
            raise  # our own mistake
        raise DataError(f"{path}: {words}. {found}") from error


_ADVICE = {
    "disk is full": "Free some space on that disk; what was saved before is whole.",
    "disk I/O error": "Look whether that disk is full or failing; what was saved before is whole.",
    "readonly": "Nothing can be written there; make the folder writable.",
    "unable to open": "Nothing can be written there; make the folder writable.",
    "locked": "Another process has held it for long; try again when it has ended.",
    "not a database": "It is no database of the studio. Move it away: what lies in files is read anew.",
    "malformed": "It is damaged. Move it away: what lies in files is read anew.",
}
