"""Mask pictures whose values stand for classes: one whole number a pixel."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import ImageOps

from flawsmith.core.errors import FileError
from flawsmith.images import png
from flawsmith.images.channels import without_alpha
from flawsmith.images.files import read_image
from flawsmith.images.headers import open_file, open_picture, readable_type

MOST_COLOURS = 256  # of a mask; a picture with more is none


@dataclass(frozen=True, eq=False)
class Codes:
    """The values of a mask picture; 0 is the background."""

    values: np.ndarray  # (H, W) whole numbers: a palette's index, a grey, or a colour 0xRRGGBB
    colours: bool  # they are colours

    @cached_property
    def counts(self) -> dict[int, int]:
        """How many pixels have each value that occurs."""
        flat = self.values.ravel()
        if flat.dtype in (np.uint8, np.uint16):
            counts = np.bincount(flat)
            return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
        starts = np.flatnonzero(np.diff(flat, prepend=flat[0] - 1))  # masks are even: of runs there are few
        values, inverse = np.unique(flat[starts], return_inverse=True)
        lengths = np.bincount(inverse, weights=np.diff(starts, append=len(flat)))
        return {int(value): int(length) for value, length in zip(values, lengths, strict=True)}


def read_codes(path: Path, as_colours: bool = False) -> Codes:
    """Return a mask's values: the indexes of a palette, greys, or colours where it has others than greys.

    as_colours: all of them as colours. Of a palette that calls another index than 0 black it is the colours, too. Raises FileError as
    `read_image` does, and for more than MOST_COLOURS colours.
    """
    if not as_colours and (indexes := _indexes(path)) is not None:
        return Codes(indexes, False)
    pixels = without_alpha(read_image(path))  # (H, W, 1 or 3)
    if pixels.shape[2] == 1 or (not as_colours and _is_grey(pixels)):
        greys = np.ascontiguousarray(pixels[..., 0])
        return Codes(greys.astype(np.int32) * 0x010101, True) if as_colours else Codes(greys, False)
    if pixels.dtype != np.uint8:
        raise FileError(path, "is a mask in colours of 16 bits; expected 8. Save it again as an 8-bit PNG.")
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    found = Codes(red << 16 | green << 8 | blue, True)
    if (number := len(found.counts)) > MOST_COLOURS:
        message = f"is a mask with {number} colours; expected one colour for each class, at most {MOST_COLOURS}."
        raise FileError(path, f"{message} JPEG and scaling mix colours: save it as PNG as it was drawn.")
    return found


def code_name(code: int, colours: bool) -> str:
    """Return a value as a class is called that has no other name: "3", or "#0080c0" for a colour."""
    return f"#{code:06x}" if colours else str(code)


def _is_grey(pixels: np.ndarray) -> bool:
    return all(np.array_equal(pixels[..., 0], pixels[..., channel]) for channel in range(1, pixels.shape[2]))


def _indexes(path: Path) -> np.ndarray | None:
    """Return a palette picture's indexes (H, W) uint8, upright; None for other pictures and where another index than 0 is black."""
    with open_file(path, "is a {kind} that cannot be decoded to its end ({error}); it is truncated or damaged.") as stream:
        if readable_type(stream) == "PNG":
            png.check_chunks(stream)
        with open_picture(stream) as image:
            if image.mode != "P":
                return None
            indexes = np.asarray(ImageOps.exif_transpose(image))
            palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    if indexes.max() >= len(palette) or not palette[0].any():
        return indexes
    used = np.flatnonzero(np.bincount(indexes.ravel()))
    return None if (palette[used] == 0).all(1).any() else indexes
