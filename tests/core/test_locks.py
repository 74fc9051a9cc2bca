"""One writer per folder: the second is told, a dead one's lock holds nobody up."""

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

import flawsmith
from flawsmith.core.errors import DiskFullError, FolderBusyError
from flawsmith.core.folders import Kind, prepare_output
from flawsmith.core.locks import LOCK_FILE, hold, remove_temporaries

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
        who = (
            rf"another flawsmith process is writing there \(process {first.pid} on {re.escape(socket.gethostname())} since \d.*: -c .*out\)"
        )
        for _ in range(2):  # nor does one who is told change what the next one is told
            with pytest.raises(FolderBusyError, match=who), hold(tmp_path / "out"):
                pass
        assert names(tmp_path / "out") == [LOCK_FILE]
    finally:
        first.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        first.communicate(timeout=20)
    assert names(tmp_path / "out") == [LOCK_FILE]
    (tmp_path / "out" / ".a.png.0123abcd.tmp").touch()  # it was writing
    with hold(tmp_path / "out"):
        (tmp_path / "out" / "a").write_text("x")
    assert names(tmp_path / "out") == ["a"]


def test_what_was_killed_before_it_said_who_it_is_leaves_nothing_either(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).touch()  # emptied as it was locked
    (tmp_path / ".made.json.0123abcd.tmp").touch()  # of one that was killed before
    with hold(tmp_path):
        pass
    assert names(tmp_path) == []


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


@pytest.mark.skipif(os.name == "nt", reason="asks after a process as POSIX does")
@pytest.mark.parametrize(("host", "lives"), [("", True), ("", False), ("elsewhere", False)])
def test_where_there_are_no_locks_the_file_is_believed(host: str, lives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    owner = {"pid": os.getpid() if lives else gone.pid, "host": host or socket.gethostname(), "since": "today", "command": "fit"}
    (tmp_path / LOCK_FILE).write_text(json.dumps(owner))
    monkeypatch.setattr(FileLock, "acquire", fail)
    if lives or host:
        with pytest.raises(FolderBusyError, match=rf"process {owner['pid']} on {owner['host']}.*if it does not, delete"), hold(tmp_path):
            pass
    else:
        with hold(tmp_path):
            assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()


def test_a_full_disk_is_told_for_the_folder(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match=r"out: could not be written, as the disk is full: .* of .* are free"), hold(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not (tmp_path / "out").exists()


def test_what_killed_writes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = [".hidden", "a.tmp", ".a.tmp", ".notes.00000000.tmp.txt"]
    for name in [*kept, ".a.png.0123abcd.tmp", "inner/.b.0123abcd.tmp", "held/.c.0123abcd.tmp"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "held" / LOCK_FILE).touch()  # by another process
    assert remove_temporaries(tmp_path) == 2
    assert names(tmp_path) == sorted([*kept, "inner", "held"]) and names(tmp_path / "inner") == [] and len(names(tmp_path / "held")) == 2
