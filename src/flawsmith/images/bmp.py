"""BMP pictures that Pillow misreads: with a palette of black and white it takes those of 8 bits for ones of 1 bit, nearly all black."""

from typing import BinaryIO

import cv2
import numpy as np

from flawsmith.images.headers import Unreadable


def black_and_white(stream: BinaryIO) -> np.ndarray | None:
    """Return a BMP of 4 or 8 bits as (H, W, 1) uint8 greys; None for other files. Raises Unreadable for a truncated one."""
    stream.seek(0)
    head = stream.read(54)
    offset, width, height, bits, packing = (int.from_bytes(head[a:b], "little", signed=True) for a, b in _FIELDS)
    if bits not in (4, 8) or packing:
        return None
    stream.seek(0)
    content = stream.read()
    missing = offset + (width * bits + 31) // 32 * 4 * abs(height) - len(content)
    array = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE) if missing <= 0 else None
    if array is None:
        raise Unreadable(f"is a truncated or damaged BMP: {max(missing, 0)} bytes are missing.", "Copy it again from where it came.")
    return array[..., None]


_FIELDS = ((10, 14), (18, 22), (22, 26), (28, 30), (30, 34))  # where the pixels begin, width, height, bits a pixel, compression
