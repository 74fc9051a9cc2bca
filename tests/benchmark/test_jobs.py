"""Jobs: in the order of their needs, once, side by side, and an error stops them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flawsmith.benchmark.jobs import Job, read_result, run_jobs, seconds_of


def note(log: Path, word: str, wait: float = 0.0) -> dict[str, Any]:
    with log.open("a") as stream:
        stream.write(f"{word} begins\n")
    time.sleep(wait)
    with log.open("a") as stream:
        stream.write(f"{word}\n")
    return {"word": word}


def fail() -> dict[str, Any]:
    raise ValueError("this job is broken")


def done(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if "begins" not in line]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_job_waits_for_what_it_needs_and_is_not_done_twice(tmp_path: Path, workers: int) -> None:
    log = tmp_path / "log"
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    jobs = [
        Job("second", b, note, (log, "second"), needs=(a,)),
        Job("third", tmp_path / "c.json", note, (log, "third"), needs=(a, b)),
        Job("first", a, note, (log, "first")),
    ]
    run_jobs(jobs, workers, quiet=True)
    assert done(log) == ["first", "second", "third"]
    assert read_result(b)["word"] == "second" and read_result(b)["job"] == "second" and 0 <= seconds_of(jobs[0]) < 60
    b.unlink()
    run_jobs(jobs, workers, quiet=True)
    assert done(log) == ["first", "second", "third", "second", "third"]  # and what was made from it


def test_results_of_another_stamp_and_what_was_made_from_other_results_are_done_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    a, b, c = (tmp_path / f"{name}.json" for name in "abc")

    def jobs(stamp: str) -> list[Job]:
        rows = (("a", a, ()), ("b", b, (a,)), ("c", c, ()))
        return [Job(name, path, note, (log, name), needs=needs, stamp=stamp if name != "c" else "") for name, path, needs in rows]

    run_jobs(jobs("1.0"), 0, quiet=True)
    run_jobs(jobs("1.0"), 0, quiet=True)
    assert done(log) == ["a", "b", "c"]
    run_jobs(jobs("1.1"), 0, quiet=True)  # another version, other settings or data
    assert done(log)[3:] == ["a", "b"] and read_result(b)["stamp"] == "1.1"
    a.write_text(json.dumps(read_result(a) | {"word": "another"}))
    run_jobs(jobs("1.1"), 0, quiet=True)
    assert done(log)[5:] == ["b"]


def test_jobs_run_side_by_side(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_jobs([Job(name, tmp_path / f"{name}.json", note, (log, name, 1.0)) for name in "ab"], 2, quiet=True)
    lines = log.read_text().splitlines()
    assert {line for line in lines[:2]} == {"a begins", "b begins"}


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_stops_the_rest_and_keeps_what_is_done(tmp_path: Path, workers: int) -> None:
    log = tmp_path / "log"
    first, broken = tmp_path / "a.json", tmp_path / "b.json"
    jobs = [
        Job("first", first, note, (log, "first")),
        Job("broken", broken, fail, needs=(first,)),
        Job("last", tmp_path / "c.json", note, (log, "last"), needs=(broken,)),
    ]
    with pytest.raises(ValueError, match="this job is broken"):
        run_jobs(jobs, workers, quiet=True)
    assert first.exists() and not broken.exists() and done(log) == ["first"]


def test_a_need_that_no_job_makes_is_an_error(tmp_path: Path) -> None:
    job = Job("lonely", tmp_path / "a.json", fail, needs=(tmp_path / "nowhere.json",))
    with pytest.raises(RuntimeError, match="lonely needs what no job makes"):
        run_jobs([job], 1, quiet=True)


MAIN = """
import os, sys, time
from pathlib import Path
from flawsmith.benchmark.jobs import Job, run_jobs

def slow(log):
    Path(log).write_text(str(os.getpid()))
    time.sleep(100)

if __name__ == "__main__":
    run_jobs([Job("slow", Path(sys.argv[1] + ".json"), slow, (sys.argv[1],))], 1, quiet=True)
"""


def alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and waits to be collected does not."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "zombie" not in status.read_text()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks for processes under /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_job_ends_when_the_process_that_started_it_is_killed_or_stopped(tmp_path: Path, how: signal.Signals) -> None:
    script, log = tmp_path / "main.py", tmp_path / "pid"
    script.write_text(MAIN)
    main = subprocess.Popen([sys.executable, str(script), str(log)], env=os.environ)
    until = time.monotonic() + 120
    while not (log.exists() and log.read_text()) and time.monotonic() < until:
        time.sleep(0.1)
    worker = int(log.read_text())
    assert alive(worker)
    main.send_signal(how)
    main.wait(120)
    until = time.monotonic() + 20
    while alive(worker) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(worker)
