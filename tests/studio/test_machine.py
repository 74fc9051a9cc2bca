"""Which preset is recommended, by what `flawsmith doctor` said."""

import json
from pathlib import Path
from typing import Any

import pytest
from studio_fit import wait

from flawsmith.studio import machine
from flawsmith.studio.jobs.job import DONE, QUEUED, RUNNING, Order, jobs_in, place
from flawsmith.studio.jobs.scheduler import Scheduler
from flawsmith.studio.project import Project, create
from flawsmith.version import __version__

CARD = [{"name": "card", "memory": 24.0}]
SD = "needs stable-diffusion, which is fetched"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return create(tmp_path / "project", "bolts", tmp_path, "bolts")


def say(project: Project, version: str = __version__, cards: Any = (), sd15: str = "ready", memory: float | None = 8.0) -> None:
    """Leave a job that has looked at the machine."""
    job = place(project.folder / "jobs", Order("doctor", "", ("doctor", "--json")))
    said: dict[str, Any] = {"flawsmith": version, "device": "cuda" if cards else "cpu", "gpus": list(cards), "cores": 4, "memory": memory}
    said["presets"] = {"tiny": "ready", "small": "ready" if cards else "needs a GPU to be of use", "sd15": sd15}
    (job.folder / "out.txt").write_text(json.dumps(said))
    (job.folder / "ended.json").write_text('{"status": 0}')
    assert job.state == DONE


def test_nothing_is_known_before_a_look(project: Project) -> None:
    found = machine.found(project)
    assert not found["known"] and found["preset"] == "tiny" and "looked up" in found["why"]
    assert {one["name"] for one in found["presets"]} >= {"tiny", "small", "sd15"}
    assert next(one for one in found["presets"] if one["name"] == "tiny")["minutes"] == 5


def test_a_look_is_asked_for_once(project: Project) -> None:
    scheduler = Scheduler(lambda: [])
    assert machine.look(project, scheduler)["looking"]
    machine.look(project, scheduler)
    assert len(jobs_in(project.folder / "jobs")) == 1
    (jobs_in(project.folder / "jobs")[0].folder / "stop").touch()
    say(project)
    assert not machine.look(project, scheduler)["looking"]
    assert machine.look(project, scheduler, again=True)["looking"]


@pytest.mark.parametrize(
    ("cards", "sd15", "preset", "why"),
    [
        ((), SD, "tiny", "no graphics card"),
        (CARD, SD, "tiny", "needs stable-diffusion"),
        (CARD, "ready", "sd15", "checkpoint is here"),
    ],
)
def test_the_preset_goes_by_the_machine(project: Project, cards: Any, sd15: str, preset: str, why: str) -> None:
    say(project, cards=cards, sd15=sd15)
    found = machine.found(project)
    assert found["known"] and found["preset"] == preset and why in found["why"]
    assert ("card (24 GB)" if cards else "no graphics card") in found["words"]


def test_what_another_version_said_counts_no_more(project: Project) -> None:
    say(project, "0.0.1", CARD)
    assert not machine.found(project)["known"]


def test_what_is_no_answer_is_none(project: Project) -> None:
    say(project, memory=None)
    assert "memory" not in machine.found(project)["words"]
    job = next(job for job in jobs_in(project.folder / "jobs"))
    (job.folder / "out.txt").write_text("[]")
    assert not machine.found(project)["known"]


def test_the_command_says_what_is_read(project: Project) -> None:
    with Scheduler(lambda: [project.folder / "jobs"]) as scheduler:
        machine.look(project, scheduler)
        wait(lambda: jobs_in(project.folder / "jobs")[0].state not in (QUEUED, RUNNING))
    assert machine.found(project)["known"]
