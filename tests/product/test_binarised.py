"""Tones: gaps between the values of real pictures are left, and nothing else is moved."""

import numpy as np
import torch

from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.binarised import BinarisedLevels, find_levels
from flawsmith.product.exemplars import Exemplar

EIGHT = PixelRange(0.0, 255.0, "uint8")


def example(image: np.ndarray) -> Exemplar:
    mask = np.zeros(image.shape[:2], bool)
    mask[:3, :3] = True
    return Exemplar("dent", image, mask, mask, (0.5, 0.5), int(mask.sum()), "x.png")


def pictures(*levels: tuple[int, int], size: int = 64) -> np.ndarray:
    """Return a picture (H, W, 1) whose values are spread evenly over the given ranges."""
    g = np.random.default_rng(0)
    parts = [g.integers(low, high + 1, (size, size, 1)) for low, high in levels]
    return np.concatenate(parts).astype(np.uint8)


def snap(tones: BinarisedLevels, *values: int) -> list[int]:
    x = np.array(values, np.float32).reshape(1, 1, -1) / 127.5 - 1
    return np.rint((tones.snap(x).ravel() + 1) * 127.5).astype(int).tolist()


def test_greys_of_binary_pictures_become_black_or_white() -> None:
    tones = find_levels([example(pictures((0, 4), (250, 255)))], EIGHT, 1)
    assert tones is not None
    settled = snap(tones, 0, 3, 60, 120, 140, 200, 251, 255)
    assert settled[:2] == [0, 3] and settled[-2:] == [251, 255]  # as they were
    assert all(v <= 4 for v in settled[2:4]) and all(v >= 250 for v in settled[4:6])


def test_pictures_of_all_tones_are_left_alone() -> None:
    assert find_levels([example(pictures((20, 230)))], EIGHT, 1) is None  # nor is there anything to be moved beyond the ends


def test_a_dark_defect_on_a_bright_surface_is_no_binarised_picture() -> None:
    image = pictures((225, 235))
    mask = np.zeros(image.shape[:2], bool)
    mask[20:44, 20:44] = True
    image[mask] = 10
    assert find_levels([Exemplar("dent", image, mask, mask, (0.5, 0.5), int(mask.sum()), "x.png")], EIGHT, 1) is None


def test_what_is_missing_is_found_by_pixel() -> None:
    tones = find_levels([example(np.repeat(pictures((0, 4), (250, 255)), 3, 2))], EIGHT, 3)
    assert tones is not None
    x = np.ones((3, 4, 4), np.float32)
    x[1, 2, 3] = 0.1
    assert np.argwhere(tones.missing(x)).tolist() == [[2, 3]]


def test_cells_are_settled_as_pixels_are() -> None:
    planes = [pictures((0, 4), (250, 255)), pictures((0, 20), (200, 255)), pictures((0, 2), (230, 235))]
    tones = find_levels([example(np.concatenate(planes, 2))], EIGHT, 3)
    assert tones is not None
    x = torch.from_numpy(np.random.default_rng(1).uniform(-1.1, 1.1, (2, 3, 8, 8)).astype(np.float32))
    cells = torch.nn.functional.pixel_unshuffle(x, 2)  # (B, 12, 4, 4)
    back = torch.nn.functional.pixel_shuffle(tones.snap_cells(cells), 2)
    assert np.allclose(back.numpy(), np.stack([tones.snap(each.numpy()) for each in x]), atol=1e-6)
    assert not torch.equal(back, x)


def test_deep_pictures_use_their_own_range() -> None:
    image = np.where(np.random.default_rng(0).random((64, 64, 1)) < 0.5, 300, 3900).astype(np.uint16)
    tones = find_levels([example(image)], PixelRange(200.0, 4000.0, "uint16"), 1)
    assert tones is not None
    middle = tones.snap(np.full((1, 1, 1), 0.2, np.float32))
    assert 0.9 < float(middle[0, 0, 0]) < 1
