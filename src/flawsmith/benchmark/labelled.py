"""Labelled pictures as the detectors see them: cut down to what training needs, standardised picture by picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from flawsmith.dataset.memory import BUDGET, keep_normal
from flawsmith.dataset.sample import GOOD, Item, Sample, load_sample
from flawsmith.dataset.windows import bounding_box
from flawsmith.images.channels import without_alpha
from flawsmith.pairs.folder import PairFolder


@dataclass(frozen=True)
class LabelledImage:
    """A picture, or a piece of one, to learn from; exposures differ within a product, so each is brought to mean 0 and deviation 1."""

    image: np.ndarray  # (H, W, C) uint8 | uint16 as stored, without alpha
    mask: np.ndarray  # (H, W) bool, all false for a normal
    defect: str  # the defect's name, or "good"
    group: str  # the physical part it shows, or its own name
    mean: float  # of the whole picture
    deviation: float

    def standard(self, image: np.ndarray) -> np.ndarray:
        """Return a piece of this picture (h, w, C) as float32 of the whole picture's mean 0 and deviation 1."""
        return (image.astype(np.float32) - np.float32(self.mean)) / np.float32(self.deviation)


def standardise(image: np.ndarray, colours: int) -> np.ndarray:
    """Return a stored picture (H, W, C) as float32 (H, W, colours) of mean 0 and deviation 1."""
    x = with_colours(image, colours).astype(np.float32)
    return (x - x.mean()) / max(float(x.std()), 1e-6)


def with_colours(image: np.ndarray, colours: int) -> np.ndarray:
    """Return a stored picture without alpha and with `colours` channels: grey ones repeated, colours averaged."""
    x = without_alpha(image)
    if x.shape[2] == colours:
        return x
    return np.repeat(np.rint(x.mean(2, keepdims=True)).astype(x.dtype), colours, 2)


def resized(sample: Sample, side: int) -> Sample:
    """Return the sample as a square of `side` pixels, as the published protocol has it: pixels by area, mask by nearest; 0 = unchanged."""
    if not side or sample.image.shape[:2] == (side, side):
        return sample
    image = cv2.resize(sample.image, (side, side), interpolation=cv2.INTER_AREA).reshape(side, side, -1)
    mask = None
    if sample.mask is not None:
        mask = cv2.resize(sample.mask.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST_EXACT).astype(bool)
    return replace(sample, image=image, mask=mask)


def from_sample(sample: Sample, colours: int, reach: int | None = None) -> LabelledImage:
    """Return a sample as a detector learns from it; with `reach`, cut to its defect and that many pixels around."""
    image = with_colours(sample.image, colours)
    mean, deviation = float(image.mean(dtype=np.float64)), max(float(image.std(dtype=np.float64)), 1e-6)
    mask = np.zeros(image.shape[:2], bool) if sample.mask is None else sample.mask
    if reach is not None and mask.any():
        box = bounding_box(mask)
        rows = slice(max(0, box.top - reach), box.top + box.height + reach)
        columns = slice(max(0, box.left - reach), box.left + box.width + reach)
        image, mask = image[rows, columns].copy(), mask[rows, columns].copy()
    return LabelledImage(image, mask, sample.defect, sample.group or sample.source.as_posix(), mean, deviation)


def learned_pictures(items: Iterable[Item], colours: int, reach: int, resize: int = 0) -> list[LabelledImage]:
    """Return defects and normals to learn from; of large normals only random pieces are kept, within a budget of memory.

    reach: pixels around a defect that crops can show; resize: see `resized`.
    """
    items = list(items)
    normals = sum(item.mask is None for item in items)
    pictures = []
    for item in items:
        sample = resized(load_sample(item), resize)
        whole = from_sample(sample, colours, reach)
        if sample.mask is not None:
            pictures.append(whole)
            continue
        for piece in keep_normal(sample, reach, BUDGET // max(1, normals)):
            image = with_colours(piece, colours)
            pictures.append(LabelledImage(image, np.zeros(image.shape[:2], bool), GOOD, whole.group, whole.mean, whole.deviation))
    return pictures


def accepted_pairs(out: Path, form: str = "") -> list[Sample]:
    """Return the accepted pairs of a folder that `generate` or a baseline wrote, in the order of their ids.

    form: of the masks (`pairs/forms.py`), "" for the one that is a pair's own. Raises DataError when there are none.
    """
    folder = PairFolder(out)
    # pairs on one normal show one part
    return [
        Sample(folder.image(pair), folder.mask(pair, form), pair.defect, f"pair {pair.id}", folder.image_path(pair))
        for pair in folder.accepted()
    ]


def colours_of(samples: Sequence[Sample]) -> int:
    """Return the number of channels that all pictures are brought to: 3 if any has colours, else 1."""
    return max(sample.colours for sample in samples)
