"""What is learned of a product, once."""

import json
from pathlib import Path

import numpy as np
import pytest

from flawsmith.dataset.sample import Sample
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.learn import learn_product, learn_range, looked_at
from flawsmith.product.product import product_from, product_tree

WINDOW = 32


def picture(g: np.random.Generator, size: int = 384) -> np.ndarray:
    return g.normal(29500, 15, (size, size, 1)).astype(np.uint16)


def flawed(g: np.random.Generator) -> Sample:
    """Return a picture with a few hot pixels: so few that they are odd ones of the picture."""
    image, mask = picture(g), np.zeros((384, 384), bool)
    mask[100:108, 200:206] = True
    image[mask] += np.linspace(0, 700, mask.sum()).astype(np.uint16)[:, None]
    return Sample(image, mask, "hot", None, Path("hot.tiff"))


def test_the_range_holds_the_few_hot_pixels_of_a_small_defect() -> None:
    g = np.random.default_rng(0)
    normals, real = [picture(g) for _ in range(3)], [flawed(g) for _ in range(2)]
    product, exemplars = learn_product(normals, normals, {"hot": real}, WINDOW)
    reached = max(s.image[s.mask].max() for s in real if s.mask is not None)
    assert product.scale.high >= reached > 30100
    assert product.scale.to_model(exemplars[0].image, 1).max() <= 1
    assert learn_range([Sample(n, None, "good", None, Path()) for n in normals] + real) == product.scale


def test_dark_ones_are_held_too_and_unmarked_ones_are_odd() -> None:
    g = np.random.default_rng(0)
    one = flawed(g)
    assert one.mask is not None
    one.image[one.mask] = 28000
    one.image[0, 0] = 65535  # of the camera
    scale = learn_range([one])
    assert scale.low <= 28000 and scale.high < 30000


def test_facts_of_a_product() -> None:
    g = np.random.default_rng(0)
    normals = [np.broadcast_to(g.integers(0, 255, (1, 60, 1), np.uint8), (60, 60, 1)).copy() for _ in range(4)]
    masks = [np.zeros((60, 60), bool) for _ in range(2)]
    masks[0][10:12, 10:20] = True
    masks[1][30:35, 30:36] = True
    real = [Sample(normals[0], mask, "dent", None, Path("a.png")) for mask in masks]
    product, exemplars = learn_product(normals, normals, {"dent": real}, WINDOW)
    assert product.areas == {"dent": (20, 30)} and product.sides == {"dent": (6, 10)}
    assert product.directed and product.levels is None and product.background is None
    assert (product.shape.defects, product.shape.colours, product.shape.window) == (("dent",), 1, WINDOW)
    assert [e.area for e in exemplars] == [20, 30] and product.scale == PixelRange(0.0, 255.0, "uint8")


def test_a_product_survives_being_written_as_json() -> None:
    g = np.random.default_rng(0)
    image = np.where(np.arange(60)[:, None, None] % 20 < 10, 3, 252).repeat(60, 1).astype(np.uint8) + g.integers(
        0, 3, (60, 60, 1), np.uint8
    )
    mask = np.zeros((60, 60), bool)
    mask[28:33, 28:33] = True
    product, _ = learn_product([image], [image], {"gap": [Sample(image, mask, "gap", None, Path("a.png"))]}, WINDOW)
    assert product.levels is not None
    found = product_from(json.loads(json.dumps(product_tree(product))))
    assert found.levels is not None and found.levels.moves.dtype == np.float32
    assert np.array_equal(found.levels.moves, product.levels.moves)
    assert product_tree(found) == product_tree(product) and found.sides == product.sides


@pytest.mark.parametrize("count", [1, 3, 40, 41, 1000])
def test_the_normals_looked_at_are_spread_over_all(count: int) -> None:
    chosen = looked_at(count)
    assert len(chosen) == len(set(chosen)) == min(count, 40) and chosen == sorted(chosen)
    assert chosen[0] == 0 and chosen[-1] == count - 1
