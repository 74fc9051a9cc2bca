"""What the head of a picture file tells without its pixels being decoded: type, size, depth and which way is up."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from flawsmith.core.errors import DataError, FileError
from flawsmith.core.opening import open_plain
from flawsmith.images import png
from flawsmith.images.png import Unreadable

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WebP"}
READABLE = "PNG, JPEG, BMP, TIFF or WebP"
MAY_HOLD_EXIF = (b"eXIf", b"iTXt", b"zTXt", b"tEXt")  # chunks of a PNG
MAX_PIXELS = 178_956_970  # where Pillow refuses, too

_SIGNATURES = (  # (offset, bytes, type); those that are not in SUFFIXES are known only to be named in an error
    (0, png.SIGNATURE, "PNG"),
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
_ORIENTATION = 0x0112  # EXIF: 5 to 8 are turned by a quarter
_TIFF_SIZE, _TIFF_BITS = (256, 257), 258


def content_type(content: bytes) -> str | None:
    """Return the type that a file's first bytes show, such as "PNG"; None when they are no picture's."""
    return next((kind for offset, signature, kind in _SIGNATURES if content.startswith(signature, offset)), None)


def type_of(path: Path | str) -> str | None:
    """Return the type that the first bytes of the file at `path` show; None when they are no picture's or cannot be read."""
    try:
        with open_plain(Path(path)) as stream:
            return content_type(stream.read(16) or b"")  # None of what has nothing to say yet, such as /proc/kmsg
    except OSError:
        return None


def readable_type(stream: BinaryIO) -> str:
    """Return one of the types in SUFFIXES. Raises Unreadable for a file of another type."""
    head = _head(stream)
    kind = content_type(head)
    if kind not in SUFFIXES.values() or kind is None:
        found = f"a {kind} file" if kind else f"no picture (it starts with {head[:8]!r})"
        raise Unreadable(f"is {found}; expected {READABLE}.", "Convert it to PNG, or remove it.")
    return kind


def image_size(path: Path | str) -> tuple[int, int]:
    """Return (H, W) of the upright picture, from the header alone. Raises FileError when there is no readable header."""
    with open_file(Path(path), _NO_HEADER) as stream:
        if content_type(_head(stream)) == "PNG":
            header = png.read_header(stream)
            height, width = header.height, header.width
            check_size(height, width)
        else:
            with open_picture(stream) as image:
                width, height = image.size
                if isinstance(image, TiffImagePlugin.TiffImageFile):  # some versions of Pillow report its size upright, some as stored
                    width, height = (int(image.tag_v2[tag]) for tag in _TIFF_SIZE)
        return (width, height) if stored_orientation(stream) >= 5 else (height, width)


def bit_depth(path: Path | str) -> int:
    """Return the bits per channel, 8 or 16, that `read_image` gives a picture. Raises FileError when there is no readable header."""
    with open_file(Path(path), _NO_HEADER) as stream:
        head = _head(stream)
        if content_type(head) == "PNG" and len(head) > 24:
            return 16 if head[24] == 16 else 8  # the header's bit depth stands at byte 24 (PNG specification, IHDR)
        if content_type(head) != "TIFF":
            return 8
        with open_picture(stream) as image:
            return tiff_depth(image)


def orientation(path: Path | str) -> int:
    """Return the EXIF orientation of a picture: 1 upright, 2 to 8 mirrored or turned. Raises FileError without a readable header."""
    with open_file(Path(path), _NO_HEADER) as stream:
        return stored_orientation(stream)


def tiff_depth(image: Image.Image) -> int:
    """Return 16 for an opened TIFF with 16 bits a channel, else 8."""
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    return 16 if max(image.tag_v2.get(_TIFF_BITS, (1,))) == 16 else 8


def stored_orientation(stream: BinaryIO) -> int:
    """Return the EXIF orientation without decoding the picture."""
    if content_type(_head(stream)) != "PNG":
        with open_picture(stream) as image:
            return _turned(image)
    # Pillow would decode the whole picture to look behind it, so it is asked about one pixel with the same metadata.
    metadata = [chunk for chunk in png.read_chunks(stream, MAY_HOLD_EXIF) if _may_turn(*chunk)]
    if not metadata:
        return 1
    with Image.open(io.BytesIO(png.tiny(metadata)), formats=["PNG"]) as image:
        return loaded_orientation(image)


def _may_turn(name: bytes, data: bytes) -> bool:
    """Return whether a PNG's chunk of metadata may state an orientation: most are texts of another kind, which need no decoder."""
    if name == b"eXIf" or data.startswith(b"Raw profile type "):
        return True
    keyword, _, rest = data.partition(b"\0")
    return keyword == b"XML:com.adobe.xmp" and (name != b"iTXt" or rest[:1] != b"\0" or b"Orientation" in rest)


def loaded_orientation(image: Image.Image) -> int:
    """Return how an opened picture still has to be turned once Pillow has decoded it, which for some types turns it upright."""
    with _no_size_warning():
        image.load()
    return _turned(image)


@contextmanager
def open_file(path: Path, trouble: str) -> Iterator[BinaryIO]:
    """Open a file to look into it. Raises FileError when it is missing or empty, and for what goes wrong while it is looked into.

    trouble: what is wrong when a decoder fails; {kind} in it becomes the file's type, {error} the decoder's own words.
    """
    try:
        stream = open_plain(path)
    except FileNotFoundError:
        raise FileError(path, "there is no such file. Check its name and folder.") from None
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror}); expected a picture file.") from error
    with stream:
        try:
            if not _head(stream):
                raise Unreadable("has zero bytes; expected a picture.")
            stream.seek(0)
            yield stream
        except (DataError, MemoryError):
            raise
        except Exception as error:
            raise FileError(path, _explain(error, trouble, content_type(_head(stream)))) from error


@contextmanager
def open_picture(stream: BinaryIO) -> Iterator[Image.Image]:
    """Open a picture with Pillow. Raises Unreadable for those above MAX_PIXELS and for a TIFF whose tags are cut off.

    Never give Pillow the path: it would map the file, and scrambles TIFFs that are turned.
    """
    if content_type(_head(stream)) == "TIFF":
        _check_tags(stream)
    stream.seek(0)
    with _no_size_warning():
        image = Image.open(stream, formats=sorted(set(SUFFIXES.values())))
    check_size(image.height, image.width)
    yield image


@contextmanager
def _no_size_warning() -> Iterator[None]:
    """Leave out Pillow's warning about large pictures: up to MAX_PIXELS they are welcome."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def check_size(height: int, width: int) -> None:
    """Raise Unreadable for a picture above MAX_PIXELS."""
    if height * width > MAX_PIXELS:
        raise Unreadable(*_TOO_LARGE)


_TOO_LARGE = (f"is larger than {MAX_PIXELS // 10**6} megapixels.", "Cut it into smaller pictures.")
_NO_HEADER = f"has no header of a picture; expected {READABLE}."


def _explain(error: Exception, trouble: str, kind: str | None) -> str:
    """Return what is wrong with a file that could not be read and what to do."""
    if isinstance(error, Unreadable):
        return str(error)
    if isinstance(error, Image.DecompressionBombError):
        return str(Unreadable(*_TOO_LARGE))
    if isinstance(error, UnidentifiedImageError) and kind:  # its own words name objects of the program
        step = "Copy it again from where it came, or convert it to PNG."
        return str(Unreadable(f"is a {kind} without a readable header; it is truncated, damaged or of a rare kind.", step))
    return str(Unreadable(trouble.format(kind=kind, error=error)))  # decoders raise all kinds: OSError, SyntaxError, struct.error, ...


def _head(stream: BinaryIO) -> bytes:
    """Return the first 32 bytes."""
    stream.seek(0)
    return stream.read(32)


def _check_tags(stream: BinaryIO) -> None:
    """Raise Unreadable unless a TIFF's table of tags is whole: Pillow does without those that are cut off."""
    stream.seek(0)
    order: Literal["little", "big"] = "little" if stream.read(4).startswith(b"II") else "big"
    start = int.from_bytes(stream.read(4), order)
    stream.seek(start)
    end = start + 2 + 12 * int.from_bytes(stream.read(2), order) + 4  # TIFF 6.0, section 2: 12 bytes a tag, then the next table's place
    size = stream.seek(0, io.SEEK_END)
    if end > size:
        raise Unreadable(f"is a truncated TIFF: {end - size} bytes are missing after byte {size}.")


def _turned(image: Image.Image) -> int:
    value = image.getexif().get(_ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
