"""One job: its folder PROJECT/jobs/ID, and what the files in it say."""

import os
import shutil
import signal
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flawsmith.core.disk import size
from flawsmith.core.errors import DataError
from flawsmith.core.files import read_json, write_json
from flawsmith.core.locks import holder

QUEUED, RUNNING, DONE, STOPPED, FAILED, DIED = STATES = ("queued", "running", "done", "stopped", "failed", "died")
JOB, STARTED, ENDED, STOP, OUT, ERR = "job.json", "started.json", "ended.json", "stop", "out.txt", "err.txt"
FEW = 1_000_000  # bytes: a disk with less has no room for what a job says
GRACE = 20.0  # seconds from the start of a process to its first sign of life
STOPPED_BY = (130, 143)  # exit statuses of a command that was asked to stop and kept what it had


@dataclass(frozen=True)
class Order:
    """What a job is to do: the content of job.json."""

    kind: str  # "fit", "generate", ...
    title: str  # what pages call it
    arguments: tuple[str, ...]  # of `flawsmith`
    about: Mapping[str, Any] = field(default_factory=dict)  # what its pages need: names of its run or pairs, how many, ...
    asked: float = field(default_factory=time.time)


class Job:
    """A job on disk."""

    def __init__(self, folder: Path) -> None:
        """Raises DataError for a folder without a job."""
        self.folder = folder
        said = read_json(folder / JOB)
        try:
            self.order = Order(**{**said, "arguments": tuple(said["arguments"])})
        except (TypeError, KeyError) as error:
            raise DataError(f"{folder / JOB}: is no job of the studio ({error}).") from error

    @property
    def id(self) -> str:
        """Its folder's name, such as "0007-fit"."""
        return self.folder.name

    @property
    def state(self) -> str:
        """One of STATES, as the files and the machine say."""
        if (status := self.status) is not None:
            return DONE if status == 0 else STOPPED if status in STOPPED_BY else FAILED
        if (self.folder / STARTED).is_file():
            alive = holder(self.folder) is not None or time.time() - (self.folder / STARTED).stat().st_mtime < GRACE
            # it may have ended between the two questions
            return RUNNING if alive else DIED if self.status is None else self.state
        return STOPPED if (self.folder / STOP).exists() else QUEUED

    @property
    def status(self) -> int | None:
        """The exit status; None while there is none."""
        with suppress(DataError, KeyError, TypeError):
            return int(read_json(self.folder / ENDED)["status"])
        return None

    @property
    def seconds(self) -> float | None:
        """How long it has run; None where it never began."""
        with suppress(OSError):
            began = (self.folder / STARTED).stat().st_mtime
            ended = self.folder / ENDED
            last = ended if ended.exists() else self.folder / ERR
            return max(0.0, (time.time() if self.state == RUNNING else last.stat().st_mtime) - began)
        return None

    @property
    def error(self) -> str:
        """The last of what it wrote to standard error, in plain lines: why it failed."""
        words = tail(self.folder / ERR)
        if self.state == DIED:
            words += "\nThe process was killed from outside, or the machine ran out of memory or was switched off."
        elif not words:
            words = f"It ended with the status {self.status} and said nothing."
        with suppress(OSError):
            if (usage := shutil.disk_usage(self.folder)).free < FEW:
                words += (
                    f"\nThe disk of the project is full: {size(usage.free)} of {size(usage.total)} are free. Free some space and go on."
                )
        return words.strip()

    def stop(self) -> None:
        """Ask it to stop at its next step, or not to begin."""
        (self.folder / STOP).touch()
        owner = holder(self.folder)
        if owner is not None:
            with suppress(ProcessLookupError):
                os.kill(owner.pid, signal.SIGTERM)

    def to_json(self) -> dict[str, Any]:
        """Return what pages show of it."""
        state = self.state
        return {
            "id": self.id,
            "kind": self.order.kind,
            "title": self.order.title,
            "about": dict(self.order.about),
            "asked": self.order.asked,
            "state": state,
            "seconds": self.seconds,
            "error": self.error if state in (FAILED, DIED) else "",
        }


def place(jobs: Path, order: Order) -> Job:
    """Write a new job into the folder of a project's jobs; it is queued."""
    jobs.mkdir(parents=True, exist_ok=True)
    number = max((int(path.name[:4]) for path in jobs.glob("[0-9][0-9][0-9][0-9]-*")), default=0)
    while True:
        number += 1
        folder = jobs / f"{number:04d}-{order.kind}"
        with suppress(FileExistsError):  # another tab was quicker
            folder.mkdir()
            break
    write_json(folder / JOB, {**asdict(order), "about": dict(order.about)})
    return Job(folder)


def jobs_in(folder: Path) -> list[Job]:
    """Return a project's jobs, the newest first; what is damaged is left out."""
    found = []
    for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]-*"), reverse=True):
        with suppress(DataError):
            found.append(Job(path))
    return found


def jobs_by_name(folder: Path, kinds: Collection[str]) -> dict[str, list[Job]]:
    """Return a project's jobs of some kinds by the "name" that each is about, the newest first; those without one are left out."""
    found: dict[str, list[Job]] = {}
    for job in jobs_in(folder):
        if job.order.kind in kinds and "name" in job.order.about:
            found.setdefault(str(job.order.about["name"]), []).append(job)
    return found


def tail(path: Path, size: int = 4000) -> str:
    """Return the end of a text file, whole lines of `size` bytes at most; "" where there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - size))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines: Sequence[str] = text.splitlines()
    return "\n".join(lines[1:] if path.stat().st_size > size else lines).strip()
