"""`flawsmith check DATA`."""

from pathlib import Path
from typing import Any

import click

import flawsmith as fs
from flawsmith.cli import options
from flawsmith.core.errors import ConfigError
from flawsmith.core.files import write_json


@click.command()
@click.argument("data", type=options.path)
@options.as_json
@click.option("--report", type=options.path, metavar="FILE", help="Write all of it as JSON, with place and size of labels; exit with 0.")
@options.labels
def check(data: Path, as_json: bool, report: Path | None, labels: dict[str, Any]) -> None:
    """Say what was understood of DATA, and list every file that cannot be used. The exit status is 1 if there is any.

    DATA is a folder, label file or archive in any format that a labelling tool or a public data set has; or a folder in MVTec AD layout
    (train/good, test/DEFECT, ground_truth/DEFECT/NAME_mask.png), or a YAML file that names the folders of your own layout.
    """
    if report is not None and not report.absolute().parent.is_dir():
        raise ConfigError(f"--report {report}: there is no folder {report.parent}; make it, or name another file.")
    found = fs.check(data, quiet=as_json, **labels)
    if report is not None:
        write_json(report, found.to_dict(spots=True))
    if as_json:
        options.print_json(found.to_dict())
    else:
        from flawsmith.dataset.check_text import report_lines

        click.echo("\n".join(report_lines(found)))
    if found.bad and report is None:
        raise click.exceptions.Exit(1)
