from pathlib import Path

import numpy as np
import pytest

from flawsmith.benchmark.baselines.material import RING, gather
from flawsmith.core.errors import DataError
from flawsmith.dataset.sample import Sample


def test_separate_defects_are_separate_donors_and_specks_are_none(make_flawed, make_normal):
    a, b, speck = make_flawed(1, at=(20, 20)), make_flawed(1, at=(50, 70)), np.zeros((72, 90), bool)
    speck[5, 80] = True
    both = Sample(a.image, a.mask | b.mask | speck, "disc", None, a.source)
    donors = gather({"disc": [both]}, [make_normal(2)]).donors["disc"]
    assert sorted(int(d.mask.sum()) for d in donors) == [int(a.mask.sum())] * 2
    assert all(not d.mask[tuple(d.points.T)].any() for d in donors)


def test_surroundings_leave_out_other_defects(make_flawed, make_normal):
    a, b = make_flawed(1, at=(30, 30), radius=4), make_flawed(1, at=(30, 42), radius=4)
    both = Sample(a.image, a.mask | b.mask, "disc", None, a.source)
    image = both.image.copy()
    image[b.mask] = 0
    donors = gather({"disc": [Sample(image, both.mask, "disc", None, a.source)]}, [make_normal(2)]).donors["disc"]
    assert all((d.values > -0.6).all() for d in donors)  # -1 is black, the neighbour
    assert all(np.abs(d.points - np.array(d.anchor)).max() <= RING + 5 for d in donors)


def test_a_defect_at_the_border_says_so(make_flawed, make_normal):
    (donor,) = gather({"disc": [make_flawed(1, at=(2, 50))]}, [make_normal(2)]).donors["disc"]
    assert donor.border == (True, False, False, False)


def test_binarised_pictures_have_few_tones_and_others_do_not(make_flawed, make_normal):
    assert gather({"disc": [make_flawed(1)]}, [make_normal(2)]).levels is None
    assert gather({"disc": [make_flawed(1, "uint16")]}, [make_normal(2, "uint16")]).levels is None  # a gap below the normals' own tones
    image = np.full((72, 90, 1), 255, np.uint8)
    image[:, 40:50] = 0
    mask = np.zeros((72, 90), bool)
    mask[30:34, 40:50] = True
    image[mask] = 255
    gap = Sample(image, mask, "gap", None, Path("gap.png"))
    assert gather({"gap": [gap]}, [Sample(image, None, "good", None, Path("good.png"))]).levels is not None


def test_depths_are_not_mixed_and_normals_are_needed(make_flawed, make_normal):
    with pytest.raises(DataError, match="uint16 and uint8"):
        gather({"disc": [make_flawed(1, "uint16")]}, [make_normal(2)])
    with pytest.raises(DataError, match="no normals"):
        gather({"disc": [make_flawed(1)]}, [])
