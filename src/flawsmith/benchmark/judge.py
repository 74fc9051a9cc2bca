"""An independent judge of generated pairs: a segmenter that learned from real defects which the generator never saw.

It knows nothing of how masks are made, so its overlap with them (`metrics/mask_iou.py`) says what consistency cannot: whether what a mask
marks looks like a defect to somebody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from flawsmith.benchmark.detectors.crops import SIDE
from flawsmith.benchmark.detectors.segment import SegmenterConfig, anomaly_map, train_segmenter
from flawsmith.benchmark.labelled import colours_of, learned_pictures
from flawsmith.core.errors import DataError
from flawsmith.core.files import content_hash
from flawsmith.core.seeds import derive, numpy_generator
from flawsmith.dataset.record import read_record
from flawsmith.dataset.sample import GOOD, Dataset, Item, load_sample
from flawsmith.metrics.detection import pixel_metrics
from flawsmith.metrics.mask_iou import Answer, answer_to, summary
from flawsmith.product.direction import has_direction
from flawsmith.product.learn import looked_at

STEPS = 1200  # of its training
CHECKED = 0.25  # share of the unseen real pictures kept aside to check it with
FEW_NORMALS = 8  # held-out normals; with fewer to learn from, those that the generator learned from join
FEWEST = 4  # physical parts with an unseen defect: fewer teach nothing and check nothing


@dataclass(frozen=True)
class TrainedJudge:
    """A trained segmenter, its threshold, and how it did on real pictures that it did not learn from."""

    model: nn.Module
    threshold: float  # of the probability
    colours: int
    report: dict[str, Any]
    device: str = "cpu"

    def mark(self, image: np.ndarray) -> np.ndarray:
        """Return the pixels (H, W) bool that the judge calls defective in a stored picture (H, W, C)."""
        return probability(self.model, image, self.colours, self.device) > self.threshold


def unseen_by(dataset: Dataset, run: Path) -> list[Item]:
    """Return the labelled defects and held-out normals of a data set that the fit in `run` did not learn from.

    By content, and by physical part where groups are known: another picture of a part that was learned from is not unseen. Raises
    RunError for a folder that is no RUN, DataError where too little is left.
    """
    record = read_record(run)
    learned = {row["sha256"] for rows in (record["normals"], *record["defects"].values()) for row in rows}
    items = [*(item for items in dataset.defects.values() for item in items), *dataset.good, *dataset.held_out]
    hashes = {item.image: content_hash(item.image) for item in items}
    parts = {item.group for item in items if item.group is not None and hashes[item.image] in learned}
    candidates = [*(item for items in dataset.defects.values() for item in items), *dataset.held_out]
    unseen = [item for item in candidates if hashes[item.image] not in learned and item.group not in parts]
    count = len({item.group or item.image.as_posix() for item in unseen if item.defect != GOOD})
    if count < FEWEST:
        raise DataError(
            f"{run}: leaves {count} physical parts of {dataset.root} with a defect it has not learned from, an independent judge needs "
            f"{FEWEST}. Fit with --set data.split=third, or leave --judge out."
        )
    return unseen


def train_judge(unseen: Sequence[Item], normals: Sequence[Item], steps: int = STEPS, seed: int = 0, device: str = "cpu") -> TrainedJudge:
    """Return a judge trained on real pictures that the generator never saw, and checked on a quarter of them, kept aside.

    normals: what the generator learned from; they join where fewer than FEW_NORMALS unseen ones are left to learn from.
    """
    learn, check = keep_aside(unseen, seed)
    shared = sum(item.defect == GOOD for item in learn) < FEW_NORMALS
    if shared:
        learn += normals
    good = [item for item in learn if item.defect == GOOD]
    colours = colours_of([load_sample(item) for item in learn[:1]])
    turns = not has_direction([load_sample(good[i]).image for i in looked_at(len(good))])
    config = SegmenterConfig(network="small", steps=steps)
    model = train_segmenter(learned_pictures(learn, colours, SIDE), [], config, SIDE, derive(seed, "judge"), device, turns).model
    pictures = [load_sample(item) for item in check]
    masks = [np.zeros(x.image.shape[:2], bool) if x.mask is None else x.mask for x in pictures]
    maps = [probability(model, x.image, colours, device) for x in pictures]  # each (H, W)
    kinds = [x.defect for x in pictures]
    threshold = best_threshold(maps, masks, kinds)
    answers = [(kind, answer_to(mask, p > threshold)) for p, mask, kind in zip(maps, masks, kinds, strict=True) if kind != GOOD]
    marked = [float((p > threshold).mean()) for p, kind in zip(maps, kinds, strict=True) if kind == GOOD]
    report = {
        "steps": steps,
        "crop": SIDE,
        "parameters": sum(p.numel() for p in model.parameters()),
        "learned_from": {"defects": len(learn) - len(good), "normals": len(good)},
        "generator_normals_used": shared,
        "threshold": threshold,
        "pixel_ap": pixel_metrics(maps, masks).ap,
        "marked_on_normals": float(np.mean(marked)) if marked else None,
        "real": by_kind(answers),
    }
    return TrainedJudge(model, threshold, colours, report, device)


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


def probability(model: nn.Module, image: np.ndarray, colours: int, device: str = "cpu") -> np.ndarray:
    """Return each pixel's probability of being defect, (H, W) float32, for a stored picture (H, W, C)."""
    return 1 / (1 + np.exp(-anomaly_map(model, image, colours, device).clip(-50, 50)))


def best_threshold(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray], kinds: Sequence[str]) -> float:
    """Return the threshold with the best F1 per picture, averaged over pictures and then over defects, so that large ones do not rule.

    maps: (H, W) float32 probabilities; masks: (H, W) bool. 0.5 where no picture shows a defect.
    """
    best, value = 0.5, -1.0
    if all(kind == GOOD for kind in kinds):
        return best
    for threshold in np.linspace(0.05, 0.95, 19):
        found: dict[str, list[float]] = {}
        for p, mask, kind in zip(maps, masks, kinds, strict=True):
            if kind != GOOD:
                marked = p > threshold
                found.setdefault(kind, []).append(2 * float((marked & mask).sum()) / float(marked.sum() + mask.sum()))
        f1 = float(np.mean([np.mean(values) for values in found.values()]))
        if f1 > value:
            best, value = round(float(threshold), 2), f1
    return best


def by_kind(answers: Sequence[tuple[str, Answer]]) -> dict[str, dict[str, Any]]:
    """Return the summary of (kind, answer) by kind, and under "all" over everything."""
    kinds = {kind: [answer for name, answer in answers if name == kind] for kind in sorted({name for name, _ in answers})}
    return {kind: summary(values) for kind, values in [*kinds.items(), ("all", [answer for _, answer in answers])] if values}
