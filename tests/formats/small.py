"""Small data folders for the readers' tests, and what is read from them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import flawsmith as fs
from flawsmith.core.errors import FlawsmithError

SIZE = (20, 30)  # of the pictures, (H, W)


def pictures(root: Path, *names: str, size: tuple[int, int] = SIZE) -> Path:
    """Draw grey pictures, and return their folder."""
    for i, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(size, 90 + i, np.uint8)).save(path)
    return root


def labels(path: Path, tree: Any) -> Path:
    """Write a label file in JSON, or as the text that `tree` is, and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree), encoding="utf-8")
    return path


def masks(path: Path, **said: Any) -> dict[tuple[str, str], np.ndarray]:
    """Return the masks that are read, (H, W) bool by the picture's name and the defect."""
    return {(s.source.name, s.defect): np.asarray(s.mask) for s in fs.read(path, **said).samples()}


def areas(path: Path, **said: Any) -> dict[tuple[str, str], int]:
    """Return how many pixels are marked, by the picture's name and the defect."""
    return {key: int(mask.sum()) for key, mask in masks(path, **said).items()}


def box(top: int, bottom: int, left: int, right: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a mask (H, W) bool of an upright rectangle."""
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def read_or_refused(path: Path, **said: Any) -> None:
    """Read everything in a folder; what cannot be read is refused with a reason, and never otherwise."""
    try:
        for sample in fs.read(path, **said).samples():
            assert sample.mask is not None and sample.mask.shape == sample.image.shape[:2]
    except FlawsmithError as error:
        assert str(error)
