"""The seconds of a training, all of them and by the part of the work."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Counts on from the seconds that were spent before an interruption."""

    def __init__(self, spent: float) -> None:
        self._started = time.monotonic() - spent
        self.split = {"data": 0.0, "model": 0.0, "write": 0.0, "save": 0.0}  # seconds of this process

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return time.monotonic() - self._started

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Count the block as time spent on `name`."""
        mark = time.monotonic()
        yield
        self.split[name] += time.monotonic() - mark
