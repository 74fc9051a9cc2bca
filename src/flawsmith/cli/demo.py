"""`flawsmith demo`."""

from pathlib import Path

import click

from flawsmith.cli import options


@click.command()
@click.option(
    "-o", "--output", "folder", type=options.path, default=Path("flawsmith-demo"), show_default=True, metavar="DIR", help="Where to write."
)
@click.option("--quick", is_flag=True, help="Fewer steps: two minutes instead of ten, and rougher pictures.")
@options.overwrite
@options.threads
@options.quiet
@options.as_json
def demo(folder: Path, quick: bool, overwrite: bool, threads: int, quiet: bool, as_json: bool) -> None:
    """Everything on real pictures: learn defects of solar cells, then draw new ones onto good cells.

    Needs the package elpv-dataset: pip install 'flawsmith[demo]'.
    """
    from flawsmith.core.errors import DataError
    from flawsmith.demo.run import run_demo

    with options.resumable(folder.exists, add="--overwrite", how="To start again"):
        result = run_demo(folder, quick, overwrite, threads, quiet or as_json)
    if as_json:
        options.print_json(result)
    elif not quiet:
        click.echo(
            f"\n{result['accepted']} new pairs from {result['attempts']} attempts in {result['seconds']['total'] / 60:.1f} minutes.\n"
            f"  pictures  {result['sheet']}\n"
            f"  report    {result['report']}\n\n" + (f"{result['warning']}\n\n" if result["warning"] else "") + "Your own pictures next:\n"
            "  flawsmith check path/to/your/data\n"
            "  flawsmith fit path/to/your/data -o runs/mine\n"
            "  flawsmith generate runs/mine -o pairs --count 100"
        )
    if not result["accepted"]:
        raise DataError(f"{folder}: none of {result['attempts']} attempts was accepted; look at {result['report']} for the reasons.")
