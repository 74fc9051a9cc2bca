"""Work that other threads do meanwhile: masks are decoded ahead of the row whose turn it is, and pictures copied behind it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from flawsmith.core.processors import cores
from flawsmith.formats.writers.row import Row

S = TypeVar("S")
T = TypeVar("T")

AHEAD = 4  # rows whose masks are held at a time
WRITERS = 4  # threads that copy: they wait for the disk, which may take several files at a time


class Background:
    """A few threads; used as `with Background() as work`."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(min(AHEAD, cores()))
        self._writers = ThreadPoolExecutor(WRITERS)
        self._open: deque[Future[None]] = deque()

    def __enter__(self) -> "Background":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._writers.shutdown(cancel_futures=True)

    def later(self, work: Callable[[], None]) -> None:
        """Do some work by and by."""
        self._open.append(self._writers.submit(work))

    def settle(self) -> None:
        """Wait until all of it is done; raises what the first of it raised."""
        while self._open:
            self._open.popleft().result()

    def map(self, make: Callable[[S], T], given: Iterable[S]) -> Iterator[T]:
        """Yield what `make` makes of each, in order, the next few meanwhile."""
        waiting: deque[Future[T]] = deque()
        for one in given:
            waiting.append(self._pool.submit(make, one))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def ahead(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows, the masks of the next few being read meanwhile."""
        return self.map(_ready, rows)


def _ready(row: Row) -> Row:
    assert row.masks is not None  # which reads them
    return row
