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
            self._connection.executescript(statements)
            self._made.add(statements)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return what a query finds."""
        return self._connection.execute(query, values).fetchall()

    def one(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Return the first that a query finds; None where it finds nothing."""
        found: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
        return found

    @contextmanager
    def writing(self) -> Iterator["Writing"]:
        """Write all that the block does, or nothing where it raises."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield Writing(connection)
        except BaseException:
            connection.rollback()
            raise
        connection.commit()

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
    try:
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.Error as error:
        raise DataError(f"{path}: is no database of the studio ({error}). Move it away: what it held is read anew.") from error
    return connection
