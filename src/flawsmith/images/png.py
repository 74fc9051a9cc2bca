"""PNG files strip by strip, so that reading and writing need little more memory than the pixels themselves."""

import io
import struct
import zlib
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
STRIP = 1 << 17  # bytes of pixels that are coded at a time: a piece that the allocator keeps, so that no page is fetched anew for it
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels: the colour type of the PNG header

_CHANNELS = {colour_type: channels for channels, colour_type in COLOUR_TYPES.items()}
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_PIECE = 1 << 16  # bytes taken from the file at a time
_SUB = 1  # the filter that takes from each byte the one of the pixel to its left; 0 is none
_FIRST_ROWS = 8


class Unreadable(Exception):
    """What is wrong with a file and what to do; whoever opened the file adds its name and makes it a FileError."""

    def __init__(self, what: str, step: str = "Copy it again from where it came, or remove it.") -> None:
        super().__init__(f"{what} {step}")


@dataclass(frozen=True)
class Header:
    """What the first chunk says (PNG specification, IHDR)."""

    height: int
    width: int
    depth: int  # bits a channel, in a palette those of its index
    colour_type: int  # 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGB + alpha
    interlaced: bool

    @property
    def channels(self) -> int:
        """The number of values a pixel has in the file."""
        return _CHANNELS.get(self.colour_type, 1)

    @property
    def row_bytes(self) -> int:
        """The bytes of a row of pixels, without the byte that names its filter."""
        return (self.width * self.channels * self.depth + 7) // 8


def read_header(stream: BinaryIO) -> Header:
    """Return the header. Raises Unreadable when there is none that can be trusted."""
    stream.seek(0)
    head = stream.read(33)
    if len(head) < 33:
        raise Unreadable(f"is a truncated PNG: it ends after {len(head)} bytes, within its header.")
    if head != SIGNATURE + _chunk(b"IHDR", head[16:29]):
        raise Unreadable("is a damaged PNG: its header is none.")
    width, height, depth, colour_type, _, _, interlaced = struct.unpack_from(">IIBBBBB", head, 16)
    if not width or not height or colour_type not in (0, 2, 3, 4, 6):
        raise Unreadable(f"is a damaged PNG: its header says {width}x{height} pixels of type {colour_type}.")
    return Header(height, width, depth, colour_type, bool(interlaced))


def read_chunks(stream: BinaryIO, names: Iterable[bytes], last: bytes = b"IEND") -> list[tuple[bytes, bytes]]:
    """Return (name, data) of the chunks with these names up to the first one called `last`, as far as the file goes."""
    wanted, found = set(names), []
    for name, length in _walk(stream):
        if name in wanted:
            found.append((name, stream.read(length)))
        if name == last:
            break
    return found


def check_chunks(stream: BinaryIO) -> frozenset[bytes]:
    """Return the names of the chunks. Raises Unreadable unless each is whole and the last is IEND.

    Decoders forgive what is damaged or cut off after the pixels.
    """
    size, name, names = stream.seek(0, io.SEEK_END), b"", set()
    for name, length in _walk(stream):
        names.add(name)
        end = stream.tell() + length
        if end + 4 > size:
            raise Unreadable(f"is a truncated PNG: {end + 4 - size} bytes are missing after byte {size}.")
        checksum = zlib.crc32(name)
        for piece in _pieces(stream, length):
            checksum = zlib.crc32(piece, checksum)
        if checksum != int.from_bytes(stream.read(4), "big"):
            raise Unreadable(f"is a damaged PNG: the checksum at byte {end} is wrong.")
    if name != b"IEND":
        raise Unreadable(f"is a truncated PNG: it ends after {size} bytes without its last part.")
    return frozenset(names)


def can_strip(header: Header, names: Container[bytes]) -> bool:
    """Return whether `read_strips` reads a file with these chunks: no palette, not interlaced, no colour made transparent."""
    return header.colour_type in _CHANNELS and header.depth in (8, 16) and not header.interlaced and b"tRNS" not in names


def read_strips(stream: BinaryIO, header: Header) -> Iterator[np.ndarray]:
    """Yield the rows of a file that `can_strip`, from the top, as stored: (h, W, C) uint8 or uint16.

    A row's filter needs the row above it and nothing else, so each strip is unfiltered as a PNG of its own that begins with the
    last row of the strip before. Raises Unreadable when pixels are missing.
    """
    rows = max(1, STRIP // header.row_bytes)
    inflate, pieces, rest = zlib.decompressobj(), _pixel_data(stream), b""
    above = b""  # the last row of the strip before, unfiltered
    for top in range(0, header.height, rows):
        missing = min(rows, header.height - top) * (header.row_bytes + 1)
        filtered = [above]
        while missing:
            rest = rest or next(pieces, b"")
            if not rest:
                raise Unreadable("is a damaged PNG: its pixels end before the last row.")
            raw = inflate.decompress(rest, missing)
            rest = inflate.unconsumed_tail
            filtered.append(raw)
            missing -= len(raw)
        strip = _unfilter(b"".join(filtered), min(rows, header.height - top) + bool(above), header)[bool(above) :]  # (h, W, C)
        above = b"\0" + strip[-1].astype(strip.dtype.newbyteorder(">")).tobytes()
        yield strip
    while not inflate.eof and (rest := rest or next(pieces, b"")):  # to the checksum of the pixels, past bytes too many
        inflate.decompress(rest, _PIECE)
        rest = inflate.unconsumed_tail
    if not inflate.eof:
        raise Unreadable("is a damaged PNG: the checksum of its pixels is missing.")


def is_simple(stream: BinaryIO, header: Header) -> bool:
    """Return whether a file is 8-bit grey with first rows that `encode_png` may have filtered: `read_strips` is faster than Pillow then."""
    if header.depth != 8 or header.colour_type != 0:
        return False
    inflate, start, most = zlib.decompressobj(), b"", _FIRST_ROWS * (header.row_bytes + 1)
    for piece in _pixel_data(stream):
        start += inflate.decompress(piece, most)
        if len(start) >= min(most, header.height * (header.row_bytes + 1)):
            break
    return max(start[:: header.row_bytes + 1], default=_SUB + 1) <= _SUB


def decode_deep(content: bytes | np.ndarray) -> np.ndarray | None:
    """Return the pixels of a PNG or TIFF file with 16 bits a channel as (H, W, C) uint16; None when they cannot be had."""
    array = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        return None
    array = array.reshape(*array.shape[:2], -1)
    for top in range(0, len(array) if array.shape[2] >= 3 else 0, 64):  # some rows at a time: no second picture
        array[top : top + 64, :, :3] = array[top : top + 64, :, 2::-1]  # OpenCV gives blue first
    return array


def encode_png(values: np.ndarray, before: Iterable[tuple[bytes, bytes]] = ()) -> Iterator[bytes]:
    """Yield the pieces of a PNG file of (H, W, C) uint8 or uint16 values, or of bool ones as 0 and 255.

    before: (name, data) of chunks that stand before the pixels. Written here because neither Pillow nor OpenCV writes 16-bit
    grey + alpha, so that every mode takes one path, and so that no second picture is made; filter "sub" and zlib level 1 cost
    less time than their settings for speed and make files 6 % larger.
    """
    height, width, channels = values.shape
    size = values.dtype.itemsize
    yield SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * size, COLOUR_TYPES[channels], 0, 0, 0))
    for name, data in before:
        yield _chunk(name, data)
    deflate = zlib.compressobj(1)
    rows = max(1, STRIP // (width * channels * size))
    for top in range(0, height, rows):
        packed = deflate.compress(_filter(values[top : top + rows]).data)
        if packed:
            yield _chunk(b"IDAT", packed)
    yield _chunk(b"IDAT", deflate.flush()) + _chunk(b"IEND", b"")


def tiny(extra: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a PNG file of one black pixel with the chunks `extra` in it."""
    return b"".join(encode_png(np.zeros((1, 1, 1), np.uint8), extra))


def _filter(strip: np.ndarray) -> np.ndarray:
    """Return a strip (h, W, C) as rows of bytes (h, 1 + W * bytes a pixel) with the filter "sub"."""
    if strip.dtype == np.bool_:
        strip = strip * np.uint8(255)
    step = strip.shape[2] * strip.dtype.itemsize
    rows = np.ascontiguousarray(strip, dtype=strip.dtype.newbyteorder(">")).view(np.uint8).reshape(len(strip), -1)
    filtered = np.empty((len(strip), rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = _SUB
    filtered[:, 1 : step + 1] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=filtered[:, step + 1 :])
    return filtered


def _unfilter(rows: bytes, height: int, header: Header) -> np.ndarray:
    """Return the pixels (height, W, C) of filtered rows."""
    shape = (height, header.width, header.channels)
    if header.depth == 8 and header.channels == 1 and (greys := _summed(np.frombuffer(rows, np.uint8).reshape(height, -1))) is not None:
        return greys[..., None]
    content = zlib.compress(rows, 0)
    if header.depth == 8:
        mode = _MODES[header.channels]
        return np.asarray(Image.frombytes(mode, (header.width, height), content, "zip", mode)).reshape(shape)
    start = struct.pack(">IIBBBBB", header.width, height, 16, header.colour_type, 0, 0, 0)
    pixels = decode_deep(SIGNATURE + _chunk(b"IHDR", start) + _chunk(b"IDAT", content) + _chunk(b"IEND", b""))
    if pixels is None:
        raise ValueError("a row has an unknown filter")
    return pixels[..., [0, 3]] if header.channels == 2 else pixels  # OpenCV repeats the grey channel three times


def _summed(rows: np.ndarray) -> np.ndarray | None:
    """Return the greys (h, W) uint8 of filtered rows (h, 1 + W) if their filters are none or "sub", None for others.

    Of a mask most rows are black, and need nothing.
    """
    filters, filtered = rows[:, 0], rows[:, 1:]
    if filters.max() > _SUB:
        return None
    held = np.flatnonzero(filtered.any(1))
    values = filtered[held]
    summed = filters[held] == _SUB
    values[summed] = np.add.accumulate(values[summed], axis=1, dtype=np.uint8)
    if len(held) == len(rows):
        return values
    greys: np.ndarray = np.zeros(filtered.shape, np.uint8)
    greys[held] = values
    return greys


def _pixel_data(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the compressed pixels in pieces."""
    for name, length in _walk(stream):
        if name == b"IDAT":
            yield from _pieces(stream, length)


def _walk(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield the name and length of every chunk, with the stream at its data, up to IEND or where the file ends."""
    position, name = len(SIGNATURE), b""
    while name != b"IEND":
        stream.seek(position)
        head = stream.read(8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head)
        position += 12 + length
        yield name, length


def _pieces(stream: BinaryIO, length: int) -> Iterator[bytes]:
    while length and (piece := stream.read(min(length, _PIECE))):
        length -= len(piece)
        yield piece


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
