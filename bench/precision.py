"""Whether `training.precision=auto` is as fast as the faster precision on this machine: the same fit in fp32, bf16 and auto, in turns.

    python bench/precision.py [DATA] [--steps 12] [--rounds 2] [--preset tiny] [--set KEY=VALUE] [--threads 0] [--device auto]

Prints JSON: for each the seconds of the fastest step of training, what auto chose and why, and auto's time over the faster one's.
Without DATA a drawn product is used. The same for drawing: seconds of one window's network calls in each, and what auto chose.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from drawn import write_drawn
from machine import describe

from flawsmith.config.resolve import resolve
from flawsmith.core.files import read_lines
from flawsmith.models.store import load_model
from flawsmith.synthesis.precision import sampling_precision
from flawsmith.synthesis.sampling import draw
from flawsmith.synthesis.task import Task
from flawsmith.workflows.fit import fit

NAMES = ("fp32", "bf16", "auto")


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = args.data or write_drawn(Path(folder) / "data")
        common = [
            f"training.steps={args.steps}",
            "training.minutes=0",
            "training.preview_every=1000000",
            "training.checkpoint_every=1000000",
            "training.log_every=1",
        ]
        common += args.settings
        seconds: dict[str, float] = {}
        results = {}
        for _ in range(args.rounds):
            for name in NAMES:
                config = resolve(args.preset, None, [*common, f"training.precision={name}"])
                run = Path(folder) / name
                results[name] = fit(data, run, config, overwrite=True, device=args.device, threads=args.threads, quiet=True)
                took = _fastest(run / "log.jsonl")
                seconds[name] = min(took, seconds.get(name, took))
        drawn = _drawing(Path(folder) / "auto" / "model" / "model.safetensors", results["auto"]["device"], args.rounds)
    auto, fastest = results["auto"], min(seconds["fp32"], seconds["bf16"])
    row = describe(auto["device"]) | {"preset": args.preset, "window": auto["window"], "steps": args.steps}
    row |= {"seconds_per_step": {name: round(value, 3) for name, value in seconds.items()}}
    row |= {"chosen": auto["precision"], "why": auto["precision_why"], "auto_over_fastest": round(seconds["auto"] / fastest, 3)}
    print(json.dumps(row | {"drawing": drawn}, indent=2))


def _fastest(log: Path) -> float:
    """Return the seconds of the fastest step after the first one, which fills caches: what else the machine does slows some steps."""
    marks = [row["seconds"] for row in read_lines(log)]
    return min(b - a for a, b in zip(marks, marks[1:], strict=False))


def _drawing(path: Path, device: str, rounds: int) -> dict[str, object]:
    """Return seconds of drawing a window in each precision, and what auto chose."""
    model, config, _ = load_model(path)
    model.to(device)
    config = replace(config, generation=replace(config.generation, precision="auto"))
    side = model.shape.window
    region = np.zeros((side, side), bool)
    region[side // 4 : side // 2, side // 4 : side // 2] = True
    task = Task(np.zeros((model.shape.colours, side, side), np.float32), region, None, 1, 0)
    seconds: dict[str, float] = {}
    for _ in range(rounds + 1):  # the first one warms up
        for name in ("fp32", "bf16"):
            mark = time.monotonic()
            draw(model, [task], config, name)
            took = time.monotonic() - mark
            seconds[name] = min(took, seconds.get(name, took))
    found = sampling_precision(model, config)
    return {"seconds": {name: round(value, 3) for name, value in seconds.items()}, "chosen": found.name, "why": found.why}


if __name__ == "__main__":
    main()
