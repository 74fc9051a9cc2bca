"""A defect put together from pieces of real ones is no copy as a whole, and its patches are found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawsmith.dataset.sample import Item
from flawsmith.formats.reading import read
from flawsmith.images.files import read_image, read_mask, write_image, write_mask
from flawsmith.metrics.measure import measure

pytest.importorskip("skimage")


def quilt(items: list[Item], normal: np.ndarray, side: int = 14) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture (H, W, 1) with a defect of four pieces of real ones on a normal, and its mask (H, W)."""
    image, mask = normal.copy(), np.zeros(normal.shape[:2], bool)
    for number, item in enumerate(items[:4]):
        assert item.mask is not None
        real, shape = read_image(item.image), read_mask(item.mask)
        rows, columns = np.nonzero(shape)
        top, left = (int(np.clip(int(x.mean()) - side // 2, 0, n - side)) for x, n in zip((rows, columns), shape.shape, strict=True))
        y, x = 10 + side * (number // 2), 12 + side * (number % 2)
        image[y : y + side, x : x + side] = real[top : top + side, left : left + side]
        mask[y : y + side, x : x + side] = True
    return image, mask


def test_a_quilt_of_real_defects_is_no_copy_but_its_patches_are(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    items = [item for items in read(data8).defects.values() for item in items]
    blobs = [item for item in items if item.defect == "blob"]
    out = make_pairs(tmp_path / "out", data8, 4, defects=("blob",))
    drawn = measure(items, out, small)["defects"]["blob"]["masks"]
    for line in (out / "pairs.jsonl").read_text().splitlines():
        row = json.loads(line)
        image, mask = quilt(blobs, read_image(Path(row["normal"])))
        write_image(out / row["image"], image)
        write_mask(out / row["mask"], mask)
    pieced = measure(items, out, small)["defects"]["blob"]["masks"]
    assert pieced["copies"]["count"] == 0
    assert pieced["patch_copies"]["value"] > 0.3 > drawn["patch_copies"]["value"]
    assert pieced["patch_copies"]["of_real"] == drawn["patch_copies"]["of_real"] > 0.9  # drawn blobs have one tone and one edge
    assert pieced["patch_copies"]["pairs"] == 4


def test_without_a_known_defect_of_the_kind_there_is_no_rate(data8: Path, make_pairs: Callable, small: Any, tmp_path: Path) -> None:
    items = [item for items in read(data8).defects.values() for item in items]
    found = measure(items, make_pairs(tmp_path / "out", data8, 2, defects=("hole",)), small)["defects"]["hole"]["masks"]["patch_copies"]
    assert found["value"] is None and "known real one" in found["reason"]
