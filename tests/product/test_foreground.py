"""The object in a picture: found in any pose where the product has a background, and not claimed where it has none."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import grow
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.background import SIDE, Background, background_from, learn_background, shrink
from flawsmith.product.foreground import foreground, measure_reaches

SIZE = (150, 200)
EIGHT, TWELVE = PixelRange(0.0, 255.0, "uint8"), PixelRange(100.0, 4000.0, "uint16")


def hammer(angle: float, centre: tuple[float, float], size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return the outline (H, W) bool of an object with a head and a shaft, turned."""
    mask = np.zeros(size, np.uint8)
    unit = size[0] / 150
    for along, length, width in ((0, 90, 18), (38, 22, 56)):
        middle = (centre[0] + unit * along * np.cos(angle), centre[1] + unit * along * np.sin(angle))
        corners = cv2.boxPoints((middle, (unit * length, unit * width), float(np.degrees(angle))))
        cv2.fillPoly(mask, [corners.round().astype(np.int32)], 1)
    return mask.astype(bool)


def light(size: tuple[int, int]) -> np.ndarray:
    """Return how bright the light is, (H, W): it falls off to one side."""
    return 1 - 0.1 * np.linspace(0, 1, size[1])[None] ** 2 - 0.05 * np.linspace(0, 1, size[0])[:, None]


def grey_picture(mask: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return a mottled dark object (H, W), 0 to 1, on a bright background with noise, uneven light and a soft shadow."""
    shadow = cv2.GaussianBlur(np.roll(mask, (5, 5), (0, 1)).astype(np.float32), (0, 0), 8)
    mottled = 0.3 + 0.05 * cv2.GaussianBlur(g.normal(0, 4, mask.shape).astype(np.float32), (0, 0), 2)
    values = np.where(mask, mottled, 0.8 * light(mask.shape) - 0.12 * shadow)
    return cv2.GaussianBlur(values.astype(np.float32), (0, 0), 0.7) + g.normal(0, 0.006, mask.shape)


def store(values: np.ndarray, scale: PixelRange = EIGHT, channels: int = 1) -> np.ndarray:
    """Return values (H, W), 0 to 1, as a stored picture (H, W, C)."""
    planes = [values * (1 - 0.1 * c) for c in range(min(channels, 3))]
    pixels = np.stack([scale.low + p * (scale.high - scale.low) for p in planes], axis=-1)
    if channels == 4:
        pixels = np.concatenate([pixels, np.random.default_rng(0).uniform(0, 255, (*values.shape, 1))], axis=-1)  # alpha says nothing
    return np.clip(pixels.round(), 0, 65535 if scale.dtype == "uint16" else 255).astype(scale.dtype)


def pose(i: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    g = np.random.default_rng(i)
    return hammer(g.uniform(0, 2 * np.pi), (size[1] * g.uniform(0.42, 0.58), size[0] * g.uniform(0.45, 0.55)), size)


def fits(found: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether all of an object was found and nothing more than three pixels away from it, but for a few pixels."""
    return (found & mask).sum() > 0.99 * mask.sum() and (found & ~grow(mask, 3)).sum() < 0.04 * mask.sum()


@pytest.fixture(scope="module")
def background() -> Background:
    found = learn_background([store(grey_picture(pose(i), np.random.default_rng(i))) for i in range(8)], EIGHT)
    assert found is not None
    return found


@pytest.mark.parametrize(("scale", "channels"), [(EIGHT, 1), (EIGHT, 3), (EIGHT, 4), (TWELVE, 1), (TWELVE, 3)])
def test_the_object_is_found_in_any_pose_without_its_shadow(scale: PixelRange, channels: int) -> None:
    normals = [store(grey_picture(pose(i), np.random.default_rng(i)), scale, channels) for i in range(8)]
    learned = learn_background(normals, scale)
    assert learned is not None and len(learned.colour) == (3 if channels >= 3 else 1)
    for i in range(100, 106):
        found = foreground(store(grey_picture(pose(i), np.random.default_rng(i)), scale, channels), learned, scale)
        assert found.dtype == bool and found.shape == SIZE
        assert fits(found, pose(i))


def test_what_is_learned_are_plain_numbers(background: Background) -> None:
    known = measure_reaches(background, {"dent": [sample(0, 0)]}, EIGHT)
    assert background_from(json.loads(json.dumps(asdict(known)))) == known
    assert background_from(None) is None
    assert not known.fixed, "the hammers lie in all directions"
    assert known.noise == pytest.approx(3 * 0.006, rel=0.1), "three standard deviations"
    assert known.colour[0] == pytest.approx(0.75, abs=0.03) and known.share == pytest.approx((0.095, 0.1), abs=0.01)


def test_an_object_that_always_lies_alike_is_said_to() -> None:
    poses = [hammer(0.02 * i, (95 + i, 75)) for i in range(6)]
    learned = learn_background([store(grey_picture(mask, np.random.default_rng(0))) for mask in poses], EIGHT)
    assert learned is not None and learned.fixed and learned.overlap < 1


def clouds(i: int) -> np.ndarray:
    g = np.random.default_rng(i)
    return 0.5 + 0.1 * cv2.GaussianBlur(g.normal(0, 8, SIZE).astype(np.float32), (0, 0), 6) + g.normal(0, 0.02, SIZE)


def boards(i: int) -> np.ndarray:
    g = np.random.default_rng(i)
    stripes = (np.arange(SIZE[1]) + int(g.integers(60))) // int(g.integers(15, 30)) % 2 == 0
    return np.broadcast_to(np.where(stripes, 0.1, 0.9), SIZE) + g.normal(0, 0.01, SIZE)


def holes(i: int) -> np.ndarray:
    g = np.random.default_rng(i)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.where((y % 30 - 15) ** 2 + (x % 30 - 15) ** 2 < 60, 0.1, 0.7) + g.normal(0, 0.01, SIZE)


def spotlight(i: int) -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return 0.3 + 0.4 * np.exp(-(((y - 75) / 35) ** 2) - ((x - 100 - i) / 45) ** 2) + np.random.default_rng(i).normal(0, 0.01, SIZE)


def plain(i: int) -> np.ndarray:
    return 0.5 + np.random.default_rng(i).normal(0, 0.01, SIZE)


def other_backgrounds(i: int) -> np.ndarray:
    return np.where(pose(i), 0.5, (0.1, 0.35, 0.65, 0.9)[i % 4]) + np.random.default_rng(i).normal(0, 0.006, SIZE)


def stains(i: int) -> np.ndarray:
    """Return a plain surface with one sharp stain, of another size in every picture."""
    mask = cv2.circle(np.zeros(SIZE, np.uint8), (100, 75), 14 + 5 * i, 1, -1).astype(bool)
    return np.where(mask, 0.2, 0.7) + np.random.default_rng(i).normal(0, 0.01, SIZE)


def halves(i: int) -> np.ndarray:
    return np.where(np.arange(SIZE[1]) < 90, 0.2, 0.8) + np.random.default_rng(i).normal(0, 0.01, SIZE)


def faint(i: int) -> np.ndarray:
    return np.where(pose(i), 0.4, 0.6) + np.random.default_rng(i).normal(0, 0.02, SIZE)


def now_and_then(i: int) -> np.ndarray:
    return grey_picture(pose(i) if i % 4 else np.zeros(SIZE, bool), np.random.default_rng(i))


@pytest.mark.parametrize("picture", [clouds, boards, holes, spotlight, plain, other_backgrounds, stains, halves, faint, now_and_then])
def test_no_background_is_claimed_where_there_is_none_for_sure(picture: Callable[[int], np.ndarray]) -> None:
    assert learn_background([store(picture(i)) for i in range(8)], EIGHT) is None


def test_two_normals_tell_nothing() -> None:
    normals = [store(grey_picture(pose(i), np.random.default_rng(i))) for i in range(3)]
    assert learn_background(normals[:2], EIGHT) is None
    assert learn_background(normals, EIGHT) is not None


def test_one_odd_normal_in_ten_does_not_hide_the_background() -> None:
    normals = [store(grey_picture(pose(i), np.random.default_rng(i))) for i in range(10)]
    normals[4] = store(plain(0))
    assert learn_background(normals, EIGHT) is not None
    normals[5:7] = [store(plain(1)), store(clouds(0))]
    assert learn_background(normals, EIGHT) is None


def test_small_holes_are_filled_large_ones_through_which_the_background_is_seen_stay_open(background: Background) -> None:
    values = grey_picture(block := np.pad(np.ones((70, 50), bool), ((40, 40), (75, 75))), np.random.default_rng(0))
    ground = 0.8 * light(SIZE)
    values[50:54, 90:94] = ground[50:54, 90:94]  # a highlight of the background's brightness
    values[80:100, 90:110] = ground[80:100, 90:110]
    found = foreground(store(values), background, EIGHT)
    assert found[50:54, 90:94].all()
    assert not found[82:98, 92:108].any()
    values[80:100, 90:110] = ground[80:100, 90:110] - 0.05  # a bright face of the object, nearly like the background
    assert background.noise < 0.05 < background.tolerance
    assert fits(foreground(store(values), background, EIGHT), block)


def test_a_thin_gap_does_not_part_the_object(background: Background) -> None:
    values = grey_picture(mask := hammer(0.0, (90, 75)), np.random.default_rng(0))
    values[:, 80] = 0.8 * light(SIZE)[:, 80]
    found = foreground(store(values), background, EIGHT)
    assert found[67:83, 80].all() and fits(found, mask)


def test_an_object_may_cross_the_border_and_need_no_noise() -> None:
    ground = np.full(SIZE, 0.8)
    bars = [np.broadcast_to((np.arange(SIZE[1]) >= 50 + i) & (np.arange(SIZE[1]) < 120 + i), SIZE) for i in range(4)]
    learned = learn_background([store(np.where(bar, 0.3, ground)) for bar in bars], EIGHT)
    assert learned is not None and 0 < learned.noise < learned.tolerance
    assert all((foreground(store(np.where(bar, 0.3, ground)), learned, EIGHT) == bar).all() for bar in bars)


def test_specks_are_no_object(background: Background) -> None:
    values = grey_picture(mask := hammer(0.3, (110, 80)), np.random.default_rng(0))
    values[10:16, 10:16] = 0.2
    found = foreground(store(values), background, EIGHT)
    assert not found[5:20, 5:20].any() and fits(found, mask)


@pytest.mark.parametrize(
    "values",
    [
        np.full(SIZE, 0.2),  # another background
        np.full(SIZE, 0.74),  # no object
        np.pad(np.full((142, 192), 0.2), 4, constant_values=0.74),  # hardly any background
        1 - grey_picture(pose(3), np.random.default_rng(3)),  # the object on another background
    ],
)
def test_in_a_picture_unlike_the_normals_the_object_is_everywhere(background: Background, values: np.ndarray) -> None:
    assert foreground(store(values), background, EIGHT).all()


def test_large_pictures_are_looked_at_small_and_answered_in_full(background: Background) -> None:
    size = (1500, 2000)
    mask = hammer(1.0, (1000, 750), size)
    image = store(np.where(mask, 0.3, 0.8 * light(size)))
    assert shrink(image).shape == (443, 591, 1) and shrink(image).size <= SIDE**2 and shrink(image).dtype == np.uint8
    found = foreground(image, background, EIGHT)
    assert found.shape == size and (found ^ mask).sum() < 0.04 * mask.sum()
    assert shrink(store(plain(0), channels=3)).shape == (*SIZE, 3), "small pictures stay as they are"


def test_what_is_learned_from_shrunken_pictures_is_the_same() -> None:
    size = (900, 1200)
    normals = [store(grey_picture(pose(i, size), np.random.default_rng(i))) for i in range(3)]
    assert learn_background(normals, EIGHT) == learn_background([shrink(normal) for normal in normals], EIGHT) is not None


def sample(row: int, column: int, size: int = 6, seed: int = 0) -> Sample:
    """Return a picture of the hammer lying straight, with a defect that begins so far from the middle of its shaft."""
    mask = np.zeros(SIZE, bool)
    mask[75 + row : 75 + row + size, 80 + column : 80 + column + size] = True
    image = store(grey_picture(hammer(0.0, (90, 75)), np.random.default_rng(seed)))
    return Sample(image, mask, "dent", None, Path("a.png"))


def test_a_defect_reaches_as_far_from_the_object_as_most_real_ones(background: Background) -> None:
    on, speck = sample(0, 0), sample(50, 0, 1).mask
    assert on.mask is not None and speck is not None
    defects = {
        "on": [sample(0, 0), sample(-8, 4)],
        "beside": [sample(0, 0), sample(11, 0)],  # its centre is 5 pixels below the shaft
        "far": [sample(50, 0), sample(0, 0)],
        "mostly on": [sample(0, 3 * i - 12) for i in range(12)] + [sample(50, 0)],
        "with a speck": [Sample(on.image, on.mask | speck, "dent", None, on.source)],
        "none": [],
    }
    known = measure_reaches(background, defects, EIGHT)
    assert known.reach("on") == 0.0 and known.reach("mostly on") == known.reach("with a speck") == 0.0
    assert known.reaches["beside"] == pytest.approx(0.9 * 5 / 200, abs=0.01) and known.reach("beside") == known.reaches["beside"]
    assert known.reaches["far"] > 0.1 and known.reach("far") is None, "it is not bound to the object"
    assert known.reach("none") is None and known.reach("unheard of") is None


def test_a_defects_pixels_go_as_far_as_in_the_real_picture_where_they_go_farthest(background: Background) -> None:
    defects = {"on": [sample(0, 0), sample(-8, 4)], "out": [sample(0, 0), sample(5, 0, 16)], "far": [sample(50, 0)]}
    known = measure_reaches(background, defects, EIGHT)
    assert known.extent("on") == 0.0
    assert known.extent("out") == pytest.approx(11 / 200, abs=0.01), "pixels of the square go 11 below the shaft, its centre 4"
    assert known.extents["far"] > 0.1 and known.extent("far") is None, "it is not bound to the object"


def test_pictures_that_do_not_show_the_object_tell_nothing_of_a_defect(background: Background) -> None:
    odd = Sample(store(np.full(SIZE, 0.2)), sample(0, 0).mask, "dent", None, Path("a.png"))
    assert measure_reaches(background, {"dent": [odd]}, EIGHT).reaches == {}
    assert measure_reaches(background, {"dent": [odd, sample(50, 0)]}, EIGHT).reaches["dent"] > 0.1


def test_the_reach_grows_the_object(background: Background) -> None:
    image = store(grey_picture(hammer(0.0, (90, 75)), np.random.default_rng(0)))
    near, far = foreground(image, background, EIGHT), foreground(image, background, EIGHT, 0.05)
    assert near[75, 60] and not near[75 + 18, 60] and far[75 + 18, 60] and not far[75 + 22, 60]
