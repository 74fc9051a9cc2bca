"""Jobs on machines that do not see the folders of the sweep: what a job needs travels to its machine, and what it left comes back.

Each machine has a folder of the sweep, in which results lie as they do in the sweep's own, and beside them what was received.
"""

import hashlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flawsmith.core.disk import size
from flawsmith.core.errors import DataError
from flawsmith.sweeps.job import DONE, WAITING, Job, Running, State, read_state, write_state
from flawsmith.sweeps.local import POLL
from flawsmith.sweeps.parcels import TEXT, Paths, files_in, pack, unpack, write_new
from flawsmith.sweeps.products import Product

MOST = 8 << 30  # bytes of one product's files that are sent
RECEIVED = "received"  # folder in that of the sweep


@dataclass(frozen=True)
class Sent:
    """A folder that a job needs on its machine."""

    folder: str  # there
    digest: str = ""  # SHA-256 of its pieces, one after the other
    pieces: tuple[Any, ...] = ()  # Ray's references to archives; none of what has to be there already
    record: str = ""  # there, of the job that left it there


@dataclass(frozen=True)
class Errand:
    """A job with all that its machine needs to do it."""

    job: Job  # with the paths of that machine
    state: State  # of the job before
    home: str  # that machine's folder of the sweep
    sent: tuple[Sent, ...]
    paths: Paths  # the sweep's folders as that machine calls them
    back: bool  # whether all results come back, or only what tells of them


def require_sendable(products: Sequence[Product]) -> None:
    """Raise DataError for a product whose files have more than MOST bytes."""
    for product in products:
        total = 0 if product.problem else sum(path.stat().st_size for path in files_in(product.data))
        if total > MOST:
            raise DataError(
                f"{product.data}: has {size(total)}, and at most {size(MOST)} are sent; use a file system that all machines share."
            )


def home_of(place: str, folder: Path) -> str:
    """Return the folder that a sweep into `folder` has on every machine, in `place`."""
    name = hashlib.sha256(os.fsencode(f"{socket.gethostname()}:{folder}")).hexdigest()[:12]
    return os.path.join(place or os.path.join(tempfile.gettempdir(), "flawsmith-sweep"), name)


def moved(job: Job, paths: Paths) -> Job:
    """Return a job with the paths of another machine."""

    def at(text: str) -> str:
        for old in sorted(paths, key=len, reverse=True):
            if text == old or text.startswith(old + os.sep):
                return paths[old] + text[len(old) :]
        return text

    return replace(job, words=tuple(map(at, job.words)), output=at(job.output), record=at(job.record), log=at(job.log))


class Sender:
    """The sweep's side."""

    def __init__(self, folder: Path, home: str, jobs: Mapping[str, Job], back: bool) -> None:
        """folder: of the sweep; home: what stands for it on the machines; jobs: all, by name."""
        self._folder, self._home, self._jobs, self._back = folder, home, jobs, back

    def errand(self, job: Job, state: State) -> Errand:
        """Return a job, whose state is given, with what it needs."""
        sent = [self._send(job.data, {})]
        paths = {str(self._folder): self._home, job.data: sent[0].folder}
        for need in (self._jobs[name] for name in job.needs):
            there = moved(need, paths)
            sent.append(self._send(need.output, paths) if self._back else Sent(there.output, record=there.record))
            paths[need.output] = sent[-1].folder
        return Errand(moved(job, paths), state, self._home, tuple(sent), paths, self._back)

    def take(self, piece: bytes) -> None:
        """Write what a job's machine sent back to where the job would have written it beside the sweep."""
        unpack(piece, self._folder)

    def _send(self, folder: str, paths: Paths) -> Sent:
        import ray

        digest, pieces = hashlib.sha256(), []
        for piece in pack(files_in(Path(folder)), Path(folder), paths):
            digest.update(piece)
            pieces.append(ray.put(piece))
        # under its own name, which tells of the product
        return Sent(os.path.join(self._home, RECEIVED, digest.hexdigest()[:16], Path(folder).name), digest.hexdigest(), tuple(pieces))


def run_errand(errand: Errand) -> Iterator[State | bytes]:
    """Do a job on this machine; yield its state when it has begun, archives of what it left, and last the state that it ended in.

    That is WAITING where something is not here that should have stayed here.
    """
    for each in errand.sent:
        if each.digest:
            receive(each)
        elif read_state(replace(errand.job, record=each.record)).state != DONE:
            yield replace(errand.state, state=WAITING)
            return
    job, home = errand.job, Path(errand.home)
    write_state(job, errand.state)
    running = Running(job)
    yield running.state
    while (state := running.poll()) is None:
        time.sleep(POLL)
    left = [Path(job.log), *(files_in(Path(job.output)) if state.state == DONE else [])]
    names = {new: old for old, new in errand.paths.items()}
    yield from pack([path for path in left if errand.back or path.name.endswith(TEXT)], home, names)
    yield state if errand.back else replace(state, stayed=job.output)
    if errand.back and state.state == DONE:
        shutil.rmtree(job.output)


def receive(sent: Sent) -> None:
    """Have a folder that was sent on this machine, complete or not at all; raises ValueError where it is not what was sent."""
    import ray

    target = Path(sent.folder)
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part, digest = Path(tempfile.mkdtemp(dir=target.parent)), hashlib.sha256()
    try:
        for reference in sent.pieces:
            piece = ray.get(reference)
            digest.update(piece)
            unpack(piece, part, write_new)
        if digest.hexdigest() != sent.digest:
            raise ValueError(f"{target}: arrived with another hash than it was sent with.")
        with suppress(OSError):  # another job was faster
            os.rename(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def tidy(home: str, back: bool) -> None:
    """Remove what a sweep that has ended has on this machine, but for results that stay."""
    shutil.rmtree(home if back else os.path.join(home, RECEIVED), ignore_errors=True)
