"""Masks whose values are classes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawsmith.core.errors import FileError
from flawsmith.images.codes import MOST_COLOURS, code_name, read_codes

INDEXES = np.array([[0, 1, 2], [2, 2, 0]], np.uint8)
COLOURS = [(0, 0, 0), (255, 0, 0), (0, 128, 192)]


def palette(path: Path, colours: list[tuple[int, int, int]]) -> Path:
    image = Image.fromarray(INDEXES)
    image.putpalette([value for colour in colours for value in colour])
    image.save(path)
    return path


def test_indexes_of_a_palette_or_its_colours(tmp_path: Path) -> None:
    path = palette(tmp_path / "a.png", COLOURS)
    codes = read_codes(path)
    assert np.array_equal(codes.values, INDEXES) and not codes.colours and codes.counts == {0: 2, 1: 1, 2: 3}
    codes = read_codes(path, as_colours=True)
    assert codes.colours and codes.counts == {0: 2, 0xFF0000: 1, 0x0080C0: 3}
    assert [code_name(value, True) for value in codes.counts] == ["#000000", "#0080c0", "#ff0000"]


def test_a_palette_whose_black_is_not_the_first_goes_by_colours(tmp_path: Path) -> None:
    codes = read_codes(palette(tmp_path / "a.png", [COLOURS[1], COLOURS[0], COLOURS[2]]))
    assert codes.colours and codes.counts == {0: 1, 0xFF0000: 2, 0x0080C0: 3}


def test_greys_and_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for array in (INDEXES, INDEXES.astype(np.uint16) * 300, np.stack([INDEXES] * 3, 2)):
        Image.fromarray(array).save(path)
        codes = read_codes(path)
        assert np.array_equal(codes.values, array if array.ndim == 2 else array[..., 0]) and not codes.colours
    Image.fromarray(np.array(COLOURS, np.uint8)[INDEXES]).save(path)
    assert read_codes(path).counts == {0: 2, 0xFF0000: 1, 0x0080C0: 3}


def test_a_photograph_is_no_mask(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(FileError, match=f"is a mask with 10.. colours; expected .* at most {MOST_COLOURS}"):
        read_codes(tmp_path / "a.png")
