"""What is learned of a product from its pictures: found once, here, and kept in `Product`; everything else asks it."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from flawsmith.dataset.sample import Sample
from flawsmith.images.channels import common_colours
from flawsmith.images.pixel_range import PixelRange, find_range
from flawsmith.product.background import learn_background
from flawsmith.product.binarised import find_levels
from flawsmith.product.direction import has_direction
from flawsmith.product.exemplars import Exemplar, collect_exemplars
from flawsmith.product.foreground import measure_reaches
from flawsmith.product.halo import halo
from flawsmith.product.noise import find_noise
from flawsmith.product.product import Product
from flawsmith.product.shape import ModelSpec

LOOKED_AT = 40  # normals that are looked at as a whole, spread evenly over all


def learn_product(
    normals: Sequence[np.ndarray], views: Sequence[np.ndarray], defects: Mapping[str, Sequence[Sample]], window: int
) -> tuple[Product, list[Exemplar]]:
    """Return what the pictures of one product show, and its real defects.

    normals: (H, W, C) as stored, whole or in pieces; views: some whole normals, as they are or from `shrink`; defects: labelled
    pictures by name; window: side in pixels of the exemplars. All of one depth.
    """
    flawed = [sample for samples in defects.values() for sample in samples]
    pictures = [*normals, *(sample.image for sample in flawed)]
    colours = common_colours(pictures)
    scale = find_range([*normals, *(pixels for sample in flawed for pixels in _pixels(sample))])
    exemplars = collect_exemplars(defects, window)
    own = {name: [exemplar for exemplar in exemplars if exemplar.defect == name] for name in defects}
    background, levels = learn_background(views, scale), find_levels(exemplars, scale, colours)
    product = Product(
        shape=ModelSpec(tuple(defects), colours, window),
        scale=scale,
        noise=find_noise(normals, colours, scale),
        areas={name: _ends([e.area for e in some]) for name, some in own.items() if some},
        sides={name: _ends([max(e.shape.shape) for e in some]) for name, some in own.items() if some},
        halos={} if levels else {name: halo(some, scale, colours) for name, some in own.items()},  # two tones know no fading
        background=None if background is None else measure_reaches(background, defects, scale),
        directed=has_direction(normals),
        levels=levels,
    )
    return product, exemplars


def looked_at(count: int) -> list[int]:
    """Return which of `count` normals are looked at as a whole: LOOKED_AT of them at most, spread evenly, ascending."""
    return [int(i) for i in np.linspace(0, count - 1, min(count, LOOKED_AT)).astype(int)]


def learn_range(samples: Iterable[Sample]) -> PixelRange:
    """Return the range of values of pictures of one depth, in which their labelled defects lie whole; one is held at a time."""
    return find_range(pixels for sample in samples for pixels in _pixels(sample))


def _pixels(sample: Sample) -> list[np.ndarray]:
    """Return a picture (H, W, C) and the pixels (N, C) of its defect, where one is marked."""
    return [sample.image] if sample.mask is None or not sample.mask.any() else [sample.image, sample.image[sample.mask]]


def _ends(values: Sequence[int]) -> tuple[int, int]:
    return min(values), max(values)
