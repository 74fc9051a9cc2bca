"""`flawsmith check DATA`."""

from pathlib import Path
from typing import Any

import click

import flawsmith as fs
from flawsmith.cli import options


@click.command()
@click.argument("data", type=options.path)
@options.as_json
@options.labels
def check(data: Path, as_json: bool, labels: dict[str, Any]) -> None:
    """Say what was understood of DATA, and list every file that cannot be used. The exit status is 1 if there is any.

    DATA is a folder, label file or archive in any format that a labelling tool or a public data set has; or a folder in MVTec AD layout
    (train/good, test/DEFECT, ground_truth/DEFECT/NAME_mask.png), or a YAML file that names the folders of your own layout.
    """
    report = fs.check(data, quiet=as_json, **labels)
    if as_json:
        options.print_json(report.to_dict())
    else:
        from flawsmith.dataset.check_text import report_lines

        click.echo("\n".join(report_lines(report)))
    if report.bad:
        raise click.exceptions.Exit(1)
