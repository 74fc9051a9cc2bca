"""What is told without decoding: the size, the depth, the type; and large pictures without a warning."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawsmith.core.errors import FileError
from flawsmith.images import headers
from flawsmith.images.files import read_image
from flawsmith.images.headers import bit_depth, content_type, image_size, orientation, type_of
from flawsmith.images.pitch import read_pitch

Make = Callable[..., bytes]
Noise = Callable[..., np.ndarray]
DEPTHS = [np.uint8, np.uint16]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_the_header_of_a_png_tells_its_depth(tmp_path: Path, dtype: type, channels: int, png: Make, noise: Noise) -> None:
    path, content = tmp_path / "x.dat", png(noise((5, 6, channels), dtype))  # whatever its name
    path.write_bytes(content)
    assert bit_depth(path) == 8 * read_image(path).itemsize == 8 * np.dtype(dtype).itemsize
    path.write_bytes(content[: len(content) // 2])
    assert bit_depth(path) == 8 * np.dtype(dtype).itemsize, "its pixels are not looked at"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_the_tags_of_a_tiff_tell_its_depth(
    tmp_path: Path, dtype: type, channels: int, order: str, tiff: Make, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.tif").write_bytes(tiff(noise((5, 6, channels), dtype), order))
    assert 8 * read_image(tmp_path / "x.tif").itemsize == 8 * np.dtype(dtype).itemsize
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("its pixels are not looked at"))
    assert bit_depth(tmp_path / "x.tif") == 8 * np.dtype(dtype).itemsize


def test_everything_else_has_8_bits(tmp_path: Path, noise: Noise) -> None:
    grey = Image.fromarray(noise((8, 9)))
    one_bit, palette = grey.convert("1"), grey.convert("P")
    for name, picture in {"x.jpg": grey, "x.bmp": grey, "1.png": one_bit, "p.png": palette, "1.tif": one_bit}.items():
        picture.save(tmp_path / name)
        assert bit_depth(tmp_path / name) == 8 * read_image(tmp_path / name).itemsize == 8, name


def test_what_has_no_header_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cut.tif").write_bytes(b"II*\0\x08\0\0\0")
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (tmp_path / "note.png").write_text("these are not pixels")
    for ask in (bit_depth, image_size, read_pitch):
        with pytest.raises(FileError, match=r"none\.png: there is no such file"):
            ask(tmp_path / "none.png")  # type: ignore[operator]
        with pytest.raises(FileError, match="cannot be read"):
            ask(tmp_path)  # type: ignore[operator]
        with pytest.raises(FileError, match=r"cut\.tif: is a truncated TIFF"):
            ask(tmp_path / "cut.tif")  # type: ignore[operator]
    for name in ("cut.png", "note.png"):
        with pytest.raises(FileError, match=name):
            image_size(tmp_path / name)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_size_comes_from_the_header_alone(tmp_path: Path, kind: str, noise: Noise) -> None:
    Image.fromarray(noise((300, 200, 3))).save(tmp_path / "x", kind)
    content = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(content[: len(content) // 2])
    assert image_size(tmp_path / "x") == (300, 200)
    with pytest.raises(FileError, match="truncated"):
        read_image(tmp_path / "x")


def test_a_damaged_header_is_no_header(tmp_path: Path, png: Make, noise: Noise) -> None:
    content = bytearray(png(noise((300, 200, 1))))
    content[19] ^= 1  # the width
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(FileError, match=r"x\.png: is a damaged PNG"):
        image_size(tmp_path / "x.png")


@pytest.mark.parametrize("key", ["xmp", "exif"])
def test_orientation_of_a_png_without_its_pixels(
    tmp_path: Path, key: str, png: Make, turned: Callable[[int], bytes], noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    xmp = b'XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF tiff:Orientation="6"></rdf:RDF></x:xmpmeta>'
    metadata = {"xmp": (b"iTXt", xmp), "exif": (b"eXIf", turned(6))}[key]
    content = png(noise((30, 20, 3)), (b"tEXt", b"Comment\0by hand"), metadata)
    (tmp_path / "x.png").write_bytes(content[:-300])
    assert orientation(tmp_path / "x.png") == 6 and image_size(tmp_path / "x.png") == (20, 30)
    (tmp_path / "plain.png").write_bytes(png(noise((30, 20, 3)), (b"tEXt", b"Comment\0by hand")))
    assert orientation(tmp_path / "plain.png") == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WebP"])
def test_types_are_told_by_content(tmp_path: Path, kind: str) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "x.dat", kind)
    assert type_of(tmp_path / "x.dat") == content_type((tmp_path / "x.dat").read_bytes()) == kind
    assert type_of(tmp_path / "none.png") is None and content_type(b"text") is None


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(kind, mode) for kind in ("PNG", "TIFF") for mode in ("L", "P", "I;16", "RGB")] + [("JPEG", "RGB"), ("JPEG", "L"), ("BMP", "L")],
)
def test_large_pictures_are_read_without_a_warning(tmp_path: Path, kind: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new(mode, (15, 10)).save(tmp_path / "x", kind)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow warns above it, and refuses above twice as many
    with pytest.warns(Image.DecompressionBombWarning), Image.open(tmp_path / "x") as image:
        image.load()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(tmp_path / "x").shape[:2] == image_size(tmp_path / "x") == (10, 15)
        bit_depth(tmp_path / "x"), orientation(tmp_path / "x"), read_pitch(tmp_path / "x")
    assert headers.MAX_PIXELS > 8192 * 8192
