"""Masks between page and server."""

import base64
import zlib

import numpy as np
import pytest

from flawsmith.core.errors import DataError
from flawsmith.studio.bits import pack, unpack


@pytest.mark.parametrize("size", [(1, 1), (3, 8), (5, 9), (48, 56), (2, 1001)])
def test_a_mask_comes_back(size: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).random(size) < 0.3
    found = unpack(pack(mask), size)
    assert found.dtype == bool and np.array_equal(found, mask)


@pytest.mark.parametrize("size", [(48, 48), (48, 64), (47, 56), (480, 56)])
def test_one_of_another_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="not of"):
        unpack(pack(np.zeros((48, 56), bool)), size)


@pytest.mark.parametrize("text", ["", "no base64!", base64.b64encode(b"no stream").decode(), pack(np.ones((48, 56), bool))[:-8], "\u00e4"])
def test_what_is_no_mask_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        unpack(text, (48, 56))


def test_a_bomb_is_not_unpacked() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(1 << 26), 9)).decode()
    with pytest.raises(DataError, match="not of"):
        unpack(bomb, (48, 56))
