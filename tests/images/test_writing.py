"""What is not written: other arrays, other names, half a file."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flawsmith.core.errors import DataError
from flawsmith.images import png
from flawsmith.images.files import read_image, write_image, write_mask

Noise = Callable[..., np.ndarray]


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
def test_other_arrays_are_not_written(tmp_path: Path, array: np.ndarray, noise: Noise) -> None:
    with pytest.raises(DataError, match="expected uint8 or uint16"):
        write_image(tmp_path / "x.png", array)
    with pytest.raises(DataError, match="expected a bool mask"):
        write_mask(tmp_path / "x.png", array)
    with pytest.raises(DataError, match=r"Name it x\.png"):
        write_image(tmp_path / "x.jpg", noise((4, 4, 3)))
    with pytest.raises(DataError, match=r"Name it x\.png"):
        write_mask(tmp_path / "x.tif", np.ones((4, 4), bool))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["in the last strip", "at the end"])
def test_an_interrupted_write_leaves_the_old_picture(tmp_path: Path, where: str, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.png"
    old = noise((4, 4, 3))
    write_image(path, old)
    calls = []

    def fail(*arguments: object) -> bytes:
        calls.append(arguments)
        if where == "at the end" or len(calls) == 4:
            raise OSError("no space left")
        return b"strip"

    monkeypatch.setattr(png, "STRIP", 12)
    monkeypatch.setattr(*((os, "replace", fail) if where == "at the end" else (png, "_chunk", fail)))
    with pytest.raises(OSError, match="no space"):
        write_image(path, noise((4, 4, 3), seed=1))
    monkeypatch.undo()
    assert (read_image(path) == old).all() and list(tmp_path.iterdir()) == [path]
