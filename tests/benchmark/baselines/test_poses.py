from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from flawsmith.benchmark.baselines.material import gather, grey
from flawsmith.benchmark.baselines.poses import Poses, fit_costs, lay
from flawsmith.core.errors import NoRoomError
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import GOOD, Sample
from flawsmith.dataset.windows import bounding_box


def bars(columns: slice, rows: slice | None = None) -> np.ndarray:
    image = np.full((100, 120, 1), 255, np.uint8)
    image[:, columns] = 0
    if rows is not None:
        image[rows, columns] = 255
    return image


def full(laid, size):
    mask = np.zeros(size, bool)
    mask[laid.top : laid.top + laid.mask.shape[0], laid.left : laid.left + laid.mask.shape[1]] = laid.mask
    return mask


def open_line() -> Sample:
    """Return a vertical line with a gap."""
    mask = np.zeros((100, 120), bool)
    mask[40:46, 30:40] = True
    return Sample(bars(slice(30, 40), slice(40, 46)), mask, "open", None, Path("open.png"))


def test_a_gap_lands_on_a_line_of_the_same_width():
    normal = Sample(bars(slice(77, 87)), None, GOOD, None, Path("good.png"))
    material = gather({"open": [open_line()]}, [normal])
    for seed in range(5):
        laid = lay(material, normal, "open", numpy_generator(seed))
        box = bounding_box(full(laid, (100, 120)))
        assert abs(box.left - 77) <= 1 and abs(box.left + box.width - 87) <= 1


def test_binarised_pictures_without_a_fitting_place_are_refused():
    normal = Sample(bars(slice(77, 87)), None, GOOD, None, Path("good.png"))
    white = Sample(np.full((100, 120, 1), 255, np.uint8), None, GOOD, None, Path("white.png"))
    material = gather({"open": [open_line()]}, [normal, white])
    with pytest.raises(NoRoomError, match="white.png"):
        lay(material, white, "open", numpy_generator(0))
    assert lay(replace(material, choosy=False), white, "open", numpy_generator(0)).mask.any()


def test_what_reached_the_border_reaches_it_again(make_flawed, make_normal):
    material = gather({"disc": [make_flawed(1, at=(1, 50))]}, [make_normal(i) for i in range(4)])
    for seed in range(12):
        mask = full(lay(material, make_normal(seed % 4), "disc", numpy_generator(seed)), (72, 90))
        rim = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        assert rim.sum() >= 8  # the flat side of the disc, not its round one


def test_all_else_lies_inside(make_flawed, make_normal):
    material = gather({"disc": [make_flawed(1, at=(12, 50))]}, [make_normal(2)])
    for seed in range(12):
        mask = full(lay(material, make_normal(2), "disc", numpy_generator(seed)), (72, 90))
        assert 0.7 < mask.sum() / make_flawed(1, at=(12, 50)).mask.sum() < 1.4
        assert not (mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def test_the_brightness_follows_the_surroundings(make_flawed, make_normal):
    normal = make_normal(2)
    dark = replace(normal, image=(normal.image * 0.7).astype(np.uint8))
    material = gather({"disc": [make_flawed(1)]}, [normal, dark])
    levels = []
    for picture in (normal, dark):
        found = [lay(material, picture, "disc", numpy_generator(seed)) for seed in range(8)]
        levels.append(np.mean([(laid.image[:, laid.mask].mean() + 1) for laid in found]))
    assert 0.6 < levels[1] / levels[0] < 0.85


def test_an_unresampled_defect_keeps_its_values(make_flawed, make_normal):
    sample = make_flawed(1)
    material = gather({"disc": [sample]}, [make_normal(2)])
    donor = material.donors["disc"][0]
    at = np.array([[40, 50]])
    for turn in (np.eye(2), np.array([[0.0, -1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])):
        poses = Poses(turn[None], at)
        view = grey(material.scale.to_model(sample.image, 1))
        cost = fit_costs(view, donor, poses)[0]
        assert (cost < 1e-9) == (turn == np.eye(2)).all()  # laid onto itself as it is, it fits entirely


def ring_part(seed: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Return a bright ring, whose middle moves a little, on a dark ground."""
    g = np.random.default_rng(seed)
    centre = 64 + int(g.integers(-4, 5)), 64 + int(g.integers(-4, 5))
    image = np.full((128, 128), 20, np.uint8)
    cv2.circle(image, centre[::-1], 50, 200, -1)
    cv2.circle(image, centre[::-1], 30, 60, -1)
    return np.clip(image + g.normal(0, 2, image.shape), 0, 255).astype(np.uint8)[..., None], centre


def test_an_aligned_object_keeps_its_defects_on_the_same_ring():
    normals = [Sample(ring_part(i)[0], None, GOOD, None, Path(f"good{i}.png")) for i in range(6)]
    image, centre = ring_part(9)
    mask = cv2.circle(np.zeros((128, 128), np.uint8), (centre[1] + 40, centre[0]), 6, 1, -1).astype(bool)
    image = image.copy()
    image[mask] = 120
    material = gather({"chip": [Sample(image, mask, "chip", None, Path("chip.png"))]}, normals)
    assert material.fixed
    angles = []
    for i in range(12):
        rows, columns = np.nonzero(full(lay(material, normals[i % 6], "chip", numpy_generator(i)), (128, 128)))
        _, middle = ring_part(i % 6)
        y, x = rows.mean() - middle[0], columns.mean() - middle[1]
        assert 36 < np.hypot(y, x) < 44
        angles.append(np.arctan2(y, x))
    assert np.std(angles) > 0.5  # and not at one place only
