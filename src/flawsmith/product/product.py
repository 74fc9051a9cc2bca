"""What a model knows of the product beside its weights."""

from dataclasses import dataclass
from typing import Any

from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.foreground import Background, background_from
from flawsmith.product.shape import ModelSpec


@dataclass(frozen=True)
class Product:
    """What a model knows of the product beside its weights."""

    shape: ModelSpec
    scale: PixelRange
    noise: float  # typical difference of neighbouring pixels in normals, as a share of the value range
    areas: dict[str, tuple[int, int]]  # least and largest mask of each defect in pixels
    background: Background | None = None  # what surrounds the object, where the product has one


def product_from(tree: dict[str, Any]) -> Product:
    """Return the Product that `dataclasses.asdict` turned into plain values."""
    shape = ModelSpec(tuple(tree["shape"]["defects"]), tree["shape"]["colours"], tree["shape"]["window"])
    areas = {name: (int(a), int(b)) for name, (a, b) in tree["areas"].items()}
    return Product(shape, PixelRange(**tree["scale"]), tree["noise"], areas, background_from(tree.get("background")))
