"""`copy`: more than a copy of a defect that was learned from, or is followed (`quality/copies.py`)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from flawsmith.compositing.blending import band
from flawsmith.compositing.margins import FEW
from flawsmith.quality.copies import Crop, closest, copy_threshold, crop_of, grey_crop, leave_one_out
from flawsmith.quality.registry import Check
from flawsmith.quality.view import Known, View


@dataclass(frozen=True)
class Originals:
    """What drawn defects of one kind must not be like."""

    crops: list[Crop]
    sources: list[str]  # files
    most: float  # similarity above which a defect counts as a copy, 0 to 1


def originals(known: Known, defect: str) -> Originals:
    """Return the defects of a kind that are learned from or followed, cut for comparison, with the limit that the former set."""

    def make() -> Originals:
        scale, colours = known.product.scale, known.product.shape.colours
        crops = [crop_of(example, scale, colours) for example in known.exemplars[defect]]
        sources = [example.source for example in known.exemplars[defect]]
        liked = known.liked.get(defect, ())
        more = [crop_of(example, scale, colours) for example in liked]
        names = [*sources, *(example.source for example in liked)]
        return Originals([*crops, *more], names, copy_threshold(leave_one_out(crops, sources)))

    found: Originals = known.once(("copy", defect), make)
    return found


def measure(view: View) -> dict[str, float]:
    """Return the greatest similarity to one of the originals, 0 to 1; nothing for a few pixels, which are all alike."""
    if view.mask.sum() < FEW:
        return {}
    crop = grey_crop(view.picture, view.mask, view.known.product.shape.window)
    return {"copy": closest(crop, originals(view.known, view.candidate.defect).crops)[0]}


def refuse(view: View, scores: Mapping[str, float]) -> str | None:
    """Return the sentence for a copy, with the name of the picture it is a copy of."""
    real = originals(view.known, view.candidate.defect)
    if scores.get("copy", 0.0) <= real.most:
        return None
    _, which = closest(grey_crop(view.picture, view.mask, view.known.product.shape.window), real.crops)
    return f"{scores['copy']:.2f} alike to {real.sources[which]}, at most {real.most:.2f}"


def faults(view: View, normal: np.ndarray, _: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the real defect blended onto a normal."""
    weights = band(view.mask, np.ones_like(view.mask), view.known.feather)[..., None]
    yield "copy", view.showing(normal * (1 - weights) + view.picture * weights, normal)


CHECK = Check("copy", "Is it more than a copy of a defect learned from?", faults, measure, refuse)
