"""Pictures read small: as the whole ones made smaller, upright, in little memory."""

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from flawsmith.core.errors import FileError
from flawsmith.images.files import read_image, read_small, write_image


def smooth(height: int, width: int, channels: int, dtype: type = np.uint8) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 30 + channel) + np.cos(y / 40) for channel in range(channels)]
    return ((np.stack(waves, -1) + 2) / 4 * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (3, np.uint8), (4, np.uint8), (1, np.uint16), (3, np.uint16)])
def test_a_png_is_made_smaller_by_means(tmp_path: Path, channels: int, dtype: type) -> None:
    picture = smooth(1203, 1607, channels, dtype)
    write_image(tmp_path / "a.png", picture)
    found = read_small(tmp_path / "a.png", 200)
    assert found.dtype == dtype and found.shape == (301, 402, channels)
    expected = cv2.resize(picture, (402, 301), interpolation=cv2.INTER_AREA).reshape(301, 402, channels)
    assert np.abs(found.astype(int) - expected).max() <= 0.03 * np.iinfo(dtype).max


@pytest.mark.parametrize("turned", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_it_is_upright(tmp_path: Path, suffix: str, turned: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turned
    grey = np.zeros((600, 900), np.uint8)
    grey[:150, :300] = 220
    Image.fromarray(grey).save(tmp_path / f"a{suffix}", exif=exif)
    whole, found = read_image(tmp_path / f"a{suffix}"), read_small(tmp_path / f"a{suffix}", 100)
    assert 100 <= max(found.shape[:2]) <= 300 and (found.shape[0] > found.shape[1]) == (whole.shape[0] > whole.shape[1])
    again = cv2.resize(whole, found.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(found[..., 0].astype(int) - again).mean() < 6


def test_a_small_one_stays_as_it_is(tmp_path: Path) -> None:
    picture = smooth(48, 64, 3)
    write_image(tmp_path / "a.png", picture)
    assert np.array_equal(read_small(tmp_path / "a.png", 224), picture)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_large_one_takes_little_memory(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(np.zeros((4000, 5000, 3), np.uint8)).save(tmp_path / f"a{suffix}")
    tracemalloc.start()
    found = read_small(tmp_path / f"a{suffix}", 224)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(found.shape) < 700 and peak < 12e6  # the whole has 60e6


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_damaged_one_is_refused(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(smooth(900, 900, 1)[..., 0]).save(tmp_path / f"a{suffix}")
    content = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"a{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(FileError, match="a" + suffix):
        read_small(tmp_path / f"a{suffix}", 100)
