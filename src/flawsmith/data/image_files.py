"""Pictures and masks on disk: 8 and 16 bit, exact, upright, and decoded to the last byte or refused."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from flawsmith.errors import DataError, FileError
from flawsmith.files import write_bytes

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF"}
READABLE = "PNG, JPEG, BMP or TIFF"

_SIGNATURES = (  # (offset, bytes, type); those that are not in SUFFIXES are known only to be named in an error
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "BigTIFF"),
    (0, b"MM\0+", "BigTIFF"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"ftyp", "HEIC, AVIF or video"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"%PDF", "PDF"),
)
_PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels: the colour type of the PNG header
_MODES = {"1": "L", "L": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBA": "RGBA", "RGBX": "RGB", "RGBa": "RGBA"}
_MODES |= {"CMYK": "RGB", "YCbCr": "RGB", "PA": "RGBA"}
_ORIENTATION = 0x0112  # EXIF: 5 to 8 are turned by a quarter
_TIFF_SIZE, _TIFF_BITS, _TIFF_PHOTOMETRIC = (256, 257), 258, 262


def read_image(path: Path | str) -> np.ndarray:
    """Return the picture as (H, W, C) uint8 or uint16; C is 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha.

    Bit depth and values are kept; 1-bit becomes 0 and 255; a palette becomes RGB, or RGBA where it has transparency; EXIF
    orientation is applied. Raises FileError when the file is missing, empty, truncated or no picture of a readable type.
    """
    path = Path(path)
    content = _read_content(path)
    kind = content_type(content)
    if kind is None or kind not in SUFFIXES.values():
        found = f"a {kind} file" if kind else f"no picture (it starts with {content[:8]!r})"
        raise FileError(path, f"is {found}; expected {READABLE}. Convert it to PNG, or remove it.")
    if kind == "PNG":
        _check_png(path, content)
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as image:
            deep = content[24] == 16 if kind == "PNG" else False  # Pillow reduces 16-bit colour to 8 bits and says nothing
            inverted = False
            if isinstance(image, TiffImagePlugin.TiffImageFile):
                if image.n_frames > 1:
                    raise FileError(path, f"has {image.n_frames} pages; expected one picture. Save each page as a file of its own.")
                deep = max(image.tag_v2.get(_TIFF_BITS, (1,))) == 16
                inverted = deep and image.tag_v2.get(_TIFF_PHOTOMETRIC) == 0  # white is zero; Pillow sees to it in 8 bits
            image.load()  # to the last byte, so that a truncated file is noticed whoever decodes it
            array = _decode_deep(path, content, kind, image) if deep else _decode_plain(path, image)
    except (DataError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise FileError(path, _TOO_LARGE) from error
    except Exception as error:  # the decoders raise whatever their parsers met: OSError, SyntaxError, struct.error, ...
        raise FileError(path, f"is a {kind} that cannot be decoded to its end ({error}); it is truncated or damaged. {_REPLACE}") from error
    return 65535 - array if inverted else array


def read_mask(path: Path | str) -> np.ndarray:
    """Return a mask as (H, W) bool, true where the defect is.

    The file holds 0 and 255, 0 and 1, or in 16 bits 0 and 65535, in any mode that `read_image` reads; alpha is ignored.
    Raises FileError for other values, naming them, and for everything that `read_image` refuses.
    """
    path = Path(path)
    array = read_image(path)
    colours = array[..., :-1] if array.shape[2] in (2, 4) else array
    grey = np.ascontiguousarray(colours[..., 0])
    if colours.shape[2] == 3 and not (colours == grey[..., None]).all():
        found = np.unique(colours.reshape(-1, 3), axis=0).tolist()
        raise FileError(path, f"is a mask with the colours {_some([tuple(c) for c in found])}; {_MASK_VALUES}")
    values = np.flatnonzero(np.bincount(grey.ravel()))
    if not any(set(values) <= allowed for allowed in ({0, 1}, {0, 255}, {0, 65535})):
        blurred = " JPEG changes the values of masks, so save it as PNG." if path.suffix.lower() in (".jpg", ".jpeg") else ""
        raise FileError(path, f"is a mask with the values {_some(values.tolist())}; {_MASK_VALUES}{blurred}")
    return grey > 0


def image_size(path: Path | str) -> tuple[int, int]:
    """Return (H, W) of the upright picture, from the header alone. Raises FileError when there is no readable header."""
    path = Path(path)
    try:
        with Image.open(path, formats=sorted(set(SUFFIXES.values()))) as image:
            width, height = image.size
            if isinstance(image, TiffImagePlugin.TiffImageFile):  # some versions of Pillow report its size upright, some as stored
                width, height = (int(image.tag_v2[tag]) for tag in _TIFF_SIZE)
            turned = _orientation(image) >= 5
    except Image.DecompressionBombError as error:
        raise FileError(path, _TOO_LARGE) from error
    except Exception as error:  # as in read_image
        _read_content(path)  # says which, when it is missing or empty
        raise FileError(path, f"has no header of a picture; expected {READABLE}. {_REPLACE}") from error
    return (width, height) if turned else (height, width)


def bit_depth(path: Path | str) -> int:
    """Return the bits per channel, 8 or 16, that `read_image` gives a picture, from the header where that tells."""
    path = Path(path)
    head = _read_head(path)
    if content_type(head) == "PNG" and len(head) > 24:
        return 16 if head[24] == 16 else 8  # the header's bit depth stands at byte 24 (PNG specification, IHDR)
    if content_type(head) == "TIFF":
        return 8 * read_image(path).itemsize
    return 8


def orientation(path: Path | str) -> int:
    """Return the EXIF orientation of a picture that can be opened: 1 upright, 2 to 8 mirrored or turned."""
    with Image.open(path) as image:
        return _orientation(image)


def content_type(content: bytes) -> str | None:
    """Return the type that a file's first bytes show, such as "PNG"; None when they are no picture's."""
    return next((kind for offset, signature, kind in _SIGNATURES if content.startswith(signature, offset)), None)


def type_of(path: Path | str) -> str | None:
    """Return the type that the first bytes of the file at `path` show; None when they are no picture's or cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            return content_type(stream.read(16))
    except OSError:
        return None


def write_image(path: Path | str, array: np.ndarray) -> None:
    """Write (H, W) or (H, W, C) uint8 or uint16 values as a PNG of the same depth and channels, atomically.

    Raises DataError for other types and shapes and for a name that does not end in .png.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise FileError(path, f"pictures are written as PNG. Name it {path.with_suffix('.png').name}.")
    values = array[..., None] if array.ndim == 2 else array  # (H, W, C)
    if values.dtype not in (np.uint8, np.uint16) or values.ndim != 3 or values.shape[2] not in _PNG_COLOUR_TYPES or 0 in values.shape:
        raise FileError(path, f"got {array.dtype} values of shape {array.shape}; expected uint8 or uint16 of shape (H, W, 1 to 4).")
    write_bytes(path, _encode_png(values))


def write_mask(path: Path | str, mask: np.ndarray) -> None:
    """Write an (H, W) bool mask as an 8-bit grey PNG of 0 and 255, atomically. Raises DataError for other types and shapes."""
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise FileError(Path(path), f"got {mask.dtype} values of shape {mask.shape}; expected a bool mask of shape (H, W).")
    write_image(path, mask.astype(np.uint8) * 255)


_TOO_LARGE = "is larger than 178 megapixels. Cut it into smaller pictures."
_REPLACE = "Copy it again from where it came, or remove it."
_MASK_VALUES = "a mask holds only 0 and 255 (or 0 and 1). Make every defect pixel 255 and every other pixel 0."


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(32)
    except OSError:
        return _read_content(path)  # says what is wrong with it


def _read_content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileError(path, "there is no such file. Check its name and folder.") from None
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror}); expected a picture file.") from error
    if not content:
        raise FileError(path, f"has zero bytes; expected a picture. {_REPLACE}")
    return content


def _check_png(path: Path, content: bytes) -> None:
    """Raise FileError unless every chunk is whole and the last is IEND: decoders forgive what is cut off after the pixels."""
    position, name = 8, b""
    while name != b"IEND":
        if position + 12 > len(content):
            raise FileError(path, f"is a truncated PNG: it ends after {len(content)} bytes without its last part. {_REPLACE}")
        length, name = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        if end + 4 > len(content):
            raise FileError(path, f"is a truncated PNG: {end + 4 - len(content)} bytes are missing after byte {len(content)}. {_REPLACE}")
        if zlib.crc32(memoryview(content)[position + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
            raise FileError(path, f"is a damaged PNG: the checksum at byte {end} is wrong. {_REPLACE}")
        position = end + 4


def _decode_plain(path: Path, image: Image.Image) -> np.ndarray:
    """Return an opened picture of up to 8 bits a channel as (H, W, C) uint8, upright."""
    if image.mode == "P":
        mode = "RGBA" if "transparency" in image.info else "RGB"
    elif image.mode in _MODES:
        mode = _MODES[image.mode] + ("A" if image.mode in ("L", "RGB") and "transparency" in image.info else "")
    else:
        raise FileError(path, f"has pixels of mode {image.mode}; expected 8 or 16 bits a channel. Convert it to a 16-bit PNG.")
    upright = ImageOps.exif_transpose(image)
    array = np.array(upright if upright.mode == mode else upright.convert(mode))
    return array.reshape(*array.shape[:2], -1)


def _decode_deep(path: Path, content: bytes, kind: str, image: Image.Image) -> np.ndarray:
    """Return a picture of 16 bits a channel as (H, W, C) uint16, upright."""
    array = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16:
        found = "values that cannot be decoded" if array is None else f"{array.dtype} values"
        raise FileError(path, f"is a 16-bit {kind} with {found}; expected whole numbers from 0 to 65535. Convert it to a 16-bit PNG.")
    array = array.reshape(*array.shape[:2], -1)
    if array.shape[2] >= 3:
        array = array[..., [2, 1, 0, 3][: array.shape[2]]]
    if kind == "PNG":
        if content[25] == _PNG_COLOUR_TYPES[2]:
            array = array[..., [0, 3]]  # OpenCV repeats the grey channel three times
        array = _turn_upright(array, _orientation(image))  # of a TIFF, OpenCV does it
    return np.ascontiguousarray(array)


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and not _has_metadata(image):
        return 1  # asking Pillow would decode the whole picture to look behind it
    return int(image.getexif().get(_ORIENTATION, 1))


def _has_metadata(image: Image.Image) -> bool:
    """Return whether an opened PNG has a chunk that may hold EXIF or XMP; reads only the chunks' heads."""
    stream = getattr(image, "fp", None)
    if stream is None:  # loaded to its end: all there is, is known
        return True
    here = stream.tell()
    try:
        stream.seek(8)
        while len(head := stream.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name in (b"eXIf", b"iTXt", b"zTXt", b"tEXt"):
                return True
            stream.seek(length + 4, io.SEEK_CUR)
        return False
    finally:
        stream.seek(here)


def _turn_upright(array: np.ndarray, turned: int) -> np.ndarray:
    """Return the picture with EXIF orientation `turned` undone."""
    if turned in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if turned in (3, 4, 7, 8):
        array = array[::-1]
    if turned in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array


def _encode_png(values: np.ndarray) -> bytes:
    """Return (H, W, C) uint8 or uint16 values as a PNG file.

    Written here because neither Pillow nor OpenCV writes 16-bit grey + alpha, and so that every mode takes one path; filter "sub"
    and zlib level 1 cost less time than their settings for speed and make files 6 % larger.
    """
    height, width, channels = values.shape
    big_endian = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder(">"))
    rows = big_endian.view(np.uint8).reshape(height, -1)  # (H, W * bytes a pixel)
    step = channels * values.dtype.itemsize
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 1  # "sub": each byte less the one of the pixel to its left
    filtered[:, 1 : step + 1] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=filtered[:, step + 1 :])
    header = struct.pack(">IIBBBBB", width, height, 8 * values.dtype.itemsize, _PNG_COLOUR_TYPES[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 1)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def _some(values: list) -> str:
    """Return up to eight of the values as text, and how many there are when there are more."""
    shown = ", ".join(str(v) for v in values[:8])
    return shown if len(values) <= 8 else f"{shown}, ... ({len(values)} in all)"
