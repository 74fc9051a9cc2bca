"""What is said of a fit by its folder and the jobs about it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from studio_fit import wait, wanted

from flawsmith.core.errors import ConfigError, DataError
from flawsmith.core.locks import hold
from flawsmith.studio import runs
from flawsmith.studio.jobs.job import DIED, FAILED, QUEUED, RUNNING, STOPPED, Job, Order, jobs_in, place
from flawsmith.studio.jobs.scheduler import Scheduler
from flawsmith.studio.project import Project, create

SCHEDULER = Scheduler(lambda: [])  # starts nothing
WISH = runs.Wish("run", "tiny", 10, 2.0, ("training.batch=2",), threads=1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return create(tmp_path / "project", "bolts", tmp_path / "data", "bolts")


def log(run: Path, *rows: dict[str, Any]) -> None:
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.yaml").write_text("preset: tiny\n")
    (run / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def end(job: Job | None, status: int, words: str = "") -> None:
    assert job is not None
    (job.folder / "started.json").write_text("{}")
    (job.folder / "err.txt").write_text(words)
    (job.folder / "ended.json").write_text(json.dumps({"status": status}))


def test_the_command_has_all_that_was_asked_for(project: Project) -> None:
    project.change(labels={"line_width": 3})
    run = runs.start(project, SCHEDULER, WISH)
    assert run.job is not None and run.state == QUEUED and run.limits == (10, 2.0)
    words = run.job.order.arguments
    assert words[:4] == ("fit", str(project.data), "-o", str(project.folder / "runs" / "run"))
    assert words[4:] == (
        *("--preset", "tiny", "--max-steps", "10", "--max-minutes", "2", "--set", "training.batch=2"),
        *("--threads", "1", "--line-width", "3"),
    )
    assert [one.name for one in runs.runs_of(project)] == ["run"]  # although it has no folder yet


@pytest.mark.parametrize(
    ("wish", "error", "message"),
    [
        (runs.Wish("../run", "tiny", 1, 0), DataError, "cannot be a name"),
        (runs.Wish("-o", "tiny", 1, 0), DataError, "cannot be a name"),
        (runs.Wish("run", "huge", 1, 0), ConfigError, "preset: got 'huge'"),
        (runs.Wish("run", "tiny", 0, 0), ConfigError, "would never end"),
        (runs.Wish("run", "tiny", 1, 0, ("training.bach=2",)), ConfigError, "Did you mean training.batch"),
        (runs.Wish("run", "tiny", 1, 0, ("--overwrite",)), ConfigError, "expected KEY=VALUE"),
    ],
)
def test_what_cannot_be_is_said_at_once(project: Project, wish: runs.Wish, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        runs.start(project, SCHEDULER, wish)
    assert not jobs_in(project.folder / "jobs")


def test_a_name_is_taken_once(project: Project) -> None:
    runs.start(project, SCHEDULER, WISH)
    assert runs.free_name(project, "run") == "run-2"
    with pytest.raises(DataError, match="already"):
        runs.start(project, SCHEDULER, WISH)


def test_one_that_failed_says_why_and_begins_again(project: Project) -> None:
    run = runs.start(project, SCHEDULER, WISH)
    end(run.job, 1, "flawsmith: data: there is no such folder. Check the path.\n")
    run = runs.run_of(project, "run")
    assert run.state == FAILED and "Check the path" in run.to_json()["reason"] and not run.begun
    again = runs.go_on(project, SCHEDULER, run)
    assert again.job is not None and again.job.order.arguments[-1] == "--overwrite" and "--resume" not in again.job.order.arguments


def test_one_that_died_goes_on_up_to_its_limits(project: Project) -> None:
    run = runs.start(project, SCHEDULER, WISH)
    assert run.job is not None
    (run.job.folder / "started.json").write_text("{}")
    os.utime(run.job.folder / "started.json", (0, 0))
    log(run.folder, {"step": 4, "loss": 1.0, "seconds": 8.0})
    run = runs.run_of(project, "run")
    assert run.state == DIED and "killed from outside" in run.reason() and run.last == (4, 8.0)
    again = runs.go_on(project, SCHEDULER, run)
    assert again.job is not None and again.limits == (10, 2.0)
    assert again.job.order.arguments[4:] == ("--resume", "--max-steps", "10", "--max-minutes", "2", "--threads", "1")
    with pytest.raises(DataError, match="runs or waits"):
        runs.go_on(project, SCHEDULER, runs.run_of(project, "run"))


def test_one_that_ended_goes_on_longer(project: Project) -> None:
    run = runs.start(project, SCHEDULER, WISH)
    log(run.folder, {"step": 10, "loss": 1.0, "seconds": 90.0})
    (run.folder / "fit.json").write_text(json.dumps({"held_out": {"pictures": {"blob": ["a"]}, "best_step": 5, "settled": True}}))
    end(run.job, 0)
    run = runs.run_of(project, "run")
    assert any("more steps did not help" in note for note in run.notes())
    longer = runs.go_on(project, SCHEDULER, run, more_minutes=3)
    assert longer.job is not None and longer.limits == (0, 4.5)
    assert longer.job.order.arguments[-4:-2] == ("--set", f"training.patience={runs.FOREVER}")
    end(longer.job, 143)
    run = runs.run_of(project, "run")
    assert run.state == STOPPED
    again = runs.go_on(project, SCHEDULER, run)  # up to the longer limits, and still without an early end
    assert again.job is not None and again.limits == (0, 4.5) and f"training.patience={runs.FOREVER}" in again.job.order.arguments


def test_the_time_left_goes_by_the_last_steps(project: Project) -> None:
    run = runs.start(project, SCHEDULER, WISH)
    log(run.folder, {"step": 0, "held_inside": 1.0, "seconds": 50.0}, {"step": 2, "loss": 1.0, "seconds": 54.0})
    assert run.step_time == 2.0 and run.left() == 16.0  # of steps; 66 s of minutes
    log(run.folder, {"step": 2, "loss": 1.0, "seconds": 54.0}, {"step": 4, "loss": 1.0, "seconds": 118.0})
    assert run.left() == 2.0  # of minutes
    log(run.folder, {"step": 3, "pieces": 2, "why": "out of memory"})
    assert run.last == (0, 0.0) and run.left() is None


def test_steps_of_earlier_runs_are_the_estimate(project: Project) -> None:
    run = runs.start(project, SCHEDULER, WISH)
    assert runs.step_times(runs.runs_of(project)) == {}
    log(run.folder, {"step": 2, "loss": 1.0, "seconds": 4.0}, {"step": 4, "loss": 1.0, "seconds": 7.0})
    (run.folder / "fit.json").write_text(json.dumps({"seconds": {"data": 1.0, "model": 6.0, "total": 20.0}}))
    assert runs.step_times(runs.runs_of(project)) == {"tiny": {"run": "run", "step": 1.5, "before": 13.0}}


def test_previews_are_judged_in_plain_words(project: Project) -> None:
    run = runs.start(project, SCHEDULER, WISH)
    log(run.folder)
    rows = [{"step": 10, "seconds": 9.0, "drawn": 6, "passed": 2, "refusals": {"seam": 3, "copy": 1}}]
    (run.folder / "looks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = run.to_json()["readiness"]
    assert not said["ready"] and said["text"].startswith("Not good enough yet: 2 of 6 previews pass")
    assert said["refused"][0].startswith("3 of 6 by seam: Is there no line")
    assert "--resume" not in said["text"]


def test_a_run_that_somebody_else_writes_is_left_alone(project: Project) -> None:
    log(project.folder / "runs" / "mine", {"step": 1, "loss": 1.0, "seconds": 1.0})
    with hold(project.folder / "runs" / "mine"):
        run = runs.run_of(project, "mine")
        assert run.state == runs.ELSEWHERE and "no job of the studio" in run.reason()
        for act in (lambda: runs.go_on(project, SCHEDULER, run), lambda: runs.remove(project, run)):
            with pytest.raises(DataError, match="not at rest"):
                act()
    assert runs.run_of(project, "mine").state == STOPPED


def test_removing_moves_to_the_trash(project: Project) -> None:
    for number in (1, 2):
        run = runs.start(project, SCHEDULER, WISH)
        with pytest.raises(DataError, match="not at rest"):
            runs.remove(project, run)
        log(run.folder, {"step": number, "loss": 1.0, "seconds": 1.0})
        end(run.job, 0)
        place = runs.remove(project, runs.run_of(project, "run"))
        assert place == project.folder / "trash" / "runs" / f"run-{number}" and (place / "log.jsonl").is_file()
        assert runs.runs_of(project) == [] and not run.folder.exists()


def test_one_that_never_began_can_be_removed_too(project: Project) -> None:
    run = runs.start(project, SCHEDULER, WISH)
    end(run.job, 2, "Error: no such option\n")
    assert [one.state for one in runs.runs_of(project)] == [FAILED]
    assert runs.remove(project, runs.run_of(project, "run")) is None
    assert runs.runs_of(project) == []


def test_a_job_that_is_no_fit_hides_nothing(project: Project) -> None:
    place(project.folder / "jobs", Order("generate", "", (), {"run": str(project.folder / "runs" / "run")}))
    assert runs.runs_of(project) == []


def test_the_api_refuses_what_is_not_there(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    key = client.post("/api/projects", json={"path": str(tmp_path / "data")}).json()["key"]
    assert "no run" in client.get(f"/p/{key}/api/runs/none").json()["error"]
    assert client.get(f"/p/{key}/api/runs/..%2f..%2fdata").status_code in (400, 404)
    assert client.get(f"/p/{key}/fit/none").status_code == 400
    log(tmp_path / "data.studio" / "runs" / "old", {"step": 1, "loss": 1.0, "seconds": 1.0})
    assert client.get(f"/p/{key}/api/runs/old").json()["rows"][0]["loss"] == 1.0
    assert client.get(f"/p/{key}/api/runs/old/previews").json()["previews"] == []
    assert client.get(f"/p/{key}/api/runs/old/previews/7").status_code == 404
    assert client.post(f"/p/{key}/api/runs/old/stop", json={}).status_code == 409
    assert client.post(f"/p/{key}/api/runs", json={**wanted(), "steps": -1}).status_code == 422
    assert client.get(f"/p/{key}/fit").status_code == 200 and client.get(f"/p/{key}/fit/old").status_code == 200


def test_a_fit_is_made(client: TestClient, make_product: Any, tmp_path: Path) -> None:
    key = client.post("/api/projects", json={"path": str(make_product(tmp_path / "data"))}).json()["key"]

    def ended() -> dict[str, Any] | None:
        run: dict[str, Any] = client.get(f"/p/{key}/api/runs/run").json()["run"]
        assert run["state"] not in (FAILED, DIED), run["reason"]
        return None if run["state"] in (QUEUED, RUNNING) else run

    assert client.post(f"/p/{key}/api/runs", json=wanted()).json()["state"] in (QUEUED, RUNNING)
    run = wait(ended)
    assert (run["step"], run["usable"], run["readiness"]["ready"]) == (4, True, False)
    found = client.get(f"/p/{key}/api/runs/run").json()
    assert [row["step"] for row in found["rows"] if "loss" in row] == [1, 2, 3, 4] and found["notes"]
    shown = client.get(f"/p/{key}/api/runs/run/previews").json()
    assert [one["step"] for one in shown["previews"]] == [4] and shown["previews"][0]["drawn"] == 12
    picture = client.get(f"/p/{key}/api/runs/run/previews/4")
    assert picture.headers["content-type"] == "image/png" and picture.content.startswith(b"\x89PNG")
