from typing import Any

import numpy as np
import pytest

from flawsmith.benchmark.baselines.copy_paste import FEATHER, copy_paste
from flawsmith.benchmark.baselines.material import gather
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.windows import distance_outside

KINDS = [("uint8", 1), ("uint8", 2), ("uint8", 3), ("uint8", 4), ("uint16", 1), ("uint16", 3), ("uint16", 4)]


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
def test_only_the_defect_and_its_rim_change(make_flawed, make_normal, dtype, channels):
    normal = make_normal(2, dtype, channels)
    before = normal.image.copy()
    material = gather({"disc": [make_flawed(1, dtype, channels)]}, [normal])
    pair: Any = copy_paste(material, normal, "disc", numpy_generator(3))
    assert (normal.image == before).all()
    assert pair.image.dtype == normal.image.dtype and pair.image.shape == normal.image.shape
    assert pair.defect == "disc" and pair.group == normal.group
    changed = (pair.image != normal.image).any(-1)
    assert distance_outside(pair.mask)[changed].max() < FEATHER + 1
    colours = normal.colours
    assert pair.image[pair.mask][:, :colours].mean() < 0.5 * normal.image[pair.mask][:, :colours].mean()  # dark, as the disc was
    if channels in (2, 4):
        assert (pair.image[..., -1] == normal.image[..., -1]).all()


def test_16_bits_keep_their_values(make_flawed, make_normal):
    sample = make_flawed(1, "uint16")
    material = gather({"disc": [sample]}, [make_normal(2, "uint16")])
    pair: Any = copy_paste(material, make_normal(2, "uint16"), "disc", numpy_generator(3))
    assert len(np.unique(pair.image[pair.mask])) > 30  # no steps of 8 bits, which are 16 here
    assert (pair.image[pair.mask] % 16 != 0).any()


def test_the_same_generator_makes_the_same_pair(make_flawed, make_normal, untouched_generators):
    material = gather({"disc": [make_flawed(1), make_flawed(5, at=(30, 20))]}, [make_normal(2)])
    pairs: Any = [copy_paste(material, make_normal(2), "disc", numpy_generator(seed)) for seed in (3, 3, 4, 5, 6, 7, 8)]
    assert (pairs[0].image == pairs[1].image).all() and (pairs[0].mask == pairs[1].mask).all()
    assert len({pair.mask.tobytes() for pair in pairs}) >= 4
