"""Two branches or one, at equal minutes: what each form of the base makes of episodes that it never learned from.

    python bench/dual.py WORK [--minutes 10] [--seeds 3] [--form NAME ...] [--probe DATA ...] [--threads 1]

Every form and seed is trained from random weights by `python -m flawsmith.base.train` in WORK/FORM-SEED, one after another, for the same
minutes of the same machine (let nothing else run), without a fall of the learning rate; one that is there is not trained again. Prints
JSON: by form the steps that the minutes were enough for, and means and spreads over the seeds of the last row of held.jsonl: `inside`,
`border` and `mask_iou` as `flawsmith.training.seeing.see_through` has them; with --probe also on real products (flawsmith.base.probe).
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from machine import describe

from flawsmith.base.probe import probe
from flawsmith.core.devices import use_threads

FORMS = {
    "single": ("model.dual=false",),
    "single-wide": ("model.dual=false", "model.width=256"),
    "dual": (),
    "dual-apart": ("model.interaction=none",),
    "dual-rank-16": ("model.saim_rank=16",),
}
NAMES = ("inside", "border", "mask_iou")


def train(work: Path, form: str, seed: int, minutes: float, threads: int) -> Path:
    """Train one form with one seed, unless that is done, and return its folder."""
    run = work / f"{form}-{seed}"
    if not (run / "held.jsonl").is_file():
        settings = (*FORMS[form], f"training.seed={seed}", "training.decay=0", "training.checkpoint_every=100000", "training.steps=1000000")
        words = [word for setting in settings for word in ("--set", setting)]
        command = [
            sys.executable,
            "-m",
            "flawsmith.base.train",
            "-o",
            str(run),
            "--minutes",
            str(minutes),
            "--threads",
            str(threads),
            *words,
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return run


def told(runs: list[Path], products: list[Path]) -> dict[str, Any]:
    """Return means and spreads over the seeds of one form."""
    rows = [json.loads((run / "held.jsonl").read_text().splitlines()[-1]) for run in runs]
    found: dict[str, Any] = {"steps": [row["step"] for row in rows]}
    found |= {name: spread([row[name] for row in rows]) for name in NAMES}
    for product in products:
        seen = [probe(product, exported(run), 48)["exemplars"] for run in runs]
        found[product.name] = {name: spread([row[name] for row in seen]) for name in NAMES}
    return found


def exported(run: Path) -> Path:
    """Return the file with the averaged weights of a run, beside its folder."""
    path = run.with_suffix(".safetensors")
    subprocess.run([sys.executable, "-m", "flawsmith.base.train", "-o", str(run), "--export", str(path)], check=True)
    return path


def spread(values: list[float]) -> dict[str, float]:
    """Return mean and standard deviation."""
    return {"mean": round(mean(values), 5), "sd": round(stdev(values), 5) if len(values) > 1 else 0.0}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--form", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--probe", nargs="*", type=Path, default=[])
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    use_threads(asked.threads)
    runs = {form: [train(asked.work, form, seed, asked.minutes, asked.threads) for seed in range(asked.seeds)] for form in asked.form}
    result = {form: told(runs[form], asked.probe) for form in runs}
    print(json.dumps({"minutes": asked.minutes, **describe("cpu"), "forms": result}, indent=2))


if __name__ == "__main__":
    main()
