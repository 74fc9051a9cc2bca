"""Which attempts are drawn next, and which one is finished next: pairs in the order of their numbers, whoever draws them when."""

import heapq
from collections import deque
from collections.abc import Iterator, Sequence

from flawsmith.generation.attempt import Attempt

HELD = 2  # times as many as are drawn at once: how many that were not refused may wait for an earlier one

Wanted = tuple[int, int]  # the number of a pair, and that of the attempt at it


class Turns:
    """The attempts at some pairs.

    One that was refused as it was drawn is made again at once; only what is refused for being like an earlier pair has to wait for it.
    """

    def __init__(self, indexes: Sequence[int], attempts: int) -> None:
        """indexes: the pairs' numbers, ascending; attempts: at most so many at each; 0 = no limit."""
        self._queue: list[Wanted] = [(index, 0) for index in indexes]  # ascending, so it is a heap
        self._turn, self._number = deque(indexes), 0  # of the attempt that is finished next
        self._waiting: dict[Wanted, Attempt] = {}
        self._attempts = attempts

    def wanted(self, most: int) -> list[Wanted]:
        """Return what is to be drawn next, the lowest first: `most`, or fewer where many that were not refused wait for their turn."""
        held = sum(not attempt.reasons for attempt in self._waiting.values())
        count = min(most, max(1, HELD * most - held), len(self._queue))
        return [heapq.heappop(self._queue) for _ in range(count)]

    def add(self, attempt: Attempt) -> None:
        """Take one that was drawn."""
        here = (attempt.spec.index, attempt.spec.attempt)
        self._waiting[here] = attempt
        if attempt.reasons and not self.is_last(attempt):
            heapq.heappush(self._queue, (here[0], here[1] + 1))

    def ready(self) -> Iterator[Attempt]:
        """Yield those whose turn it is; each has to be finished, with reasons noted in it where it does not count, before the next."""
        while self._turn and (attempt := self._waiting.pop((self._turn[0], self._number), None)) is not None:
            is_made_again = bool(attempt.reasons)
            yield attempt
            if not attempt.reasons or self.is_last(attempt):
                self._turn.popleft()
                self._number = 0
                continue
            self._number += 1
            if not is_made_again:
                heapq.heappush(self._queue, (self._turn[0], self._number))

    def is_last(self, attempt: Attempt) -> bool:
        """Return whether there is no further attempt at its pair."""
        return 0 < self._attempts <= attempt.spec.attempt + 1
