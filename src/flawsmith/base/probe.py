"""The base on real products, with nothing fitted: how well it sees through noise on real defects, and what exemplars add.

    python -m flawsmith.base.probe DATA ... [--weights FILE] [--windows 48] [--threads N]

Prints JSON. Only the strict first third of every product's defects is looked at.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch

from flawsmith.base import weights as shipped
from flawsmith.cli import options
from flawsmith.cli.main import Command
from flawsmith.config.resolve import override, preset
from flawsmith.core.devices import use_threads
from flawsmith.formats.reading import read
from flawsmith.models.build import build_model
from flawsmith.training.initial import start_from_base
from flawsmith.training.pool import Batch
from flawsmith.training.prepare import prepare_training
from flawsmith.training.seeing import see_through

AT_ONCE = 8


def probe(data: Path, weights: Path, windows: int) -> dict[str, Any]:
    """Return what `see_through` says of erased real defects with other ones of their kind as exemplars, and without any."""
    settings = ("data.split=third", "data.good_share=0", "diffusion.free_share=0")
    learned = prepare_training(read(data), override(preset("tiny"), settings))
    model = build_model(learned.config.model, learned.product.shape, seed=0)
    start_from_base(model, learned.config.model, weights)
    batches = [learned.pool.batch(0, number, AT_ONCE) for number in range(-(-windows // AT_ONCE))]
    device = torch.device("cpu")
    found = {"exemplars": see_through(model, batches, device, "bf16")}
    found["none"] = see_through(model, [_without(batch) for batch in batches], device, "bf16")
    return found


def _without(batch: Batch) -> Batch:
    return replace(batch, exemplars=torch.zeros_like(batch.exemplars))


@click.command(cls=Command)
@click.argument("data", nargs=-1, required=True, type=options.path)
@click.option(
    "--weights", type=options.path, default=shipped.WEIGHTS, metavar="FILE", help="The base's weights.  [default: the shipped ones]"
)
@click.option("--windows", type=click.IntRange(min=1), default=48, show_default=True, help="Windows a product.")
@options.threads
def main(data: tuple[Path, ...], weights: Path, windows: int, threads: int) -> None:
    """Probe the base on real products."""
    use_threads(threads)
    options.print_json({folder.name: probe(folder, weights, windows) for folder in data})


if __name__ == "__main__":
    main()
