"""An independent judge of generated pairs: a segmenter that learned from real defects which the generator never saw.

    python bench/judge.py DATA [OUT ...] [--steps 1200] [--judge FILE.safetensors] [--seed 0] [--threads 1]

DATA is what flawsmith was fitted on (the strict third of it); each OUT is a folder that `flawsmith generate` wrote. Prints JSON.
With --judge FILE the trained judge is written there, or read from there when the file exists, so that one training serves
several OUT folders of one product; without OUT it is only trained and checked.

What it learns from: the test side of the strict split (flawsmith.dataset.splits) and the held-out normals, `test/good`. The
normals that the generator learned from join only when fewer than FEW_NORMALS held-out ones are left to learn from. A quarter
of every defect and of the held-out normals, by whole groups, is kept aside: the judge's own results on these real
pictures stand beside those on the pairs, as no pair can be judged better than that. Its threshold, one number, is chosen there.

found          the judge marks at least a quarter of the pixels of our mask
iou            intersection over union of our mask with those connected parts of the judge's mask that come within 2 px of it;
               0 when not found. `iou` is the median over all accepted pairs, `iou_found` over those found
elsewhere      share of the picture that the judge marks in its other parts (mean)
by_chance      share of pairs for which our mask would count as found on the normal below it, where nothing was drawn
               (null for pairs without a normal, and for real pictures)
marked_on_normals  share of the pixels of the real normals kept aside that the judge marks: its false alarms
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from safetensors import safe_open
from safetensors.torch import save

from flawsmith.benchmark.detectors.networks import build_network
from flawsmith.benchmark.judge import STEPS, TrainedJudge, by_kind, train_judge
from flawsmith.core.devices import use_threads
from flawsmith.core.errors import FileError
from flawsmith.core.files import content_hash, write_bytes
from flawsmith.dataset.splits import strict_third
from flawsmith.formats.reading import read
from flawsmith.images.files import read_image
from flawsmith.metrics.mask_iou import answer_to
from flawsmith.pairs.folder import PairFolder

FORMAT = "judge-2"


def judge_pairs(judge: TrainedJudge, out: Path) -> dict[str, dict[str, Any]]:
    """Return the numbers of the docstring over the accepted pairs of a folder, by kind and under "all"."""
    answers, chances = [], []
    empty: dict[Path, np.ndarray] = {}  # what the judge marks on the normals, (H, W) bool
    folder = PairFolder(out)
    for pair in folder.present(folder.read()):
        mask = folder.mask(pair)
        answers.append((pair.defect, answer_to(mask, judge.mark(folder.image(pair)))))
        normal = folder.normal_path(pair)
        if normal is not None:
            if normal not in empty:
                empty[normal] = judge.mark(read_image(normal))
            chances.append((pair.defect, answer_to(mask, empty[normal]).found))
    found = by_kind(answers)
    for kind, numbers in found.items():
        mine = [chance for name, chance in chances if kind in ("all", name)]
        numbers["by_chance"] = float(np.mean(mine)) if mine else None
    return found


def save_judge(path: Path, judge: TrainedJudge, product: str) -> None:
    """Write the judge as one safetensors file."""
    metadata = {"format": FORMAT, "product": product, "threshold": str(judge.threshold), "colours": str(judge.colours)}
    metadata["report"] = json.dumps(judge.report)
    write_bytes(path, save({name: w.contiguous() for name, w in judge.model.state_dict().items()}, metadata=metadata))


def load_judge(path: Path, product: str) -> TrainedJudge:
    """Return a saved judge; raises FileError when it is none, or one of another product."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dictionary)
    if (metadata.get("format"), metadata.get("product")) != (FORMAT, product):
        got = f"{metadata.get('format')} of product {metadata.get('product')}"
        raise FileError(path, f"got {got}, expected {FORMAT} of this data; name another file to train one.")
    model = build_network("small", int(metadata["colours"]), 0)
    model.load_state_dict(weights)
    return TrainedJudge(model.eval(), float(metadata["threshold"]), int(metadata["colours"]), json.loads(metadata["report"]))


def main() -> None:
    """Print the judgement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", nargs="*", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    use_threads(args.threads)
    dataset = read(args.data)
    product = content_hash(next(iter(dataset.defects.values()))[0].image)
    if args.judge and args.judge.exists():
        judge = load_judge(args.judge, product)
    else:
        unseen = [item for items in strict_third(dataset)[1].values() for item in items]
        judge = train_judge([*unseen, *dataset.held_out], dataset.good, args.steps, args.seed)
        if args.judge:
            save_judge(args.judge, judge, product)
    result = describe("cpu") | {"data": args.data.name, "judge": judge.report}
    result["pairs"] = {str(out): judge_pairs(judge, out) for out in args.out}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
