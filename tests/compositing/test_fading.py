"""A drawn defect that fades as real ones do."""

import numpy as np
import pytest

from flawsmith.compositing.fading import TAIL, Fading, fill_out, soften
from flawsmith.dataset.windows import distance_outside
from flawsmith.product.halo import INSIDE, MOST, rings

RIM, BEYOND = np.clip(0.5 + 0.06 * np.arange(INSIDE), 0, 1), np.array([0.4, 0.35, 0.3, 0.2])
FADING = Fading(RIM, BEYOND)


def drawn(radius: int = 24, contrast: float = -0.8, first: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a canvas with a disc, whose outermost ring has `first` of its contrast, the rough normal below it, and the disc's mask."""
    rows, columns = np.ogrid[:96, :96]
    mask = (rows - 48) ** 2 + (columns - 48) ** 2 <= radius**2
    normal = np.random.default_rng(0).normal(0.3, 0.05, (1, 96, 96)).astype(np.float32)
    strength = np.where(distance_outside(~mask) <= 1, first, 1.0)
    return (normal + contrast * strength * mask).astype(np.float32), normal, mask


def shares(canvas: np.ndarray, normal: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of the contrast in rings inside and outside."""
    change, everywhere, contrast = (canvas - normal).transpose(1, 2, 0), np.ones_like(mask), np.array([-0.8])
    return (
        rings(change, everywhere, distance_outside(~mask), contrast, INSIDE),
        rings(change, everywhere, distance_outside(mask), contrast, MOST),
    )


def test_a_drawn_border_fades_as_real_ones_do_on_both_sides() -> None:
    for first in (1.0, 0.3, 0.0):
        canvas, normal, mask = drawn(first=first)
        soft = soften(canvas, normal, mask, FADING)
        inside, outside = shares(soft, normal, mask)
        assert np.abs(inside - RIM).max() < 0.08
        assert outside[0] - inside[0] < 0.02, "no outline between the two sides"
        assert np.abs(outside[:4] - BEYOND).max() < 0.08 and (np.diff(outside) < 0.02).all() and outside[8:].max() < 0.01
        far = (distance_outside(mask) >= len(BEYOND) + TAIL) | (distance_outside(~mask) >= INSIDE + TAIL)
        assert far.sum() > 1000 and np.allclose(soft[:, far], canvas[:, far], atol=1e-6)


def test_a_large_area_fades_as_far_out_as_a_small_one() -> None:
    canvas, normal, mask = drawn(radius=40)
    _, outside = shares(soften(canvas, normal, mask, FADING), normal, mask)
    assert np.abs(outside[:4] - BEYOND).max() < 0.08


def test_what_real_ones_show_to_the_last_ring_ends_without_a_step() -> None:
    far = np.full(MOST, 0.4)  # a halo that is cut off where it is no longer believed
    canvas, normal, mask = drawn()
    soft = soften(canvas, normal, mask, Fading(RIM, far))
    profile = rings((soft - normal).transpose(1, 2, 0), np.ones_like(mask), distance_outside(mask), np.array([-0.8]), MOST + 5)
    assert profile[:3] == pytest.approx(0.4, abs=0.05) and profile[MOST + 3 :].max() < 0.01
    assert np.diff(profile).min() > -0.08, "no contour of its own"


def film(width: float, noise: float = 0.0, by: float = -0.74) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a canvas with a film over bars whose border rises over `width` pixels, the bars below it, and its mask."""
    rows, columns = np.ogrid[:96, :96]
    mask = (rows - 48) ** 2 + (columns - 48) ** 2 <= 24**2
    below = np.where(np.arange(96) // 6 % 2, 0.3, 0.7)[:, None] * np.ones((96, 96))
    share = (distance_outside(~mask) / width).clip(0, 1)
    seen = below * 2 ** (by * share) + np.random.default_rng(0).normal(0, noise, below.shape)
    return tuple(x[None].astype(np.float32) * 2 - 1 for x in (seen, below)) + (mask,)  # type: ignore[return-value]


def test_a_border_that_was_drawn_soft_is_filled_out_as_far_as_real_ones_are() -> None:
    def change(canvas: np.ndarray, normal: np.ndarray) -> np.ndarray:
        return np.asarray(np.log2(((canvas + 1) / 2 + 0.02) / ((normal + 1) / 2 + 0.02))[0])

    canvas, normal, mask = film(6.0)
    ring = mask & (distance_outside(~mask) <= 2)
    full, half = (fill_out(canvas, normal, mask, np.full(INSIDE, share)) for share in (1.0, 0.5))
    deep = float(np.median(change(canvas, normal)[distance_outside(~mask) > 12]))
    assert abs(change(canvas, normal)[ring].mean()) < 0.4 * abs(deep)
    for filled, share in ((full, 1.0), (half, 0.5)):
        assert change(filled, normal)[ring].mean() == pytest.approx(share * deep, abs=0.08)
        assert np.array_equal(filled[:, ~mask], canvas[:, ~mask]) and filled.dtype == np.float32
    dark = ring & (normal[0] < 0)
    assert change(full, normal)[dark].mean() == pytest.approx(change(full, normal)[ring & ~dark].mean(), abs=0.06), "bars in proportion"
    hard, normal, mask = film(0.5, noise=0.05)
    assert abs((fill_out(hard, normal, mask, np.ones(INSIDE)) - hard)[0, ring].mean()) < 0.02, "what is noisy is not taken for too little"
    canvas, normal, mask = film(6.0, by=-0.05)
    assert fill_out(canvas, normal, mask, np.ones(INSIDE)) is canvas
    thin = np.zeros_like(mask)
    thin[40:44] = True
    assert fill_out(canvas, normal, thin, np.ones(INSIDE)) is canvas


def test_what_says_nothing_stays_as_it_was_drawn() -> None:
    for canvas, normal, mask in (drawn(radius=4), drawn(contrast=0.01)):
        assert np.array_equal(soften(canvas, normal, mask, FADING), canvas)
    canvas, normal, mask = drawn()
    assert np.array_equal(soften(canvas, normal, mask, Fading(RIM, np.zeros(0))), canvas), "a kind that ends at its labels"
