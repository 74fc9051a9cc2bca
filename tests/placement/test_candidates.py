"""Which of many places are taken: the same rules for every search."""

import numpy as np
import pytest

from flawsmith.benchmark.baselines import material, poses
from flawsmith.placement import context, search
from flawsmith.placement.context import as_good, fits_nowhere, ring, shifts


def test_one_place_that_fits_far_better_is_taken_for_sure() -> None:
    assert as_good(np.array([9.0, 1.0, 30.0, 2.5]), 1.0).tolist() == [1, 3]
    assert as_good(np.array([9.0, 0.0, 30.0]), 0.0).tolist() == [1]


@pytest.mark.parametrize(("cost", "nowhere"), [(0.4, False), (0.6, True)])
def test_a_place_is_unlike_where_its_cost_is_half_the_variance_and_a_little(cost: float, nowhere: bool) -> None:
    assert fits_nowhere(np.array([5.0, cost]), 1.0, 1e-3) is nowhere
    assert not fits_nowhere(np.array([5.0, cost]), 0.0, 1.0), "flat surroundings"


def test_the_ring_is_around_the_defect_without_the_pixels_that_are_mirrored() -> None:
    mask, shown = np.zeros((41, 41), bool), np.ones((41, 41), bool)
    mask[20, 20] = True
    shown[:10] = False
    found = ring(mask, shown)
    assert not found[20, 19:22].any() and found[20, 23] and found[20, 32] and not found[20, 33]
    assert not found[:10].any() and ring(mask)[9, 20]


def test_shifts_go_as_far_each_way() -> None:
    assert len(shifts()) == 49 and set(map(tuple, shifts())) == {(a, b) for a in range(-3, 4) for b in range(-3, 4)}


@pytest.mark.parametrize("name", ["as_good", "candidate_count", "context_cost", "fits_nowhere", "forgiven", "shifts", "CHOICES", "NEAR"])
def test_the_baselines_search_as_we_do(name: str) -> None:
    assert getattr(search, name) is getattr(poses, name) is getattr(context, name)
    assert material.ring is search.ring
