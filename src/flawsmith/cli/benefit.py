"""`flawsmith benefit DATA`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import flawsmith as fs
from flawsmith.cli import options
from flawsmith.core.text import command


@click.command()
@click.argument("data", type=options.path)
@click.option(
    "-o",
    "--output",
    "report",
    type=options.path,
    default="flawsmith-benefit",
    show_default=True,
    metavar="REPORT",
    help="The folder for the report and its work.",
)
@click.option("--protocol", metavar="NAME", help="quick, full or paper; see above.  [default: quick; full on a GPU]")
@click.option("--quick", is_flag=True, help="The same as --protocol quick.")
@click.option("--shots", metavar="LIST", help="Labelled pictures per defect, such as 1,3,5,third.  [default: 3,third]")
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="Repetitions of the whole.  [default: 2; 3 if not quick]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="S", help="The first repetition's seed.")
@click.option("--pairs", type=click.IntRange(min=1), metavar="N", help="Made pairs per defect.  [default: 30; 200 full, 1000 paper]")
@click.option("--baselines", metavar="LIST", help="Of copy-paste,poisson,perlin,cutpaste; none for none.  [default: all]")
@click.option("--labelled", is_flag=True, help="Train on generated pairs also with labelled masks, and say which form helps more.")
@click.option("--shares", metavar="LIST", help="Shares of made pairs that are tried for each column.  [default: 0.5]")
@click.option(
    "--train-steps",
    type=click.IntRange(min=1),
    metavar="N",
    help="Steps of every detector's training.  [default: 1500; 6000 full, 20000 paper]",
)
@click.option("--max-steps", type=click.IntRange(min=0), metavar="N", help="Steps of every fit (training.steps); 0 = no limit.")
@click.option("--max-minutes", type=click.FloatRange(min=0), metavar="M", help="Minutes of every fit (training.minutes); 0 = no limit.")
@click.option("--unfitted", is_flag=True, help="Fit nothing: pairs of the base, as `flawsmith generate DATA` makes them; much quicker.")
@click.option("--preset", metavar="NAME", help="Of the fits.  [default: tiny]")
@options.settings("one key of the fits' and pairs' configuration, such as generation.guidance=2")
@options.overwrite
@click.option("--resume", is_flag=True, help="Go on with what REPORT still lacks.")
@options.device
@click.option(
    "--workers", type=click.IntRange(min=0), metavar="N", help="Jobs side by side; 0 = one by one.  [default: a core each; 1 on a GPU]"
)
@click.option(
    "--threads",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="CPU threads of every job; 0 = one where jobs run side by side, else all cores.  [default: 0]",
)
@options.quiet
@options.as_json
@options.labels
def benefit(
    data: Path,
    report: Path,
    protocol: str | None,
    quick: bool,
    shots: str | None,
    seeds: int | None,
    seed: int,
    pairs: int | None,
    baselines: str | None,
    labelled: bool,
    shares: str | None,
    train_steps: int | None,
    max_steps: int | None,
    max_minutes: float | None,
    unfitted: bool,
    preset: str | None,
    settings: tuple[str, ...],
    overwrite: bool,
    resume: bool,
    device: str,
    workers: int | None,
    threads: int,
    quiet: bool,
    as_json: bool,
    labels: dict[str, Any],
) -> None:
    """Say whether made pairs help a detector find real defects of DATA that nothing here has seen.

    Learns from a few labelled pictures only, makes pairs from them with flawsmith and with classical baselines, trains the same
    detectors on each, and tries them on the rest. --protocol quick: a small detector on native crops, for two processor cores; full: more
    of everything, for a GPU; paper: as published, 1000 pairs per defect and detectors trained on pairs alone.
    """
    from flawsmith.benchmark import protocol as s
    from flawsmith.config.resolve import resolve
    from flawsmith.core.devices import choose_device

    if resume and overwrite:
        raise click.UsageError("--resume goes on from what is there, --overwrite replaces it: give one of them.")
    if quick and protocol not in (None, "quick"):
        raise click.UsageError(f"--quick and --protocol {protocol}: give one of them.")
    if unfitted and (max_steps is not None or max_minutes is not None):
        raise click.UsageError("--max-steps and --max-minutes are about fits, --unfitted makes none: give one of them.")
    chosen = s.protocol(protocol or ("quick" if quick or choose_device(device) == "cpu" else "full"))
    given: dict[str, Any] = {"seeds": seeds, "pairs": pairs, "preset": preset}
    chosen = replace(
        chosen, seed=seed, labelled=labelled, unfitted=unfitted, **{key: value for key, value in given.items() if value is not None}
    )
    if shots is not None:
        chosen = replace(chosen, shots=s.parse_shots(shots))
    if shares is not None:
        chosen = replace(chosen, shares=s.parse_shares(shares))
    if baselines is not None:
        chosen = replace(chosen, baselines=s.parse_baselines(baselines))
    if train_steps is not None:
        chosen = replace(chosen, training=replace(chosen.training, steps=train_steps))
    limits = {"training.steps": max_steps, "training.minutes": max_minutes}
    extra = (*options.label_settings(labels), *(f"{key}={value}" for key, value in limits.items() if value is not None))
    chosen = replace(chosen, fit_settings=(*chosen.fit_settings, *settings, *extra))
    resolve(chosen.preset, None, chosen.fit_settings)  # a misspelt key is said now, not after the first job
    typed = click.get_current_context().meta.get("flawsmith.args", [])
    with options.resumable(lambda: (report / "benefit.json").exists()):
        result = fs.benefit(
            data,
            report,
            chosen,
            resume=resume,
            overwrite=overwrite,
            device=device,
            workers=workers,
            threads=threads,
            quiet=quiet or as_json,
            command=command(*[a for a in typed if a not in ("--resume", "--overwrite")]),
        )
    if as_json:
        options.print_json(result)
    elif not quiet:
        from flawsmith.workflows.terminal import show_benefit

        show_benefit(result, report)
