"""Pictures and masks on disk: 8 and 16 bit, exact, upright, and decoded to the last byte or refused.

Reading holds the picture once and a strip of it, as far as the formats allow: Pillow decodes JPEG, BMP, TIFF, WebP and PNGs that are
interlaced or have a palette as a whole, in a copy of its own (RGB with four bytes a pixel).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from flawsmith.core.errors import FileError
from flawsmith.core.files import write_pieces
from flawsmith.images import png
from flawsmith.images.bmp import black_and_white
from flawsmith.images.channels import without_alpha
from flawsmith.images.headers import (
    MAY_HOLD_EXIF,
    READABLE,
    SUFFIXES,
    bit_depth,
    check_size,
    content_type,
    image_size,
    loaded_orientation,
    open_file,
    open_picture,
    orientation,
    readable_type,
    stored_orientation,
    tiff_depth,
    type_of,
)
from flawsmith.images.mask_values import marking
from flawsmith.images.pitch import Pitch, pitch_chunks, read_pitch

__all__ = [  # what there is to know and to do with picture files, from one place
    "READABLE",
    "SUFFIXES",
    "Pitch",
    "bit_depth",
    "check_picture",
    "content_type",
    "image_size",
    "orientation",
    "read_image",
    "read_mask",
    "read_pitch",
    "read_small",
    "type_of",
    "write_image",
    "write_mask",
]

_MODES = {"1": "L", "L": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBA": "RGBA", "RGBX": "RGB", "RGBa": "RGBA"}
_MODES |= {"CMYK": "RGB", "YCbCr": "RGB", "PA": "RGBA"}
_CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
_GREY_16 = ("I;16", "I;16B", "I;16L")
_TIFF_PHOTOMETRIC = 262
_SMALL = 1 << 22  # bytes of pixels up to which Pillow decodes a PNG as a whole: its zlib is faster than Python's


@dataclass(frozen=True)
class _Stored:
    """An opened picture as it lies in its file, perhaps turned."""

    height: int
    width: int
    channels: int
    dtype: type
    turned: int  # EXIF orientation
    strips: Iterator[np.ndarray]  # its rows from the top, (h, W, C)
    whole: bool = False  # there is one strip, which is an array of its own

    def empty(self, *channels: int, dtype: type) -> tuple[np.ndarray, np.ndarray]:
        """Return an array for the upright picture, and a view of it in which pixels lie as in the file."""
        size = (self.width, self.height) if self.turned >= 5 else (self.height, self.width)
        upright: np.ndarray = np.empty((*size, *channels), dtype)
        view = upright[:]
        if self.turned in (2, 3, 6, 7):
            view = view[:, ::-1]
        if self.turned in (3, 4, 7, 8):
            view = view[::-1]
        return upright, view.swapaxes(0, 1) if self.turned >= 5 else view


def read_image(path: Path | str) -> np.ndarray:
    """Return the picture as (H, W, C) uint8 or uint16; C is 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha.

    Bit depth and values are kept; 1-bit becomes 0 and 255; a palette becomes RGB, or RGBA where it has transparency; EXIF
    orientation is applied. Raises FileError when the file is missing, empty, truncated, no picture of a readable type or larger
    than 178 megapixels.
    """
    with _open(Path(path)) as stored:
        if stored.whole and stored.turned == 1:
            return next(stored.strips)
        image, view = stored.empty(stored.channels, dtype=stored.dtype)
        _fill(view, stored.strips)
    return image


def read_small(path: Path | str, side: int) -> np.ndarray:
    """Return the picture as `read_image` does, but smaller: its longer side has `side` pixels or more, as far as it has them, and few more.

    PNGs are made smaller strip by strip, JPEGs as they are decoded, so that a large one takes little memory; others are decoded as a whole.
    Raises as `read_image` does.
    """
    path = Path(path)
    if type_of(path) == "JPEG":
        return _small_jpeg(path, side)
    with _open(path) as stored:
        times = max(1, max(stored.height, stored.width) // (2 * side))
        if times == 1:
            image, view = stored.empty(stored.channels, dtype=stored.dtype)
            _fill(view, stored.strips)
            return image
        smaller = replace(stored, height=-(-stored.height // times), width=-(-stored.width // times))
        image, view = smaller.empty(stored.channels, dtype=stored.dtype)
        _fill(view, _shrunk(stored.strips, times))
    return image


def read_mask(path: Path | str, rule: str = "auto") -> np.ndarray:
    """Return a mask as (H, W) bool, true where the defect is.

    rule: which values mark it, as `mask_values.marking` says. Of a picture in colours everything that is not black, where it has one other
    colour; alpha is ignored. Raises FileError for values that do not tell, and for everything that `read_image` refuses.
    """
    path = Path(path)
    with _open(path) as stored:
        levels, view = stored.empty(dtype=np.uint8)
        counts = np.zeros(np.iinfo(stored.dtype).max + 1, np.int64)
        _fill(view, _levels(path, stored.strips, counts))
    least = marking(counts, rule)
    if least is None:
        blurred = " JPEG changes the values of masks, so save it as PNG." if path.suffix.lower() in (".jpg", ".jpeg") else ""
        found = np.flatnonzero(counts).tolist()
        count = f" ({len(found)} in all)" if len(found) > _SHOWN else ""
        raise FileError(path, f"is a mask with the values {_some(found)}{count}; {_MASK_VALUES}{blurred}")
    mask: np.ndarray = levels.view(bool)
    return np.greater(levels, int(least > 1), out=mask)  # in place


def check_picture(path: Path | str) -> None:
    """Raise FileError for a picture that is not whole, as `read_image` does; a PNG is taken at its checksums, and not decoded."""
    with open_file(Path(path), "is a {kind} that cannot be read to its end ({error}); it is truncated or damaged.") as stream:
        if readable_type(stream) == "PNG":
            png.check_chunks(stream)
            png.read_header(stream)
            return
    read_image(path)


def write_image(path: Path | str, array: np.ndarray, pitch: Pitch | None = None) -> None:
    """Write (H, W) or (H, W, C) uint8 or uint16 values as a PNG of the same depth and channels, atomically.

    pitch: written, to whole pixels per metre, into the file. Raises DataError for other types and shapes, for a name that does
    not end in .png and for a pitch that no PNG can hold.
    """
    path = Path(path)
    values = array[..., None] if array.ndim == 2 else array  # (H, W, C)
    if values.dtype not in (np.uint8, np.uint16) or values.ndim != 3 or values.shape[2] not in png.COLOUR_TYPES or 0 in values.shape:
        raise FileError(path, f"got {array.dtype} values of shape {array.shape}; expected uint8 or uint16 of shape (H, W, 1 to 4).")
    _write(path, values, pitch)


def write_mask(path: Path | str, mask: np.ndarray, pitch: Pitch | None = None) -> None:
    """Write an (H, W) bool mask as an 8-bit grey PNG of 0 and 255, atomically. Raises DataError as `write_image` does."""
    if mask.dtype != np.bool_ or mask.ndim != 2 or 0 in mask.shape:
        raise FileError(Path(path), f"got {mask.dtype} values of shape {mask.shape}; expected a bool mask of shape (H, W).")
    _write(Path(path), mask[..., None], pitch)


def _write(path: Path, values: np.ndarray, pitch: Pitch | None) -> None:
    if path.suffix.lower() != ".png":
        raise FileError(path, f"pictures are written as PNG. Name it {path.with_suffix('.png').name}.")
    write_pieces(path, png.encode_png(values, pitch_chunks(pitch)))


_CONVERT = "Convert it to a 16-bit PNG."
_SHOWN = 8  # values named in an error
_MASK_VALUES = (
    "expected 0 and one other value, small numbers of classes, or black and white with few greys between. Make every defect pixel 255 and "
    "every other pixel 0, or say which values mark the defect: --mask-values nonzero, or high (above the middle)."
)


@contextmanager
def _open(path: Path) -> Iterator[_Stored]:
    """Open a picture; whatever goes wrong while its strips are read is a FileError, too."""
    with open_file(path, "is a {kind} that cannot be decoded to its end ({error}); it is truncated or damaged.") as stream:
        kind = readable_type(stream)
        stored = _open_png(stream) if kind == "PNG" else None
        if stored is not None:
            yield stored
            return
        with open_picture(stream) as image:
            yield _open_whole(stream, kind, image)


def _open_png(stream: BinaryIO) -> _Stored | None:
    """Return an opened PNG, or None for those that Pillow has to decode as a whole."""
    names = png.check_chunks(stream)
    header = png.read_header(stream)
    check_size(header.height, header.width)
    small = header.depth == 8 and header.height * header.row_bytes <= _SMALL and not png.is_simple(stream, header)
    turned = stored_orientation(stream) if names.intersection(MAY_HOLD_EXIF) and not small else 1
    if png.can_strip(header, names) and not small:
        dtype = np.uint16 if header.depth == 16 else np.uint8
        return _Stored(header.height, header.width, header.channels, dtype, turned, png.read_strips(stream, header))
    return _decode_deep(stream, "PNG", turned) if header.depth == 16 else None


def _open_whole(stream: BinaryIO, kind: str, image: Image.Image) -> _Stored:
    """Return a picture that Pillow has opened, decoded as a whole."""
    deep, white_is_zero = False, False
    if kind == "WebP" and (frames := getattr(image, "n_frames", 1)) > 1:
        raise png.Unreadable(f"is a film of {frames} pictures; expected one picture.", "Save each as a file of its own.")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if image.n_frames > 1:
            raise png.Unreadable(f"has {image.n_frames} pages; expected one picture.", "Save each page as a file of its own.")
        deep = tiff_depth(image) == 16
        white_is_zero = deep and image.tag_v2.get(_TIFF_PHOTOMETRIC) == 0  # Pillow sees to it in 8 bits
    if deep and image.mode not in _GREY_16:
        return _decode_deep(stream, kind, 1)  # OpenCV turns a TIFF upright
    if kind == "BMP" and image.mode == "1" and (greys := black_and_white(stream)) is not None:
        return _Stored(image.height, image.width, 1, np.uint8, 1, iter([greys]), whole=True)
    turned = loaded_orientation(image)
    mode = image.mode if deep else _plain_mode(image)
    strips = _crop(image, mode)
    if white_is_zero:
        strips = (65535 - strip for strip in strips)
    return _Stored(image.height, image.width, _CHANNELS.get(mode, 1), np.uint16 if deep else np.uint8, turned, strips)


def _decode_deep(stream: BinaryIO, kind: str, turned: int) -> _Stored:
    """Return a picture of 16 bits a channel that cannot be decoded in strips."""
    array = png.decode_deep(np.memmap(stream, np.uint8, "r"))
    if array is None or array.dtype != np.uint16:
        found = "values that cannot be decoded" if array is None else f"{array.dtype} values"
        raise png.Unreadable(f"is a 16-bit {kind} with {found}; expected whole numbers from 0 to 65535.", _CONVERT)
    if kind == "PNG" and png.read_header(stream).channels == 2:
        array = np.ascontiguousarray(array[..., [0, 3]])  # OpenCV repeats the grey channel three times
    height, width, channels = array.shape
    return _Stored(height, width, channels, np.uint16, turned, iter([array]), whole=True)


def _plain_mode(image: Image.Image) -> str:
    """Return Pillow's mode, one of _CHANNELS, that holds the values of an opened picture of up to 8 bits a channel."""
    if image.mode == "P":
        return "RGBA" if "transparency" in image.info else "RGB"
    if image.mode in _MODES:
        return _MODES[image.mode] + ("A" if image.mode in ("L", "RGB") and "transparency" in image.info else "")
    raise png.Unreadable(f"has pixels of mode {image.mode}; expected 8 or 16 bits a channel.", _CONVERT)


def _crop(image: Image.Image, mode: str) -> Iterator[np.ndarray]:
    """Yield the rows of a loaded picture in `mode`, (h, W, C), some at a time: no second picture."""
    rows = max(1, png.STRIP // (image.width * _CHANNELS.get(mode, 2)))
    for top in range(0, image.height, rows):
        part = image if rows >= image.height else image.crop((0, top, image.width, min(top + rows, image.height)))
        yield np.asarray(part if part.mode == mode else part.convert(mode)).reshape(part.height, part.width, -1)


def _fill(view: np.ndarray, strips: Iterable[np.ndarray]) -> None:
    """Copy strips of rows into an array, from the top."""
    top = 0
    for strip in strips:
        view[top : top + len(strip)] = strip
        top += len(strip)


def _shrunk(strips: Iterable[np.ndarray], times: int) -> Iterator[np.ndarray]:
    """Yield strips of rows (h, W, C) with every `times` x `times` pixels as one, their mean; at the last row and column what is left."""
    rest: np.ndarray | None = None
    for strip in strips:
        rows = strip if rest is None or not len(rest) else np.concatenate([rest, strip])
        whole = len(rows) // times * times
        if whole:
            yield _means(rows[:whole], times)
        rest = rows[whole:]
    if rest is not None and len(rest):
        yield _means(rest, times)


def _means(rows: np.ndarray, times: int) -> np.ndarray:
    height, width, channels = rows.shape
    smaller = cv2.resize(rows, (-(-width // times), max(1, height // times)), interpolation=cv2.INTER_AREA)
    return smaller.reshape(*smaller.shape[:2], channels)


def _small_jpeg(path: Path, side: int) -> np.ndarray:
    """Return a JPEG (H, W, C) uint8 of which no more is decoded than `side` pixels of its longer side need."""
    trouble = "is a {kind} that cannot be decoded to its end ({error}); it is truncated or damaged."
    with open_file(path, trouble) as stream, open_picture(stream) as image:
        least = max(1, side * min(image.size) // max(image.size))
        image.draft(None, (side, least) if image.width >= image.height else (least, side))
        mode = _plain_mode(image)
        upright = ImageOps.exif_transpose(image)
        return np.array(upright if upright.mode == mode else upright.convert(mode)).reshape(upright.height, upright.width, -1)


def _levels(path: Path, strips: Iterable[np.ndarray], counts: np.ndarray) -> Iterator[np.ndarray]:
    """Yield where a mask's strips (h, W, C) are 0, more, or in the upper half of the range, as 0, 1 and 2, (h, W) uint8.

    counts: by value; the pixels are added to it. Raises FileError for more colours than black and another.
    """
    known: set[tuple[int, ...]] = set()
    for strip in strips:
        colours = without_alpha(strip)
        grey = np.ascontiguousarray(colours[..., 0])
        if colours.shape[2] == 3 and not (colours == grey[..., None]).all():
            known.update(map(tuple, np.unique(colours.reshape(-1, 3), axis=0).tolist()))
            if len(known - {(0, 0, 0)}) > 1:
                raise FileError(path, f"is a mask with the colours {_some(sorted(known))}; {_MASK_VALUES}")
            grey = colours.max(2)
        held = np.flatnonzero(grey.any(1))  # of a mask most rows are black
        values, levels = grey[held], np.zeros(grey.shape, np.uint8)
        counts[0] += grey.size - values.size
        if len(held):
            # NumPy's bincount makes a copy of eight bytes a pixel; the counts of a strip are exact in the 32 bits of OpenCV's
            counts += cv2.calcHist([values], [0], None, [len(counts)], [0, len(counts)]).ravel().astype(np.int64)
            levels[held] = (values > 0).astype(np.uint8) + (values >= len(counts) // 2)
        yield levels


def _some(values: list) -> str:
    """Return the first values as text."""
    return ", ".join([*(str(v) for v in values[:_SHOWN]), *(["..."] if len(values) > _SHOWN else [])])
