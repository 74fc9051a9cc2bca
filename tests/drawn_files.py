"""A drawn data folder and picture files, written without the code under test."""

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def mvtec(tmp_path: Path) -> Path:
    """A folder in the MVTec AD layout: 4 normals, 2 held out, 3 pictures each of crack and dent, 48 x 64 grey pixels."""
    root = tmp_path / "data"
    seeds = iter(range(100))

    def save(path: Path, pixels: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)

    def texture() -> np.ndarray:
        return np.random.default_rng(next(seeds)).integers(90, 110, (48, 64), dtype=np.uint8)

    for i in range(4):
        save(root / f"train/good/{i:03}.png", texture())
    for i in range(2):
        save(root / f"test/good/{i:03}.png", texture())
    for name in ("crack", "dent"):
        for i in range(3):
            picture, mask = texture(), np.zeros((48, 64), np.uint8)
            mask[10 : 20 + i, 5:30] = 255
            picture[mask > 0] = 200
            save(root / f"test/{name}/{i:03}.png", picture)
            save(root / f"ground_truth/{name}/{i:03}_mask.png", mask)
    return root


def noise(shape: tuple[int, ...], dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def filtered(rows: np.ndarray, step: int, filters: Sequence[int]) -> bytes:
    """Return rows of bytes, each with its filter (0 none, 1 sub, 2 up, 3 average, 4 Paeth), as the PNG specification says."""
    padded = np.pad(rows.astype(int), ((1, 0), (step, 0)))
    result = b""
    for i, kind in enumerate(filters):
        left, up, corner = padded[i + 1, :-step], padded[i, step:], padded[i, :-step]
        guess = left + up - corner
        near = np.stack([abs(guess - left), abs(guess - up), abs(guess - corner)]).argmin(0)
        paeth = np.choose(near, [left, up, corner])
        predicted = [0 * left, left, up, (left + up) // 2, paeth][kind]
        result += bytes([kind]) + ((padded[i + 1, step:] - predicted) % 256).astype(np.uint8).tobytes()
    return result


def png(values: np.ndarray, *extra: tuple[bytes, bytes], filters: Sequence[int] = (0,), piece: int = 1 << 20) -> bytes:
    """Return (H, W, C) values as a PNG file, written straight from the specification.

    extra: chunks that stand before the pixels; filters: taken by the rows in turn; piece: bytes of a chunk of pixels.
    """
    height, width, channels = values.shape
    depth = 8 * values.itemsize
    rows = np.frombuffer(values.astype(values.dtype.newbyteorder(">")).tobytes(), np.uint8).reshape(height, -1)
    packed = zlib.compress(filtered(rows, channels * values.itemsize, [filters[i % len(filters)] for i in range(height)]))
    header = struct.pack(">IIBBBBB", width, height, depth, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    pixels = [(b"IDAT", packed[i : i + piece]) for i in range(0, len(packed), piece)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in [(b"IHDR", header), *extra, *pixels, (b"IEND", b"")])


def tiff(values: np.ndarray, order: str = "<", orientation: int = 1, white_is_zero: bool = False, sample_format: int = 1) -> bytes:
    """Return (H, W, C) values as an uncompressed TIFF file of one strip, written straight from the specification."""
    height, width, channels = values.shape
    data = values.astype(values.dtype.newbyteorder(">" if order == ">" else "<")).tobytes()
    late = b""  # values that do not fit into their entry

    def entry(tag: int, kind: int, *numbers: int) -> bytes:
        nonlocal late
        packed = struct.pack(order + ("H" if kind == 3 else "I") * len(numbers), *numbers)
        if len(packed) > 4:
            offset = 8 + len(data) + len(late)
            late += packed
            packed = struct.pack(order + "I", offset)
        return struct.pack(order + "HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")

    photometric = 2 if channels >= 3 else 0 if white_is_zero else 1
    entries = [
        entry(256, 4, width),
        entry(257, 4, height),
        entry(258, 3, *[8 * values.itemsize] * channels),
        entry(259, 3, 1),
        entry(262, 3, photometric),
        entry(273, 4, 8),
        entry(274, 3, orientation),
        entry(277, 3, channels),
        entry(278, 4, height),
        entry(279, 4, len(data)),
        entry(284, 3, 1),
        *([entry(338, 3, 2)] if channels in (2, 4) else []),
        entry(339, 3, *[sample_format] * channels),
    ]
    table = struct.pack(order + "H", len(entries)) + b"".join(entries) + struct.pack(order + "I", 0)
    head = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(data) + len(late))
    return head + data + late + table


@pytest.fixture(name="noise", scope="session")
def noise_fixture() -> Callable[..., np.ndarray]:
    """Return the function that makes random pixels: (shape, dtype, seed) -> array."""
    return noise


@pytest.fixture(name="png", scope="session")
def png_fixture() -> Callable[..., bytes]:
    """Return the function that makes a PNG file: (values, *chunks, filters, piece) -> bytes."""
    return png


@pytest.fixture(name="tiff", scope="session")
def tiff_fixture() -> Callable[..., bytes]:
    """Return the function that makes a TIFF file: (values, order, orientation, white_is_zero, sample_format) -> bytes."""
    return tiff


@pytest.fixture(name="chunk", scope="session")
def chunk_fixture() -> Callable[[bytes, bytes], bytes]:
    """Return the function that makes a chunk of a PNG: (name, data) -> bytes."""
    return chunk


@pytest.fixture(scope="session")
def turned() -> Callable[[int], bytes]:
    """Return the function that makes EXIF data that states an orientation, as a PNG holds it."""
    return lambda orientation: struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
