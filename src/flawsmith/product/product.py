"""What a model knows of the product beside its weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.background import Background, background_from
from flawsmith.product.binarised import BinarisedLevels, levels_from
from flawsmith.product.shape import ModelSpec


@dataclass(frozen=True)
class Product:
    """What a model knows of the product beside its weights; `learn_product` finds it, once."""

    shape: ModelSpec
    scale: PixelRange
    noise: float  # typical difference of neighbouring pixels in normals, as a share of the value range
    areas: dict[str, tuple[int, int]]  # least and largest mask of each defect in pixels
    sides: dict[str, tuple[int, int]] = field(default_factory=dict)  # least and largest longer side of each defect in pixels
    halos: dict[str, int] = field(default_factory=dict)  # `halo` of each defect
    background: Background | None = None  # what surrounds the object, where the product has one
    directed: bool = False  # whether a quarter turn makes the surface look like none of the product
    levels: BinarisedLevels | None = None  # of a product with binarised pictures, those it has; None for any other

    def halo(self, defect: str) -> int:
        """Return how many pixels beyond its label a defect still shows."""
        return self.halos.get(defect, 0)


def product_tree(product: Product) -> dict[str, Any]:
    """Return the product as plain values that JSON can hold, which `product_from` reads back to the bit."""
    levels = None if product.levels is None else {"moves": product.levels.moves.tolist()}
    return asdict(replace(product, levels=None)) | {"levels": levels}


def product_from(tree: Mapping[str, Any]) -> Product:
    """Return the Product that `product_tree` turned into plain values. Raises KeyError, TypeError or ValueError for what is none."""
    shape = ModelSpec(tuple(tree["shape"]["defects"]), tree["shape"]["colours"], tree["shape"]["window"])
    numbers = (shape.colours, shape.window)
    if not shape.defects or not all(isinstance(name, str) and name.strip() for name in shape.defects):
        raise ValueError(f"got the defects {shape.defects!r}, expected names")
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        raise ValueError(f"got the colours and window {numbers!r}, expected whole numbers above 0")
    return Product(
        shape=shape,
        scale=PixelRange(**tree["scale"]),
        noise=tree["noise"],
        areas=_ends(tree["areas"]),
        sides=_ends(tree["sides"]),
        halos=dict(tree.get("halos", {})),
        background=background_from(tree["background"]),
        directed=tree["directed"],
        levels=levels_from(tree["levels"]),
    )


def _ends(tree: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    return {name: (int(a), int(b)) for name, (a, b) in tree.items()}
