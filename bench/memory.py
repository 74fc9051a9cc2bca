"""Peak memory of generating onto pictures of several sizes, and that a defect of a few pixels is there in each.

    python bench/memory.py [--sizes 512x512 4096x3072 8192x8192] [--count 4] [--steps 20] [--set generation.batch=1] [--threads 1]

Draws a 16-bit grey product with spots of 6 pixels, learns it for a few steps on pictures of 512 x 512, and generates onto
pictures of each size (width x height) in a fresh process. Prints JSON: per size the peak of the resident memory in MiB before
the first pair (the model loaded) and at the end, the latter as a ratio to the first size, the attempts and accepted pairs, and
of the accepted the median longer side of the mask, the changed pixels inside it and those more than 16 pixels away from it.
With so little training the checks would reject most pairs, so they are relaxed: what is measured is memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RELAXED = (  # a few steps teach nothing: the mask is the proposed shape, and whatever was drawn counts
    "generation.shape_until=0",
    "quality.visible=0",
    "quality.change=0.0001",
    "quality.consistency=0",
    "quality.outside=1",
    "quality.duplicate=1",
)


def main() -> None:
    """Print the measurement as JSON; this process imports nothing large, so that its children begin small."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["512x512", "4096x3072", "8192x8192"])
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)  # what a child process does
    args = parser.parse_args()
    if args.part:
        name, *rest = args.part
        print(json.dumps({"prepare": prepare, "measure": measure}[name](args, *rest)))
        return
    with tempfile.TemporaryDirectory() as folder:
        result = _child("prepare", folder)
        rows = [_child("measure", folder, size) for size in args.sizes]
    for row in rows:
        row["ratio"] = round(row["peak_mib"] / rows[0]["peak_mib"], 3)
    print(json.dumps(result | {"count": args.count, "sizes": rows}, indent=2))


def prepare(args: argparse.Namespace, folder: str) -> dict[str, Any]:
    """Draw the product, learn it and draw the pictures to generate onto; return what describes the machine."""
    from drawn import write_normals, write_spotted
    from machine import describe

    from flawsmith.config.resolve import resolve
    from flawsmith.workflows.fit import fit

    relaxed = "quality.margin=1e9"  # belongs to learning, which measures the real defects
    config = resolve("tiny", None, [f"training.steps={args.steps}", "training.preview_every=1000000", relaxed])
    fit(write_spotted(Path(folder) / "data"), Path(folder) / "run", config, device="cpu", threads=args.threads, quiet=True)
    for size in args.sizes:
        width, height = map(int, size.split("x"))
        write_normals(Path(folder) / size / "normals", height, width, 2)
    return describe("cpu") | {"steps": args.steps}


def measure(args: argparse.Namespace, folder: str, size: str) -> dict[str, Any]:
    """Generate onto the pictures of one size and return the peak of the resident memory, and what was made."""
    from flawsmith.workflows.generate import load

    generator = load(Path(folder) / "run", device="cpu", threads=args.threads, settings=[*RELAXED, *args.settings])
    loaded = _peak()
    summary = generator.generate(Path(folder) / size / "out", args.count, onto=Path(folder) / size / "normals", quiet=True)
    peak = _peak()
    attempts = summary.accepted + summary.rejected + summary.failed
    row = {"size": size, "loaded_mib": round(loaded, 1), "peak_mib": round(peak, 1), "accepted": summary.accepted, "attempts": attempts}
    return row | _look(Path(folder) / size / "out")


def _look(out: Path) -> dict[str, Any]:
    """Return how large the defects are and where pictures differ from their normals, from the files."""
    import numpy as np

    from flawsmith.dataset.windows import bounding_box, grow
    from flawsmith.images.files import read_image
    from flawsmith.pairs.folder import PairFolder

    sides, inside, outside = [], [], 0
    folder = PairFolder(out)
    for pair in folder.read():
        if pair.accepted and pair.normal:
            mask = folder.mask(pair)
            changed = (folder.image(pair) != read_image(pair.normal)).any(-1)
            sides.append(bounding_box(mask).side)
            inside.append(float(changed[mask].mean()))
            outside += int((changed & ~grow(mask, 16)).sum())
    if not sides:
        return {}
    return {"side_px": float(np.median(sides)), "changed_inside": round(float(np.mean(inside)), 3), "changed_far_away": outside}


def _child(*part: str) -> dict[str, Any]:
    command = [sys.executable, __file__, *sys.argv[1:], "--part", *part]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def _peak() -> float:
    """Return the largest resident memory of this process so far in MiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024 / (1024 if sys.platform == "darwin" else 1)  # macOS counts bytes, Linux KiB


if __name__ == "__main__":
    main()
