"""How many attempts pass, how well masks fit what changed, and whether anything else changed; measured from the files.

    python bench/acceptance.py RUN [--per-defect 30] [--keep OUT] [--set KEY=VALUE] [--threads 0]

Generates onto the normals the model learned from, then reads every written pair back beside its normal. Prints JSON, per defect:
attempts, share accepted, and over accepted pairs the intersection over union of the mask with the pixels that differ from the
normal by more than quality.change of the value range (median and 5th percentile). `outside_changed` counts pixels that differ
at all more than generation.feather + 1 pixels from the mask, where the blend has ended.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import describe

from flawsmith.data.image_files import read_image, read_mask
from flawsmith.data.windows import distance_outside
from flawsmith.files import read_lines
from flawsmith.generation.generate import load
from flawsmith.quality.checks import change_map, overlap


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--per-defect", type=int, default=30)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = args.keep or Path(folder) / "out"
        generator = load(args.run, threads=args.threads, settings=args.settings)
        names = generator.product.shape.defects
        begun = time.monotonic()
        summary = generator.generate(out, args.per_defect * len(names), quiet=True)
        seconds = time.monotonic() - begun
        rows = read_lines(out / "pairs.jsonl")
        span = generator.product.scale.high - generator.product.scale.low
        config = generator.config
        table, outside = {}, 0
        for name in names:
            mine = [row for row in rows if row["defect"] == name]
            values = []
            for row in mine:
                if row["verdict"] != "accepted":
                    continue
                image, normal, mask = read_image(out / row["image"]), read_image(row["normal"]), read_mask(out / row["mask"])
                values.append(overlap(mask, change_map(image, normal, span) > config.quality.change))
                outside += int((image != normal).any(-1)[distance_outside(mask) > config.generation.feather + 1].sum())
            table[name] = {"attempts": len(mine), "accepted": len(values), "share": round(len(values) / max(1, len(mine)), 3)}
            if values:
                p5, median = np.percentile(values, [5, 50])
                table[name] |= {"overlap_median": round(float(median), 3), "overlap_p5": round(float(p5), 3)}
    attempts = len(rows)
    result = describe("cpu") | {"run": str(args.run.name), "accepted": summary.accepted, "attempts": attempts}
    result |= {"share": round(summary.accepted / attempts, 3), "outside_changed": outside, "seconds": round(seconds, 1)}
    print(json.dumps(result | {"change_threshold": config.quality.change, "reasons": summary.reasons, "defects": table}, indent=2))


if __name__ == "__main__":
    main()
