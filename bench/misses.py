"""Does a detector find more when it also learns from pairs that follow the defects which the one before it missed?

    python bench/misses.py DATA WORK [--shots 3] [--seeds 3] [--baselines copy-paste,poisson] [--threads 1]

Runs `flawsmith benefit DATA` with generated pairs in both forms of masks, or goes on with it in WORK/report. Then, for
each seed, the same fit makes as many pairs again with `--like WORK/report/misses.txt`, defects of the validation part that detectors
trained on real ones alone missed; a detector learns from real defects and these (WORK/follow), by the same rule and from the same seed;
and the test part is read. Prints JSON:

misses      pictures that are followed, of how many in the validation part
columns     each column's pixel AP, PRO and AUROC on the test part, with its seeds; overlooked: tested pictures with a defect of whose
            pixels less than a tenth is marked at the threshold of the best F1, by seed
gains       of the followed column over each other one, with 95 % intervals over pictures and seeds
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from machine import describe

from flawsmith.benchmark.jobs import read_result
from flawsmith.benchmark.misses import COVERED
from flawsmith.benchmark.protocol import DEFAULT_SHARE, GENERATED, REAL, Settings, parse_baselines, protocol
from flawsmith.benchmark.results import numbers
from flawsmith.benchmark.tallies import load_tally
from flawsmith.benchmark.testing import evaluate_column
from flawsmith.benchmark.training import train_column
from flawsmith.benchmark.workspace import Workspace
from flawsmith.core.files import write_json
from flawsmith.dataset.sample import Dataset, load_sample
from flawsmith.formats.reading import read
from flawsmith.generation.generator import load_generator
from flawsmith.generation.request import Request
from flawsmith.metrics.statistics import Estimate, bootstrap
from flawsmith.pairs.folder import PairFolder
from flawsmith.workflows.benefit import benefit, distinct_parts

COLUMN = f"{REAL} + {GENERATED}"


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--shots", default="3")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--baselines", default="copy-paste,poisson")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    begun = time.monotonic()
    settings = replace(
        protocol("quick"),
        shots=(args.shots,),
        seeds=args.seeds,
        baselines=parse_baselines(args.baselines),
        labelled=True,
        fit_settings=("training.minutes=0",),
    )
    report = args.work / "report"
    found = benefit(
        args.data, report, settings, resume=(report / "benefit.json").exists(), device="cpu", workers=0, threads=args.threads, quiet=True
    )
    training = replace(settings.training, precision=found["settings"]["training"]["precision"])
    followed = followed_by(read(args.data), args, replace(settings, training=training))
    if followed:
        print(json.dumps(told(found["misses"], followed, begun), indent=2))
    else:
        print(json.dumps({"misses": found["misses"]}))


def followed_by(dataset: Dataset, args: argparse.Namespace, settings: Settings) -> list[Workspace]:
    """Make, learn from and test pairs that follow the misses, for each seed; return the workspaces, none where nothing was missed."""
    misses = args.work / "report/misses.txt"
    if not misses.read_text().strip():
        return []
    parts = distinct_parts(dataset, settings)[0][args.shots]
    works = []
    for seed in range(settings.seeds):
        before = Workspace(args.data, args.work / "report", args.shots, seed, settings, parts, args.threads)
        work = replace(before, root=args.work / "follow")
        works.append(work)
        if work.tested(COLUMN).exists():
            continue
        generator = load_generator(before.run, device="cpu", threads=args.threads)
        out = work.pairs(GENERATED)
        request = Request(settings.pairs * len(parts.learn.defects), seed=seed, like=str(misses))
        generator.generate(out, request, resume=PairFolder(out).begun, quiet=True)
        write_json(work.trained(COLUMN, DEFAULT_SHARE), train_column(work, COLUMN, DEFAULT_SHARE))
        write_json(work.tested(COLUMN), evaluate_column(work, COLUMN))
    return works


def told(misses: dict[str, Any], followed: list[Workspace], begun: float) -> dict[str, Any]:
    """Return what is printed."""
    before = [replace(work, root=work.root.parent / "report") for work in followed]
    columns = {name: (before, name) for name in before[0].settings.columns} | {"real + generated, following the misses": (followed, COLUMN)}
    areas = {}
    for item in followed[0].test_items:
        if (mask := load_sample(item).mask) is not None and mask.any():
            areas[item.image] = int(mask.sum())
    estimates: dict[str, dict[str, Estimate]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for name, (works, column) in columns.items():
        results = [read_result(work.tested(column)) for work in works]
        estimates[name] = bootstrap([load_tally(work.tested(column).with_suffix(".npz")) for work in works], what="test part")
        seeds = {metric: [result["metrics"][metric] for result in results] for metric in estimates[name]}
        rows[name] = {metric: numbers(estimate, seeds[metric]) for metric, estimate in estimates[name].items()}
        rows[name]["overlooked"] = [_overlooked(result["pictures"], followed[0].parts.test.root, areas) for result in results]
    last = estimates[name]
    gains = {other: {metric: numbers(last[metric] - own[metric]) for metric in last} for other, own in estimates.items() if other != name}
    minutes = round((time.monotonic() - begun) / 60, 1)
    return describe("cpu") | {"misses": misses, "tested": len(areas), "columns": rows, "gains": gains, "minutes": minutes}


def _overlooked(pictures: list[dict[str, Any]], root: Path, areas: dict[Path, int]) -> int:
    """Return of how many tested pictures with a defect less than COVERED of the defective pixels is marked."""
    return sum(area - picture["missed"] < COVERED * area for picture in pictures if (area := areas.get(root / picture["image"], 0)) > 0)


if __name__ == "__main__":
    main()
