"""How large a pixel is on the part, where a picture file says so."""

import struct
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import BinaryIO

from PIL import TiffImagePlugin

from flawsmith.core.errors import DataError
from flawsmith.images import png
from flawsmith.images.headers import open_file, open_picture, readable_type, stored_orientation

INCH, CENTIMETRE = 0.0254, 0.01  # metres
_MOST = 2**31 - 1  # pixels per metre that a PNG can say
_TIFF_X, _TIFF_Y, _TIFF_UNIT = 282, 283, 296


@dataclass(frozen=True)
class Pitch:
    """How finely a picture samples what it shows, in pixels per metre."""

    x: float  # along a row
    y: float  # along a column


def read_pitch(path: Path | str) -> Pitch | None:
    """Return the pitch that the file states, for the picture upright; None where it states none or only the shape of a pixel.

    From a PNG's pHYs, a JPEG's JFIF density, a TIFF's XResolution and YResolution, a BMP's pixels per metre; not from a
    JPEG's EXIF, whose default of 72 dpi means "unknown". A pitch that no PNG can hold (less than a pixel per 2 m, or more than
    2 per nanometre) counts as none. Raises FileError when the file is missing or has no readable header.
    """
    with open_file(Path(path), "has no readable header.") as stream:
        stated = {"PNG": _of_png, "JPEG": _of_jpeg, "TIFF": _of_tiff, "BMP": _of_bmp}[readable_type(stream)](stream)
        if stated is None or not all(_fits(value) for value in stated):
            return None
        x, y = stated
        return Pitch(y, x) if stored_orientation(stream) >= 5 else Pitch(x, y)


def pitch_chunks(pitch: Pitch | None) -> list[tuple[bytes, bytes]]:
    """Return the chunk that states `pitch` in a PNG, to whole pixels per metre; none for None. Raises DataError where none can."""
    if pitch is None:
        return []
    if not (_fits(pitch.x) and _fits(pitch.y)):
        raise DataError(f"pitch: got {pitch.x:g} x {pitch.y:g} pixels per metre, expected 1 to {_MOST}; leave it out with None.")
    return [(b"pHYs", struct.pack(">IIB", round(pitch.x), round(pitch.y), 1))]


def _fits(value: float) -> bool:
    return 0.5 < value <= _MOST  # false for what is no number


def _of_png(stream: BinaryIO) -> tuple[float, float] | None:
    for _, data in png.read_chunks(stream, [b"pHYs"], last=b"IDAT"):
        if len(data) == 9 and data[8] == 1:  # 1 is the metre; 0 says only how wide a pixel is for its height
            x, y, _ = struct.unpack(">IIB", data)
            return x, y
    return None


def _of_jpeg(stream: BinaryIO) -> tuple[float, float] | None:
    with open_picture(stream) as image:
        unit = {1: INCH, 2: CENTIMETRE}.get(image.info.get("jfif_unit", 0))
        x, y = image.info.get("jfif_density", (0, 0))
    return None if unit is None else (x / unit, y / unit)


def _of_tiff(stream: BinaryIO) -> tuple[float, float] | None:
    with open_picture(stream) as image:
        assert isinstance(image, TiffImagePlugin.TiffImageFile)
        unit = {2: INCH, 3: CENTIMETRE}.get(image.tag_v2.get(_TIFF_UNIT, 2))
        x, y = (image.tag_v2.get(tag) for tag in (_TIFF_X, _TIFF_Y))
    if unit is None or not isinstance(x, Real) or not isinstance(y, Real):
        return None
    return float(x) / unit, float(y) / unit


def _of_bmp(stream: BinaryIO) -> tuple[float, float] | None:
    stream.seek(0)
    head = stream.read(46)
    size = int.from_bytes(head[14:18], "little")  # of the second header; the old one of 12 bytes has no pitch
    return struct.unpack_from("<ii", head, 38) if size >= 40 else None
