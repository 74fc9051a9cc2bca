"""`flawsmith export OUT --to FORMAT -o DIR`."""

from pathlib import Path
from typing import Any

import click

import flawsmith as fs
from flawsmith.cli import options


@click.command()
@click.argument("out", type=options.path)
@click.option("--to", required=True, metavar="FORMAT", help="mvtec, anomalib, coco, yolo, ...; `--to list` names all.")
@click.option("-o", "--output", "into", type=options.path, metavar="DIR", help="The folder to write; a later export adds to it.")
@click.option("--with", "real", type=options.path, metavar="REAL", help="A labelled data folder whose real pictures come along.")
@click.option("--split", default="", metavar="SHARES", help="Train, val and test: 0.8,0.1,0.1.  [default: all train]")
@click.option(
    "--synthetic",
    default="",
    metavar="PARTS",
    help="Where made pairs may be: train, or all parts.  [default: train with --with, so that val and test are real; else all]",
)
@click.option("--polygons", is_flag=True, help="Outlines instead of exact masks (coco); shapes with holes stay exact.")
@click.option("--link", is_flag=True, help="Hard-link pictures where the file system can; these get no marker.")
@click.option("--no-marker", is_flag=True, help="Do not write into synthetic pictures that they are.")
@click.option("--no-normals", is_flag=True, help="Leave the pictures out that pairs were made on.")
@options.review
@click.option(
    "--mask",
    default="",
    metavar="FORM",
    help="Masks as exact (pixels that changed) or labelled (as the labels learned from), where pairs have both.  [default: as made]",
)
@options.labels
@options.quiet
@options.as_json
def export(
    out: Path,
    to: str,
    into: Path | None,
    real: Path | None,
    split: str,
    synthetic: str,
    polygons: bool,
    link: bool,
    no_marker: bool,
    no_normals: bool,
    review: str,
    mask: str,
    labels: dict[str, Any],
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the accepted pairs in OUT, which `flawsmith generate` wrote, in the format you train or label with.

    Pictures of one specimen, and what was made on one normal, stay in one part, and keep it in later exports; so do class numbers. Every
    export is read again and compared. DIR/DATACARD.md says what is in it and how to open it.
    """
    from flawsmith.formats.options import ReadOptions
    from flawsmith.workflows.terminal import export_formats, has_export, show_export

    if to == "list":
        click.echo(export_formats())
        return
    if into is None:
        raise click.UsageError("Missing option '-o' / '--output'.")
    with options.resumable(lambda: has_export(into), add=""):
        result = fs.export(
            out,
            into,
            to,
            real=real,
            split=split,
            polygons=polygons,
            link=link,
            marker=not no_marker,
            normals=not no_normals,
            labels=ReadOptions(**labels),
            review=review,
            mask=mask,
            synthetic=synthetic,
            quiet=quiet or as_json,
        )
    if as_json:
        options.print_json(result)
    elif not quiet:
        show_export(result)
