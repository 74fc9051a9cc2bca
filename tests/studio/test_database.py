"""What is said where the database cannot be used."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flawsmith.core.errors import DataError
from flawsmith.studio import database as module
from flawsmith.studio.database import Database

TABLE = "CREATE TABLE IF NOT EXISTS rows (text TEXT)"


def filled(path: Path, count: int = 1) -> Database:
    found = Database(path)
    found.table(TABLE)
    with found.writing() as to:
        to.many("INSERT INTO rows VALUES (?)", [("x" * 500,)] * count)
    return found


def test_all_or_nothing_is_written(tmp_path: Path) -> None:
    found = filled(tmp_path / "a.sqlite")
    with pytest.raises(ZeroDivisionError), found.writing() as to:
        to.execute("DELETE FROM rows")
        raise ZeroDivisionError
    assert len(found.rows("SELECT * FROM rows")) == 1


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_text("a text that is no database, and long enough to be looked at" * 9)
    with pytest.raises(DataError, match=r"a\.sqlite: file is not a database.*Move it away"):
        filled(tmp_path / "a.sqlite")


def test_a_full_disk_asks_for_space_and_loses_nothing(tmp_path: Path) -> None:
    found = filled(tmp_path / "a.sqlite", 100)
    pages = found.one("PRAGMA page_count")
    assert pages is not None
    found.rows(f"PRAGMA max_page_count = {pages[0]}")  # no more pages, as on a full disk
    with pytest.raises(DataError, match="disk is full. Free some space"), found.writing() as to:
        to.many("INSERT INTO rows VALUES (?)", [("y" * 500,)] * 1000)
    assert len(found.rows("SELECT * FROM rows")) == 100


def test_one_that_another_process_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    found = filled(tmp_path / "a.sqlite")
    hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE'); print(1)"
    hold += "; sys.stdout.flush(); input()"
    with subprocess.Popen([sys.executable, "-c", hold, str(found.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline()
        with pytest.raises(DataError, match="locked.*try again"), found.writing():
            pass
        other.communicate("\n")


def test_a_mistake_of_ours_is_none_of_the_users(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        Database(tmp_path / "a.sqlite").rows("SELECT * FROM elsewhere")
