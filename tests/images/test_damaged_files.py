"""Every file that is cut off, damaged, foreign or too large is refused by name, however it is decoded."""

import io
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawsmith.core.errors import DataError, FileError
from flawsmith.images import files as image_files
from flawsmith.images import headers, png
from flawsmith.images.files import image_size, read_image

Make = Callable[..., bytes]
Noise = Callable[..., np.ndarray]
DEPTHS = [np.uint8, np.uint16]


@pytest.fixture(params=["at once", "in strips"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to read a PNG: as it would be for its size, and in strips of a few rows."""
    if request.param == "in strips":
        monkeypatch.setattr(image_files, "_SMALL", 0)
        monkeypatch.setattr(png, "STRIP", 100)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9, -1])
def test_truncated(tmp_path: Path, suffix: str, part: float, noise: Noise) -> None:
    path = tmp_path / f"part07.{suffix}"
    Image.fromarray(noise((64, 64, 3))).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: round(part * len(content)) if part > 0 else -1])
    with pytest.raises(FileError, match=rf"part07\.{suffix}: is a .*truncated.*(Copy|remove)"):
        read_image(path)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("cut", [1, 12, 40])
def test_truncated_16_bit(tmp_path: Path, channels: int, cut: int, png: Make, noise: Noise) -> None:
    (tmp_path / "x.png").write_bytes(png(noise((9, 8, channels), np.uint16))[:-cut])
    with pytest.raises(FileError, match="truncated"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_truncated_pixels_behind_a_whole_header(tmp_path: Path, dtype: type, channels: int, tiff: Make, noise: Noise) -> None:
    content = tiff(noise((9, 8, channels), dtype))
    offset = struct.pack("<HHII", 273, 4, 1, 8)
    assert offset in content
    (tmp_path / "x.tif").write_bytes(content.replace(offset, struct.pack("<HHII", 273, 4, 1, len(content) - 10)))
    with pytest.raises(FileError, match="truncated"):
        read_image(tmp_path / "x.tif")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("cut", [1, 5, 30])
def test_tags_that_are_cut_off(tmp_path: Path, cut: int, order: str, tiff: Make, noise: Noise) -> None:
    (tmp_path / "x.tif").write_bytes(tiff(noise((9, 8, 1)), order)[:-cut])  # its tags stand behind its pixels
    with pytest.raises(FileError, match=rf"x\.tif: is a truncated TIFF: {cut} bytes are missing after byte"):
        read_image(tmp_path / "x.tif")


@pytest.mark.parametrize("dtype", DEPTHS)
def test_every_damaged_byte_is_noticed(tmp_path: Path, dtype: type, png: Make, noise: Noise) -> None:
    content = png(noise((3, 4, 3), dtype), filters=range(5), piece=20)
    for place in range(8, len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        (tmp_path / "bits.png").write_bytes(damaged)
        with pytest.raises(FileError, match=r"bits\.png: is a (damaged|truncated) PNG"):
            read_image(tmp_path / "bits.png")


@pytest.mark.parametrize("dtype", DEPTHS)
def test_damaged_pixels_are_named_as_such(tmp_path: Path, dtype: type, png: Make, noise: Noise) -> None:
    content = bytearray(png(noise((9, 8, 3), dtype)))
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "bits.png").write_bytes(content)
    with pytest.raises(FileError, match=r"bits\.png: is a damaged PNG: the checksum"):
        read_image(tmp_path / "bits.png")


@pytest.mark.parametrize("dtype", DEPTHS)
def test_pixels_that_are_wrong_in_a_file_that_is_whole(tmp_path: Path, dtype: type, chunk: Make, noise: Noise) -> None:
    rows = noise((6, 1 + 5 * np.dtype(dtype).itemsize)) % 5
    rows[:, 0] = 0
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 6, 8 * np.dtype(dtype).itemsize, 0, 0, 0, 0))
    path = tmp_path / "x.png"

    def write(pixels: bytes) -> None:
        path.write_bytes(head + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))

    write(zlib.compress(rows.tobytes()))
    assert read_image(path).shape == (6, 5, 1)
    unknown_filter = rows.copy()
    unknown_filter[3, 0] = 9
    few = zlib.compress(rows.tobytes()[:-1])
    for pixels in (few, b"", few[: len(few) // 2], b"no zlib stream", zlib.compress(unknown_filter.tobytes())):
        write(pixels)
        with pytest.raises(FileError, match=r"x\.png: is a .*(damaged|cannot be decoded)"):
            read_image(path)


@pytest.mark.parametrize("dtype", DEPTHS)
def test_the_checksum_of_the_pixels_counts_and_bytes_too_many_do_not(tmp_path: Path, dtype: type, chunk: Make) -> None:
    size = np.dtype(dtype).itemsize
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60, 50, 8 * size, 0, 0, 0, 0))
    pixels = bytes(50 * (1 + 60 * size))  # packed into so few bytes that the decoder has taken all long before the last row
    packed = zlib.compress(pixels)
    for content, good in ((packed, True), (packed + b"more", True), (zlib.compress(pixels + b"more"), True), (packed[:-4], False)):
        (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", content) + chunk(b"IEND", b""))
        if good:
            assert (read_image(tmp_path / "x.png") == np.zeros((50, 60, 1), dtype)).all()
        else:
            with pytest.raises(FileError, match=r"x\.png: is a .*(damaged|truncated)"):
                read_image(tmp_path / "x.png")


def test_missing_empty_folder_and_foreign(tmp_path: Path, tiff: Make, noise: Noise) -> None:
    (tmp_path / "zero.png").touch()
    (tmp_path / "note.png").write_text("these are not pixels")
    (tmp_path / "folder.png").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "moving.gif")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "float.tif")
    Image.new("L", (4, 4)).save(tmp_path / "film.webp", save_all=True, append_images=[Image.new("L", (4, 4), 9)])
    Image.new("L", (4, 4)).save(tmp_path / "pages.tif", save_all=True, append_images=[Image.new("L", (4, 4))])
    expected = {
        "gone.png": "there is no such file",
        "zero.png": "zero bytes; expected a picture",
        "note.png": "no picture .*expected PNG, JPEG, BMP, TIFF or WebP",
        "folder.png": "cannot be read",
        "moving.gif": "is a GIF file; expected PNG",
        "float.tif": "mode F; expected 8 or 16 bits",
        "film.webp": "is a film of 2 pictures; expected one",
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


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WebP"])
def test_too_large(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, noise: Noise) -> None:
    Image.fromarray(noise((30, 30))).save(tmp_path / "x", kind)
    monkeypatch.setattr(headers, "MAX_PIXELS", 900)
    assert read_image(tmp_path / "x").shape[:2] == image_size(tmp_path / "x") == (30, 30)
    monkeypatch.setattr(headers, "MAX_PIXELS", 899)
    for read in (read_image, image_size):
        with pytest.raises(FileError, match="is larger than 178 megapixels"):
            read(tmp_path / "x")  # type: ignore[operator]


def test_a_header_that_promises_too_much_is_not_believed(tmp_path: Path, chunk: Make) -> None:
    for side, message in ((20_000, "178 megapixels"), (4_000, "damaged")):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 0, 0, 0, 0))
        pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
        (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""))
        with pytest.raises(FileError, match=message):
            read_image(tmp_path / "x.png")


def test_the_error_survives_another_process() -> None:
    error = pickle.loads(pickle.dumps(FileError(Path("a.png"), "is odd.")))
    assert str(error) == "a.png: is odd." and error.what == "is odd."


def test_an_error_names_no_objects_of_the_program(tmp_path: Path, tiff: Make, noise: Noise) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    rare = tiff(noise((4, 4, 1), np.uint16), ">", white_is_zero=True)
    for content in (stream.getvalue()[:10], b"BM" + bytes(60), rare):
        (tmp_path / "x").write_bytes(content)
        for ask in (read_image, image_size):
            with pytest.raises(FileError, match="is a (JPEG|BMP|TIFF) |has no header") as caught:
                ask(tmp_path / "x")  # type: ignore[operator]
            assert "<" not in str(caught.value) and "{" not in str(caught.value)
