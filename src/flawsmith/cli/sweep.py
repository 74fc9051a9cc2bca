"""`flawsmith sweep ROOT -o DIR`."""

from pathlib import Path

import click

import flawsmith as fs
from flawsmith.cli import options


@click.command()
@click.argument("root", type=options.path)
@click.option("-o", "--output", "folder", type=options.path, required=True, metavar="DIR", help="The folder for all results.")
@click.option("--steps", default="fit,generate,benefit", show_default=True, metavar="LIST", help="Of fit,generate,evaluate,benefit.")
@click.option("--preset", default="", metavar="NAME", help="Of the fits; with sd15-paper a model per defect.  [default: tiny]")
@click.option("--pairs", type=click.IntRange(min=1), default=100, show_default=True, metavar="N", help="Accepted pairs per defect.")
@click.option("--per-defect/--per-product", default=None, help="One model per defect, or per product.  [default: as the preset]")
@click.option("--fit", default="", metavar="OPTIONS", help="Further options of `flawsmith fit`, in one word: '--max-minutes 10'.")
@click.option("--generate", default="", metavar="OPTIONS", help="The same for `flawsmith generate`.")
@click.option("--evaluate", default="", metavar="OPTIONS", help="The same for `flawsmith evaluate`.")
@click.option("--benefit", default="", metavar="OPTIONS", help="The same for `flawsmith benefit`: '--quick --shots 3'.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Jobs side by side.  [default: as many as cores or GPUs]")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="CPU threads of every job.")
@click.option("--retries", type=click.IntRange(min=0), default=2, show_default=True, metavar="N", help="Of a job that was killed or lost.")
@click.option("--ray", "address", metavar="ADDRESS", help="Run on a Ray cluster: auto, HOST:PORT. Its machines share ROOT and DIR.")
@click.option("--ship", is_flag=True, help="For machines that share neither: send them the pictures, and bring results back.")
@click.option(
    "--results",
    type=click.Choice(["back", "stay"]),
    default="back",
    show_default=True,
    help="With --ship: have all but reports and rows stay.",
)
@click.option("--place", default="", metavar="PATH", help="Folder on each machine for --ship.  [default: flawsmith-sweep, temporary]")
@click.option("--cpus", type=click.FloatRange(min=0), metavar="N", help="Cores that a job asks Ray for.  [default: as --threads]")
@click.option("--gpus", type=click.FloatRange(min=0), default=0, show_default=True, metavar="N", help="GPUs that a job asks Ray for.")
@click.option("--memory", type=click.FloatRange(min=0), default=0, metavar="GB", help="Memory that a job asks Ray for.  [default: none]")
@click.option("--dry-run", is_flag=True, help="Write nothing: say what there is to do, and about how many hours it takes.")
@options.device
@options.quiet
@options.as_json
def sweep(
    root: Path,
    folder: Path,
    steps: str,
    preset: str,
    pairs: int,
    per_defect: bool | None,
    fit: str,
    generate: str,
    evaluate: str,
    benefit: str,
    workers: int | None,
    threads: int,
    retries: int,
    address: str | None,
    cpus: float | None,
    gpus: float,
    memory: float,
    ship: bool,
    results: str,
    place: str,
    dry_run: bool,
    device: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Fit, generate and measure every product below ROOT, side by side; write all of it to DIR.

    Each job is the ordinary command, with its log in DIR/products. The same command again does what is not done yet. A product that fails
    stops no other; it is named at the end, and the exit status is then 1.
    """
    from flawsmith.core.errors import ConfigError, DataError
    from flawsmith.sweeps.on_ray import Cluster
    from flawsmith.sweeps.plan import SweepSettings, words_of
    from flawsmith.workflows.terminal import show_plan, show_sweep

    settings = SweepSettings(
        steps=tuple(dict.fromkeys(filter(None, (word.strip() for word in steps.split(","))))),
        preset=preset,
        pairs=pairs,
        fit=words_of(fit),
        generate=words_of(generate),
        evaluate=words_of(evaluate),
        benefit=words_of(benefit),
        per_defect=per_defect,
        device=device,
        threads=threads,
    )
    if address is None and ship or not ship and (results == "stay" or place):
        raise ConfigError("--ship needs --ray, and --results stay and --place need --ship.")
    cluster = None
    if address is not None:
        cluster = Cluster(address, threads if cpus is None else cpus, gpus, memory, ship, results == "back", place)
    with options.resumable(lambda: (folder / "sweep.json").exists(), add=""):
        result = fs.sweep(root, folder, settings, workers, cluster, retries, dry_run, quiet or as_json)
    if as_json:
        options.print_json(result)
    elif dry_run:
        show_plan(result)
    elif not quiet:
        show_sweep(result, folder)
    if not dry_run and (lost := [*result["unusable"], *(each["job"] for each in result["jobs"]["failed"])]):
        raise DataError(f"{folder}: not everything could be done: {', '.join(lost[:5])}{' and more' if len(lost) > 5 else ''} failed.")
