"""The `flawsmith` command: its list of commands, and what an error looks like."""

import difflib
import errno
import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import click

from flawsmith.core.errors import FlawsmithError
from flawsmith.core.network import go_offline, tell_nobody
from flawsmith.core.signals import exit_status, terminated_as_interrupt
from flawsmith.version import __version__

# name: (module, function, what --help says); a command's module is imported only when the command runs
COMMANDS = {
    "check": ("flawsmith.cli.check", "check", "Say what was understood of a data folder; name every bad file."),
    "fit": ("flawsmith.cli.fit", "fit", "Learn a product and its defects."),
    "generate": ("flawsmith.cli.generate", "generate", "Make new pictures of defects with their masks."),
    "evaluate": ("flawsmith.cli.evaluate", "evaluate", "Say how good made pairs are by themselves, beside real defects."),
    "benefit": ("flawsmith.cli.benefit", "benefit", "Say whether made pairs help a detector on real defects it has not seen."),
    "export": ("flawsmith.cli.export", "export", "Write made pairs, and real ones, in the format you train with."),
    "sweep": ("flawsmith.cli.sweep", "sweep", "All of it for many products, as jobs on one machine or a cluster."),
    "studio": ("flawsmith.cli.studio", "studio", "The same in a browser: label, fit, generate, review, export."),
    "doctor": ("flawsmith.cli.doctor", "doctor", "Say what this machine can run, and which pretrained weights are here."),
    "demo": ("flawsmith.cli.demo", "demo", "All of it on real solar cells, without arguments."),
}

# The machine's fault, not the program's: said in one line.
_MACHINE_ERRORS = (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO, errno.ENAMETOOLONG, errno.ELOOP)
_NO_FILE = (errno.EISDIR, errno.ENOTDIR, errno.EINVAL)  # a folder, a pipe or a device in a file's place


OFFLINE = "--offline"


class Failure(click.ClickException):
    """An error that is told on stderr without a traceback; the exit status is 1 for bad input or nothing usable, 2 for wrong usage."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.exit_code = status  # type: ignore[misc]  # click reads it of the object

    def show(self, file: object = None) -> None:
        """Print the message; its lines stay lines, as some show a layout or an example."""
        click.echo(f"flawsmith: {self.message.strip()}", err=True)


class Commands(click.Group):
    """The group of COMMANDS: lists them without importing them, and turns errors into messages and exit statuses."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command called `cmd_name`, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command and its arguments; an unknown one is an error that names the nearest."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}?" if near else f"The commands are {', '.join(COMMANDS)}."
            raise Failure(f"no such command {args[0]!r}. {hint}", 2)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments as typed, for the line that says how to go on after Ctrl-C; --offline may stand anywhere.

        Libraries read what is set here as they are imported, which is later.
        """
        tell_nobody()
        others = [word for word in args if word != OFFLINE]
        if len(others) < len(args):
            go_offline()
        ctx.meta["flawsmith.args"] = [*others, *[OFFLINE] * (len(others) < len(args))]
        return super().parse_args(ctx, others)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a user's error becomes one message, Ctrl-C the exit status 130, SIGTERM 143."""
        with messages():
            return super().invoke(ctx)


class Command(click.Command):
    """A command beside `flawsmith`, `python -m flawsmith.MODULE`, that ends as `flawsmith` does."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command as `Commands` does."""
        with messages():
            return super().invoke(ctx)


@contextmanager
def messages() -> Iterator[None]:
    """Turn a user's error in the block into one message, Ctrl-C into the exit status 130, SIGTERM into 143."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what is wrong with a picture is said by us
    try:
        with terminated_as_interrupt():
            yield
    except FlawsmithError as error:
        raise Failure(str(error), error.exit_status) from error
    except OSError as error:
        if error.errno not in (*_MACHINE_ERRORS, *_NO_FILE):
            raise
        raise Failure(f"{error.filename or 'writing'}: {error.strerror}.", 1) from error
    except KeyboardInterrupt as stop:
        click.echo("\nflawsmith: stopped.", err=True)
        raise click.exceptions.Exit(exit_status(stop)) from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `flawsmith demo`, or with `flawsmith check` and a folder of your own.",
)
@click.option(OFFLINE, is_flag=True, expose_value=False, help="Fetch nothing over the network; may stand behind the command, too.")
@click.version_option(__version__, prog_name="flawsmith", message="%(prog)s %(version)s")
def main() -> None:
    """Learn what a product's defects look like; make new (picture, mask) pairs of them."""
