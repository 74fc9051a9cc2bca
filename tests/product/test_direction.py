"""Grinding marks have a direction; clouds, rings and boards whose pictures lean either way have none."""

import cv2
import numpy as np
import pytest

from flawsmith.product.direction import has_direction


def marks(seed: int, size: tuple[int, int] = (60, 80)) -> np.ndarray:
    """Return a picture (H, W, 1) with vertical marks and noise."""
    g = np.random.default_rng(seed)
    lines = cv2.GaussianBlur(g.normal(0, 40, (1, size[1])).astype(np.float32), (0, 0), 1)
    return np.clip(120 + lines + g.normal(0, 4, size), 0, 255).astype(np.uint8)[..., None]


def clouds(seed: int) -> np.ndarray:
    g = np.random.default_rng(seed)
    return np.clip(120 + cv2.GaussianBlur(g.normal(0, 90, (60, 80)).astype(np.float32), (0, 0), 2), 0, 255).astype(np.uint8)[..., None]


def test_marks_have_a_direction_however_they_lie() -> None:
    images = [marks(i) for i in range(5)]
    assert has_direction(images) and has_direction([np.rot90(x) for x in images])
    assert has_direction([np.concatenate([x.repeat(3, 2), x], 2) for x in images])  # colours and alpha
    assert has_direction([x.astype(np.uint16) * 16 for x in images])
    assert has_direction([np.tile(marks(i)[:1], (60, 1, 1)) for i in range(5)])  # perfectly straight, as if drawn


def test_clouds_have_none_and_neither_have_pictures_that_disagree() -> None:
    assert not has_direction([clouds(i) for i in range(5)])
    assert not has_direction([marks(i) if i % 2 else np.rot90(marks(i)) for i in range(6)])


@pytest.mark.parametrize("images", [[], [np.full((8, 8, 1), 9, np.uint8)], [np.zeros((1, 9, 1), np.uint8)]])
def test_nothing_to_see_has_none(images: list[np.ndarray]) -> None:
    assert not has_direction(images)
