"""How long what is left of a sweep takes: from jobs that have ended on these machines, or else from what was measured elsewhere."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from flawsmith.sweeps.board import ENDED, Board
from flawsmith.sweeps.job import DONE

# Seconds of a job and of each pair on one core, with the default preset: docs/benchmarks.md, docs/scale.md
ASSUMED = {"fit": (330.0, 0.0), "generate": (15.0, 1.0), "evaluate": (60.0, 0.0), "benefit": (7200.0, 0.0)}


@dataclass(frozen=True)
class Estimate:
    """What is left of one step."""

    step: str
    left: int  # jobs
    seconds: float  # of all of them, one after the other
    measured: int  # jobs that the time was taken from; 0 = it is assumed


def estimate(board: Board) -> list[Estimate]:
    """Return what is left by step, in the order of the jobs."""
    found = []
    for step in dict.fromkeys(job.step for job in board.jobs.values()):
        left = [job.amount for name, job in board.jobs.items() if job.step == step and board.now(name).state not in ENDED]
        seconds, measured = _seconds(board, step)
        found.append(Estimate(step, len(left), sum(map(seconds, left)), measured))
    return found


def hours(board: Board, side_by_side: int) -> float:
    """Return the hours until the last job ends, with so many side by side, each begun as soon as it can be."""
    seconds = {step: _seconds(board, step)[0] for step in {job.step for job in board.jobs.values()}}
    free = [0.0] * side_by_side
    ended: dict[str, float] = {}
    for name, job in board.jobs.items():  # in the order in which they are begun
        if board.now(name).state not in ENDED:
            begun = max([heapq.heappop(free), *(ended.get(need, 0.0) for need in job.needs)])
            ended[name] = begun + seconds[job.step](job.amount)
            heapq.heappush(free, ended[name])
    return max(ended.values(), default=0.0) / 3600


def _seconds(board: Board, step: str) -> tuple[Callable[[int], float], int]:
    """Return how many seconds a job of a step takes by its amount of work, and from how many jobs that was measured."""
    fixed, each = ASSUMED[step]
    done = [(job.amount, board.now(name).seconds) for name, job in board.jobs.items() if job.step == step and board.now(name).state == DONE]
    if done:
        total = sum(seconds for _, seconds in done)
        fixed, each = (0.0, total / sum(amount for amount, _ in done)) if each else (total / len(done), 0.0)
    return lambda amount: fixed + each * amount, len(done)
