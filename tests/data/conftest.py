"""A drawn data folder, written without the code under test."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def mvtec(tmp_path: Path) -> Path:
    """A folder in the MVTec AD layout: 4 normals, 2 held out, 3 pictures each of crack and dent, 48 x 64 grey pixels."""
    root = tmp_path / "data"
    seeds = iter(range(100))

    def save(path: Path, pixels: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)

    def texture() -> np.ndarray:
        return np.random.default_rng(next(seeds)).integers(90, 110, (48, 64), dtype=np.uint8)

    for i in range(4):
        save(root / f"train/good/{i:03}.png", texture())
    for i in range(2):
        save(root / f"test/good/{i:03}.png", texture())
    for name in ("crack", "dent"):
        for i in range(3):
            picture, mask = texture(), np.zeros((48, 64), np.uint8)
            mask[10 : 20 + i, 5:30] = 255
            picture[mask > 0] = 200
            save(root / f"test/{name}/{i:03}.png", picture)
            save(root / f"ground_truth/{name}/{i:03}_mask.png", mask)
    return root
    return root
