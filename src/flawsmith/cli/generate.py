"""`flawsmith generate RUN -o OUT --count N`."""

from pathlib import Path

import click

import flawsmith as fs
from flawsmith import config
from flawsmith.cli import options
from flawsmith.files import read_lines


@click.command()
@click.argument("run", type=options.path)
@click.option("-o", "--output", "out", type=options.path, required=True, metavar="OUT", help="The folder for the pairs.")
@click.option("--count", type=click.IntRange(min=1), required=True, metavar="N", help="Accepted pairs to make.")
@click.option("--defect", "defects", multiple=True, metavar="NAME", help="Make only this defect; may be repeated.  [default: all]")
@click.option("--onto", type=options.path, metavar="DIR", help="Put defects onto the pictures in DIR.  [default: the normals learned from]")
@click.option("--free", is_flag=True, help="Make the whole picture from noise instead.")
@click.option(
    "--region", type=options.path, metavar="MASK|DIR", help="Put defects only here: one mask, or a folder with a mask per picture."
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="S", help="The same seed makes the same pairs.")
@click.option("--start", type=click.IntRange(min=0), default=0, metavar="INDEX", help="Number of the first pair.  [default: 0]")
@options.settings("one key of generation. or quality., such as generation.guidance=2")
@options.overwrite
@click.option("--resume", is_flag=True, help="Make what OUT still lacks.")
@options.device
@options.threads
@options.quiet
@options.as_json
def generate(
    run: Path,
    out: Path,
    count: int,
    defects: tuple[str, ...],
    onto: Path | None,
    free: bool,
    region: Path | None,
    seed: int,
    start: int,
    settings: tuple[str, ...],
    overwrite: bool,
    resume: bool,
    device: str,
    threads: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make N new (picture, mask) pairs with the model in RUN; write them to OUT.

    Every pair is verified before it counts; rejected ones are made again. OUT/pairs.jsonl has a row for each attempt, OUT/sheet.png shows
    the pairs.
    """
    if resume and overwrite:
        raise click.UsageError("--resume goes on from what is there, --overwrite replaces it: give one of them.")
    if free and onto:
        raise click.UsageError("--free makes the whole picture, --onto needs a normal: give one of them.")
    # before the model is loaded, so that a misspelt key costs no wait
    config.override(config.Config(), settings, ("generation", "quality"))
    with options.resumable(lambda: (out / "pairs.jsonl").exists()):
        generator = fs.load(run, device=device, threads=threads, settings=settings)
        result = generator.generate(
            out,
            count,
            defect=list(defects) or None,
            onto=onto,
            free=free,
            region=region,
            seed=seed,
            overwrite=overwrite,
            resume=resume,
            quiet=quiet or as_json,
            start=start,
        )
    if as_json:
        options.print_json({"out": out, "result": result})
    elif not quiet:
        rows = read_lines(out / "pairs.jsonl")
        accepted = sum(row["verdict"] == "accepted" for row in rows)
        click.echo(f"{accepted} pairs accepted of {len(rows)} attempts, in {out}. Look at {out / 'sheet.png'}")
