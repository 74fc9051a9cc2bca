"""Jobs are processes whose state is on disk."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from flawsmith.core.errors import DataError
from flawsmith.core.files import write_text
from flawsmith.studio.jobs.job import DIED, DONE, FAILED, QUEUED, RUNNING, STOPPED, Job, Order, jobs_in, place
from flawsmith.studio.jobs.progress import progress_of
from flawsmith.studio.jobs.scheduler import MOST_QUEUED, Scheduler, start


def wait(until: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def order(kind: str = "check", *arguments: str) -> Order:
    return Order(kind, f"a {kind}", arguments or ("--version",))


def test_a_job_runs_and_says_how_it_ended(tmp_path: Path) -> None:
    with Scheduler(lambda: [tmp_path / "jobs"]) as scheduler:
        good = scheduler.ask(tmp_path / "jobs", order())
        bad = scheduler.ask(tmp_path / "jobs", order("check", "check", str(tmp_path / "nothing")))
        wait(lambda: good.state == DONE and bad.state == FAILED)
    assert (good.folder / "out.txt").read_text().startswith("flawsmith ")
    assert "there is no such folder" in bad.error
    assert [job.id for job in jobs_in(tmp_path / "jobs")] == ["0002-check", "0001-check"]


def test_one_that_waits_can_be_stopped(tmp_path: Path) -> None:
    job = place(tmp_path / "jobs", order())
    assert job.state == QUEUED
    job.stop()
    assert job.state == STOPPED
    with Scheduler(lambda: [tmp_path / "jobs"]):
        time.sleep(0.7)
    assert not (job.folder / "out.txt").exists()


def test_two_servers_start_it_once(tmp_path: Path) -> None:
    job = place(tmp_path / "jobs", order())
    child = start(job)
    assert child is not None and start(job) is None
    assert child.wait(30) == 0


def test_one_that_is_killed_is_known_as_dead(tmp_path: Path) -> None:
    job = place(tmp_path / "jobs", order("benefit", "studio", "--home", str(tmp_path / "h"), "--port", "0", "--no-browser"))
    child = start(job)
    assert child is not None
    wait(lambda: "studio is at" in (job.folder / "out.txt").read_text())
    assert job.state == RUNNING
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    os.utime(job.folder / "started.json", (0, 0))
    assert job.state == DIED and "killed" in job.error


def test_a_running_one_is_found_and_stopped_by_another_server(tmp_path: Path) -> None:
    job = place(tmp_path / "jobs", order("fit", "studio", "--home", str(tmp_path / "h"), "--port", "0", "--no-browser"))
    child = start(job)
    assert child is not None
    wait(lambda: "studio is at" in (job.folder / "out.txt").read_text())
    again = Job(job.folder)  # as one that knows nothing but the disk
    assert again.state == RUNNING and again.seconds is not None
    again.stop()
    child.wait(30)
    assert again.state in (STOPPED, DONE)


def test_heavy_jobs_take_turns(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    first = place(folder, order("fit", "studio", "--home", str(tmp_path / "h"), "--port", "0", "--no-browser"))
    second, light = place(folder, order("generate")), place(folder, order("check"))
    with Scheduler(lambda: [folder]):
        wait(lambda: first.state == RUNNING and light.state == DONE)
        assert second.state == QUEUED
        wait(lambda: "studio is at" in (first.folder / "out.txt").read_text())
        first.stop()
        wait(lambda: second.state == DONE)


def test_too_many_are_refused(tmp_path: Path) -> None:
    for _ in range(MOST_QUEUED):
        place(tmp_path / "jobs", order())
    with pytest.raises(DataError, match="jobs wait already"):
        Scheduler(lambda: []).ask(tmp_path / "jobs", order())


def test_the_api_shows_and_stops_them(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    key = client.post("/api/projects", json={"path": str(tmp_path / "pictures")}).json()["key"]
    folder = tmp_path / "pictures.studio" / "jobs"
    place(folder, order("generate"))
    assert [job["kind"] for job in client.get(f"/p/{key}/api/jobs").json()] == ["generate"]
    assert client.post(f"/p/{key}/api/jobs/0001-generate/stop").status_code == 200
    assert client.get(f"/p/{key}/api/jobs/0009-fit").status_code == 404
    assert client.get(f"/p/{key}/jobs").status_code == 200


def test_pairs_are_counted_as_their_rows_come(tmp_path: Path) -> None:
    rows = tmp_path / "out" / "pairs.jsonl"
    job = place(tmp_path / "jobs", Order("generate", "", (), {"out": str(rows.parent), "count": 5}))
    assert progress_of(job).text == ""
    rows.parent.mkdir()
    for text, accepted, attempts in [
        ('{"verdict": "accepted"}\n{"verdict": "rejected"}\n{"verd', 1, 2),
        ('ict": "accepted"}\n', 2, 3),  # the row that was being written
        ("", 2, 3),
    ]:
        with rows.open("a") as stream:
            stream.write(text)
        assert (progress_of(job).done, progress_of(job).text) == (accepted, f"{accepted} of 5 accepted, {attempts} attempts")
    write_text(rows, '{"verdict": "accepted"}\n')  # written anew, as by --resume
    assert progress_of(job).done == 1


def test_one_that_could_say_nothing_on_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = place(tmp_path / "jobs", order())
    (job.folder / "ended.json").write_text('{"status": 1}')
    assert job.error == "It ended with the status 1 and said nothing."
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0))  # type: ignore[attr-defined]
    assert "The disk of the project is full: 0 bytes of 1.0 GB" in job.error


def test_a_damaged_job_hides_no_other(tmp_path: Path) -> None:
    good, bad = place(tmp_path, order()), place(tmp_path, order())
    (bad.folder / "job.json").write_text(json.dumps({"kind": 1}))
    assert [job.id for job in jobs_in(tmp_path)] == [good.id]
