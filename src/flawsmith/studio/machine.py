"""What this machine can run, as `flawsmith doctor` said it in a job of the project; the server itself loads no torch to find out."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from flawsmith.config.presets import PRESETS
from flawsmith.config.resolve import preset
from flawsmith.core.processors import cores
from flawsmith.studio.jobs.job import DONE, QUEUED, RUNNING, Job, Order, jobs_in
from flawsmith.studio.jobs.scheduler import Scheduler
from flawsmith.studio.project import Project
from flawsmith.version import __version__

KIND = "doctor"
READY = "ready"
USUAL = "tiny"  # runs everywhere
LARGE = "sd15"  # where a graphics card and its weights are
ABOUT = {
    "tiny": "a small network that begins with what flawsmith brings along: minutes on a processor",
    "small": "a larger network from random weights: hours on a graphics card",
    "sd15": "Stable Diffusion 1.5, adapted: one model for all kinds, on a graphics card",
    "sd15-inpaint": "the same on the checkpoint that fills regions",
    "sd15-paper": "DualAnoDiff as published: one kind a model, for comparisons",
}


def look(project: Project, scheduler: Scheduler, again: bool = False) -> dict[str, Any]:
    """Have the machine looked at where nobody has, or where it is asked for again; return what `found` does."""
    jobs = _jobs(project)
    if not any(job.state in (QUEUED, RUNNING) for job in jobs) and (again or _said(jobs) is None):
        scheduler.ask(project.folder / "jobs", Order(KIND, "What this machine can run", ("doctor", "--json")))
    return found(project)


def found(project: Project) -> dict[str, Any]:
    """Return what is known: in words, the presets with what stands in their way, and which one to take and why.

    "known" is false as long as nobody has looked.
    """
    jobs = _jobs(project)
    said = _said(jobs)
    ready = {} if said is None else said["presets"]
    chosen, why = _advice(said)
    return {
        "known": said is not None,
        "looking": any(job.state in (QUEUED, RUNNING) for job in jobs),
        "words": _words(said),
        "preset": chosen,
        "why": why,
        "presets": [
            {
                "name": name,
                "about": ABOUT.get(name, ""),
                "trouble": "" if ready.get(name, READY) == READY else ready[name],
                "steps": steps,
                "minutes": minutes,
            }
            for name, (steps, minutes) in _limits().items()
        ],
    }


@cache
def _limits() -> dict[str, tuple[int, float]]:
    """Return the steps and minutes after which each preset ends."""
    training = {name: preset(name).training for name in PRESETS}
    return {name: (one.steps, one.minutes) for name, one in training.items()}


def _jobs(project: Project) -> list[Job]:
    return [job for job in jobs_in(project.folder / "jobs") if job.order.kind == KIND]


def _said(jobs: list[Job]) -> dict[str, Any] | None:
    """Return what the newest look of this version found; None where there is none."""
    for job in jobs:
        if job.state == DONE:
            try:
                said = json.loads((job.folder / "out.txt").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                return None
            known = isinstance(said, dict) and said.keys() >= {"flawsmith", "device", "gpus", "presets", "cores", "memory"}
            return said if known and said["flawsmith"] == __version__ else None
    return None


def _words(said: Mapping[str, Any] | None) -> str:
    if said is None:
        return f"{cores()} processor cores"
    cards = ", ".join(f"{card['name']} ({card['memory']:g} GB)" for card in said["gpus"]) or "no graphics card"
    memory = "" if said["memory"] is None else f", {said['memory']:g} GB of memory"
    return f"{said['cores']} processor cores{memory}, {cards}; work runs on {said['device']}"


def _advice(said: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return which preset to take, and why."""
    if said is None:
        return USUAL, "It runs on every machine. What else this one can run is being looked up."
    if said["gpus"] and said["presets"].get(LARGE) == READY:
        return LARGE, "There is a graphics card, and the Stable Diffusion checkpoint is here."
    if said["gpus"]:
        return USUAL, f"It learns in minutes. The graphics card could run {LARGE}, too, but that {said['presets'].get(LARGE)}."
    return USUAL, "There is no graphics card: this one learns in minutes on a processor, the others would take days."
