"""How much room pairs take on the disk."""

from collections.abc import Sequence
from pathlib import Path

from flawsmith.images.files import bit_depth, image_size, type_of
from flawsmith.product.shape import ModelSpec

LOOKED_AT = 20  # normals that stand for all
PACKED = 0.7  # of a picture's pixels as PNG, about
BESIDE = 1.1  # with masks and rows


def bytes_of_pair(normals: Sequence[Path], shape: ModelSpec) -> float:
    """Return about how many bytes the files of a pair have on one of the normals; for none, of a window that is drawn from noise."""
    step = max(1, len(normals) // LOOKED_AT)
    found = [_as_png(path, shape.colours) for path in normals[::step]] or [PACKED * shape.colours * shape.window**2]
    return BESIDE * sum(found) / len(found)


def _as_png(path: Path, colours: int) -> float:
    if type_of(path) == "PNG":
        return path.stat().st_size
    height, width = image_size(path)
    return PACKED * height * width * colours * bit_depth(path) / 8
