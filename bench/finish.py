"""What a setting of generation does to the look of pairs, with nothing fitted.

    python bench/finish.py DATA WORK --row generation.detail=0 [--row ...] [--pairs 120] [--seeds 3] [--threads 1]

For each seed: pairs as they are by default and pairs of each row (KEY=VALUE, several joined by commas), with the same plan, from the base
and the strict third of DATA. Pairs that lie in WORK are not made again. Prints JSON, for every row and seed:

accepted    share of the attempts that passed all checks
kid         kernel distance of defect windows to real defects that nothing has learned from (offline extractor), and its mean over kinds
judge       AUROC of the judge of bench/look.py; judge_new where it has not seen the same learned defect either
copies      copies of learned defects among the accepted pairs

and for each of these numbers its mean over the seeds, and of the differences to the default their mean and standard error.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from look import items_of, judged
from machine import describe

from flawsmith.benchmark.look.windows import eye_for, shown_sample
from flawsmith.core.devices import use_threads
from flawsmith.dataset.sample import load_sample
from flawsmith.dataset.splits import few_shot
from flawsmith.formats.reading import read
from flawsmith.metrics.features import load_extractor
from flawsmith.metrics.measure import reference_of
from flawsmith.pairs.folder import PairFolder
from flawsmith.workflows.generate import load_unfitted

DEFAULT = "default"
NUMBERS = ("accepted", "kid", "kid_of_kinds", "judge", "judge_new", "copies")


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--row", action="append", default=[], metavar="KEY=VALUE[,KEY=VALUE]")
    parser.add_argument("--pairs", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    use_threads(args.threads)
    begun = time.monotonic()
    parts = few_shot(read(args.data), None, validation=False)
    unseen, learned = items_of(parts.test), items_of(parts.learn)
    extractor = load_extractor("offline")
    eye = eye_for(parts.learn, extractor.maps, 0)
    real = [eye.see(shown_sample(load_sample(item))) for item in unseen]
    reference = reference_of(unseen, extractor, 0, learned)
    rows: dict[str, list[dict[str, float]]] = {}
    for row in (DEFAULT, *args.row):
        rows[row] = []
        for seed in range(args.seeds):
            out = args.work / f"{args.data.name}-{args.pairs}" / row.replace(",", "+").replace("/", "_") / f"seed-{seed}"
            made(args.data, out, row, args.pairs, seed, args.threads)
            pairs = PairFolder(out).read()
            seen = judged(out, real, eye, reference, 0)
            kid = {key: 1000 * (np.nan if seen["kid"].get(key) is None else seen["kid"][key]) for key in ("value", "mean")}
            rows[row].append(
                {
                    "accepted": sum(pair.accepted for pair in pairs) / len(pairs),
                    "kid": kid["value"],
                    "kid_of_kinds": kid["mean"],
                    "judge": seen["auroc"]["value"],
                    "judge_new": seen["auroc_new"]["value"],
                    "copies": seen["copies"]["count"],
                }
            )
    result = describe("cpu") | {"data": args.data.name, "real": len(real), "learned": len(learned), "pairs": args.pairs}
    result["rows"] = {row: summed(numbers, rows[DEFAULT]) for row, numbers in rows.items()}
    print(json.dumps(result | {"minutes": round((time.monotonic() - begun) / 60, 1)}, indent=2))


def made(data: Path, out: Path, row: str, count: int, seed: int, threads: int) -> None:
    """Make the pairs of a row and seed, or what is missing of them."""
    settings = ["data.split=third", *([] if row == DEFAULT else row.split(","))]
    load_unfitted(data, device="cpu", threads=threads, settings=settings).generate(
        out, count, seed=seed, resume=(out / "pairs.jsonl").exists(), quiet=True
    )


def summed(mine: list[dict[str, float]], default: list[dict[str, float]]) -> dict[str, Any]:
    """Return each number's values by seed, their mean, and the mean and standard error of the differences to the default."""
    result = {}
    for name in NUMBERS:
        values = np.array([seed[name] for seed in mine], float)
        apart = values - np.array([seed[name] for seed in default], float)
        error = apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 1 else np.nan
        result[name] = {
            "values": values.round(4).tolist(),
            "mean": round(float(values.mean()), 4),
            "against_default": [round(float(apart.mean()), 4), round(float(error), 4)],
        }
    return result


if __name__ == "__main__":
    main()
