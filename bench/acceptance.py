"""How many attempts passed, how well masks agree with the change, and whether anything else changed; measured again from the files.

    python bench/acceptance.py RUN OUT [OUT ...]

OUT: folders that `flawsmith generate RUN -o OUT` wrote onto normals that are still there. Prints JSON for each, per defect and over
all: attempts, share accepted, and over the accepted pairs the consistency of mask and change (compositing/mask_refinement.py: median
and 5th percentile). `outside_changed` counts pixels that differ at all farther from the mask than the kind's halo
(product/halo.py) + generation.feather + 1 pixels, where the blend has ended; `rejects` the rejections per check.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe

from flawsmith.compositing.change import change_map
from flawsmith.compositing.mask_refinement import consistency
from flawsmith.dataset.windows import distance_outside
from flawsmith.images.files import read_image
from flawsmith.models.store import load_model
from flawsmith.pairs.folder import PairFolder
from flawsmith.pairs.pair import Pair
from flawsmith.quality.ratings import changed_from


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("outs", type=Path, nargs="+")
    args = parser.parse_args()
    _, config, product = load_model(args.run / "model" / "model.safetensors")
    span = product.scale.high - product.scale.low
    result: dict[str, Any] = describe("cpu") | {"run": args.run.name, "feather": config.generation.feather}
    for out in args.outs:
        folder = PairFolder(out)
        pairs = folder.read()
        values: dict[str, list[float]] = {}
        outside = 0
        for pair in pairs:
            if pair.accepted and pair.normal:
                image, normal, mask = folder.image(pair), read_image(pair.normal), folder.mask(pair)
                values.setdefault(pair.defect, []).append(consistency(change_map(image, normal, span), mask, changed_from(pair)))
                ended = product.halo(pair.defect) + config.generation.feather + 1
                outside += int((image != normal).any(-1)[distance_outside(mask) > ended].sum())
        names = sorted({pair.defect for pair in pairs})
        table = {name: _line([pair for pair in pairs if pair.defect == name], values.get(name, [])) for name in names}
        table["all"] = _line(pairs, [value for own in values.values() for value in own])
        rejects = Counter(reason.check for pair in pairs for reason in pair.reasons)
        bits = 8 if product.scale.dtype == "uint8" else 16
        result[out.name] = {"bits": bits, "outside_changed": outside, "rejects": rejects, "defects": table}
    print(json.dumps(result, indent=2))


def _line(pairs: list[Pair], values: list[float]) -> dict[str, Any]:
    line: dict[str, Any] = {"attempts": len(pairs), "accepted": len(values), "share": round(len(values) / max(1, len(pairs)), 3)}
    if values:
        p5, median = np.percentile(values, [5, 50])
        line |= {"consistency_median": round(float(median), 3), "consistency_p5": round(float(p5), 3)}
    return line


if __name__ == "__main__":
    main()
