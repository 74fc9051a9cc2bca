"""The size of a pixel on the part: found in every type of file, turned with the picture, and written."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from flawsmith.core.errors import DataError
from flawsmith.images.files import write_image, write_mask
from flawsmith.images.pitch import Pitch, read_pitch

Make = Callable[..., bytes]
PIXELS = np.zeros((4, 6, 1), np.uint8)
PICTURE = Image.fromarray(PIXELS[..., 0])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(x=st.integers(1, 2**31 - 1), y=st.integers(1, 2**31 - 1))
def test_what_is_written_is_read(tmp_path: Path, x: int, y: int) -> None:
    write_image(tmp_path / "x.png", PIXELS.astype(np.uint16), Pitch(x, y))
    write_mask(tmp_path / "m.png", PIXELS[..., 0] > 0, pitch=Pitch(x, y))
    assert read_pitch(tmp_path / "x.png") == read_pitch(tmp_path / "m.png") == Pitch(x, y)


def test_other_programs_read_what_is_written(tmp_path: Path) -> None:
    write_image(tmp_path / "x.png", PIXELS, Pitch(300 / 0.0254, 600 / 0.0254))
    with Image.open(tmp_path / "x.png") as image:
        assert image.info["dpi"] == pytest.approx((300, 600), abs=0.01)


def test_nothing_is_written_for_none(tmp_path: Path) -> None:
    write_image(tmp_path / "x.png", PIXELS)
    assert read_pitch(tmp_path / "x.png") is None and b"pHYs" not in (tmp_path / "x.png").read_bytes()


@pytest.mark.parametrize("value", [0.0, 0.4, -3.0, 2.0**32, float("nan"), float("inf")])
def test_a_pitch_that_no_png_can_hold_is_not_written(tmp_path: Path, value: float) -> None:
    with pytest.raises(DataError, match="pixels per metre, expected 1 to"):
        write_image(tmp_path / "x.png", PIXELS, Pitch(1000, value))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("unit", "expected"), [(1, Pitch(5000, 4000)), (0, None)])
def test_png(tmp_path: Path, unit: int, expected: Pitch | None, png: Make) -> None:
    (tmp_path / "x.png").write_bytes(png(PIXELS, (b"pHYs", struct.pack(">IIB", 5000, 4000, unit))))
    assert read_pitch(tmp_path / "x.png") == expected


def test_a_png_with_a_malformed_pitch_has_none(tmp_path: Path, png: Make) -> None:
    (tmp_path / "x.png").write_bytes(png(PIXELS, (b"pHYs", b"1234")))
    assert read_pitch(tmp_path / "x.png") is None


@pytest.mark.parametrize(("unit", "per_metre"), [(1, 1 / 0.0254), (2, 100), (0, None)])
def test_jpeg(tmp_path: Path, unit: int, per_metre: float | None) -> None:
    PICTURE.save(tmp_path / "x.jpg", dpi=(1, 1))
    content = bytearray((tmp_path / "x.jpg").read_bytes())
    assert content[6:11] == b"JFIF\0"
    content[13:18] = struct.pack(">BHH", unit, 500, 400)  # JFIF 1.02: units, Xdensity, Ydensity
    (tmp_path / "x.jpg").write_bytes(content)
    found = read_pitch(tmp_path / "x.jpg")
    if per_metre is None:
        assert found is None
    else:
        assert found is not None and (found.x, found.y) == pytest.approx((500 * per_metre, 400 * per_metre))


def test_the_resolution_that_cameras_state_for_unknown_is_none(tmp_path: Path) -> None:
    tags = Image.Exif()
    tags[282], tags[283], tags[296] = 72.0, 72.0, 2
    PICTURE.save(tmp_path / "x.jpg", exif=tags)
    assert read_pitch(tmp_path / "x.jpg") is None


@pytest.mark.parametrize(("unit", "per_metre"), [(2, 1 / 0.0254), (None, 1 / 0.0254), (3, 100), (1, None)])
def test_tiff(tmp_path: Path, unit: int | None, per_metre: float | None) -> None:
    tags = {282: 500.5, 283: 400.0} | ({} if unit is None else {296: unit})
    PICTURE.save(tmp_path / "x.tif", tiffinfo=tags)
    found = read_pitch(tmp_path / "x.tif")
    if per_metre is None:
        assert found is None
    else:
        assert found is not None and (found.x, found.y) == pytest.approx((500.5 * per_metre, 400 * per_metre))


def test_a_tiff_that_states_half_of_it_or_nonsense(tmp_path: Path, tiff: Make) -> None:
    PICTURE.save(tmp_path / "half.tif", tiffinfo={282: 500.0, 296: 3})
    PICTURE.save(tmp_path / "zero.tif", tiffinfo={282: 0.0, 283: 0.0, 296: 3})
    (tmp_path / "none.tif").write_bytes(tiff(PIXELS))
    assert [read_pitch(tmp_path / f"{name}.tif") for name in ("half", "zero", "none")] == [None, None, None]


def test_bmp(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "x.bmp", dpi=(0, 0))
    content = bytearray((tmp_path / "x.bmp").read_bytes())
    assert read_pitch(tmp_path / "x.bmp") is None
    content[38:46] = struct.pack("<ii", 1_000_000, 500_000)  # BITMAPINFOHEADER: biXPelsPerMeter, biYPelsPerMeter
    (tmp_path / "x.bmp").write_bytes(content)
    assert read_pitch(tmp_path / "x.bmp") == Pitch(1_000_000, 500_000)


@pytest.mark.parametrize(("value", "swapped"), [(1, False), (3, False), (5, True), (6, True), (8, True)])
def test_the_pitch_is_turned_with_the_picture(tmp_path: Path, value: int, swapped: bool, png: Make, turned: Callable[[int], bytes]) -> None:
    (tmp_path / "x.png").write_bytes(png(PIXELS, (b"pHYs", struct.pack(">IIB", 20000, 10000, 1)), (b"eXIf", turned(value))))
    PICTURE.save(tmp_path / "x.tif", tiffinfo={282: 200.0, 283: 100.0, 296: 3, 274: value})
    tags = Image.Exif()
    tags[274] = value
    PICTURE.save(tmp_path / "x.jpg", dpi=(508, 254), exif=tags)
    for name in ("x.png", "x.tif", "x.jpg"):
        found = read_pitch(tmp_path / name)
        assert found is not None and (found.x, found.y) == pytest.approx((10000, 20000) if swapped else (20000, 10000)), name


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_from_every_type_into_a_png(tmp_path: Path, kind: str) -> None:
    PICTURE.save(tmp_path / "x", kind, dpi=(254, 508))
    write_image(tmp_path / "copy.png", PIXELS, read_pitch(tmp_path / "x"))
    assert read_pitch(tmp_path / "copy.png") == Pitch(10000, 20000)
