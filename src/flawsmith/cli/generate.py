"""`flawsmith generate RUN|DATA -o OUT --count N`."""

from pathlib import Path
from typing import Any

import click

import flawsmith as fs
from flawsmith.cli import options
from flawsmith.core.processes import rank


@click.command()
@click.argument("run", type=options.path, metavar="RUN|DATA")
@click.option("-o", "--output", "out", type=options.path, required=True, metavar="OUT", help="The folder for the pairs.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Accepted pairs to make; needed unless --plan is given.")
@click.option("--defect", "defects", multiple=True, metavar="NAME", help="Make only this defect; may be repeated.  [default: all]")
@click.option("--onto", type=options.path, metavar="DIR|LIST", help="Put defects onto these pictures.  [default: the normals learned from]")
@click.option("--free", is_flag=True, help="Make the whole picture from noise instead.")
@click.option(
    "--region",
    metavar="MASK|DIR|BOX",
    help="Put defects only here: a mask, a folder with a mask per picture, rect:X,Y,W,H or ellipse:X,Y,W,H in pixels or percent.",
)
@click.option("--place-map", type=options.path, metavar="FILE|DIR", help="Grey picture of where defects are likely; 0 = never.")
@click.option("--foreground", type=options.path, metavar="DIR", help="Masks of the object, one per picture.  [default: found]")
@click.option("--size", metavar="SIZE", help="Longer side: 40px, 20-60px, or times real ones: 0.5x, 0.5-2x.  [default: as real]")
@click.option("--severity", default="1", show_default=True, metavar="S", help="Fainter below 1, stronger above; 0.7 or 0.5-1.5.")
@click.option("--per-image", default="1", show_default=True, metavar="N", help="Defects in one picture: 2 or 1-3.")
@click.option("--mix", is_flag=True, help="Let the kinds of defect in one picture differ (into the folder `combined`).")
@click.option("--like", metavar="PICTURES", help="Follow the defects in these pictures: of pairs, or labelled ones; also folders, lists.")
@click.option("--strength", type=click.FloatRange(0, 1), default=0.5, metavar="S", help="0: follow none; 1: one, closely.  [default: 0.5]")
@click.option(
    "--mask",
    "form",
    type=click.Choice(["exact", "labelled"]),
    default="exact",
    help="What changed, or as labels are drawn.  [default: exact]",
)
@click.option("--plan", type=options.path, metavar="FILE", help="JSON lines, one row per wanted pair; see --dry-run.")
@click.option("--pick-from", type=click.IntRange(min=0), default=0, metavar="M", help="Make M pairs, keep the N that differ most; 0 = off.")
@click.option("--dry-run", is_flag=True, help="Draw nothing: write OUT/plan.jsonl and OUT/plan.png, a sheet of outlines.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="S", help="The same seed makes the same pairs.")
@click.option("--start", type=click.IntRange(min=0), default=0, metavar="INDEX", help="Number of the first pair.  [default: 0]")
@click.option("--backbone", default="", metavar="PATH", help="Where the pretrained network of the run lies now.  [default: where it lay]")
@options.settings("one key of generation. or quality., such as generation.guidance=2; for DATA data.split, too")
@options.overwrite
@click.option("--resume", is_flag=True, help="Make what OUT still lacks.")
@options.device
@options.threads
@options.quiet
@options.as_json
@options.labels
def generate(
    run: Path,
    out: Path,
    count: int | None,
    defects: tuple[str, ...],
    onto: Path | None,
    free: bool,
    region: str | None,
    place_map: Path | None,
    foreground: Path | None,
    size: str | None,
    severity: str,
    per_image: str,
    mix: bool,
    like: str | None,
    strength: float,
    form: str,
    plan: Path | None,
    pick_from: int,
    dry_run: bool,
    seed: int,
    start: int,
    backbone: str,
    settings: tuple[str, ...],
    overwrite: bool,
    resume: bool,
    device: str,
    threads: int,
    quiet: bool,
    as_json: bool,
    labels: dict[str, Any],
) -> None:
    """Make N new (picture, mask) pairs with the model in RUN, or for the labelled pictures in DATA with nothing fitted; write them to OUT.

    Every pair is verified before it counts; rejected ones are made again. OUT/pairs.jsonl has a row for each attempt, OUT/report.html shows
    the pairs, what was rejected and why.
    """
    from flawsmith.config.resolve import override
    from flawsmith.config.schema import Config
    from flawsmith.workflows.terminal import settable

    settings = (*settings, *options.label_settings(labels))
    if resume and overwrite:
        raise click.UsageError("--resume goes on from what is there, --overwrite replaces it: give one of them.")
    if free and onto:
        raise click.UsageError("--free makes the whole picture, --onto needs a normal: give one of them.")
    if count is None and plan is None:
        raise click.UsageError("--count: is missing; say how many accepted pairs are wanted, or give a --plan.")
    # before the model is loaded, so that a misspelt key costs no wait
    override(Config(), settings, settable(run))
    from flawsmith.workflows.terminal import has_pairs, require_pairs, show_pairs

    with options.resumable(lambda: has_pairs(out)):
        generator = fs.load(run, device=device, threads=threads, settings=settings, backbone=backbone, quiet=quiet or as_json)
        result = generator.generate(
            out,
            count,
            overwrite=overwrite,
            resume=resume,
            quiet=quiet or as_json,
            dry_run=dry_run,
            defect=list(defects) or None,
            onto=onto,
            free=free,
            region=region,
            place_map=place_map,
            foreground=foreground,
            size=size,
            severity=severity,
            per_image=per_image,
            mix=mix,
            like=like,
            strength=strength,
            mask=form,
            plan=plan,
            pick_from=pick_from,
            seed=seed,
            start=start,
        )
    if rank():
        return  # the first of several processes speaks
    if as_json:
        options.print_json({"out": out, "result": result})
    elif quiet:
        pass
    elif dry_run:
        click.echo(f"Nothing was drawn. Look at {out / 'plan.png'}; `--plan {out / 'plan.jsonl'}` makes these pairs.")
    else:
        show_pairs(out)
    if not dry_run:
        require_pairs(out)
