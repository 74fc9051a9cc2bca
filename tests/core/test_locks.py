"""One writer per folder: the second is told, a dead one's lock holds nobody up."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

import flawsmith
from flawsmith.core.errors import FolderBusyError
from flawsmith.core.folders import Kind, prepare_output
from flawsmith.core.locks import LOCK_FILE, hold

HOLDER = """
import sys, time
from pathlib import Path
from flawsmith.core.locks import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def another(folder: Path) -> "subprocess.Popen[str]":
    """Return a process that holds `folder`."""
    environment = {**os.environ, "PYTHONPATH": str(Path(flawsmith.__file__).parents[1])}
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_is_told_at_once_and_may_write_when_the_first_was_killed(tmp_path: Path) -> None:
    first = another(tmp_path / "out")
    try:
        with pytest.raises(FolderBusyError, match="another flawsmith process is writing there"), hold(tmp_path / "out"):
            pass
        assert names(tmp_path / "out") == [LOCK_FILE]
    finally:
        first.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        first.communicate(timeout=20)
    with hold(tmp_path / "out"):
        (tmp_path / "out" / "a").write_text("x")
    assert names(tmp_path / "out") == ["a"]


def test_a_second_writer_in_the_same_process_is_told_too(tmp_path: Path) -> None:
    with hold(tmp_path):
        with pytest.raises(FolderBusyError), hold(tmp_path):
            pass
        with hold(tmp_path / "inner"):  # another folder
            pass
    with hold(tmp_path):
        pass


def test_a_folder_to_which_nothing_was_written_is_gone_again(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("new", "mine"):
        with pytest.raises(ValueError), hold(tmp_path / name):
            raise ValueError
    assert names(tmp_path) == ["mine"] and names(tmp_path / "mine") == []


def test_what_is_emptied_keeps_the_lock_of_the_one_who_empties(tmp_path: Path) -> None:
    with hold(tmp_path / "out"):
        prepare_output(tmp_path / "out", Kind("run", ()), overwrite=False)
        with pytest.raises(FolderBusyError), hold(tmp_path / "out"):
            pass


def test_where_the_file_system_knows_no_locks_the_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(FileLock, "acquire", fail)
    with hold(tmp_path):
        (tmp_path / "a").write_text("x")
    assert names(tmp_path) == ["a"]
