"""All jobs of a sweep and how far each is: what can begin, what cannot, and whether all has ended."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from flawsmith.sweeps.job import DONE, FAILED, LOST, WAITING, Job, State, read_state, write_state

ENDED = (DONE, FAILED)


class Board:
    """The jobs by name with their states, which lie on disk in a file each."""

    def __init__(self, jobs: Sequence[Job], retries: int = 2) -> None:
        """retries: how often a job whose process or machine was lost is begun again."""
        self.jobs = {job.name: job for job in jobs}
        self._retries = retries
        self._states = {name: read_state(job) for name, job in self.jobs.items()}
        self._tries = {name: state.tries for name, state in self._states.items()}  # before this sweep

    def begin_anew(self) -> None:
        """Have everything wait that an earlier sweep did not bring to its end, what failed included."""
        for name, state in self._states.items():
            if state.state not in (DONE, WAITING):
                self._states[name] = write_state(self.jobs[name], replace(state, state=WAITING, reason=""))

    def refresh(self) -> None:
        """Read the records of what is not done: other processes write them."""
        self._states |= {name: read_state(self.jobs[name]) for name, state in self._states.items() if state.state != DONE}

    def now(self, name: str) -> State:
        """Return a job's state; one that needs what has failed, has failed."""
        state = self._states[name]
        if state.state == WAITING:
            for need in self.jobs[name].needs:
                if self.now(need).state == FAILED:
                    return replace(state, state=FAILED, reason=f"it needs {need}, which failed")
        return state

    def put(self, name: str, state: State) -> None:
        """Say how far a job is: one that was lost waits again, unless it was begun too often."""
        if state.state == LOST:
            again = state.tries - self._tries[name] <= self._retries
            state = write_state(self.jobs[name], replace(state, state=WAITING if again else FAILED))
        self._states[name] = state

    def ready(self) -> list[Job]:
        """Return the jobs that can begin, in order."""
        return [job for name, job in self.jobs.items() if self._can_begin(name, job)]

    def _can_begin(self, name: str, job: Job) -> bool:
        return self._states[name].state == WAITING and all(self._states[need].state == DONE for need in job.needs)

    @property
    def over(self) -> bool:
        """Whether every job has ended."""
        return all(self.now(name).state in ENDED for name in self.jobs)

    def counts(self) -> Counter[str]:
        """Return how many jobs are in each state."""
        return Counter(self.now(name).state for name in self.jobs)

    def failed(self) -> list[tuple[Job, State]]:
        """Return the jobs that failed, with how."""
        return [(job, state) for name, job in self.jobs.items() if (state := self.now(name)).state == FAILED]
