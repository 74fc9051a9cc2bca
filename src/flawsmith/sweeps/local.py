"""The jobs of a sweep side by side on this machine."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from flawsmith.core.processors import cores
from flawsmith.sweeps.board import Board
from flawsmith.sweeps.job import GRACE, Running

POLL = 0.2  # seconds

Slot = dict[str, str]  # variables of the environment that give a job its share of the machine
Watch = Callable[[Board], None]  # is called again and again while jobs run


def slots(device: str, workers: int | None, threads: int) -> list[Slot]:
    """Return a slot for each job that may run side by side: a GPU each where jobs run on GPUs, else `threads` cores each.

    workers: how many; None = as many as there are GPUs or cores for.
    """
    import torch  # here, as what only plans needs no device

    gpus = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    if gpus:
        return [{"CUDA_VISIBLE_DEVICES": str(number % gpus)} for number in range(workers or gpus)]
    return [{} for _ in range(workers or max(1, cores() // max(1, threads)))]


def run_locally(board: Board, slots: Sequence[Slot], watch: Watch) -> None:
    """Do the board's jobs until all have ended. Stopped by Ctrl-C or SIGTERM it has those that run keep their work, and raises it."""
    free = deque(slots)
    running: list[tuple[Running, Slot]] = []
    try:
        while not board.over:
            for job in board.ready()[: len(free)]:
                slot = free.popleft()
                running.append((Running(job, slot), slot))
                board.put(job.name, running[-1][0].state)
            watch(board)
            time.sleep(POLL)
            for one, slot in list(running):
                if (state := one.poll()) is not None:
                    running.remove((one, slot))
                    free.append(slot)
                    board.put(one.job.name, state)
        watch(board)
    finally:
        for one, _ in running:
            one.ask_to_end()
        deadline = time.monotonic() + GRACE
        for one, _ in running:
            one.end(deadline)
