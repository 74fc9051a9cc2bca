"""A job of a sweep: one command for one product, the file that says how far it is, and its process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flawsmith.core.errors import FolderBusyError
from flawsmith.core.files import write_json
from flawsmith.core.folders import MARKER
from flawsmith.core.locks import hold
from flawsmith.core.text import read_text

WAITING, RUNNING, DONE, FAILED, LOST, STOPPED = "waiting", "running", "done", "failed", "lost", "stopped"
BEGUN = {"fit": "config.yaml", "generate": "pairs.jsonl", "benefit": "benefit.json"}  # in a command's folder: it can be gone on with
USERS = (1, 2)  # exit statuses of what would fail again: bad input and wrong usage
GRACE = 120.0  # seconds that a process has to keep its work once it was asked to end


@dataclass(frozen=True)
class Job:
    """One command for one product."""

    product: str  # its name, and with one model per defect also the defect's: "bottle/broken_large"
    step: str  # the command: fit, generate, evaluate or benefit
    words: tuple[str, ...]  # the command line after "flawsmith", without what resumes
    output: str  # the folder that the command writes
    record: str  # JSON file with the job's State
    log: str  # what the command printed, of all tries
    needs: tuple[str, ...] = ()  # names of jobs
    amount: int = 1  # of work, such as the number of pairs: what the time is in proportion to
    data: str = ""  # the product's folder

    @property
    def name(self) -> str:
        """What a person reads, and what `needs` names."""
        return f"{self.step} {self.product}"

    def command(self) -> list[str]:
        """Return the words to run now: one that was begun is gone on with; what had only begun to be written is written anew."""
        output = Path(self.output)
        begun = BEGUN.get(self.step)
        if begun is not None and (output / begun).is_file():
            return [*self.words, "--resume"]
        return [*self.words, "--overwrite"] if (output / MARKER).is_file() else list(self.words)

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Job":
        """Return the job that `dataclasses.asdict`, gone through JSON, says."""
        return cls(**{**row, "words": tuple(row["words"]), "needs": tuple(row["needs"])})


@dataclass(frozen=True)
class State:
    """How far a job is."""

    state: str = WAITING
    tries: int = 0
    seconds: float = 0.0  # of its process, over all tries
    begun: float | None = None  # time of day of the last try, in seconds since 1970
    host: str = ""
    exit: int | None = None  # of the last try; below 0: the signal that killed it
    reason: str = ""  # why it failed
    stayed: str = ""  # the folder on `host` that holds its results; "" = its output


def read_state(job: Job) -> State:
    """Return how far a job is, by its record; waiting where there is none."""
    path = Path(job.record)
    return State(**json.loads(read_text(path))) if path.is_file() else State()


def write_state(job: Job, state: State) -> State:
    """Write a job's record, and return the state."""
    write_json(Path(job.record), asdict(state))
    return state


class Running:
    """A job's process: the ordinary command, in a session of its own, which ends when this process does."""

    def __init__(self, job: Job, environment: dict[str, str] | None = None) -> None:
        """environment: variables beside those of this process, such as the GPU that it is given."""
        self.job = job
        _wait_for_owner(Path(job.output))
        before = read_state(job)
        self._begun, self._before = time.time(), before.seconds
        self.state = State(RUNNING, before.tries + 1, before.seconds, self._begun, socket.gethostname())
        write_state(job, self.state)
        log = Path(job.log)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flawsmith.sweeps.child", *job.command()],
                stdin=subprocess.PIPE,  # never written to: its end tells the child that this process is gone
                stdout=stream,
                stderr=stream,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C is for the sweep, which asks its jobs to end
            )

    def poll(self) -> State | None:
        """Return the state that the process ended in, and write it; None while it runs."""
        status = self.process.poll()
        if status is None:
            return None
        assert self.process.stdin is not None
        self.process.stdin.close()
        state = DONE if status == 0 else FAILED if status in USERS else LOST
        reason = "" if state == DONE else _reason(self.job, status)
        seconds = round(self._before + time.time() - self._begun, 1)
        return write_state(self.job, replace(self.state, state=state, seconds=seconds, exit=status, reason=reason))

    def ask_to_end(self) -> None:
        """Send SIGTERM: the command keeps its work and ends."""
        if self.process.poll() is None:
            self.process.terminate()

    def end(self, deadline: float) -> None:
        """Wait for the process to keep its work, until a time of `time.monotonic`, then kill it; its record says that it was stopped."""
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        state = self.poll()
        assert state is not None
        if state.state != DONE:
            write_state(self.job, replace(state, state=STOPPED, reason=""))


def _wait_for_owner(folder: Path) -> None:
    """Wait for a process of an earlier try that still keeps its work in the folder, GRACE seconds at most."""
    deadline = time.monotonic() + GRACE
    while True:
        try:
            with hold(folder):
                return
        except FolderBusyError:
            if time.monotonic() > deadline:
                return  # the command itself says it
            time.sleep(0.5)


def _reason(job: Job, status: int) -> str:
    """Return the last thing that the command said, or which signal killed it."""
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    with Path(job.log).open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - 4096))
        said = [line.strip() for line in stream.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return next((line for line in reversed(said) if line.startswith("flawsmith:")), said[-1] if said else f"exit status {status}")
