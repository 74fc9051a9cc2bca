"""Time of training, split into data, model and write, and how far the model part is from the machine's best.

    python bench/fit.py [DATA] [--steps 30] [--preset tiny] [--set KEY=VALUE] [--threads 0] [--device auto]

Prints JSON. Without DATA a drawn product is used. The model part counts three forward passes per step (forward, and backward
at twice its cost), both branches.
"""

import argparse
import json
import tempfile
from pathlib import Path

from drawn import write_drawn
from machine import describe, forward_gflop, matmul_rate

from flawsmith.config.resolve import resolve
from flawsmith.models.store import load_model
from flawsmith.workflows.fit import fit


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = args.data or write_drawn(Path(folder) / "data")
        settings = [f"training.steps={args.steps}", "training.preview_every=1000000", "training.checkpoint_every=1000000"]
        config = resolve(args.preset, None, [*settings, *args.settings])
        result = fit(data, Path(folder) / "run", config, device=args.device, threads=args.threads, quiet=True)
        model, _, _ = load_model(Path(folder) / "run" / "model" / "model.safetensors")
        work = 3 * forward_gflop(model) * config.training.batch * args.steps
    rate = work / result["seconds"]["model"]
    best = matmul_rate(result["precision"], result["device"].split(":")[0])
    row = describe(result["device"]) | {"window": result["window"], "parameters": result["parameters"], "batch": config.training.batch}
    row |= {"precision": result["precision"], "steps": args.steps, "seconds": result["seconds"]}
    row |= {"seconds_per_step": round(result["seconds"]["model"] / args.steps, 4), "model_gflops": round(rate, 1)}
    print(json.dumps(row | {"matmul_gflops": round(best, 1), "share_of_matmul": round(rate / best, 3)}, indent=2))


if __name__ == "__main__":
    main()
