"""Work that is cut into jobs: each leaves one JSON file, runs when what it needs is there, and is not done twice."""

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from flawsmith.core.files import content_hash, write_json
from flawsmith.core.text import read_text


@dataclass(frozen=True)
class Job:
    """One piece of work: `run(*args)` returns what goes into `result`."""

    name: str  # what a person reads: "fit 3 shots, seed 0"
    result: Path  # the JSON file that says it is done
    run: Callable[..., dict[str, Any]]  # a function of a module, so that another process can call it
    args: tuple[Any, ...] = ()
    needs: tuple[Path, ...] = field(default=())  # results of other jobs
    stamp: str = ""  # of the program's version, the settings and the data: a result with another one is not this job's

    @property
    def is_done(self) -> bool:
        """Whether the result is there, has this job's stamp, and what it needs is still what it was made from."""
        if not self.result.is_file() or not all(path.is_file() for path in self.needs):
            return False
        try:
            found = read_result(self.result)
        except ValueError:  # a file that somebody damaged
            return False
        return found.get("stamp", "") == self.stamp and found.get("needs", {}) == self._digests()

    def _digests(self) -> dict[str, str]:
        """Return the content hash of each result that this job needs, by its path from the job's own."""
        return {Path(os.path.relpath(path, self.result.parent)).as_posix(): content_hash(path)[:16] for path in self.needs}

    def do(self) -> None:
        """Run the job and write its result, with what it was made from."""
        begun, needs = time.monotonic(), self._digests()
        found = self.run(*self.args)
        facts = {"job": self.name, "job_seconds": round(time.monotonic() - begun, 1), "stamp": self.stamp, "needs": needs}
        write_json(self.result, {**found, **facts})


def run_jobs(jobs: Sequence[Job], workers: int, quiet: bool = False) -> None:
    """Do what is not done yet: the first jobs first, up to `workers` processes side by side; 0 = in this process.

    An error in one stops the rest; what was done stays and is not done again by the next call. A result of another stamp, and one that
    was made from a result that is no longer there as it was, is removed and made again.
    """
    left = _to_do(jobs)
    bar = Progress(
        TextColumn("benefit"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.fields[state]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )
    with bar:
        shown = bar.add_task("benefit", total=len(jobs), completed=len(jobs) - len(left), state="")
        if workers == 0:
            for job in _in_order(left):
                bar.update(shown, state=job.name)
                _do(job)
                bar.update(shown, advance=1)
            return
        # spawned, as a forked process would inherit this one's threads half-way through their work
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
            running: dict[Future[None], Job] = {}
            try:
                while left or running:
                    for job in [job for job in left if all(path.exists() for path in job.needs)][: workers - len(running)]:
                        left.remove(job)
                        running[pool.submit(_do, job)] = job
                    if not running:
                        raise RuntimeError(f"{left[0].name} needs what no job makes: {', '.join(map(str, left[0].needs))}")
                    bar.update(shown, state=", ".join(job.name for job in running.values()))
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        running.pop(future)
                        future.result()
                        bar.update(shown, advance=1)
            except BaseException:
                processes = list((pool._processes or {}).values())  # `shutdown` forgets them
                pool.shutdown(wait=False, cancel_futures=True)
                for process in processes:  # a fit would go on for minutes
                    process.terminate()
                raise


def _to_do(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs that are not done, those included that need one of them; what they left before is removed."""
    redone: set[Path] = set()
    for job in _in_order(jobs):
        if redone & set(job.needs) or not job.is_done:
            redone.add(job.result)
            job.result.unlink(missing_ok=True)
    return [job for job in jobs if job.result in redone]


def _in_order(jobs: Sequence[Job]) -> Sequence[Job]:
    """Return the jobs so that each comes after those whose results it needs."""
    left, ordered = list(jobs), []
    while left:
        made = {job.result for job in left}
        ready = next(job for job in left if not made & set(job.needs))
        left.remove(ready)
        ordered.append(ready)
    return ordered


def _end_with_parent() -> None:
    """Watch in the background for the end of the process that spawned this one, and end too: it may have been killed mid-job."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _do(job: Job) -> None:
    job.do()


def seconds_of(job: Job) -> float:
    """Return how long a finished job took; 0 where another run of the same work left its result."""
    return float(read_result(job.result).get("job_seconds", 0.0))


def read_result(path: Path) -> dict[str, Any]:
    """Return what a job left."""
    result: dict[str, Any] = json.loads(read_text(path))
    return result
