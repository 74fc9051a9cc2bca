"""What is said on standard error while something long is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[str], None]  # one more is done; the text is shown behind the bar


def say(text: str) -> None:
    """Write a line on standard error."""
    from rich.console import Console

    Console(stderr=True).print(text, highlight=False, soft_wrap=True)


@contextmanager
def progress(name: str, total: int, quiet: bool, unit: str = "") -> Iterator[Advance]:
    """Show a bar from 0 to `total`, with the time that is left; gives the function that counts one more.

    name: what is done; unit: what is counted, shown behind the numbers. quiet: nothing is shown.
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
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task(name, total=total, unit=unit, state="")

        def advance(state: str = "") -> None:
            bar.update(task, advance=1, state=state)

        yield advance
