"""Attempts and pairs per second, split into data, model, decode and write, and how far the model part is from the machine's best.

    python bench/generate.py [RUN | DATA] [--count 24] [--set generation.steps=16] [--threads 0] [--device auto]

Prints JSON. DATA: labelled pictures that the base follows with nothing fitted. Without either a model of the preset `tiny` with hardly any
training draws onto a drawn product; nearly all its pairs are rejected, so read attempts per second there, and pairs per second with a RUN
of your own. The operations of the model part are counted while the same pairs are made a second time.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from drawn import write_drawn
from machine import describe, matmul_rate
from torch.utils.flop_counter import FlopCounterMode

from flawsmith.config.resolve import resolve
from flawsmith.generation.request import Request
from flawsmith.workflows.fit import fit
from flawsmith.workflows.generate import load


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = args.run
        if run is None:
            run = Path(folder) / "run"
            fit(write_drawn(Path(folder) / "data"), run, resolve(settings=["training.steps=3"]), threads=args.threads, quiet=True)
        loaded = load(run, device=args.device, threads=args.threads, settings=args.settings)
        generator = loaded.generator
        begun = time.monotonic()
        summary = generator.generate(Path(folder) / "out", Request(args.count), quiet=True)
        seconds = time.monotonic() - begun
        with FlopCounterMode(display=False) as counter:
            generator.generate(Path(folder) / "again", Request(args.count), quiet=True)
    attempts = summary.accepted + summary.rejected + summary.failed
    config = generator.config.generation
    rate = counter.get_total_flops() / 1e9 / summary.seconds["model"]
    device = str(next(generator.model.parameters()).device)
    best = matmul_rate(generator.precision.name, device.split(":")[0])
    row = describe(device) | {"window": generator.product.shape.window, "steps": config.steps, "guidance": config.guidance}
    row |= {"batch": config.batch, "precision": generator.precision.name, "pairs": summary.accepted, "attempts": attempts}
    row |= {"seconds": {**summary.seconds, "total": round(seconds, 3)}, "pairs_per_second": round(summary.accepted / seconds, 3)}
    row |= {"attempts_per_second": round(attempts / seconds, 3), "model_gflops": round(rate, 1)}
    print(json.dumps(row | {"matmul_gflops": round(best, 1), "share_of_matmul": round(rate / best, 3)}, indent=2))


if __name__ == "__main__":
    main()
