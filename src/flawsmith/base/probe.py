"""The base on real products, with nothing fitted: how well it sees through noise on real defects, what exemplars add, and what it draws.

    python -m flawsmith.base.probe DATA ... [--weights FILE] [--windows 48] [--pairs 0] [--set KEY=VALUE ...] [--threads N]

Prints JSON. The strict first third of every product's defects is seen and followed. The pairs (--pairs) are compared with the rest:
kernel distance (KID) of native windows around the defects, in the mean over kinds too, and how like the nearest followed defect they are.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import torch

from flawsmith.base import weights as shipped
from flawsmith.cli import options
from flawsmith.cli.main import Command
from flawsmith.config.resolve import override, preset
from flawsmith.core.devices import use_threads
from flawsmith.dataset.splits import few_shot
from flawsmith.formats.reading import read
from flawsmith.metrics.looking import look
from flawsmith.metrics.measure import numbers_of, reference_of
from flawsmith.models.build import build_model
from flawsmith.pairs.folder import PairFolder
from flawsmith.training.initial import start_from_base
from flawsmith.training.pool import Batch
from flawsmith.training.prepare import prepare_training
from flawsmith.training.seeing import see_through
from flawsmith.workflows.generate import load_unfitted

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


def drawn(data: Path, weights: Path, count: int, threads: int, settings: Sequence[str] = ()) -> dict[str, Any]:
    """Return what `count` pairs that follow the first third are beside the other real defects.

    accepted: share of the attempts; kid: kernel distance of defect windows with the offline extractor, and its mean over kinds;
    nearest: median similarity, 0 to 1, to the most alike of the followed defects, and the number of copies.
    """
    dataset = read(data)
    parts = few_shot(dataset, None, validation=False)
    learned, unseen = ([item for items in part.defects.values() for item in items] for part in (parts.learn, parts.test))
    settings = ("data.split=third", f"training.init={weights}", *settings)
    with TemporaryDirectory(prefix="flawsmith-") as out:
        load_unfitted(dataset, device="cpu", threads=threads, settings=settings).generate(out, count, seed=0, quiet=True)
        folder = PairFolder(Path(out))
        tried = folder.read()
        if not any(pair.accepted for pair in tried):
            return {"pairs": 0, "accepted": 0.0, "kid": None, "nearest": None}
        reference = reference_of(unseen, "offline", 0, learned)
        seen = look(reference, folder.folder)
    numbers = numbers_of(reference, seen, 0)["all"]
    alike = [pair.values["copy"] for pair in seen if pair.values["copy"] is not None]
    kid = {key: numbers["windows"]["kid"].get(key) for key in ("value", "deviation", "mean")}
    nearest = {"median": round(float(np.median(alike)), 3) if alike else None, "copies": numbers["masks"]["copies"].get("count")}
    return {"pairs": len(seen), "accepted": round(len(seen) / len(tried), 3), "kid": kid, "nearest": nearest}


def _without(batch: Batch) -> Batch:
    return replace(batch, exemplars=torch.zeros_like(batch.exemplars))


@click.command(cls=Command)
@click.argument("data", nargs=-1, required=True, type=options.path)
@click.option(
    "--weights", type=options.path, default=shipped.WEIGHTS, metavar="FILE", help="The base's weights.  [default: the shipped ones]"
)
@click.option("--windows", type=click.IntRange(min=1), default=48, show_default=True, help="Windows a product.")
@click.option("--pairs", type=click.IntRange(min=0), default=0, show_default=True, help="Pairs a product that are drawn and compared.")
@options.threads
@options.settings("a setting of how they are drawn and checked")
def main(data: tuple[Path, ...], weights: Path, windows: int, pairs: int, threads: int, settings: tuple[str, ...]) -> None:
    """Probe the base on real products."""
    use_threads(threads)
    found = {folder.name: probe(folder, weights, windows) for folder in data}
    if pairs:
        for folder in data:
            found[folder.name]["drawn"] = drawn(folder, weights, pairs, threads, settings)
    options.print_json(found)


if __name__ == "__main__":
    main()
