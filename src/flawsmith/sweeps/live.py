"""The states of a sweep's jobs while they run: a table on a terminal, a line for each change elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from flawsmith.sweeps.board import ENDED, Board
from flawsmith.sweeps.job import DONE, FAILED, RUNNING, WAITING
from flawsmith.sweeps.local import Watch

MOST = 30  # products that the table has a line for
EVERY = 0.5  # seconds between two looks
_STYLES = {DONE: "green", FAILED: "bold red", RUNNING: "cyan"}


@contextmanager
def watching(quiet: bool) -> Iterator[Watch]:
    """Give what shows a board on standard error."""
    console = Console(stderr=True)
    told: dict[str, str] = {}
    if quiet or not console.is_terminal:

        def say(board: Board) -> None:
            for name in board.jobs if not quiet else ():
                state = board.now(name)
                if state.state != told.get(name, WAITING):
                    told[name] = state.state
                    console.print(Text(f"{name}: {state.state}{': ' if state.reason else ''}{state.reason}"), soft_wrap=True)

        yield say
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        seen = [0.0]

        def show(board: Board) -> None:
            if time.monotonic() - seen[0] >= EVERY:
                seen[0] = time.monotonic()
                live.update(table(board), refresh=True)

        yield show


def table(board: Board) -> Group:
    """Return the jobs by product and step; of many products those alone of which a job runs or has failed."""
    steps = list(dict.fromkeys(job.step for job in board.jobs.values()))
    rows: dict[str, dict[str, Text]] = {}
    for name, job in board.jobs.items():
        state = board.now(name)
        seconds = time.time() - state.begun if state.state == RUNNING and state.begun else state.seconds
        told = f"{state.state} {_span(seconds)}" if state.state in (DONE, RUNNING) and seconds else state.state
        rows.setdefault(job.product, {})[job.step] = Text(told, _STYLES.get(state.state, "dim"))
    if len(rows) > MOST:
        stirring = {job.product for name, job in board.jobs.items() if board.now(name).state in (RUNNING, FAILED)}
        rows = {product: cells for product, cells in rows.items() if product in stirring}
    found = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("Product", *steps):
        found.add_column(heading)
    for product, cells in list(rows.items())[:MOST]:
        found.add_row(Text(product), *(cells.get(step, Text("")) for step in steps))
    counts = board.counts()
    ended = sum(counts[state] for state in ENDED)
    last = ", ".join(f"{count:,} {state}" for state, count in sorted(counts.items()))
    return Group(found, Text(f"{ended:,} of {len(board.jobs):,} jobs have ended: {last}"))


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
