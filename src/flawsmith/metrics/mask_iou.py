"""Whether an independent segmenter finds the generated defects, and where it says that they are.

The segmenter (`sides.Judge`) learned from real defects that the generator has not seen; it knows nothing of how masks are made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flawsmith.compositing.change import overlap
from flawsmith.dataset.components import components
from flawsmith.dataset.windows import grow
from flawsmith.metrics.registry import MASKS, Column, Metric, Number, missing, number, register
from flawsmith.metrics.sides import PairView, Sides

NEAR = 2  # pixels between a mask and a part of the segmenter's that is taken as its answer to it
COVERED = 0.25  # share of a mask that must be marked to count as found
NOT_MEASURED = "not measured: no independent segmenter; --judge RUN trains one, which takes minutes"


@dataclass(frozen=True)
class Answer:
    """The segmenter's answer to one mask."""

    found: bool  # it marks at least COVERED of the mask
    iou: float  # intersection over union of the mask with those marked components that come within NEAR of it; 0 when not found
    elsewhere: float  # share of the picture marked in other components


def answer_to(mask: np.ndarray, marked: np.ndarray) -> Answer:
    """Return how marked pixels answer a mask, both (H, W) bool, the mask not empty.

    >>> mask = np.zeros((20, 20), bool); mask[4:8, 4:8] = True
    >>> marked = np.zeros((20, 20), bool); marked[4:8, 4:6] = True; marked[15:17, 15:17] = True
    >>> answer_to(mask, marked)
    Answer(found=True, iou=0.5, elsewhere=0.01)
    >>> answer_to(mask, np.roll(marked, 4, 1))  # it touches, but marks nothing of it
    Answer(found=False, iou=0.0, elsewhere=0.01)
    """
    near = grow(mask, NEAR)
    answer = np.zeros_like(mask)
    for component in components(marked):
        one = component.mask(mask.shape)
        if (one & near).any():
            answer |= one
    found = bool((marked & mask).sum() >= COVERED * mask.sum())
    return Answer(found, overlap(answer, mask) if found else 0.0, float((marked & ~answer).mean()))


def summary(answers: Sequence[Answer], by_chance: Sequence[bool] = ()) -> dict[str, Any]:
    """Return what the answers to several masks, at least one, say together.

    "iou": median over all; "iou_found": over those found; by_chance: whether a mask counts as found where nothing was drawn.
    """
    ious = [answer.iou for answer in answers if answer.found]
    return {
        "count": len(answers),
        "found": len(ious) / len(answers),
        "iou": float(np.median([answer.iou for answer in answers])),
        "iou_found": float(np.median(ious)) if ious else None,
        "elsewhere": float(np.mean([answer.elsewhere for answer in answers])),
        "by_chance": float(np.mean(by_chance)) if len(by_chance) else None,
    }


def _of_pair(pair: PairView) -> dict[str, Any]:
    if pair.marked is None:
        return {"mask_iou": None, "found": None, "marked_elsewhere": None, "found_by_chance": None}
    answer = answer_to(pair.mask, pair.marked)
    chance = None if pair.normal_marked is None else answer_to(pair.mask, pair.normal_marked).found
    return {"mask_iou": answer.iou, "found": answer.found, "marked_elsewhere": answer.elsewhere, "found_by_chance": chance}


def _compute(sides: Sides) -> Number:
    """Return the median mask IoU over the pairs, with the share found, beside the same of real defects the segmenter has not seen."""
    judged = [pair.values for pair in sides.pairs if pair.values["mask_iou"] is not None]
    if not judged:
        return missing(NOT_MEASURED if sides.pairs else "0 generated")
    answers = [Answer(v["found"], v["mask_iou"], v["marked_elsewhere"]) for v in judged]
    found = summary(answers, [v["found_by_chance"] for v in judged if v["found_by_chance"] is not None])
    return number(found.pop("iou"), **found)


register(
    Metric(
        "mask_iou",
        "Mask IoU",
        "masks",
        MASKS,
        _compute,
        (Column("Mask IoU", form=".2f"), Column("found", "found", form=".0%")),
        "Median overlap of the mask with what an independent segmenter marks there, which learned from real defects that the generator has "
        "not seen; found: pairs of which it marks at least a quarter of the mask. Pairs cannot do better than unseen real defects do.",
        better="higher",
        rank=20,
        per_pair=_of_pair,
    )
)
