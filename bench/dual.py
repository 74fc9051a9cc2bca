"""Two branches or one, at equal minutes: what each form of the base makes of episodes that it never learned from.

    python bench/dual.py WORK [--minutes 10] [--seeds 3] [--form NAME ...] [--probe DATA ...] [--threads 1]

First a step of every form is timed, in turns, in seconds of the processor, so that other work on the machine counts for none; each form
gets the steps that it can take in --minutes. Every form and seed is then trained from random weights by
`python -m flawsmith.base.train` in WORK/FORM-SEED, without a fall of the learning rate. Stopped, it goes on where it was. Prints JSON: by
form seconds of a step and steps, and means and spreads over the seeds of the last row of held.jsonl: `inside`, `border`, `mask_iou` and
`start` as `flawsmith.training.seeing.see_through` has them; with --probe also on real products (flawsmith.base.probe).
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from machine import describe

from flawsmith.base.probe import probe
from flawsmith.base.train import LARGE_EVERY, base_config, step, windows
from flawsmith.base.weights import base_model
from flawsmith.core.devices import use_threads
from flawsmith.training.ema import MovingAverage
from flawsmith.training.episode_pool import EpisodePool
from flawsmith.training.optimiser import build_optimiser
from flawsmith.training.precision import training_precision
from flawsmith.training.state import State

FORMS = {
    "single": ("model.dual=false",),
    "single-wide": ("model.dual=false", "model.width=256"),
    "dual": (),
    "dual-apart": ("model.interaction=none",),
    "dual-rank-16": ("model.saim_rank=16",),
}
NAMES = ("inside", "border", "mask_iou", "start")


def settings(form: str, seed: int) -> tuple[str, ...]:
    """Return what a form differs in from the shipped base's training."""
    return (*FORMS[form], f"training.seed={seed}", "training.decay=0", "training.checkpoint_every=250", "training.keep=1")


def seconds(forms: list[str]) -> dict[str, float]:
    """Return seconds of the processor for one step of each form: the mean over large and small windows, as the training takes them."""
    states, pool, rounds = {}, EpisodePool(0), 3 * LARGE_EVERY
    for form in forms:
        config = base_config(settings(form, 0))
        model = base_model(config.model, 0).train()
        precision = training_precision(model, lambda count: pool.batch(0, 64, count), config, "cpu").name
        states[form] = config, State(model, MovingAverage(model, 0.999), build_optimiser(model, config.training)), precision
    taken: dict[str, list[float]] = {form: [] for form in forms}
    for number in range(rounds):
        for at, (form, (config, state, precision)) in enumerate(states.items()):
            begun = time.process_time()
            if not at:
                windows(pool, config, number)  # the pool keeps them for the other forms
                drawn = time.process_time() - begun
                begun += drawn
            step(state, config, pool, torch.device("cpu"), precision)
            taken[form].append(time.process_time() - begun + drawn)
    return {form: mean(values[LARGE_EVERY:]) for form, values in taken.items()}


def timed(work: Path, forms: list[str]) -> dict[str, float]:
    """Return `seconds`, measured once and kept in WORK/seconds.json."""
    path = work / "seconds.json"
    known: dict[str, float] = json.loads(path.read_text()) if path.is_file() else {}
    if not set(forms) <= known.keys():
        work.mkdir(parents=True, exist_ok=True)
        known = seconds(forms)
        path.write_text(json.dumps(known))
    return known


def train(work: Path, form: str, seed: int, steps: int, threads: int) -> Path:
    """Train one form with one seed up to `steps`, unless that is done, and return its folder."""
    run = work / f"{form}-{seed}"
    words = [word for setting in (*settings(form, seed), f"training.steps={steps}") for word in ("--set", setting)]
    command = [sys.executable, "-m", "flawsmith.base.train", "-o", str(run), "--threads", str(threads)]
    begun = ["--resume"] if (run / "log.jsonl").is_file() else words
    subprocess.run([*command, *begun], check=True, stdout=subprocess.DEVNULL)
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
    taken = timed(asked.work, sorted({"dual", *asked.form}))
    runs: dict[str, list[Path]] = {form: [] for form in asked.form}
    for seed in range(asked.seeds):
        for form in runs:
            runs[form].append(train(asked.work, form, seed, round(60 * asked.minutes / taken[form]), asked.threads))
    result = {form: {"seconds": round(taken[form], 3), **told(runs[form], asked.probe)} for form in runs}
    print(json.dumps({"minutes": asked.minutes, **describe("cpu"), "forms": result}, indent=2))


if __name__ == "__main__":
    main()
