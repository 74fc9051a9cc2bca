"""Masks on their way between page and server: rows of bits, deflated, in base64, as `mask.js` packs them."""

import base64
import binascii
import zlib

import numpy as np

from flawsmith.core.errors import DataError


def pack(mask: np.ndarray) -> str:
    """Return a mask (H, W) bool as text; each row begins with a new byte."""
    return base64.b64encode(zlib.compress(np.packbits(mask, axis=1).tobytes(), 6)).decode("ascii")


def unpack(text: str, size: tuple[int, int]) -> np.ndarray:
    """Return the mask (H, W) bool of a text; raises DataError for one that holds no mask of this size. No more is unpacked than it has."""
    height, width = size
    stride = -(-width // 8)
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(base64.b64decode(text, validate=True), height * stride + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise DataError(f"The mask cannot be read ({error}); draw it again.") from error
    if len(rows) != height * stride or not stream.eof:
        raise DataError(f"The mask is not of {width} x {height} pixels, the size of its picture; load the page again and draw it again.")
    bits = np.unpackbits(np.frombuffer(rows, np.uint8).reshape(height, stride), axis=1, count=width)
    return bits.astype(bool)
