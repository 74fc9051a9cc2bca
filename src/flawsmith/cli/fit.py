"""`flawsmith fit DATA -o RUN`."""

import json
from pathlib import Path
from typing import Any

import click

import flawsmith as fs
from flawsmith.cli import options
from flawsmith.config.presets import PRESETS
from flawsmith.core.processes import rank
from flawsmith.core.text import command


@click.command()
@click.argument("data", type=options.path)
@click.option("-o", "--output", "run", type=options.path, required=True, metavar="RUN", help="The folder for the model and its log.")
@click.option("--preset", metavar="NAME", help=f"Where to start from: {', '.join(PRESETS)}.  [default: tiny]")
@click.option("--config", "file", type=options.path, metavar="FILE", help="A YAML file over the preset, such as another RUN's config.yaml.")
@options.settings("one key of the configuration, such as training.batch=8")
@click.option("--init", metavar="base|none|RUN|FILE", help="Start from random weights, another RUN, a base of yours.  [default: base]")
@click.option("--resume", is_flag=True, help="Go on from RUN's last checkpoint.")
@options.overwrite
@click.option("--max-steps", type=click.IntRange(min=0), metavar="N", help="Steps at most (training.steps); 0 = no limit.")
@click.option("--max-minutes", type=click.FloatRange(min=0), metavar="M", help="Minutes at most (training.minutes); 0 = no limit.")
@click.option(
    "--memory", type=click.FloatRange(min=0), metavar="GB", help="Stay within so much device memory (training.memory); 0 = no limit."
)
@click.option("--seed", type=int, metavar="S", help="Seed of weights, windows and noise (training.seed).")
@options.device
@options.threads
@options.quiet
@options.as_json
@options.labels
def fit(
    data: Path,
    run: Path,
    preset: str | None,
    file: Path | None,
    settings: tuple[str, ...],
    init: str | None,
    resume: bool,
    overwrite: bool,
    max_steps: int | None,
    max_minutes: float | None,
    memory: float | None,
    seed: int | None,
    device: str,
    threads: int,
    quiet: bool,
    as_json: bool,
    labels: dict[str, Any],
) -> None:
    """Learn the product in DATA and its defects; write the model to RUN.

    Later words win: the preset, then --config, then --set, then --max-steps, --max-minutes, --memory, --seed and --init.
    The whole resolved configuration is saved as RUN/config.yaml.
    """
    from flawsmith.config.resolve import resolve

    if resume and overwrite:
        raise click.UsageError("--resume goes on from what is there, --overwrite replaces it: give one of them.")
    if resume and file is None and (run / "config.yaml").exists():
        file = run / "config.yaml"  # a shorter command must not set the limits back to the preset's
    named: dict[str, object] = {"training.steps": max_steps, "training.minutes": max_minutes, "training.seed": seed}
    named |= {"training.memory": memory, "training.init": init}
    chosen = [f"{key}={json.dumps(value)}" for key, value in named.items() if value is not None]
    resolved = resolve(preset, file, [*settings, *options.label_settings(labels), *chosen])
    with options.resumable(lambda: (run / "config.yaml").exists()):
        result = fs.fit(
            data, run, config=resolved, resume=resume, overwrite=overwrite, device=device, threads=threads, quiet=quiet or as_json
        )
    if rank():
        return  # the first of several processes speaks
    if as_json:
        options.print_json({"run": run, **result})
    elif not quiet:
        click.echo(f"The model is in {run}. Next: {command('generate', run, '-o', 'OUT', '--count', '30')}")
