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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from safetensors import safe_open
from safetensors.torch import save

from flawsmith.benchmark.detectors.crops import SIDE
from flawsmith.benchmark.detectors.networks import UNet, build_network
from flawsmith.benchmark.detectors.segment import SegmenterConfig, anomaly_map, train_segmenter
from flawsmith.benchmark.labelled import learned_pictures
from flawsmith.compositing.change import overlap
from flawsmith.core.devices import use_threads
from flawsmith.core.errors import FileError
from flawsmith.core.files import content_hash, write_bytes
from flawsmith.core.seeds import derive, numpy_generator
from flawsmith.dataset.components import components
from flawsmith.dataset.reading import load_sample, read
from flawsmith.dataset.sample import GOOD, Dataset, Item
from flawsmith.dataset.splits import strict_third
from flawsmith.dataset.windows import grow
from flawsmith.images.files import read_image
from flawsmith.metrics.detection import pixel_metrics
from flawsmith.pairs.folder import PairFolder
from flawsmith.product.direction import has_direction

NEAR = 2  # pixels between our mask and a part of the judge's that is taken as its answer to it
COVERED = 0.25  # share of our mask that must be marked
CHECKED = 0.25  # share of the real pictures kept aside
FEW_NORMALS = 8
FORMAT = "judge-2"


@dataclass(frozen=True)
class Score:
    """The judge's answer to one mask."""

    found: bool
    iou: float  # 0 when not found
    elsewhere: float  # share of the picture marked in parts that do not touch the mask
    chance: bool | None = None  # found in the same place where nothing was drawn


@dataclass(frozen=True)
class Judge:
    """A trained segmenter, where it cuts, and how it did on real pictures that it did not learn from."""

    model: UNet
    threshold: float
    colours: int
    report: dict[str, Any]

    def mark(self, image: np.ndarray) -> np.ndarray:
        """Return the pixels (H, W) bool that the judge calls defective in a stored picture (H, W, C)."""
        return probability(self.model, image, self.colours) > self.threshold


def score(marked: np.ndarray, mask: np.ndarray) -> Score:
    """Return how the judge's mask answers ours, both (H, W) bool, ours not empty.

    >>> mask = np.zeros((20, 20), bool); mask[4:8, 4:8] = True
    >>> marked = np.zeros((20, 20), bool); marked[4:8, 4:6] = True; marked[15:17, 15:17] = True
    >>> score(marked, mask)
    Score(found=True, iou=0.5, elsewhere=0.01, chance=None)
    >>> score(np.roll(marked, 4, 1), mask)  # it touches, but marks nothing of it
    Score(found=False, iou=0.0, elsewhere=0.01, chance=None)
    """
    near = grow(mask, NEAR)
    answer = np.zeros_like(mask)
    for component in components(marked):
        one = component.mask(mask.shape)
        if (one & near).any():
            answer |= one
    found = bool((marked & mask).sum() >= COVERED * mask.sum())
    return Score(found, overlap(answer, mask) if found else 0.0, float((marked & ~answer).mean()))


def keep_aside(items: Sequence[Item], seed: int) -> tuple[list[Item], list[Item]]:
    """Return (to learn from, to check with): of every defect, and of the normals, at least a quarter by whole groups.

    A kind of which there is only one group stays with what is learned from; so the check may lack a defect, never the training.
    """
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.group or item.image.as_posix(), []).append(item)
    aside: set[str] = set()
    for kind in sorted({item.defect for item in items}):
        mine = sorted(name for name, members in groups.items() if any(item.defect == kind for item in members))
        wanted = CHECKED * sum(item.defect == kind for item in items)
        held = sum(item.defect == kind for name in aside for item in groups[name])
        for index in numpy_generator(seed, "judge", "aside", kind).permutation(len(mine)):
            left = [name for name in mine if name not in aside]
            if held >= wanted or len(left) == 1:
                break
            if mine[index] not in aside:
                aside.add(mine[index])
                held += sum(item.defect == kind for item in groups[mine[index]])
    return (
        [item for name, members in groups.items() if name not in aside for item in members],
        [item for name, members in groups.items() if name in aside for item in members],
    )


def raise_judge(dataset: Dataset, steps: int, seed: int) -> Judge:
    """Return a judge trained on the real pictures that the generator never saw, and checked on a part of them."""
    unseen = [item for items in strict_third(dataset)[1].values() for item in items]
    learn, check = keep_aside([*unseen, *dataset.held_out_normals], seed)
    shared = sum(item.defect == GOOD for item in learn) < FEW_NORMALS
    if shared:
        learn += dataset.normals
    colours = load_sample(learn[0]).colours
    normals = [load_sample(item).image for item in learn if item.defect == GOOD]
    turns = not has_direction(normals)
    model = train_segmenter(
        learned_pictures(learn, colours, SIDE), [], SegmenterConfig(unwatched_steps=steps), SIDE, derive(seed, "judge"), turns=turns
    ).model
    pictures = [load_sample(item) for item in check]
    masks = [np.zeros(x.image.shape[:2], bool) if x.mask is None else x.mask for x in pictures]
    answers = [probability(model, x.image, colours) for x in pictures]
    kinds = [x.defect for x in pictures]
    threshold = best_threshold(answers, masks, kinds)
    scores = [(kind, score(p > threshold, mask)) for p, mask, kind in zip(answers, masks, kinds, strict=True) if kind != GOOD]
    quiet = [float((p > threshold).mean()) for p, kind in zip(answers, kinds, strict=True) if kind == GOOD]
    report = {
        "steps": steps,
        "crop": SIDE,
        "parameters": sum(p.numel() for p in model.parameters()),
        "learned_from": {"defects": len(learn) - len(normals), "normals": len(normals)},
        "generator_normals_used": shared,
        "threshold": threshold,
        "pixel_ap": pixel_metrics(answers, masks).ap,
        "marked_on_normals": round(float(np.mean(quiet)), 5) if quiet else None,
        "real": table(scores),
    }
    return Judge(model, threshold, colours, report)


def probability(model: UNet, image: np.ndarray, colours: int) -> np.ndarray:
    """Return each pixel's probability of being defect, (H, W) float32."""
    return 1 / (1 + np.exp(-anomaly_map(model, image, colours).clip(-50, 50)))


def best_threshold(answers: Sequence[np.ndarray], masks: Sequence[np.ndarray], kinds: Sequence[str]) -> float:
    """Return the threshold with the best F1 per picture, averaged over pictures and then over defects, so that large ones do not rule."""
    best, value = 0.5, -1.0
    for threshold in np.linspace(0.05, 0.95, 19):
        by_kind: dict[str, list[float]] = {}
        for p, mask, kind in zip(answers, masks, kinds, strict=True):
            if kind != GOOD:
                marked = p > threshold
                by_kind.setdefault(kind, []).append(2 * float((marked & mask).sum()) / float(marked.sum() + mask.sum()))
        f1 = float(np.mean([np.mean(values) for values in by_kind.values()]))
        if f1 > value:
            best, value = round(float(threshold), 2), f1
    return best


def judge_pairs(judge: Judge, out: Path) -> list[tuple[str, Score]]:
    """Return (defect, score) of every accepted pair of a folder that `generate` wrote."""
    scores = []
    empty: dict[Path, np.ndarray] = {}  # what the judge marks on the normals
    folder = PairFolder(out)
    for pair in folder.present(folder.read()):
        mask = folder.mask(pair)
        answer = score(judge.mark(folder.image(pair)), mask)
        normal = folder.normal_path(pair)
        if normal is not None:
            if normal not in empty:
                empty[normal] = judge.mark(read_image(normal))
            answer = replace(answer, chance=score(empty[normal], mask).found)
        scores.append((pair.defect, answer))
    return scores


def table(scores: Sequence[tuple[str, Score]]) -> dict[str, dict[str, Any]]:
    """Return the numbers of the docstring by defect, and under `all` over everything."""
    kinds = {kind: [s for name, s in scores if name == kind] for kind in sorted({name for name, _ in scores})}
    return {kind: _numbers(values) for kind, values in [*kinds.items(), ("all", [s for _, s in scores])] if values}


def _numbers(values: Sequence[Score]) -> dict[str, Any]:
    found = [s.iou for s in values if s.found]
    chance = [s.chance for s in values if s.chance is not None]
    return {
        "count": len(values),
        "found": round(len(found) / len(values), 3),
        "iou": round(float(np.median([s.iou for s in values])), 3),
        "iou_found": round(float(np.median(found)), 3) if found else None,
        "elsewhere": round(float(np.mean([s.elsewhere for s in values])), 5),
        "by_chance": round(float(np.mean(chance)), 3) if chance else None,
    }


def save_judge(path: Path, judge: Judge, product: str) -> None:
    """Write the judge as one safetensors file."""
    metadata = {"format": FORMAT, "product": product, "threshold": str(judge.threshold), "colours": str(judge.colours)}
    metadata["report"] = json.dumps(judge.report)
    write_bytes(path, save({name: w.contiguous() for name, w in judge.model.state_dict().items()}, metadata=metadata))


def load_judge(path: Path, product: str) -> Judge:
    """Return a saved judge; raises FileError when it is none, or one of another product."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dictionary)
    if (metadata.get("format"), metadata.get("product")) != (FORMAT, product):
        got = f"{metadata.get('format')} of product {metadata.get('product')}"
        raise FileError(path, f"got {got}, expected {FORMAT} of this data; name another file to train one.")
    model = build_network("small", int(metadata["colours"]), 0)
    model.load_state_dict(weights)
    return Judge(model.eval(), float(metadata["threshold"]), int(metadata["colours"]), json.loads(metadata["report"]))


def main() -> None:
    """Print the judgement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", nargs="*", type=Path)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    use_threads(args.threads)
    dataset = read(args.data)
    product = content_hash(next(iter(dataset.defects.values()))[0].image)
    if args.verify and args.verify.exists():
        judge = load_judge(args.verify, product)
    else:
        judge = raise_judge(dataset, args.steps, args.seed)
        if args.verify:
            save_judge(args.verify, judge, product)
    result = describe("cpu") | {"data": args.data.name, "judge": judge.report}
    result["pairs"] = {str(out): table(judge_pairs(judge, out)) for out in args.out}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
