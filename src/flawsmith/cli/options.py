"""What the commands share: common options, output as JSON, and the line after Ctrl-C."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from flawsmith.core.signals import exit_status
from flawsmith.core.text import command

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

device = click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1, mps.")
threads = click.option(
    "--threads", type=click.IntRange(min=0), default=0, metavar="N", help="CPU threads; 0 = OMP_NUM_THREADS, or all cores.  [default: 0]"
)
quiet = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else, on stdout.")
overwrite = click.option("--overwrite", is_flag=True, help="Replace what is in the output folder, if flawsmith wrote it.")
review = click.option(
    "--review",
    default="",
    metavar="WHICH",
    help="Of pairs that people reviewed: accepted (by somebody, rejected by nobody), unrejected, or ignored.  [default: accepted]",
)
path = click.Path(path_type=Path)


def settings(what: str) -> Decorator:
    """Return the `--set KEY=VALUE` option, which may be given several times."""
    return click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=f"Change {what}; may be repeated.")


_LABELS = (
    click.option("--format", metavar="NAME", help="Label format of DATA, as `flawsmith check` names it.  [default: recognised]"),
    click.option("--classes", metavar="MAP", help="Classes by defect: 'scratch=kratzer,Scratch; ignore=dust'."),
    click.option("--labels", type=path, metavar="DIR", help="Labels of the studio: they replace what DATA say of the pictures they name."),
    click.option("--normals", type=path, metavar="DIR", help="Pictures without a defect, beside those in DATA."),
    click.option(
        "--line-width", type=click.FloatRange(min=0), metavar="PX", help="Width of labelled lines and points.  [default: left out]"
    ),
    click.option("--mask-values", metavar="RULE", help="What marks the defect in masks: auto, nonzero, high or classes.  [default: auto]"),
    click.option("--group-pattern", metavar="REGEX", help="Its group names a picture's physical specimen, such as '(part\\d+)_'."),
)


def labels(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how labels are read; the command gets those that were given as `labels`, by ReadOptions' names."""
    names = ("format", "classes", "labels", "normals", "line_width", "mask_values", "group_pattern")

    @wraps(command)
    def called(**given: Any) -> Any:
        found = {name: given.pop(name) for name in names}
        said = {name: str(value) if isinstance(value, Path) else value for name, value in found.items() if value is not None}
        return command(**given, labels=said)

    for option in reversed(_LABELS):
        called = option(called)
    return called


def label_settings(labels: dict[str, Any]) -> list[str]:
    """Return `labels` as settings of the configuration."""
    return [f"data.{name}={json.dumps(value)}" for name, value in labels.items()]


def plain(value: Any) -> Any:
    """Return `value` as what JSON can hold: dataclasses become dictionaries, paths and unknown things text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def print_json(value: Any) -> None:
    """Print `value` as indented JSON on stdout."""
    click.echo(json.dumps(plain(value), indent=2))


@contextmanager
def resumable(started: Callable[[], bool], add: str = "--resume", how: str = "To go on") -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into a line that says how to go on, and into the exit statuses 130 and 143.

    `started` tells whether there is anything to go on from; then the line is the command as typed with `add`, if anything, in place of
    --overwrite.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        args = [a for a in click.get_current_context().meta.get("flawsmith.args", []) if a not in ("--overwrite", add)]
        if args and started():
            click.echo(f"\nflawsmith: stopped. {how}: {command(*filter(None, (args[0], add, *args[1:])))}", err=True)
        else:
            click.echo("\nflawsmith: stopped; nothing was written.", err=True)
        raise click.exceptions.Exit(exit_status(stop)) from None
