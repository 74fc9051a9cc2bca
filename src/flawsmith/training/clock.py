"""The seconds of a training, all of them and by the part of the work."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

FIRST = 60.0  # seconds before the first checkpoint
BETWEEN = 100.0  # times as long as the last one took: the time to the next


class Clock:
    """Counts on from the seconds that were spent before an interruption."""

    def __init__(self, spent: float) -> None:
        self._started = time.monotonic() - spent
        self._next_save = time.monotonic() + FIRST
        self.split = {"data": 0.0, "model": 0.0, "write": 0.0, "save": 0.0}  # seconds of this process

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return time.monotonic() - self._started

    def is_time_to_save(self, step: int, every: int) -> bool:
        """Return whether a checkpoint is due after a step; every: steps between them; 0 = as often as takes about 1 % of the time."""
        return step % every == 0 if every else time.monotonic() >= self._next_save

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Count the block as time spent on `name`."""
        mark = time.monotonic()
        yield
        now = time.monotonic()
        self.split[name] += now - mark
        if name == "save":
            self._next_save = now + BETWEEN * (now - mark)
