"""Jobs that nobody runs, in a folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flawsmith.sweeps.job import Job, State, write_state


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """Return the function that gives a job: (product, step, needs, amount)."""

    def make(product: str, step: str, *needs: str, amount: int = 1) -> Job:
        home = tmp_path / product
        return Job(product, step, (step,), str(home / "out"), str(home / f"{step}.json"), str(home / f"{step}.log"), needs, amount)

    return make


@pytest.fixture
def ended() -> Callable[..., State]:
    """Return the function that writes how a job ended: (job, state, seconds, tries)."""
    return lambda job, state, seconds=10.0, tries=1: write_state(job, State(state, tries, seconds))
