"""Processes that work together and hand each other Python objects; alone, all of it does nothing."""

import atexit
import gc
import importlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import count
from typing import Any, TypeVar

import torch.distributed as dist
from torch.distributed import distributed_c10d

from flawsmith.core.processes import processes, rank

PATIENCE = timedelta(hours=2)  # that the others wait for the slowest

_CALLS = count()  # of `parts`: the same in all processes

T = TypeVar("T")


def leave_in_order() -> None:
    """Have the process group that is about to begin, and its threads, end before the interpreter does.

    One of those that lets go of a tensor later, as happens on a busy machine, would abort a process whose work is done.
    """
    importlib.import_module("torch.distributed.nn")  # imported later, its functions would hold the group as a default to the very end
    atexit.unregister(_leave)
    atexit.register(_leave)


def _leave() -> None:
    if not dist.is_initialized():
        return
    group = dist.group.WORLD
    dist.destroy_process_group()  # only forgets it: its threads end with the last reference
    gc.collect()  # others are in cycles, such as those of a network whose gradients it shared
    del group  # so this one is the last; without the interpreter's lock, which the threads may need, it waits for them


class Team:
    """This process and those that were begun with it by `accelerate launch` or torchrun; the first one decides and writes."""

    def __init__(self) -> None:
        self.rank, self.count = rank(), processes()
        if self.count > 1 and not dist.is_initialized():
            leave_in_order()
            dist.init_process_group("gloo", timeout=PATIENCE)  # objects go through main memory, also where the work is on GPUs
        self._group = dist.new_group(backend="gloo", timeout=PATIENCE) if self.count > 1 else None

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def agree(self, value: T) -> T:
        """Return the first process's value in all of them."""
        if self.count == 1:
            return value
        told = [value]
        dist.broadcast_object_list(told, src=0, group=self._group)
        return told[0]

    def parts(self, work: Sequence[T], size: int) -> Iterator[Sequence[T]]:
        """Yield parts of what is to be done, of `size` each, to whichever process is first to ask for them; all call it with the same."""
        if self.count == 1:
            yield from (work[start : start + size] for start in range(0, len(work), size))
            return
        name = f"flawsmith parts {next(_CALLS)}"
        store = distributed_c10d._get_default_store()
        while (start := size * (store.add(name, 1) - 1)) < len(work):
            yield work[start : start + size]

    def gather(self, done: Sequence[T]) -> list[T]:
        """Return in the first process what all have done, in the others nothing."""
        if self.count == 1:
            return list(done)
        found: list[Any] | None = [None] * self.count if self.leads else None
        dist.gather_object(list(done), found, dst=0, group=self._group)
        return [each for part in found or () for each in part]
