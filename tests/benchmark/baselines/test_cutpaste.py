from typing import Any

import numpy as np
import pytest

from flawsmith.benchmark.baselines import cutpaste as module
from flawsmith.benchmark.baselines.cutpaste import AREA, cutpaste, jittered
from flawsmith.benchmark.baselines.material import gather
from flawsmith.benchmark.baselines.visible import change
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.windows import bounding_box


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint8", 4), ("uint16", 1), ("uint16", 3)])
def test_only_the_mask_changes(make_normal, dtype, channels):
    normal = make_normal(0, dtype, channels)
    material = gather({}, [normal])
    for seed in range(6):
        pair: Any = cutpaste(material, normal, "cutpaste", numpy_generator(seed))
        assert pair.mask.any() and pair.image.dtype == dtype
        assert (pair.image[~pair.mask] == normal.image[~pair.mask]).all()
        if channels == 4:
            assert (pair.image[..., 3] == normal.image[..., 3]).all()


def test_rectangles_and_scars_come_about_as_often_and_have_their_sizes(make_normal):
    normal = make_normal(0)
    material = gather({}, [normal])
    scars = 0
    for seed in range(60):
        mask: Any = cutpaste(material, normal, "cutpaste", numpy_generator(seed)).mask
        box = bounding_box(mask)
        if mask.sum() < 0.6 * AREA[0] * mask.size or mask.sum() < 0.95 * box.height * box.width:
            scars += 1
        else:
            assert 0.7 * AREA[0] <= mask.mean() <= 1.2 * AREA[1]
            assert 0.2 < box.height / box.width < 5
    assert 15 <= scars <= 45


def test_a_piece_is_of_the_picture_itself(make_normal, monkeypatch):
    monkeypatch.setattr(module, "JITTER", 0.0)
    monkeypatch.setattr(module, "SCAR", 0.0)  # a rectangle is not turned, so its pixels are the picture's own
    normal = make_normal(0)
    pair: Any = cutpaste(gather({}, [normal]), normal, "cutpaste", numpy_generator(1))
    box = bounding_box(pair.mask)
    piece = pair.image[box.top : box.top + box.height, box.left : box.left + box.width]
    windows = np.lib.stride_tricks.sliding_window_view(normal.image[..., 0], piece.shape[:2])
    assert (windows == piece[..., 0]).all((2, 3)).sum() == 1


def test_white_on_white_is_drawn_again(make_normal):
    normal = make_normal(0)
    image = np.full_like(normal.image, 255)
    image[:, :30] = 0
    half = type(normal)(image, None, "good", None, normal.source)
    material = gather({}, [half])
    seen = [change(cutpaste(material, half, "cutpaste", numpy_generator(seed)), half, material.scale) for seed in range(15)]
    assert np.mean(np.array(seen) >= 0.02) >= 0.9


def test_jitter_is_small_and_keeps_the_range():
    x = np.random.default_rng(0).uniform(0, 1, (3, 20, 20))
    mask = np.ones((20, 20), bool)
    changes = [np.abs(jittered(x, mask, np.random.default_rng(seed)) - x).mean() for seed in range(20)]
    assert 0.01 < np.mean(changes) < 0.2
    assert jittered(x, mask, np.random.default_rng(0)).max() <= 1
