"""Which job runs when: a few at a time, the rest in turn. Those of an earlier server are found by what is on disk."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from flawsmith.core.errors import DataError
from flawsmith.studio.jobs.job import ERR, OUT, QUEUED, RUNNING, STARTED, Job, Order, jobs_in, place

HEAVY = ("fit", "generate", "benefit", "evaluate")  # these take every core: one at a time
LIGHT = 2  # of the others at a time
MOST_QUEUED = 50  # in a project: a page that asks again and again fills no disk
BEAT = 0.5  # seconds between looks at what ended


class Scheduler:
    """Starts jobs as room comes; used as `with Scheduler(...)`, which starts its thread."""

    def __init__(self, folders: Callable[[], Iterable[Path]], at_once: int = 1) -> None:
        """folders: returns the jobs/ folders of all projects; at_once: heavy jobs at a time."""
        self._folders, self._at_once = folders, at_once
        self._children: list[subprocess.Popen[bytes]] = []
        self._over: set[Path] = set()  # folders of jobs that ended: they are not looked at again
        self._wake, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def __enter__(self) -> "Scheduler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._wake.set()
        self._thread.join()

    def ask(self, folder: Path, order: Order) -> Job:
        """Queue a job in a project's jobs/ folder. Raises DataError where too many wait already."""
        waiting = sum(job.state == QUEUED for job in jobs_in(folder))
        if waiting >= MOST_QUEUED:
            raise DataError(f"{waiting} jobs wait already; stop some of them, or let them end.")
        job = place(folder, order)
        self._wake.set()
        return job

    def _run(self) -> None:
        while not self._end.is_set():
            self._children = [child for child in self._children if child.poll() is None]
            try:
                self._start_some()
            except (OSError, DataError) as error:  # a full disk, say: the next beat tries again
                print(f"flawsmith studio: jobs wait: {error}", file=sys.stderr)
                time.sleep(5)
            self._wake.wait(BEAT)
            self._wake.clear()

    def _start_some(self) -> None:
        jobs = (job for folder in self._folders() for job in jobs_in(folder) if job.folder not in self._over)
        open_jobs = [(job, job.state) for job in jobs]
        self._over |= {job.folder for job, state in open_jobs if state not in (QUEUED, RUNNING)}
        running = [job for job, state in open_jobs if state == RUNNING]
        heavy = sum(job.order.kind in HEAVY for job in running)
        room = {True: self._at_once - heavy, False: LIGHT - (len(running) - heavy)}
        for job in sorted((job for job, state in open_jobs if state == QUEUED), key=lambda job: job.order.asked):
            kind = job.order.kind in HEAVY
            if room[kind] > 0 and (child := start(job)) is not None:
                self._children.append(child)
                room[kind] -= 1


def waits_for(folder: Path) -> str:
    """Return the title of the job of a project that a heavy one waits for; "" where none runs."""
    return next((job.order.title for job in jobs_in(folder) if job.order.kind in HEAVY and job.state == RUNNING), "")


def start(job: Job) -> "subprocess.Popen[bytes] | None":
    """Start a job's process, which goes on when this one ends; None where another server was quicker."""
    try:
        with (job.folder / STARTED).open("x") as stream:
            stream.write(json.dumps({"at": time.time()}))
    except FileExistsError:
        return None
    with (job.folder / OUT).open("wb") as out, (job.folder / ERR).open("wb") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "flawsmith.studio.jobs.runner", str(job.folder)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=job.folder,
            env={**os.environ, "COLUMNS": "140"},
            start_new_session=True,  # Ctrl-C in the server's terminal is not meant for it
        )
