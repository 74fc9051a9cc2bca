"""PNG files in strips: the same pixels whatever the strip, the filters and the chunks; and hardly any memory."""

import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from flawsmith.images import png as coder
from flawsmith.images.files import image_size, read_image, read_mask, write_image, write_mask

Make = Callable[..., bytes]
Noise = Callable[..., np.ndarray]
DEPTHS = [np.uint8, np.uint16]
MIB = 1 << 20

pictures = st.sampled_from(DEPTHS).flatmap(
    lambda dtype: hnp.arrays(dtype, st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)))
)
strips = st.sampled_from([1, 7, 16, 50, 100, 1 << 19])  # bytes: of less than a row, of some rows, of the whole picture
relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path) -> np.ndarray:
    with path.open("rb") as stream:
        header = coder.read_header(stream)
        assert coder.can_strip(header, coder.check_chunks(stream))
        return np.concatenate(list(coder.read_strips(stream, header)))


@relaxed
@given(array=pictures, strip=strips, written=strips)
def test_what_is_written_is_read_exactly(tmp_path: Path, array: np.ndarray, strip: int, written: int) -> None:
    path = tmp_path / "x.png"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coder, "STRIP", written)
        write_image(path, array)
        patch.setattr(coder, "STRIP", strip)
        for found in (read(path), read_image(path)):
            assert found.dtype == array.dtype and found.shape == array.shape
            assert (found == array).all()
    assert image_size(path) == array.shape[:2]


@relaxed
@given(
    array=pictures,
    strip=strips,
    filters=st.lists(st.integers(0, 4), min_size=1, max_size=9),
    piece=st.sampled_from([1, 2, 9, 1 << 20]),
)
def test_every_filter_is_undone(tmp_path: Path, array: np.ndarray, strip: int, filters: list[int], piece: int, png: Make) -> None:
    (tmp_path / "x.png").write_bytes(png(array, filters=filters, piece=piece))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coder, "STRIP", strip)
        found = read(tmp_path / "x.png")
    assert found.dtype == array.dtype and found.shape == array.shape and (found == array).all()


@relaxed
@given(array=hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 9), st.just(1))), simple=st.integers(0, 12))
def test_greys_of_simple_filters_are_read_whatever_comes_behind_them(tmp_path: Path, array: np.ndarray, simple: int, png: Make) -> None:
    array[::2, :] *= array[::2, :1] > 127  # black rows are passed over
    filters = [row % 2 if row < simple else 4 - row % 5 for row in range(12)]
    (tmp_path / "x.png").write_bytes(png(array, filters=filters))
    with (tmp_path / "x.png").open("rb") as stream:
        taken = coder.is_simple(stream, coder.read_header(stream))
    assert taken == (max(filters[: min(8, len(array))]) <= 1)
    assert (read_image(tmp_path / "x.png") == array).all()


@relaxed
@given(mask=hnp.arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))), strip=strips)
def test_masks_are_written_as_0_and_255(tmp_path: Path, mask: np.ndarray, strip: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coder, "STRIP", strip)
        write_mask(tmp_path / "new folder" / "m.png", mask)
    with Image.open(tmp_path / "new folder" / "m.png") as image:
        assert image.mode == "L" and (np.array(image) == mask * 255).all()
    assert (read_mask(tmp_path / "new folder" / "m.png") == mask).all()


def test_strips_of_a_large_picture(tmp_path: Path, noise: Noise) -> None:
    for array in (noise((300, 2000, 3)), noise((700, 500, 1), np.uint16), noise((2, 400_000, 1), np.uint16)):
        write_image(tmp_path / "x.png", array)
        with (tmp_path / "x.png").open("rb") as stream:
            sizes = [len(strip) for strip in coder.read_strips(stream, coder.read_header(stream))]
        assert len(sizes) > 1 and sum(sizes) == len(array) and sizes[0] == max(1, coder.STRIP // array[0].nbytes)
        assert (read_image(tmp_path / "x.png") == array).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("strip", [1 << 19, 20])
def test_other_programs_read_what_is_written(
    tmp_path: Path, dtype: type, channels: int, strip: int, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coder, "STRIP", strip)
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


def test_the_order_in_memory_does_not_matter(tmp_path: Path, noise: Noise) -> None:
    array = noise((20, 30, 3), np.uint16)
    for view in (array[::-1, ::2], array.swapaxes(0, 1), np.asfortranarray(array)):
        write_image(tmp_path / "x.png", view)
        assert (read_image(tmp_path / "x.png") == view).all()


def peak(work: Callable[[], object]) -> int:
    """Return the most bytes of arrays and bytes that the work held at a time beyond those there were before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("shape", "dtype"), [((2000, 2100, 1), np.uint16), ((1500, 2000, 3), np.uint8)])
def test_memory_does_not_grow_with_the_picture(tmp_path: Path, shape: tuple[int, ...], dtype: type, noise: Noise) -> None:
    array = noise(shape, dtype)  # about 8 MiB that do not compress
    assert peak(lambda: write_image(tmp_path / "x.png", array)) < 5 * MIB
    assert peak(lambda: read_image(tmp_path / "x.png")) < array.nbytes + 5 * MIB
    mask = noise((3000, 3000)) > 127
    assert peak(lambda: write_mask(tmp_path / "m.png", mask)) < 4 * MIB
    assert peak(lambda: read_mask(tmp_path / "m.png")) < mask.nbytes + 7 * MIB
