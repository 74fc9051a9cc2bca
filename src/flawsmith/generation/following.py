"""The real defects that a drawn one follows."""

from collections.abc import Sequence

import numpy as np

from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.exemplars import Exemplar


def choose_exemplars(examples: Sequence[Exemplar], count: int, g: np.random.Generator) -> list[Exemplar]:
    """Return `count` real defects at most, of different pictures where there are enough."""
    order = [examples[i] for i in g.permutation(len(examples))]
    first = {example.specimen: example for example in reversed(order)}  # one of each specimen
    chosen = [example for example in order if first[example.specimen] is example]
    return (chosen + [example for example in order if first[example.specimen] is not example])[:count]


def as_shown(examples: Sequence[Exemplar], scale: PixelRange, colours: int) -> np.ndarray:
    """Return what the network is shown of real defects, (K, C + 1, S, S) float32: windows in [-1, 1] and masks, 0 or 1."""
    return np.stack([np.concatenate([scale.to_model(e.image, colours), _marked(e)[None].astype(np.float32)]) for e in examples])


def _marked(example: Exemplar) -> np.ndarray:
    return example.mask if example.others is None else example.mask | example.others
