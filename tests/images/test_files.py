"""Reading: every mode exactly, every orientation upright, masks as masks; files are made without the code under test."""

import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from flawsmith.core.errors import DataError, FileError
from flawsmith.images import files as image_files
from flawsmith.images import png
from flawsmith.images.files import image_size, orientation, read_image, read_mask, type_of, write_image

Make = Callable[..., bytes]
Noise = Callable[..., np.ndarray]

DEPTHS = [np.uint8, np.uint16]
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # EXIF orientation: what makes the stored picture upright
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.fixture(params=["at once", "in strips"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to read a PNG: as it would be for its size, and in strips of a row or two."""
    if request.param == "in strips":
        monkeypatch.setattr(image_files, "_SMALL", 0)
        monkeypatch.setattr(png, "STRIP", 30)
    return request.param


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_png_of_every_mode_is_exact(tmp_path: Path, dtype: type, channels: int, way: str, png: Make, noise: Noise) -> None:
    array = noise((5, 6, channels), dtype)
    (tmp_path / "x.png").write_bytes(png(array, filters=range(5)))
    read = read_image(tmp_path / "x.png")
    assert read.dtype == dtype and read.shape == array.shape and (read == array).all()
    read[0] = 0  # it can be written to
    assert read.flags.c_contiguous


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("dtype", "channels"), [(np.uint8, 1), (np.uint8, 2), (np.uint8, 3), (np.uint8, 4), (np.uint16, 1), (np.uint16, 3), (np.uint16, 4)]
)
def test_tiff_of_every_mode_is_exact(tmp_path: Path, dtype: type, channels: int, order: str, way: str, tiff: Make, noise: Noise) -> None:
    array = noise((5, 6, channels), dtype)
    (tmp_path / "x.tiff").write_bytes(tiff(array, order))
    read = read_image(tmp_path / "x.tiff")
    assert read.dtype == dtype and read.shape == array.shape and (read == array).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_packed_16_bit_tiff_is_exact(tmp_path: Path, channels: int, compression: int, noise: Noise) -> None:
    array = noise((37, 21, channels), np.uint16)
    stored = array[..., [2, 1, 0, 3][:channels]] if channels > 1 else array
    cv2.imwrite(str(tmp_path / "x.tif"), stored, [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    assert (read_image(tmp_path / "x.tif") == array).all()


@pytest.mark.parametrize("dtype", DEPTHS)
def test_tiff_with_white_as_zero_is_no_negative(tmp_path: Path, dtype: type, way: str, tiff: Make, noise: Noise) -> None:
    array = noise((5, 6, 1), dtype)
    (tmp_path / "x.tif").write_bytes(tiff(array, white_is_zero=True))
    assert (read_image(tmp_path / "x.tif") == np.iinfo(dtype).max - array).all()


@pytest.mark.parametrize("name", ["x.png", "x.BMP", "x.tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_eight_bit_files_of_other_programs_are_exact(tmp_path: Path, name: str, channels: int, way: str, noise: Noise) -> None:
    array = noise((9, 4, channels))
    Image.fromarray(array.squeeze()).save(tmp_path / name, {"x.BMP": "BMP"}.get(name))
    assert (read_image(tmp_path / name) == array).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(tmp_path: Path, mode: str, way: str) -> None:
    Image.new("RGB", (20, 10), (200, 100, 50)).convert(mode).save(tmp_path / "x.jpeg", quality=100)
    read = read_image(tmp_path / "x.jpeg")
    expected = [124] if mode == "L" else [200, 100, 50]
    assert read.shape == (10, 20, len(expected)) and read.dtype == np.uint8
    assert np.abs(read.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("channels", [3, 4])
def test_webp_without_loss_is_exact_and_turned_upright(tmp_path: Path, channels: int, noise: Noise) -> None:
    array = noise((9, 5, channels))
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.fromarray(array).save(tmp_path / "x.webp", lossless=True, exact=True, exif=tags)
    assert (read_image(tmp_path / "x.webp") == np.rot90(array, -1)).all() and image_size(tmp_path / "x.webp") == (5, 9)
    assert type_of(tmp_path / "x.webp") == "WebP"


def test_one_bit_becomes_black_and_white(tmp_path: Path, way: str, noise: Noise) -> None:
    bits = noise((7, 9)) > 127
    for name in ("x.png", "x.bmp", "x.tif"):
        Image.fromarray(bits).save(tmp_path / name)
        assert (read_image(tmp_path / name) == bits[..., None] * np.uint8(255)).all(), name


def test_palette_becomes_its_colours(tmp_path: Path, way: str, noise: Noise) -> None:
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


@pytest.mark.parametrize("channels", [1, 3])
def test_a_colour_made_transparent_becomes_alpha(tmp_path: Path, channels: int, way: str, png: Make, noise: Noise) -> None:
    array = noise((5, 6, channels)) % 2
    clear = struct.pack(">H", 1) * channels
    (tmp_path / "x.png").write_bytes(png(array, (b"tRNS", clear)))
    read = read_image(tmp_path / "x.png")
    assert read.shape == (5, 6, channels + 1) and (read[..., :-1] == array).all()
    assert (read[..., -1] == np.where(array.all(-1), 0, 255)).all()


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", DEPTHS)
def test_exif_is_applied(
    tmp_path: Path, dtype: type, channels: int, value: int, way: str, png: Make, tiff: Make, turned: Callable[[int], bytes], noise: Noise
) -> None:
    stored = noise((4, 6, channels), dtype)
    upright = UPRIGHT[value](stored)
    (tmp_path / "x.png").write_bytes(png(stored, (b"eXIf", turned(value))))
    (tmp_path / "x.tif").write_bytes(tiff(stored, orientation=value))
    for name in ("x.png", "x.tif") if (dtype, channels) != (np.uint16, 2) else ("x.png",):
        read = read_image(tmp_path / name)
        assert read.shape == upright.shape and (read == upright).all(), name
        assert image_size(tmp_path / name) == upright.shape[:2] and orientation(tmp_path / name) == value, name


@pytest.mark.parametrize("value", range(1, 9))
def test_exif_of_a_photo_is_applied(tmp_path: Path, value: int, way: str, noise: Noise) -> None:
    stored, tags = noise((4, 6, 3)), Image.Exif()
    tags[0x0112] = value
    Image.fromarray(np.kron(stored, np.ones((16, 16, 1), np.uint8))).save(tmp_path / "x.jpg", exif=tags, quality=100, subsampling=0)
    upright = UPRIGHT[value](stored)
    photo = read_image(tmp_path / "x.jpg")
    assert photo.shape[:2] == image_size(tmp_path / "x.jpg") == (16 * upright.shape[0], 16 * upright.shape[1])
    assert np.abs(photo[8::16, 8::16].astype(int) - upright).max() <= 16


def test_exif_behind_the_pixels_counts(
    tmp_path: Path, way: str, png: Make, chunk: Make, turned: Callable[[int], bytes], noise: Noise
) -> None:
    stored = noise((4, 6, 3))
    content = png(stored)
    (tmp_path / "x.png").write_bytes(content[:-12] + chunk(b"eXIf", turned(6)) + content[-12:])
    assert image_size(tmp_path / "x.png") == (6, 4)
    assert (read_image(tmp_path / "x.png") == np.rot90(stored, -1)).all()


def test_an_orientation_that_does_not_exist_is_none(
    tmp_path: Path, way: str, png: Make, turned: Callable[[int], bytes], noise: Noise
) -> None:
    stored = noise((4, 6, 1))
    (tmp_path / "x.png").write_bytes(png(stored, (b"eXIf", turned(9))))
    assert (read_image(tmp_path / "x.png") == stored).all() and image_size(tmp_path / "x.png") == (4, 6)


def test_content_counts_not_the_suffix(tmp_path: Path, png: Make, noise: Noise) -> None:
    array = noise((5, 6, 3), np.uint16)
    (tmp_path / "x.jpg").write_bytes(png(array))
    assert type_of(tmp_path / "x.jpg") == "PNG"
    assert (read_image(tmp_path / "x.jpg") == array).all()


MASK = np.zeros((6, 8), bool)
MASK[2:4, 1:6] = True
BYTES = MASK.astype(np.uint8)
COLOURS = np.repeat(BYTES[..., None], 3, 2)


def palette_mask() -> Image.Image:
    image = Image.frombytes("P", (8, 6), BYTES.tobytes())
    image.putpalette([0, 0, 0, 255, 255, 255])
    return image


@pytest.mark.parametrize(
    "content",
    [
        Image.fromarray(BYTES * 255),
        Image.fromarray(BYTES),
        Image.fromarray(MASK),
        palette_mask(),
        Image.fromarray(COLOURS * 255),
        Image.fromarray(np.dstack([BYTES * 255, np.arange(48, dtype=np.uint8).reshape(6, 8)]), "LA"),
        Image.fromarray(np.dstack([COLOURS, np.arange(48, dtype=np.uint8).reshape(6, 8)]), "RGBA"),
        (MASK * np.uint16(65535))[..., None],
        (MASK * np.uint16(255))[..., None],
    ],
    ids=["255", "1", "one bit", "palette", "rgb", "la", "rgba", "16 bit", "16 bit 255"],
)
def test_masks_in_every_mode(tmp_path: Path, content: Image.Image | np.ndarray, way: str, png: Make) -> None:
    path = tmp_path / "m.png"
    if isinstance(content, np.ndarray):
        path.write_bytes(png(content))
    else:
        content.save(path)
    mask = read_mask(path)
    assert mask.dtype == bool and (mask == MASK).all()


def test_masks_are_turned_as_their_pictures(tmp_path: Path, way: str, png: Make, turned: Callable[[int], bytes]) -> None:
    (tmp_path / "m.png").write_bytes(png(BYTES[..., None] * np.uint8(255), (b"eXIf", turned(6))))
    assert (read_mask(tmp_path / "m.png") == np.rot90(MASK, -1)).all()


def test_masks_whose_values_do_not_tell_are_refused_by_name(tmp_path: Path, way: str) -> None:
    path = tmp_path / "m.png"
    Image.fromarray(BYTES + np.uint8(254)).save(path)
    with pytest.raises(FileError, match=r"m\.png: is a mask with the values 254, 255; expected 0 and one other value"):
        read_mask(path)
    Image.fromarray(np.dstack([BYTES, BYTES * 0, 1 - BYTES]) * np.uint8(255)).save(path)
    with pytest.raises(FileError, match=r"colours \(0, 0, 255\), \(255, 0, 0\)"):
        read_mask(path)
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(path)
    with pytest.raises(FileError, match=r"0, 1, 2, 3, 4, 5, 6, 7, \.\.\. \(256 in all\)(.|\n)*--mask-values"):
        read_mask(path)
    Image.fromarray(np.tile(np.linspace(0, 120, 16, dtype=np.uint8), (16, 1))).save(tmp_path / "m.jpg")
    with pytest.raises(DataError, match="JPEG changes the values"):
        read_mask(tmp_path / "m.jpg")


@pytest.mark.parametrize("values", [(0, 128), (0, 1), (0, 236), (0, 3)])
def test_of_two_values_the_one_that_is_not_0_marks(tmp_path: Path, way: str, values: tuple[int, int]) -> None:
    Image.fromarray(np.where(MASK, values[1], values[0]).astype(np.uint8)).save(tmp_path / "m.png")
    assert (read_mask(tmp_path / "m.png") == MASK).all()


def test_one_colour_on_black_marks(tmp_path: Path, way: str) -> None:
    Image.fromarray(np.dstack([BYTES * 128, BYTES * 0, BYTES * 7])).save(tmp_path / "m.png")
    assert (read_mask(tmp_path / "m.png") == MASK).all()


def test_class_numbers_mark_and_blurred_borders_count_from_the_middle(tmp_path: Path, way: str) -> None:
    classes = np.zeros((40, 40), np.uint8)
    classes[5:10, 5:10], classes[20:30, 20:30] = 1, 4
    Image.fromarray(classes).save(tmp_path / "m.png")
    assert (read_mask(tmp_path / "m.png") == (classes > 0)).all()
    sharp = np.zeros((40, 40), np.uint8)
    sharp[10:30, 10:30] = 255
    blurred = cv2.GaussianBlur(sharp, (3, 3), 0)
    Image.fromarray(blurred).save(tmp_path / "b.png")
    assert (read_mask(tmp_path / "b.png") == (blurred > 127)).all()
    assert read_mask(tmp_path / "b.png", "nonzero").sum() == 22 * 22 > read_mask(tmp_path / "b.png").sum()


def test_a_rule_settles_what_values_do_not_tell(tmp_path: Path, way: str) -> None:
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(greys).save(tmp_path / "m.png")
    assert (read_mask(tmp_path / "m.png", "high") == (greys > 127)).all() and read_mask(tmp_path / "m.png", "nonzero").sum() == 255
    write_image(tmp_path / "deep.png", greys[..., None].astype(np.uint16) * np.uint16(257))
    assert (read_mask(tmp_path / "deep.png", "high") == (greys > 127)).all()
