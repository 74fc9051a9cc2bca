"""What is said on standard error while something long is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    """What counts one more that is done; the text is shown behind the bar."""

    def __call__(self, state: str = "") -> None: ...


def say(text: str) -> None:
    """Write a line on standard error."""
    from rich.console import Console

    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(name: str, total: int, quiet: bool, unit: str = "", stays: bool = True) -> Iterator[Advance]:
    """Show a bar from 0 to `total`, with the time that is left; gives the function that counts one more.

    name: what is done; unit: what is counted, shown behind the numbers. quiet: nothing is shown. stays: the full bar is left on the
    terminal, and written where standard error is none.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.fields[unit]}"),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet or not (stays or console.is_terminal), transient=not stays) as bar:
        task = bar.add_task(name, total=total, unit=unit, state="")

        def advance(state: str = "") -> None:
            bar.update(task, advance=1, state=state)

        yield advance


@contextmanager
def working(what: str, quiet: bool) -> Iterator[None]:
    """Show what is done and for how long already, for work whose steps cannot be counted; it goes from the terminal when it is done."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        bar.add_task(what, total=None)
        yield
