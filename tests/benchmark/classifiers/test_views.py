"""What a classifier sees: the right place, at the right scale, in every pose."""

from pathlib import Path

import numpy as np
import pytest

from flawsmith.benchmark.classifiers.views import main_defect, place_of, poses, view
from flawsmith.core.errors import DataError
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import bounding_box
from flawsmith.images.pixel_range import PixelRange

VALUES = PixelRange(0.0, 255.0, "uint8")


def square(top: int, left: int, side: int, size: tuple[int, int] = (120, 200)) -> Sample:
    mask = np.zeros(size, bool)
    mask[top : top + side, left : left + side] = True
    image = np.where(mask, 250, 50).astype(np.uint8)[..., None]
    return Sample(image, mask, "square", None, Path("a.png"))


@pytest.mark.parametrize("side", [20, 48])
def test_a_window_is_twice_the_defect_and_centred(side: int) -> None:
    sample = square(40, 60, side)
    assert place_of(sample, whole=False) == (40 + side / 2, 60 + side / 2, 2 * side)
    seen = view(sample, 64, VALUES)
    assert seen.shape == (64, 64, 3) and seen.dtype == np.float32
    bright = seen[..., 0] > 0.5
    assert bright.sum() == pytest.approx(32**2, rel=0.05) and bright[17:47, 17:47].all() and not bright[:15].any()


def test_windows_are_neither_tiny_nor_larger_than_the_picture() -> None:
    assert place_of(square(40, 60, 2), whole=False)[2] == 32
    assert place_of(square(5, 5, 110), whole=False)[2] == 200
    assert np.isfinite(view(square(0, 196, 4), 32, VALUES)).all()  # at the border


def test_the_largest_group_of_nearby_parts_is_looked_at() -> None:
    mask = np.zeros((100, 200), bool)
    mask[10:16, 10:16] = mask[10:16, 22:28] = True  # two parts of one defect, 6 pixels apart
    mask[60:68, 150:158] = True
    box = bounding_box(main_defect(mask))
    assert (box.top, box.left, box.height, box.width) == (10, 10, 6, 18)


def test_a_whole_picture_is_squeezed_into_the_square() -> None:
    sample = square(60, 0, 60)
    seen = view(sample, 40, VALUES, whole=True)[..., 0]
    assert seen[20:, :12].mean() > 0.9 and seen[:19].max() < 0.3 and seen[:, 13:].max() < 0.3


def test_random_views_depend_on_their_generator_and_keep_directions() -> None:
    sample = square(40, 60, 20)
    sample.image[:, :70], sample.image[:, 70:] = 60, 200  # a step from left to right through the defect
    one, again, other = (view(sample, 48, VALUES, g=numpy_generator(seed, "view")) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    across = []
    for turns in (False, True):
        seen = [view(sample, 48, VALUES, turns=turns, g=numpy_generator(seed, "view"))[..., 0] for seed in range(24)]
        sideways = [abs(float(x[:, :16].mean() - x[:, 32:].mean())) for x in seen]
        upright = [abs(float(x[:16].mean() - x[32:].mean())) for x in seen]
        across.append(sum(u > s for u, s in zip(upright, sideways, strict=True)))
    assert across[0] == 0 and 4 < across[1] < 20


def test_poses_are_all_different() -> None:
    seen = numpy_generator(0, "pose").random((6, 6, 3))
    for turns, count in ((True, 8), (False, 4)):
        assert len({pose.tobytes() for pose in poses(seen, turns)}) == count
    assert np.array_equal(poses(seen, False)[0], seen)


def test_sixteen_bit_pictures_are_seen_in_their_own_range() -> None:
    sample = square(40, 60, 20)
    deep = Sample(sample.image.astype(np.uint16) * 16, sample.mask, "square", None, Path("a.png"))
    assert np.allclose(view(deep, 32, PixelRange(0.0, 4080.0, "uint16")), view(sample, 32, VALUES), atol=1e-5)


def test_a_defect_without_a_mask_has_no_place() -> None:
    sample = Sample(np.zeros((9, 9, 1), np.uint8), None, "dent", None, Path("dent.png"))
    with pytest.raises(DataError, match="dent.png: has no mask"):
        place_of(sample, whole=False)
    assert place_of(sample, whole=True) == (4.5, 4.5, 9.0)
