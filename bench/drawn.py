"""A drawn product for benchmarks: striped grey pictures with dark scratches, so that nothing has to be downloaded."""

from pathlib import Path

import cv2
import numpy as np


def write_drawn(folder: Path, size: int = 256, normals: int = 24, defects: int = 8) -> Path:
    """Write the product in MVTec AD layout into `folder` and return it."""
    g = np.random.default_rng(0)
    for i in range(normals):
        _write(folder / "train" / "good" / f"{i:03d}.png", _texture(size, g))
    for i in range(defects):
        image, mask = _texture(size, g), np.zeros((size, size), np.uint8)
        start, end = g.integers(size // 4, 3 * size // 4, (2, 2))
        end = start + (end - start) // 4 + 4
        cv2.line(mask, tuple(map(int, start)), tuple(map(int, end)), 255, 4)
        _write(folder / "test" / "scratch" / f"{i:03d}.png", np.where(mask > 0, image // 3, image))
        _write(folder / "ground_truth" / "scratch" / f"{i:03d}_mask.png", mask)
    return folder


def _texture(size: int, g: np.random.Generator) -> np.ndarray:
    stripes = 150 + 40 * np.sin(np.arange(size) / 9 + g.uniform(0, 6))[None].repeat(size, 0)
    return np.clip(stripes + g.normal(0, 4, (size, size)), 0, 255).astype(np.uint8)


def _write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), picture):
        raise OSError(f"{path}: could not be written.")
