"""Pictures that are damaged, rare or meant to do harm, as bytes; each by the name of its file."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from drawn_files import chunk
from PIL import Image

SIZE = (48, 56)  # (H, W) of the good ones
BOMB = 50_000  # pixels on a side
Make = Callable[[], bytes]


def grey(size: tuple[int, int] = SIZE, seed: int = 0) -> np.ndarray:
    """Return a grey picture (H, W) uint8."""
    return np.random.default_rng(seed).integers(90, 160, size, dtype=np.uint8)


def encoded(pixels: np.ndarray | Image.Image, kind: str, **said: object) -> bytes:
    """Return pixels as a file of a type that Pillow writes."""
    stream = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(stream, kind, **said)
    return stream.getvalue()


def cut(kind: str, share: float) -> Make:
    """Return what makes the first part of a file."""

    def make() -> bytes:
        whole = encoded(grey(), kind)
        return whole[: int(len(whole) * share)]

    return make


def flipped() -> bytes:
    """Return a PNG with one bit of its pixels changed."""
    content = bytearray(encoded(grey(), "PNG"))
    content[len(content) // 2] ^= 1
    return bytes(content)


def png_header(width: int, height: int, depth: int, colour: int, pixels: bytes) -> bytes:
    """Return a PNG with this header, whatever its pixels are."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def png_bomb() -> bytes:
    """Return a small PNG that says it has BOMB x BOMB pixels."""
    return png_header(BOMB, BOMB, 8, 0, zlib.compress(bytes(1 << 20)))


def png_stream_bomb() -> bytes:
    """Return a PNG of few pixels whose stream unfolds to 64 MiB."""
    return png_header(SIZE[1], SIZE[0], 8, 0, zlib.compress(bytes(64 << 20), 1))


def png_text_bomb() -> bytes:
    """Return a PNG with a compressed text of 64 MiB."""
    good = encoded(grey(), "PNG")
    return good[:33] + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 << 20), 1)) + good[33:]


def jpeg_bomb() -> bytes:
    """Return a JPEG that says it has BOMB x BOMB pixels."""
    content = bytearray(encoded(grey(), "JPEG"))
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", BOMB, BOMB)
    return bytes(content)


def tiff_with(values: dict[int, int]) -> bytes:
    """Return a plain TIFF in which some tags of one number have another value."""
    content = bytearray(encoded(grey(), "TIFF"))
    start = int.from_bytes(content[4:8], "little")
    for number in range(int.from_bytes(content[start : start + 2], "little")):
        place = start + 2 + 12 * number
        tag = int.from_bytes(content[place : place + 2], "little")
        if tag in values:
            content[place + 2 : place + 12] = struct.pack("<HII", 4, 1, values[tag])
    return bytes(content)


def bmp_bomb() -> bytes:
    """Return a BMP that says it has BOMB x BOMB pixels."""
    content = bytearray(encoded(grey(), "BMP"))
    content[18:26] = struct.pack("<ii", BOMB, BOMB)
    return bytes(content)


def webp_bomb() -> bytes:
    """Return a WebP with the largest canvas there is, 16777216 x 256 pixels."""
    head = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + b"\xff\xff\xff" + b"\xff\0\0"
    return b"RIFF" + struct.pack("<I", 4 + len(head)) + b"WEBP" + head


def several(kind: str, count: int = 3) -> Make:
    """Return what makes a file of several pictures."""
    frames = [Image.fromarray(grey(seed=i)).convert("RGB") for i in range(count)]
    return lambda: encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def floats(value: float, dtype: type = np.float32) -> Make:
    """Return what makes a TIFF of floating-point numbers, one of which is `value`."""

    def make() -> bytes:
        pixels = np.full(SIZE, 0.5, np.float32)
        pixels[3, 4] = value
        return encoded(Image.fromarray(pixels.astype(dtype)), "TIFF")

    return make


def tiled() -> bytes:
    """Return a TIFF in tiles of 16 x 16 pixels, (48, 64) uint8, packed with deflate."""
    pixels = grey((48, 64))
    tiles = [zlib.compress(pixels[y : y + 16, x : x + 16].tobytes()) for y in range(0, 48, 16) for x in range(0, 64, 16)]
    starts = np.cumsum([8, *map(len, tiles)])[:-1].tolist()
    body = b"".join(tiles)
    lists = 8 + len(body) + len(body) % 2
    rows = [(256, 64), (257, 48), (258, 8), (259, 8), (262, 1), (277, 1), (322, 16), (323, 16)]
    table = lists + 8 * len(tiles)
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in rows]
    entries += [struct.pack("<HHII", 324, 4, len(tiles), lists), struct.pack("<HHII", 325, 4, len(tiles), lists + 4 * len(tiles))]
    numbers = struct.pack(f"<{2 * len(tiles)}I", *starts, *map(len, tiles))
    head = b"II*\0" + struct.pack("<I", table)
    return head + body + bytes(len(body) % 2) + numbers + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)


def twelve_bit_jpeg() -> bytes:
    """Return a JPEG that says its samples have 12 bits."""
    content = bytearray(encoded(grey(), "JPEG"))
    content[content.index(b"\xff\xc0") + 4] = 12
    return bytes(content)


def loop_of_tables() -> bytes:
    """Return a TIFF whose table of tags names itself as the next."""
    content = bytearray(encoded(grey(), "TIFF"))
    start = int.from_bytes(content[4:8], "little")
    end = start + 2 + 12 * int.from_bytes(content[start : start + 2], "little")
    content[end : end + 4] = struct.pack("<I", start)
    return bytes(content)


def cmyk() -> bytes:
    """Return a JPEG in the four colours of printers."""
    return encoded(Image.fromarray(grey()).convert("CMYK"), "JPEG")


# name of the file: (its content, whether it can be used beside pictures of SIZE as a normal)
PICTURES: dict[str, tuple[Make, bool]] = {
    "empty.png": (lambda: b"", False),
    "zeros.png": (lambda: bytes(4096), False),
    "cut.png": (cut("PNG", 0.6), False),
    "head.png": (cut("PNG", 0.01), False),
    "cut.jpg": (cut("JPEG", 0.6), False),
    "cut.tif": (cut("TIFF", 0.6), False),
    "cut.bmp": (cut("BMP", 0.6), False),
    "cut.webp": (cut("WEBP", 0.6), False),
    "flipped.png": (flipped, False),
    "bomb.png": (png_bomb, False),
    "bomb_16.png": (lambda: png_header(BOMB, BOMB, 16, 6, b""), False),
    "bomb_row.png": (lambda: png_header(0x7FFFFFFF, 1, 16, 6, b""), False),
    "bomb_stream.png": (png_stream_bomb, True),  # what is too many is not unfolded
    "bomb_text.png": (png_text_bomb, False),
    "bomb.jpg": (jpeg_bomb, False),
    "bomb.tif": (lambda: tiff_with({256: BOMB, 257: BOMB}), False),
    "bomb.bmp": (bmp_bomb, False),
    "bomb.webp": (webp_bomb, False),
    "nothing.png": (lambda: png_header(0, 0, 8, 0, b""), False),
    "odd_depth.png": (lambda: png_header(8, 8, 3, 0, b""), False),
    "no_strips.tif": (lambda: tiff_with({273: 1 << 30}), False),
    "no_bits.tif": (lambda: tiff_with({258: 0}), False),
    "loop.tif": (loop_of_tables, True),  # its first page, once
    "pages.tif": (several("TIFF"), False),
    "film.webp": (several("WEBP"), False),
    "film.gif.png": (several("GIF"), False),
    "cmyk.jpg": (cmyk, True),
    "tiled.tif": (tiled, True),
    "twelve.jpg": (twelve_bit_jpeg, False),
    "nan.tif": (floats(float("nan")), False),
    "inf.tif": (floats(float("inf")), False),
    "long.tif": (lambda: encoded(Image.fromarray(grey().astype(np.int32)), "TIFF"), False),
    "pixel.png": (lambda: encoded(grey((1, 1)), "PNG"), True),
    "line.png": (lambda: encoded(grey((1, 400)), "PNG"), True),
    "page.svg.png": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', False),
    "program.png": (lambda: b"\x7fELF" + bytes(60), False),
}
