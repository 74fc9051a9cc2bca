"""A folder of pairs drawn on the normals of the drawn product, and an extractor without a network."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from flawsmith.images.files import read_image, write_image, write_mask


class Small:
    """Features of an 8 x 8 thumbnail and maps of two scales: an extractor that costs nothing."""

    name, digest = "Small", "0123456789ab"

    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA).mean(-1).ravel() for image in images], np.float32)

    def head(self, features: np.ndarray) -> np.ndarray:
        return features[:, :10] * 20

    def maps(self, images: Tensor) -> list[Tensor]:
        edges = torch.cat([images, images.diff(dim=3, append=images[..., -1:]), images.diff(dim=2, append=images[..., -1:, :])], 1)
        return [edges, torch.nn.functional.avg_pool2d(edges, 2), torch.nn.functional.avg_pool2d(edges, 4)]


@pytest.fixture
def small() -> Small:
    """The extractor without a network."""
    return Small()


@pytest.fixture(scope="session")
def make_pairs() -> Callable[..., Path]:
    """Return the function that writes pairs of discs on a product's normals: (out, data, count, defects, outside, seed) -> out.

    outside: grey levels added to every pixel outside the mask.
    """

    def make(out: Path, data: Path, count: int = 12, defects: Sequence[str] = ("blob", "line"), outside: int = 0, seed: int = 1) -> Path:
        g = np.random.default_rng(seed)
        normals = sorted((data / "train/good").glob("*.png"))
        rows: list[dict[str, Any]] = []
        for number in range(count):
            path, defect = normals[number % len(normals)], defects[number % len(defects)]
            normal = read_image(path)
            height, width = normal.shape[:2]
            disc = np.zeros((height, width), np.uint8)
            middle = int(g.integers(10, width - 10)), int(g.integers(10, height - 10))
            mask = cv2.circle(disc, middle, int(g.integers(3, 6)), 1, -1) > 0
            full = 4095 if normal.dtype == np.uint16 else 255
            grain = cv2.GaussianBlur(g.normal(0, 0.3 * full, normal.shape).astype(np.float32), (0, 0), 0.8).reshape(normal.shape)
            drawn = np.where(mask[..., None], 0.2 * normal + 0.6 * full + grain, normal.astype(float) + outside)
            row = {"id": f"{number:06d}", "defect": defect, "verdict": "accepted", "reasons": [], "scores": {}, "seed": number}
            row |= {"image": f"test/{defect}/{number:06d}.png", "mask": f"ground_truth/{defect}/{number:06d}_mask.png"}
            rows.append(row | {"normal": str(path), "region": [0, 0, 1, 1], "model": "m", "size": [height, width]})
            write_image(out / rows[-1]["image"], np.clip(drawn, 0, full).round().astype(normal.dtype))
            write_mask(out / rows[-1]["mask"], mask)
        (out / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return out

    return make
