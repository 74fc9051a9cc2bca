"""Colours of classes in palettes and label lists: PASCAL VOC's, whose bits are spread so that near numbers look different."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from flawsmith.core.files import write_bytes


def colour(number: int) -> tuple[int, int, int]:
    """Return red, green, blue of a class number from 0 (black) to 255: the three lowest bits go to the highest of each, and so on."""
    spread = [sum((number >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3)) for channel in range(3)]
    return spread[0], spread[1], spread[2]


def palette_png(indexes: np.ndarray) -> bytes:
    """Return a PNG file whose pixels (H, W) uint8 are numbers of classes and are seen in their colours."""
    height, width = indexes.shape
    image = Image.frombytes("P", (width, height), np.ascontiguousarray(indexes).tobytes())
    image.putpalette([value for number in range(256) for value in colour(number)])
    stream = BytesIO()
    image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def write_palette(path: Path, indexes: np.ndarray) -> None:
    """Write (H, W) uint8 numbers of classes as such a PNG, atomically."""
    write_bytes(path, palette_png(indexes))
