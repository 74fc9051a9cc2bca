"""The fits of a project: each a RUN folder in runs/ and the jobs about it. What they say is read anew from disk at every look."""

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flawsmith.config.resolve import resolve
from flawsmith.config.schema import Config
from flawsmith.core.errors import DataError, FlawsmithError
from flawsmith.core.files import read_json, read_lines
from flawsmith.core.locks import holder
from flawsmith.quality.readiness import Look, Readiness, assess
from flawsmith.quality.registry import checks
from flawsmith.studio.jobs.job import DIED, DONE, FAILED, QUEUED, RUNNING, STOPPED, Job, Order, jobs_in, tail
from flawsmith.studio.jobs.scheduler import Scheduler
from flawsmith.studio.project import Project, checked_name

ROOM = "runs"
KIND = "fit"
ELSEWHERE = "elsewhere"  # a state beside those of jobs: a process that is no job of the studio writes there
OPEN = (QUEUED, RUNNING, ELSEWHERE)
PUT_AWAY = "put-away"  # a file in the folder of a job whose run was removed
TRASH = "trash"
FOREVER = 10**6  # steps without a better error, where somebody asks for more after a fit that ended for that


@dataclass(frozen=True)
class Wish:
    """What a fit is asked for."""

    name: str
    preset: str
    steps: int  # at most; 0 = no limit
    minutes: float  # at most; 0 = no limit
    settings: tuple[str, ...] = ()  # KEY=VALUE of the configuration
    threads: int = 0  # of the processor; 0 = as many as it has cores


class Run:
    """A fit: what its folder and the newest job about it say."""

    def __init__(self, folder: Path, job: Job | None) -> None:
        """folder: need not be there yet; job: None for a run that no job of this project is about."""
        self.folder, self.job = folder, job
        self.name = folder.name
        self.state = self._state()

    @property
    def config(self) -> Config | None:
        """The configuration it began with; None where it has not begun, or it cannot be read."""
        path = self.folder / "config.yaml"
        with suppress(OSError, FlawsmithError):
            return _config(path, path.stat().st_mtime_ns)
        return None

    @property
    def begun(self) -> bool:
        """Whether it can go on."""
        return (self.folder / "config.yaml").is_file()

    @property
    def usable(self) -> bool:
        """Whether pairs can be generated with it."""
        return (self.folder / "model" / "model.safetensors").is_file()

    @property
    def limits(self) -> tuple[int, float]:
        """Steps and minutes after which it ends, as was asked last; 0 = no limit."""
        about = {} if self.job is None else self.job.order.about
        if "steps" in about and "minutes" in about:
            return int(about["steps"]), float(about["minutes"])
        training = None if (config := self.config) is None else config.training
        return (0, 0.0) if training is None else (training.steps, training.minutes)

    @property
    def preset(self) -> str:
        """The preset that it was made with."""
        about = {} if self.job is None else self.job.order.about
        if "preset" in about:
            return str(about["preset"])
        return "" if (config := self.config) is None else config.preset

    @property
    def last(self) -> tuple[int, float]:
        """The step and the seconds of training of the log's last row that has both; 0, 0 before there is one."""
        return next(reversed(self._times()), (0, 0.0))

    @property
    def step_time(self) -> float | None:
        """The seconds that one of the last steps took; None where none was measured."""
        times = self._times()
        (first, begun), (last, ended) = (times[0], times[-1]) if times else ((0, 0.0), (0, 0.0))
        return (ended - begun) / (last - first) if last > first and ended > begun else None

    @property
    def looks(self) -> list[Look]:
        """What the checks said of its previews, by step."""
        with suppress(OSError, FlawsmithError, TypeError):
            return [Look(**row) for row in read_lines(self.folder / "looks.jsonl")]
        return []

    @property
    def result(self) -> Mapping[str, Any]:
        """What was done, as the fit that ended last wrote it; empty while none has ended."""
        with suppress(FlawsmithError):
            said = read_json(self.folder / "fit.json")
            return said if isinstance(said, dict) else {}
        return {}

    @property
    def age(self) -> float:
        """When it last changed, in seconds since 1970."""
        for name in ("log.jsonl", "config.yaml", ""):
            with suppress(OSError):
                return (self.folder / name).stat().st_mtime
        return time.time() if self.job is None else self.job.order.asked

    def left(self) -> float | None:
        """Return the seconds of training that are left as the limits say; None where that is not known."""
        (steps, minutes), (step, seconds), one = self.limits, self.last, self.step_time
        ends = [one * (steps - step)] if steps and one is not None else []
        ends += [60 * minutes - seconds] if minutes and step else []
        return max(0.0, min(ends)) if ends else None

    def reason(self) -> str:
        """Return why it does not run although it should: the command's own message; "" where nothing is wrong."""
        if self.state == ELSEWHERE:
            return f"{holder(self.folder)} writes to this run; it is no job of the studio. Wait for its end, or stop it where it runs."
        return self.job.error if self.job is not None and self.state in (FAILED, DIED) else ""

    def to_json(self) -> dict[str, Any]:
        """Return what lists show of it."""
        (step, seconds), (steps, minutes) = self.last, self.limits
        return {
            "name": self.name,
            "state": self.state,
            "job": None if self.job is None else self.job.id,
            "preset": self.preset,
            "step": step,
            "seconds": seconds,
            "steps": steps,
            "minutes": minutes,
            "left": self.left() if self.state == RUNNING else None,
            "age": max(0.0, time.time() - self.age),
            "readiness": told(assess(self.looks)),
            "reason": self.reason(),
            "begun": self.begun,
            "usable": self.usable,
        }

    def notes(self) -> list[str]:
        """Return what the last fit that ended noted, in sentences."""
        said, notes = self.result, []
        if isinstance(held := said.get("held_out"), dict) and held.get("pictures"):
            count = ", ".join(f"{len(pictures)} {name}" for name, pictures in held["pictures"].items())
            notes.append(f"The weights of step {held['best_step']} are kept: their error on defects held out ({count}) is the least.")
            if held.get("settled"):
                notes.append("It ended as more steps did not help on the defects held out.")
        if "note" in said:
            notes.append(str(said["note"]))
        if "pieces" in said:
            notes.append(f"Memory did not suffice for a whole batch: it went through in {said['pieces']} pieces.")
        if "device_memory_gb" in said:
            notes.append(f"It needed about {said['device_memory_gb']:g} GB of memory.")
        if "precision" in said:
            notes.append(f"Computed in {said['precision']} ({said.get('precision_why', '')}) on {said.get('device', 'this machine')}.")
        return notes

    def _times(self) -> list[tuple[int, float]]:
        """Return step and seconds of the log's last rows."""
        rows = _rows(tail(self.folder / "log.jsonl"))
        return [(row["step"], float(row["seconds"])) for row in rows if "step" in row and "seconds" in row]

    def _state(self) -> str:
        if self.job is not None and (state := self.job.state) in (QUEUED, RUNNING):
            return state
        if self.folder.is_dir() and holder(self.folder) is not None:
            return ELSEWHERE
        if self.job is not None:
            return self.job.state
        return DONE if (self.folder / "fit.json").is_file() else STOPPED


def runs_of(project: Project) -> list[Run]:
    """Return a project's runs, those that changed last first; one that is asked for and has no folder yet, too."""
    jobs = _jobs(project)
    names = {*project.names(ROOM), *jobs}
    found = [Run(project.folder / ROOM / name, jobs.get(name)) for name in names]
    return sorted((run for run in found if run.folder.is_dir() or run.state not in (DONE, STOPPED)), key=lambda run: -run.age)


def run_of(project: Project, name: str) -> Run:
    """Return one run. Raises DataError where there is none."""
    run = Run(project.place(ROOM, name), _jobs(project).get(name))
    if not run.folder.is_dir() and run.job is None:
        raise DataError(f"There is no run {name!r} in this project.")
    return run


def free_name(project: Project, stem: str) -> str:
    """Return a name that no run has, and none that waits for its turn."""
    taken, number = {run.name for run in runs_of(project)}, 1
    while (name := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return name


def start(project: Project, scheduler: Scheduler, wish: Wish) -> Run:
    """Have a new fit begun. Raises DataError for a name that is taken, ConfigError for settings that cannot be used."""
    name = checked_name(wish.name)
    if any(run.name == name for run in runs_of(project)):
        raise DataError(f"There is a run {name!r} already; choose another name.")
    # a misspelt key or a limit that cannot be is said at once
    limits = (f"training.steps={wish.steps}", f"training.minutes={wish.minutes}")
    resolve(wish.preset, None, (*wish.settings, *limits))
    run = project.place(ROOM, name)
    words = ["--preset", wish.preset, *_limits(wish.steps, wish.minutes)]
    arguments = ("fit", str(project.data), "-o", str(run), *words, *_set(wish.settings), *_threads(wish.threads), *project.label_options)
    about = {"run": str(run), "preset": wish.preset, "steps": wish.steps, "minutes": wish.minutes, "threads": wish.threads}
    return Run(run, scheduler.ask(project.folder / "jobs", Order(KIND, f"Fit {name}", arguments, about)))


def go_on(project: Project, scheduler: Scheduler, run: Run, more_steps: int = 0, more_minutes: float = 0.0) -> Run:
    """Have a run resumed up to its limits, or for so many more steps or minutes; one that never began is begun again.

    Raises DataError for one that runs.
    """
    if run.state in OPEN:
        raise DataError(f"{run.name} is not at rest: {run.reason() or 'it runs or waits already'}")
    (steps, minutes), (step, seconds) = run.limits, run.last
    about = {} if run.job is None else run.job.order.about
    settings, threads = list(about.get("settings", ())), int(about.get("threads", 0))  # as it went on before
    if more_steps or more_minutes:
        steps = step + more_steps if more_steps else 0
        minutes = round(seconds / 60 + more_minutes, 2) if more_minutes else 0.0
        held = run.result.get("held_out")
        if isinstance(held, dict) and held.get("settled"):
            settings = [f"training.patience={FOREVER}"]
    if run.begun:
        limits = (*_limits(steps, minutes), *_set(settings), *_threads(threads))
        arguments = ("fit", str(project.data), "-o", str(run.folder), "--resume", *limits)
    elif run.job is not None:
        arguments = tuple(word for word in run.job.order.arguments if word != "--overwrite") + ("--overwrite",)
    else:
        raise DataError(f"{run.folder}: holds no fit that could go on.")
    about = {"run": str(run.folder), "preset": run.preset, "steps": steps, "minutes": minutes, "settings": settings, "threads": threads}
    return Run(run.folder, scheduler.ask(project.folder / "jobs", Order(KIND, f"Fit {run.name}", arguments, about)))


def remove(project: Project, run: Run) -> Path | None:
    """Move a run into the project's trash and return where it is now; None where it had no folder. Nothing is deleted.

    Raises DataError for one that runs.
    """
    if run.state in OPEN:
        raise DataError(f"{run.name} is not at rest: {run.reason() or 'stop it first'}")
    place = _to_trash(project, run) if run.folder.is_dir() else None
    for job in jobs_in(project.folder / "jobs"):
        if job.order.kind == KIND and job.order.about.get("run") == str(run.folder):
            (job.folder / PUT_AWAY).touch()
    return place


def step_times(runs: Iterable[Run]) -> dict[str, dict[str, Any]]:
    """Return for each preset what its newest run measured: the run, seconds a step, and seconds before the first where known."""
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        if (one := run.step_time) is None or run.preset in found:
            continue
        spent = run.result.get("seconds")
        parts = [value for name, value in spent.items() if name != "total"] if isinstance(spent, dict) and "total" in spent else []
        before = max(0.0, spent["total"] - sum(parts)) if isinstance(spent, dict) and parts else None
        found[run.preset] = {"run": run.name, "step": one, "before": before}
    return found


def told(readiness: Readiness | None) -> dict[str, Any] | None:
    """Return what previews say of a model in plain words; None where there were none."""
    if readiness is None:
        return None
    passed = f"{readiness.passed} of {readiness.drawn} previews pass the checks"
    if readiness.ready:
        text = f"Good enough: {passed}."
    elif readiness.more_minutes is not None:
        more = f"{readiness.more_minutes:.0f} more minutes should bring half of them through"
        text = f"Not good enough yet: {passed}. As the share grew, {more}."
    else:
        text = (
            f"Not good enough yet: {passed}. They do not show how much longer it needs; a longer fit, more labelled defects or a larger "
            "preset may help."
        )
    return {"ready": readiness.ready, "text": text, "more": readiness.more_minutes, "refused": refused(readiness.refusals, readiness.drawn)}


def refused(refusals: Mapping[str, int], drawn: int) -> list[str]:
    """Return for each check that refused previews how many, and what it asks, the most frequent first."""
    questions = {check.name: check.question for check in checks()}
    ordered = sorted(refusals.items(), key=lambda item: (-item[1], item[0]))
    return [f"{count} of {drawn} by {name}" + (f": {questions[name]} No." if name in questions else "") for name, count in ordered]


def _to_trash(project: Project, run: Run) -> Path:
    trash, number = project.folder / TRASH / ROOM, 1
    while (place := trash / f"{run.name}-{number}").exists():
        number += 1
    trash.mkdir(parents=True, exist_ok=True)
    run.folder.rename(place)
    return place


def _jobs(project: Project) -> dict[str, Job]:
    """Return the newest job about each run, by the run's name."""
    found: dict[str, Job] = {}
    for job in jobs_in(project.folder / "jobs"):
        if job.order.kind == KIND and "run" in job.order.about and not (job.folder / PUT_AWAY).exists():
            found.setdefault(Path(job.order.about["run"]).name, job)
    return found


def _limits(steps: int, minutes: float) -> tuple[str, ...]:
    return ("--max-steps", str(steps), "--max-minutes", f"{minutes:g}")


def _set(settings: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for setting in settings for word in ("--set", setting))


def _threads(count: int) -> tuple[str, ...]:
    return ("--threads", str(count)) if count else ()


def _rows(text: str) -> list[dict[str, Any]]:
    rows = []
    for line in text.splitlines():
        with suppress(ValueError):
            row = json.loads(line)
            rows += [row] if isinstance(row, dict) else []
    return rows


@lru_cache(maxsize=256)
def _config(path: Path, _changed: int) -> Config:
    return resolve(file=path)
