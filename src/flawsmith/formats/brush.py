"""Label Studio's own coding of what was painted with a brush: a stream of bits that holds the RGBA values of a whole picture.

A header of 53 bits (how many values, their width, four widths of run lengths), then runs: one bit says whether a value repeats, two which
width the length has, then the length less one, then the value or values. The last of each four values is what was painted.
The coding is that of thi.ng/rle-pack, which Label Studio uses.
"""

from dataclasses import dataclass

import numpy as np

from flawsmith.formats.runs import checked_size
from flawsmith.formats.shapes import Size, resized

LARGEST = 16 << 20  # bytes


@dataclass(frozen=True)
class Brush:
    """What was painted in a whole picture."""

    data: bytes  # the bits
    size: tuple[int, int]  # of what they fill, (H, W)

    def draw(self, whole: np.ndarray, units: Size) -> None:
        """See shapes.Shape."""
        whole |= resized(painted(self.data, self.size), whole.shape)


def painted(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """Return what is painted, (H, W) bool. Raises ValueError for bits that do not hold a picture of this size."""
    height, width = checked_size(size)
    if len(data) > LARGEST:
        raise ValueError(f"a brush of {len(data) >> 20} MiB, expected at most {LARGEST >> 20}")
    bits = _Bits(data)
    count, word = bits.take(32), bits.take(5) + 1
    lengths = [bits.take(4) + 1 for _ in range(4)]
    if count != height * width * 4:
        raise ValueError(f"a brush of {count} values, expected {height * width * 4} for {width}x{height}")
    if word != 8:
        raise ValueError(f"a brush of {word} bits a value, expected 8")
    found, place = np.zeros(height * width, bool), 0
    while place < count:
        repeated = bits.take(1)
        end = min(place + 1 + bits.take(lengths[bits.take(2)]), count)
        first, last = place // 4, end // 4  # of the pixels whose alpha lies within: the values 3, 7, 11, ...
        if repeated:
            found[first:last] = bits.take(8) > 0
        else:
            values = bits.take_bytes(end - place)
            found[first:last] = np.frombuffer(values, np.uint8)[3 - place % 4 :: 4] > 0
        place = end
    return found.reshape(height, width)


class _Bits:
    """A stream of bits. Raises ValueError where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._text = bin(int.from_bytes(b"\1" + data, "big"))[3:]  # "0" and "1"
        self._place = 0

    def take(self, count: int) -> int:
        """Return the next bits as a whole number."""
        end = self._place + count
        if end > len(self._text):
            raise ValueError("a brush whose bits end too early")
        found = int(self._text[self._place : end], 2)
        self._place = end
        return found

    def take_bytes(self, count: int) -> bytes:
        """Return the next bytes, which need not begin at one."""
        return self.take(8 * count).to_bytes(count, "big")
