"""`flawsmith doctor`."""

import click

from flawsmith.cli import options


@click.command()
@options.as_json
def doctor(as_json: bool) -> None:
    """Say what this machine can run: devices, memory, versions, optional parts, and which pretrained weights are here.

    Nothing is downloaded.
    """
    from flawsmith.workflows.doctor import examine_machine, lines

    found = examine_machine()
    if as_json:
        options.print_json(found)
    else:
        click.echo("\n".join(lines(found)))
