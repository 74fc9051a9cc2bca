"""What the classical baselines work with: the few real defects cut out with their surroundings, and what the normals show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flawsmith.core.errors import DataError
from flawsmith.dataset.components import Component, separate, whole
from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import bounding_box, grow
from flawsmith.images.pixel_range import PixelRange
from flawsmith.placement.borders import Sides
from flawsmith.placement.context import RING, ring
from flawsmith.product.background import Background
from flawsmith.product.binarised import BinarisedLevels
from flawsmith.product.exemplars import REACHED, Exemplar
from flawsmith.product.foreground import foreground
from flawsmith.product.learn import learn_product, looked_at
from flawsmith.product.product import Product

POINTS = 240  # around a defect that are compared, at most
WINDOW = 64  # pixels: side of the exemplars, in which the levels of binarised pictures are looked for


@dataclass(frozen=True)
class Donor:
    """One real defect to paste, cut out with RING pixels around; coordinates are rows and columns of the cut."""

    image: np.ndarray  # (C, h, w) float32 in [-1, 1]
    mask: np.ndarray  # (h, w) bool
    anchor: tuple[int, int]  # what comes to lie on the place chosen: the defect's middle, or the object's where all objects lie alike
    border: Sides  # the picture's border that the defect reaches; the cut ends there
    points: np.ndarray  # (R, 2) int, pixels of the surroundings
    values: np.ndarray  # (R,) float32, their grey values in [-1, 1]


@dataclass(frozen=True)
class BaselineContext:
    """The learned part of a product."""

    product: Product
    exemplars: Mapping[str, Sequence[Exemplar]]  # by defect
    donors: Mapping[str, Sequence[Donor]]  # by defect
    normals: Sequence[Sample]
    choosy: bool = True  # whether a binarised normal is refused in which no defect's surroundings are found

    @property
    def scale(self) -> PixelRange:
        """The stored values that become -1 and 1."""
        return self.product.scale

    @property
    def background(self) -> Background | None:
        """What surrounds the object; None where it cannot be told."""
        return self.product.background

    @property
    def directed(self) -> bool:
        """Whether a quarter turn makes the surface look like none of the product."""
        return self.product.directed

    @property
    def levels(self) -> BinarisedLevels | None:
        """Of a product with binarised pictures, the levels it has; None for any other."""
        return self.product.levels

    @property
    def fixed(self) -> bool:
        """Whether one object lies alike in all pictures."""
        return self.background is not None and self.background.fixed

    def object_mask(self, normal: Sample) -> np.ndarray | None:
        """Return where the object is in a picture, (H, W) bool; None for everywhere."""
        if self.background is None:
            return None
        found = foreground(normal.image, self.background, self.scale)
        return found if found.any() else None

    def object_middle(self, picture: Sample) -> tuple[int, int]:
        """Return the row and column of the middle of the object's bounding box, or of the picture."""
        found = self.object_mask(picture)
        if found is None:
            return picture.image.shape[0] // 2, picture.image.shape[1] // 2
        box = bounding_box(found)
        return box.top + box.height // 2, box.left + box.width // 2


def gather(defects: Mapping[str, Sequence[Sample]], normals: Sequence[Sample]) -> BaselineContext:
    """Return the material that the labelled pictures, by defect, and the normals give.

    Only LOOKED_AT normals are looked at here. Raises DataError without normals, and where 8 and 16 bits are mixed.
    """
    if not len(normals):
        raise DataError("the learned part has no normals to put defects into; add pictures under train/good.")
    chosen = [normals[i].image for i in looked_at(len(normals))]
    types = {image.dtype.name for image in (*chosen, *(s.image for samples in defects.values() for s in samples))}
    if len(types) > 1:
        raise DataError(f"the learned pictures are {' and '.join(sorted(types))}, expected one depth; bring all to 8 or to 16 bits.")
    product, exemplars = learn_product(chosen, chosen, {name: defects[name] for name in sorted(defects)}, WINDOW)
    own = {name: [exemplar for exemplar in exemplars if exemplar.defect == name] for name in product.shape.defects}
    context = BaselineContext(product, own, {}, normals)
    donors = {name: [d for sample in samples for d in _donors(sample, context)] for name, samples in defects.items()}
    return replace(context, donors=donors)


def grey(picture: np.ndarray) -> np.ndarray:
    """Return the mean over the colours of (C, ...), (...) float32."""
    return picture.mean(0, dtype=np.float32)


def _donors(sample: Sample, material: BaselineContext) -> list[Donor]:
    """Return the separate defects of a picture, specks with the largest; all together where the object lies alike everywhere."""
    assert sample.mask is not None
    middle = material.object_middle(sample) if material.fixed else None
    found = [whole(sample.mask)] if material.fixed else separate(sample.mask)
    return [_cut(sample, one, middle, material.product) for one in found]


def _cut(sample: Sample, one: Component, middle: tuple[int, int] | None, product: Product) -> Donor:
    """Return one defect of a picture as a donor; middle: of the object it is laid by, None for its own."""
    assert sample.mask is not None
    box, (height, width) = one.box, sample.mask.shape
    row, column = middle or (box.top + box.height // 2, box.left + box.width // 2)
    bottom, right = box.top + box.height, box.left + box.width
    rows = slice(max(0, box.top - RING - 1), min(height, bottom + RING + 1))
    columns = slice(max(0, box.left - RING - 1), min(width, right + RING + 1))
    image = product.scale.to_model(sample.image[rows, columns], product.shape.colours)
    mask = one.window(rows.start, columns.start, image.shape[1], image.shape[2])
    border = (box.top <= REACHED, box.left <= REACHED, bottom >= height - REACHED, right >= width - REACHED)
    others = sample.mask[rows, columns] & ~mask
    around = ring(mask) & ~(grow(others, 2) if others.any() else others)
    points = np.argwhere(around)
    points = points[np.linspace(0, len(points) - 1, min(len(points), POINTS)).astype(int)]
    values = grey(image)[points[:, 0], points[:, 1]]
    return Donor(image, mask, (row - rows.start, column - columns.start), border, points, values)
