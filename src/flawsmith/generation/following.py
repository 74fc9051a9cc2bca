"""The real defects, or others that a user likes, that a drawn one follows; and how closely."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from flawsmith.dataset.dihedral import apply_pose
from flawsmith.dataset.windows import EXEMPLAR, aim, cut, window_around
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.exemplars import Exemplar

USUAL = 0.5  # strength at which several exemplars are followed, and shapes are changed as usual


@dataclass(frozen=True)
class Following:
    """What drawn defects follow, beside what was learned, and how closely."""

    strength: float = USUAL  # 0: no exemplar; 1: one alone, in its own shape
    liked: Mapping[str, Sequence[Exemplar]] = field(default_factory=dict)  # by kind: in the place of those learned from

    @property
    def share(self) -> float:
        """The share of the defects that are shown exemplars: from 0 at strength 0 to 1 at USUAL, 1 above."""
        return min(1.0, self.strength / USUAL)

    @property
    def freedom(self) -> float:
        """How free shapes are and how many exemplars there are: 1 up to USUAL, from there to 0 at strength 1."""
        return min(1.0, (1 - self.strength) / (1 - USUAL))

    def count(self, several: int) -> int:
        """Return how many exemplars are shown where any are: `several` with all freedom, one with none."""
        return 1 + round((several - 1) * self.freedom)

    @cached_property
    def digest(self) -> list[object]:
        """Plain values that tell this from every other one."""
        liked = [
            [kind, e.source, *(hashlib.sha256(x.tobytes()).hexdigest()[:16] for x in (e.image, e.mask, e.shape))]
            for kind, own in sorted(self.liked.items())
            for e in own
        ]
        return [self.strength, liked]


def choose_exemplars(examples: Sequence[Exemplar], count: int, g: np.random.Generator, first: int | None = None) -> list[Exemplar]:
    """Return `count` defects at most, of different pictures where there are enough; number `first` of them leads, where one is named."""
    order = [examples[i] for i in g.permutation(len(examples))]
    if first is not None:
        order = [examples[first], *(example for example in order if example is not examples[first])]
    leading = {example.specimen: example for example in reversed(order)}  # one of each specimen
    chosen = [example for example in order if leading[example.specimen] is example]
    return (chosen + [example for example in order if leading[example.specimen] is not example])[:count]


def as_shown(
    examples: Sequence[Exemplar], scale: PixelRange, colours: int, g: np.random.Generator, pose: tuple[int, bool] = (0, False)
) -> np.ndarray:
    """Return what the network is shown of defects, (K, C + 1, S, S) float32: windows in [-1, 1] and masks, 0 or 1.

    Of a defect that is larger than the window it is a random part. pose: quarter turns after mirroring, of all of them.
    """
    return np.stack([_window(example, scale, colours, g, pose) for example in examples])


def _window(example: Exemplar, scale: PixelRange, colours: int, g: np.random.Generator, pose: tuple[int, bool]) -> np.ndarray:
    marked = example.mask if example.others is None else example.mask | example.others
    side = min(len(marked), EXEMPLAR)
    top, left = window_around(aim(example.mask, side, g), side, marked.shape, g)
    image, mask = (apply_pose(cut(x, top, left, side), *pose) for x in (example.image, marked))
    return np.concatenate([scale.to_model(image, colours), mask[None].astype(np.float32)])
