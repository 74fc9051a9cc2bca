"""`flawsmith evaluate REAL OUT [-o REPORT]`."""

from pathlib import Path
from typing import Any

import click

import flawsmith as fs
from flawsmith.cli import options


@click.command()
@click.argument("real", type=options.path)
@click.argument("out", type=options.path)
@click.option("-o", "--output", "report", type=options.path, metavar="REPORT", help="The folder for report.json and report.html.")
@click.option(
    "--extractor",
    type=click.Choice(["auto", "offline", "paper"]),
    default="auto",
    show_default=True,
    help="Networks to compare with: EfficientNet-Lite0, or those of published numbers (auto: where they are there).",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="S", help="Seed of subsets and splits.")
@click.option(
    "--judge",
    type=options.path,
    metavar="RUN",
    help="Also train an independent segmenter (minutes) on the defects that RUN, which made the pairs, has not learned from.",
)
@click.option("--judge-steps", type=click.IntRange(min=1), default=1200, show_default=True, metavar="N", help="Steps of its training.")
@options.review
@options.overwrite
@options.device
@options.threads
@options.quiet
@options.as_json
@options.labels
def evaluate(
    real: Path,
    out: Path,
    report: Path | None,
    extractor: str,
    seed: int,
    judge: Path | None,
    judge_steps: int,
    review: str,
    overwrite: bool,
    device: str,
    threads: int,
    quiet: bool,
    as_json: bool,
    labels: dict[str, Any],
) -> None:
    """Say how good the pairs in OUT are by themselves, beside the labelled defects of the data folder REAL.

    OUT is a folder that `flawsmith generate` wrote, or one with test/DEFECT and ground_truth/DEFECT. Without -o only tables are printed.
    The real defects include those a model has learned from; `flawsmith benefit` compares with unseen ones.
    """
    from flawsmith.formats.options import ReadOptions

    with options.resumable(lambda: False):
        result = fs.evaluate(
            real,
            out,
            report,
            extractor=extractor,
            seed=seed,
            overwrite=overwrite,
            quiet=quiet or as_json,
            device=device,
            threads=threads,
            judge=judge,
            judge_steps=judge_steps,
            labels=ReadOptions(**labels),
            review=review,
        )
    if as_json:
        options.print_json(result)
    elif not quiet:
        from flawsmith.workflows.terminal import show_evaluation

        show_evaluation(result, report)
