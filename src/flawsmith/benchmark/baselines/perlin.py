"""Perlin defects as DRAEM makes them: noise-shaped pieces of a foreign texture blended into a normal; no real defect is used."""

import numpy as np

from flawsmith.benchmark.baselines.material import BaselineContext
from flawsmith.benchmark.baselines.textures import disturbed
from flawsmith.benchmark.baselines.visible import until_seen
from flawsmith.compositing.blending import blend
from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import cut

FINEST = 8  # pixels: side of the smallest cells of noise; DRAEM's on its pictures of 256 pixels
LIMIT = 0.5  # noise above it is defect
LEAST = 12  # pixels of a defect
TRIES = 20  # noises drawn until one leaves a defect on the object
OPACITY = (0.1, 1.0)


def perlin(material: BaselineContext, normal: Sample, defect: str, g: np.random.Generator) -> Sample:
    """Return a normal with pieces of a foreign texture blended in; its mask is where.

    Zavrtanik et al. 2021, DRAEM, section 3.2: Perlin noise with cells of 2^-k of the picture along each side, turned by up to 90
    degrees and cut at LIMIT; the texture is blended in with an opacity from OPACITY. Their textures are photographs to be downloaded
    (DTD); ours are other normals of the product, moved, turned and distorted by three of DRAEM's own operations. On an object seen
    against a background only the object is touched. What cannot be seen is drawn again. defect: only the name.
    """
    allowed = material.object_mask(normal)
    return until_seen(lambda: _draw(material, normal, allowed, defect, g), normal, material.scale)


def _draw(material: BaselineContext, normal: Sample, allowed: np.ndarray | None, defect: str, g: np.random.Generator) -> Sample:
    """Return the normal with one texture in one mask, inside what is allowed (H, W) bool."""
    height, width = normal.image.shape[:2]
    mask = _mask((height, width), allowed, g)
    own = normal.colours
    other = material.normals[int(g.integers(len(material.normals)))].image
    window = cut(other, int(g.integers(other.shape[0])), int(g.integers(other.shape[1])), height, width)
    texture = disturbed((material.scale.to_model(window, own) + 1) / 2, g)
    weights = mask * np.float32(g.uniform(*OPACITY))
    image = blend(normal.image, 2 * texture - 1, weights, material.scale)
    return Sample(image, mask, defect, normal.group, normal.source)


def noise(size: tuple[int, int], cells: tuple[float, float], angle: float, g: np.random.Generator) -> np.ndarray:
    """Return Perlin noise (H, W), about -1 to 1, with cells of that height and width in pixels, turned by the angle in radians.

    Perlin 1985 with the fade of 2002, times the square root of 2, as DRAEM scales it.
    """
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    y = (np.cos(angle) * rows - np.sin(angle) * columns) / cells[0]
    x = (np.sin(angle) * rows + np.cos(angle) * columns) / cells[1]
    y, x = y - y.min() + g.random(), x - x.min() + g.random()
    i, j = y.astype(int), x.astype(int)
    directions = g.uniform(0, 2 * np.pi, (i.max() + 2, j.max() + 2))
    sines, cosines = np.sin(directions), np.cos(directions)
    dy, dx = y - i, x - j

    def corner(a: int, b: int) -> np.ndarray:
        return sines[i + a, j + b] * (dy - a) + cosines[i + a, j + b] * (dx - b)

    across, down = (t * t * t * (t * (t * 6 - 15) + 10) for t in (dx, dy))
    upper = corner(0, 0) + across * (corner(0, 1) - corner(0, 0))
    lower = corner(1, 0) + across * (corner(1, 1) - corner(1, 0))
    return np.sqrt(2) * (upper + down * (lower - upper))


def _mask(size: tuple[int, int], allowed: np.ndarray | None, g: np.random.Generator) -> np.ndarray:
    """Return a non-empty mask (H, W) bool inside what is allowed."""
    exponents = max(1, int(np.log2(max(size) / FINEST)) + 1)
    for _ in range(TRIES):
        cells = [length / 2.0 ** int(g.integers(exponents)) for length in size]
        height = noise(size, (max(cells[0], FINEST), max(cells[1], FINEST)), g.uniform(-np.pi / 2, np.pi / 2), g)
        if allowed is not None:
            height = np.where(allowed, height, -np.inf)
        mask = height > LIMIT
        if mask.sum() >= LEAST:
            return mask
    return height >= np.sort(height, axis=None)[-min(LEAST, int(np.isfinite(height).sum()))]  # its highest pixels
