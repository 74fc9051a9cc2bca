"""Every mode exactly, every orientation upright, every bad file by name; helpers write files without the code under test."""

import io
import os
import pickle
import struct
import zlib
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from flawsmith.data.image_files import bit_depth, content_type, image_size, read_image, read_mask, write_image, write_mask
from flawsmith.errors import DataError, FileError

DEPTHS = [np.uint8, np.uint16]
UPRIGHT = {  # EXIF orientation: what makes the stored picture upright
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def noise(shape: tuple[int, ...], dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def png(values: np.ndarray, *extra: tuple[bytes, bytes]) -> bytes:
    """Return (H, W, C) values as a PNG file, written straight from the specification; `extra` chunks stand before the pixels."""
    height, width, channels = values.shape
    depth = 8 * values.itemsize
    rows = values.astype(values.dtype.newbyteorder(">")).tobytes()
    step = len(rows) // height
    raw = b"".join(b"\0" + rows[i * step : (i + 1) * step] for i in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(
    values: np.ndarray, order: Literal["<", ">"] = "<", orientation: int = 1, white_is_zero: bool = False, sample_format: int = 1
) -> bytes:
    """Return (H, W, C) values as an uncompressed TIFF file of one strip, written straight from the specification."""
    height, width, channels = values.shape
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=st.sampled_from(DEPTHS).flatmap(
        lambda dtype: hnp.arrays(dtype, st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)))
    )
)
def test_what_is_written_is_read_exactly(tmp_path: Path, array: np.ndarray) -> None:
    path = tmp_path / "x.png"
    write_image(path, array)
    read = read_image(path)
    assert read.dtype == array.dtype and read.shape == array.shape
    assert (read == array).all()
    assert image_size(path) == array.shape[:2]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_other_programs_read_what_is_written(tmp_path: Path, dtype: type, channels: int) -> None:
    array = noise((13, 7, channels), dtype)
    write_image(tmp_path / "x.png", array)
    content = (tmp_path / "x.png").read_bytes()
    if dtype == np.uint8:
        with Image.open(io.BytesIO(content)) as image:
            assert image.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
            assert (np.array(image).reshape(array.shape) == array).all()
    else:
        seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        assert seen is not None
        seen = seen.reshape(13, 7, -1)[..., {1: [0], 2: [0, 3], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]]
        assert seen.dtype == np.uint16 and (seen == array).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_png_of_every_mode_is_exact(tmp_path: Path, dtype: type, channels: int) -> None:
    array = noise((5, 6, channels), dtype)
    (tmp_path / "x.png").write_bytes(png(array))
    read = read_image(tmp_path / "x.png")
    assert read.dtype == dtype and read.shape == array.shape and (read == array).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_the_header_of_a_png_tells_its_depth(tmp_path: Path, dtype: type, channels: int) -> None:
    path, content = tmp_path / "x.dat", png(noise((5, 6, channels), dtype))  # whatever its name
    path.write_bytes(content)
    assert bit_depth(path) == 8 * read_image(path).itemsize == 8 * np.dtype(dtype).itemsize
    path.write_bytes(content[: len(content) // 2])
    assert bit_depth(path) == 8 * np.dtype(dtype).itemsize, "its pixels are not looked at"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_the_depth_of_a_tiff(tmp_path: Path, dtype: type, channels: int, order: Literal["<", ">"]) -> None:
    (tmp_path / "x.tif").write_bytes(tiff(noise((5, 6, channels), dtype), order))
    assert bit_depth(tmp_path / "x.tif") == 8 * np.dtype(dtype).itemsize


def test_everything_else_has_8_bits(tmp_path: Path) -> None:
    grey = Image.fromarray(noise((8, 9)))
    one_bit, palette = grey.convert("1"), grey.convert("P")
    for name, picture in {"x.jpg": grey, "x.bmp": grey, "1.png": one_bit, "p.png": palette, "1.tif": one_bit}.items():
        picture.save(tmp_path / name)
        assert bit_depth(tmp_path / name) == 8 * read_image(tmp_path / name).itemsize == 8, name


def test_the_depth_of_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.png: there is no such file"):
        bit_depth(tmp_path / "none.png")
    with pytest.raises(FileError, match="cannot be read"):
        bit_depth(tmp_path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("dtype", "channels"), [(np.uint8, 1), (np.uint8, 2), (np.uint8, 3), (np.uint8, 4), (np.uint16, 1), (np.uint16, 3), (np.uint16, 4)]
)
def test_tiff_of_every_mode_is_exact(tmp_path: Path, dtype: type, channels: int, order: Literal["<", ">"]) -> None:
    array = noise((5, 6, channels), dtype)
    (tmp_path / "x.tiff").write_bytes(tiff(array, order))
    read = read_image(tmp_path / "x.tiff")
    assert read.dtype == dtype and read.shape == array.shape and (read == array).all()


@pytest.mark.parametrize("dtype", DEPTHS)
def test_tiff_with_white_as_zero_is_no_negative(tmp_path: Path, dtype: type) -> None:
    array = noise((5, 6, 1), dtype)
    (tmp_path / "x.tif").write_bytes(tiff(array, white_is_zero=True))
    assert (read_image(tmp_path / "x.tif") == np.iinfo(dtype).max - array).all()


@pytest.mark.parametrize("name", ["x.png", "x.BMP", "x.tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_eight_bit_files_of_other_programs_are_exact(tmp_path: Path, name: str, channels: int) -> None:
    array = noise((9, 4, channels))
    Image.fromarray(array.squeeze()).save(tmp_path / name, {"x.BMP": "BMP"}.get(name))
    assert (read_image(tmp_path / name) == array).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(tmp_path: Path, mode: str) -> None:
    Image.new("RGB", (20, 10), (200, 100, 50)).convert(mode).save(tmp_path / "x.jpeg", quality=100)
    read = read_image(tmp_path / "x.jpeg")
    expected = [124] if mode == "L" else [200, 100, 50]
    assert read.shape == (10, 20, len(expected)) and read.dtype == np.uint8
    assert np.abs(read.astype(int) - expected).max() <= 3


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    bits = noise((7, 9)) > 127
    for name in ("x.png", "x.bmp", "x.tif"):
        Image.fromarray(bits).save(tmp_path / name)
        assert (read_image(tmp_path / name) == bits[..., None] * np.uint8(255)).all(), name


def test_palette_becomes_its_colours(tmp_path: Path) -> None:
    index = noise((5, 6)) % 3
    colours = np.array([[0, 0, 0], [250, 10, 20], [30, 40, 200]], np.uint8)
    image = Image.frombytes("P", (6, 5), index.astype(np.uint8).tobytes())
    image.putpalette(colours.ravel().tolist())
    image.save(tmp_path / "x.png")
    assert (read_image(tmp_path / "x.png") == colours[index]).all()
    image.save(tmp_path / "clear.png", transparency=1)
    read = read_image(tmp_path / "clear.png")
    assert read.shape == (5, 6, 4) and (read[..., :3] == colours[index]).all()
    assert ((read[..., 3] == 0) == (index == 1)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_is_applied(tmp_path: Path, orientation: int) -> None:
    stored = noise((4, 6, 3))
    tags = exif(orientation)
    Image.fromarray(stored).save(tmp_path / "x.png", exif=tags)
    Image.fromarray(stored).save(tmp_path / "x.tif", exif=tags)
    Image.fromarray(np.kron(stored, np.ones((16, 16, 1), np.uint8))).save(tmp_path / "x.jpg", exif=tags, quality=100, subsampling=0)
    upright = UPRIGHT[orientation](stored)
    for name in ("x.png", "x.tif"):
        read = read_image(tmp_path / name)
        assert read.shape == upright.shape and (read == upright).all(), name
        assert image_size(tmp_path / name) == upright.shape[:2], name
    photo = read_image(tmp_path / "x.jpg")
    assert photo.shape[:2] == image_size(tmp_path / "x.jpg") == (16 * upright.shape[0], 16 * upright.shape[1])
    assert np.abs(photo[8::16, 8::16].astype(int) - upright).max() <= 16


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_exif_is_applied_in_16_bit(tmp_path: Path, orientation: int, channels: int) -> None:
    stored = noise((4, 6, channels), np.uint16)
    upright = UPRIGHT[orientation](stored)
    (tmp_path / "x.png").write_bytes(png(stored, (b"eXIf", exif(orientation).tobytes().removeprefix(b"Exif\0\0"))))
    (tmp_path / "x.tif").write_bytes(tiff(stored, orientation=orientation))
    for name in ("x.png", "x.tif") if channels != 2 else ("x.png",):
        read = read_image(tmp_path / name)
        assert read.shape == upright.shape and (read == upright).all(), name
        assert image_size(tmp_path / name) == upright.shape[:2], name


def test_exif_behind_the_pixels_counts(tmp_path: Path) -> None:
    stored = noise((4, 6, 3))
    content = png(stored)
    data = exif(6).tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    (tmp_path / "x.png").write_bytes(content[:-12] + chunk + content[-12:])
    assert image_size(tmp_path / "x.png") == (6, 4)
    assert (read_image(tmp_path / "x.png") == np.rot90(stored, -1)).all()


def test_size_comes_from_the_header_alone(tmp_path: Path) -> None:
    write_image(tmp_path / "x.png", noise((300, 200, 3)))
    content = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(content[: len(content) // 2])
    assert image_size(tmp_path / "x.png") == (300, 200)
    with pytest.raises(FileError, match="truncated"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9, -1])
def test_truncated(tmp_path: Path, suffix: str, part: float) -> None:
    path = tmp_path / f"part07.{suffix}"
    Image.fromarray(noise((64, 64, 3))).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: round(part * len(content)) if part > 0 else -1])
    with pytest.raises(FileError, match=rf"part07\.{suffix}: is a .*truncated.*(Copy|remove)"):
        read_image(path)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("cut", [1, 12, 40])
def test_truncated_16_bit(tmp_path: Path, channels: int, cut: int) -> None:
    (tmp_path / "x.png").write_bytes(png(noise((9, 8, channels), np.uint16))[:-cut])
    with pytest.raises(FileError, match="truncated"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_truncated_pixels_behind_a_whole_header(tmp_path: Path, dtype: type, channels: int) -> None:
    content = tiff(noise((9, 8, channels), dtype))
    offset = struct.pack("<HHII", 273, 4, 1, 8)
    assert offset in content
    (tmp_path / "x.tif").write_bytes(content.replace(offset, struct.pack("<HHII", 273, 4, 1, len(content) - 10)))
    with pytest.raises(FileError, match="truncated"):
        read_image(tmp_path / "x.tif")


@pytest.mark.parametrize("dtype", DEPTHS)
def test_damaged_inside(tmp_path: Path, dtype: type) -> None:
    array = noise((9, 8, 3), dtype)
    content = bytearray(png(array))
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "bits.png").write_bytes(content)
    with pytest.raises(FileError, match=r"bits\.png: is a damaged PNG: the checksum"):
        read_image(tmp_path / "bits.png")


def test_missing_empty_folder_and_foreign(tmp_path: Path) -> None:
    (tmp_path / "zero.png").touch()
    (tmp_path / "note.png").write_text("these are not pixels")
    (tmp_path / "folder.png").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "moving.gif")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "float.tif")
    Image.new("L", (4, 4)).save(tmp_path / "pages.tif", save_all=True, append_images=[Image.new("L", (4, 4))])
    expected = {
        "gone.png": "there is no such file",
        "zero.png": "zero bytes; expected a picture",
        "note.png": "no picture .*expected PNG, JPEG, BMP or TIFF",
        "folder.png": "cannot be read",
        "moving.gif": "is a GIF file; expected PNG",
        "float.tif": "mode F; expected 8 or 16 bits",
        "pages.tif": "has 2 pages; expected one",
    }
    for name, message in expected.items():
        with pytest.raises(DataError, match=rf"{name}: .*{message}"):
            read_image(tmp_path / name)
    for name in ("gone.png", "zero.png", "note.png"):
        with pytest.raises(FileError, match=name):
            image_size(tmp_path / name)
    (tmp_path / "signed.tif").write_bytes(tiff(noise((4, 4, 3), np.uint16), sample_format=2))
    with pytest.raises(FileError, match="signed.tif"):
        read_image(tmp_path / "signed.tif")


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "x.png", noise((30, 30, 1)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)  # Pillow refuses twice as many
    for read in (read_image, image_size):
        with pytest.raises(FileError, match="megapixels"):
            read(tmp_path / "x.png")  # type: ignore[operator]


def test_content_counts_not_the_suffix(tmp_path: Path) -> None:
    array = noise((5, 6, 3), np.uint16)
    (tmp_path / "x.jpg").write_bytes(png(array))
    assert content_type((tmp_path / "x.jpg").read_bytes()) == "PNG"
    assert (read_image(tmp_path / "x.jpg") == array).all()


MASK = np.zeros((6, 8), bool)
MASK[2:4, 1:6] = True


def palette_mask() -> Image.Image:
    image = Image.frombytes("P", (8, 6), MASK.astype(np.uint8).tobytes())
    image.putpalette([0, 0, 0, 255, 255, 255])
    return image


@pytest.mark.parametrize(
    "content",
    [
        Image.fromarray(MASK.astype(np.uint8) * 255),
        Image.fromarray(MASK.astype(np.uint8)),
        Image.fromarray(MASK),
        palette_mask(),
        Image.fromarray(np.repeat(MASK[..., None], 3, 2).astype(np.uint8) * 255),
        Image.fromarray(np.dstack([MASK.astype(np.uint8) * 255, noise((6, 8))]), "LA"),
        Image.fromarray(np.dstack([np.repeat(MASK[..., None], 3, 2).astype(np.uint8), noise((6, 8))]), "RGBA"),
        png((MASK * np.uint16(65535))[..., None]),
        png((MASK * np.uint16(255))[..., None]),
    ],
    ids=["255", "1", "one bit", "palette", "rgb", "la", "rgba", "16 bit", "16 bit 255"],
)
def test_masks_in_every_mode(tmp_path: Path, content: Image.Image | bytes) -> None:
    path = tmp_path / "m.png"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content.save(path)
    mask = read_mask(path)
    assert mask.dtype == bool and (mask == MASK).all()


def test_masks_with_other_values_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    Image.fromarray(MASK.astype(np.uint8) * 128).save(path)
    with pytest.raises(FileError, match=r"m\.png: is a mask with the values 0, 128; a mask holds only 0 and 255"):
        read_mask(path)
    Image.fromarray(MASK.astype(np.uint8) + np.uint8(254)).save(path)
    with pytest.raises(FileError, match="254, 255"):
        read_mask(path)
    Image.fromarray((np.dstack([MASK, MASK * 0, MASK * 0]) * 255).astype(np.uint8)).save(path)
    with pytest.raises(FileError, match=r"\(0, 0, 0\), \(255, 0, 0\)"):
        read_mask(path)
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(path)
    with pytest.raises(FileError, match=r"0, 1, 2, 3, 4, 5, 6, 7, \.\.\. \(256 in all\)"):
        read_mask(path)
    Image.fromarray(cv2.GaussianBlur(MASK.astype(np.uint8) * 255, (3, 3), 0)).save(tmp_path / "m.jpg")
    with pytest.raises(FileError, match="JPEG changes the values"):
        read_mask(tmp_path / "m.jpg")


def test_masks_are_written_as_0_and_255(tmp_path: Path) -> None:
    write_mask(tmp_path / "new folder" / "m.png", MASK)
    with Image.open(tmp_path / "new folder" / "m.png") as image:
        assert image.mode == "L" and (np.array(image) == MASK * 255).all()
    with pytest.raises(DataError, match="bool"):
        write_mask(tmp_path / "n.png", MASK.astype(np.uint8))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 1), bool),
        np.zeros((4, 4, 1), np.int16),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((0, 4, 1), np.uint8),
        np.zeros(4, np.uint8),
    ],
    ids=str,
)
def test_other_arrays_are_not_written(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(DataError, match="expected uint8 or uint16"):
        write_image(tmp_path / "x.png", array)
    with pytest.raises(DataError, match=r"Name it x\.png"):
        write_image(tmp_path / "x.jpg", noise((4, 4, 3)))
    assert not any(tmp_path.iterdir())


def test_an_interrupted_write_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.png"
    old = noise((4, 4, 3))
    write_image(path, old)

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        write_image(path, noise((4, 4, 3), seed=1))
    assert (read_image(path) == old).all() and list(tmp_path.iterdir()) == [path]


def test_the_error_survives_another_process() -> None:
    error = pickle.loads(pickle.dumps(FileError(Path("a.png"), "is odd.")))
    assert str(error) == "a.png: is odd." and error.what == "is odd."
