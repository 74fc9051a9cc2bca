"""Drawn products for benchmarks: striped grey pictures with dark defects, so that nothing has to be downloaded."""

from pathlib import Path

import cv2
import numpy as np

SPOT = 6  # pixels across


def write_drawn(folder: Path, size: int = 256, normals: int = 24, defects: int = 8) -> Path:
    """Write a product with scratches, 8 bits, in MVTec AD layout into `folder` and return it."""
    g = np.random.default_rng(0)
    for i in range(normals):
        _write(folder / "train" / "good" / f"{i:03d}.png", _texture(size, size, g))
    for i in range(defects):
        image, mask = _texture(size, size, g), np.zeros((size, size), np.uint8)
        start, end = g.integers(size // 4, 3 * size // 4, (2, 2))
        end = start + (end - start) // 4 + 4
        cv2.line(mask, tuple(map(int, start)), tuple(map(int, end)), 255, 4)
        _write(folder / "test" / "scratch" / f"{i:03d}.png", np.where(mask > 0, image // 3, image))
        _write(folder / "ground_truth" / "scratch" / f"{i:03d}_mask.png", mask)
    return folder


def write_spotted(folder: Path, size: int = 512, normals: int = 8, defects: int = 6) -> Path:
    """Write a product with spots of SPOT pixels, 12-bit values in 16 bits, in MVTec AD layout into `folder` and return it."""
    g = np.random.default_rng(0)
    write_normals(folder / "train" / "good", size, size, normals)
    y, x = np.mgrid[:SPOT, :SPOT] - (SPOT - 1) / 2
    disc = np.hypot(y, x) < SPOT / 2
    for i in range(defects):
        image, mask = _texture(size, size, g), np.zeros((size, size), bool)
        top, left = g.integers(size // 8, size - size // 8, 2)
        mask[top : top + SPOT, left : left + SPOT] = disc
        _write(folder / "test" / "spot" / f"{i:03d}.png", np.where(mask, image // 3, image).astype(np.uint16) * 16)
        _write(folder / "ground_truth" / "spot" / f"{i:03d}_mask.png", mask * np.uint8(255))
    return folder


def write_normals(folder: Path, height: int, width: int, count: int) -> Path:
    """Write `count` good pictures of the spotted product into `folder` and return it."""
    g = np.random.default_rng(1)
    for i in range(count):
        _write(folder / f"{i:03d}.png", _texture(height, width, g).astype(np.uint16) * 16)
    return folder


def _texture(height: int, width: int, g: np.random.Generator) -> np.ndarray:
    stripes = 150 + 40 * np.sin(np.arange(width) / 9 + g.uniform(0, 6))[None]
    picture = np.empty((height, width), np.uint8)
    for top in range(0, height, 256):  # a large picture's noise at once would take gigabytes
        rows = picture[top : top + 256]
        rows[:] = np.clip(stripes + g.normal(0, 4, rows.shape), 0, 255)
    return picture


def _write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), picture):
        raise OSError(f"{path}: could not be written.")
