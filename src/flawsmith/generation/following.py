"""The real defects that a drawn one follows."""

from collections.abc import Sequence

import numpy as np

from flawsmith.dataset.windows import EXEMPLAR, aim, cut, window_around
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.exemplars import Exemplar


def choose_exemplars(examples: Sequence[Exemplar], count: int, g: np.random.Generator) -> list[Exemplar]:
    """Return `count` real defects at most, of different pictures where there are enough."""
    order = [examples[i] for i in g.permutation(len(examples))]
    first = {example.specimen: example for example in reversed(order)}  # one of each specimen
    chosen = [example for example in order if first[example.specimen] is example]
    return (chosen + [example for example in order if first[example.specimen] is not example])[:count]


def as_shown(examples: Sequence[Exemplar], scale: PixelRange, colours: int, g: np.random.Generator) -> np.ndarray:
    """Return what the network is shown of real defects, (K, C + 1, S, S) float32: windows in [-1, 1] and masks, 0 or 1.

    Of a defect that is larger than the window it is a random part.
    """
    return np.stack([_window(example, scale, colours, g) for example in examples])


def _window(example: Exemplar, scale: PixelRange, colours: int, g: np.random.Generator) -> np.ndarray:
    marked = example.mask if example.others is None else example.mask | example.others
    side = min(len(marked), EXEMPLAR)
    top, left = window_around(aim(example.mask, side, g), side, marked.shape, g)
    image, mask = (cut(x, top, left, side) for x in (example.image, marked))
    return np.concatenate([scale.to_model(image, colours), mask[None].astype(np.float32)])
