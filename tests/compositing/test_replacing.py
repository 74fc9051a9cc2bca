"""Defects that replace the surface: nothing of it is seen in them, and tones and hues are spread as those of real ones."""

import cv2
import numpy as np
import pytest

from flawsmith.compositing.replacing import as_bright, is_thick, of_one_hue, with_tones, without_surface

SIDE = 64
AREA = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (34, 30), 20, 1, -1) > 0
INNER = cv2.erode(AREA.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
RANDOM = np.random.default_rng(0)


def soft(sigma: float, seed: int = 0) -> np.ndarray:
    """Return soft noise (H, W) of deviation 1."""
    found = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(found / found.std())


def glass(colours: int = 1) -> np.ndarray:
    """Return a real picture (H, W, C): dark, with one bright patch, which of three colours is yellow."""
    bright = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (26, 24), 6, 1, -1)[..., None] > 0
    tones = np.where(bright, [0.9, 0.8, 0.4][:colours], [0.2, 0.2, 0.25][:colours])
    return np.asarray(tones + 0.02 * np.random.default_rng(1).normal(size=(SIDE, SIDE, 1))).clip(0, 1).astype(np.float32)


def film(colours: int = 1) -> np.ndarray:
    """Return a drawn picture (H, W, C): even grey, faintly clouded."""
    return np.repeat(0.45 + 0.02 * soft(5)[..., None], colours, axis=2).astype(np.float32)


@pytest.mark.parametrize("colours", [1, 3])
def test_tones_are_spread_as_the_real_ones(colours: int) -> None:
    before, real = film(colours), glass(colours)
    after = with_tones(before, AREA, real, AREA)
    shares = [0.05, 0.25, 0.5, 0.75, 0.95]
    wanted = np.quantile(real.mean(-1)[AREA], shares)
    assert np.quantile(after.mean(-1)[INNER], shares) == pytest.approx(wanted, abs=0.06)
    assert abs(np.quantile(before.mean(-1)[AREA], shares) - wanted).max() > 0.2
    assert np.array_equal(after[~AREA], before[~AREA]) and after.dtype == before.dtype


def test_what_is_bright_lies_together_as_it_does_in_the_real_one() -> None:
    before = film() + np.float32(0.05) * RANDOM.normal(size=(SIDE, SIDE, 1)).astype(np.float32)  # pixels differ more than patches
    found = (with_tones(before, AREA, glass(), AREA)[..., 0] > 0.6) & INNER
    by_pixels = (with_pixels_alone(before) > 0.6) & INNER
    assert largest(found) > 0.7 and largest(by_pixels) < 0.2


def with_pixels_alone(image: np.ndarray) -> np.ndarray:
    """Return the grey values of a drawn picture with the tones of `glass`, pixel by pixel."""
    values = image[..., 0][AREA]
    order = np.argsort(np.argsort(values)) / (len(values) - 1)
    found = image[..., 0].copy()
    found[AREA] = np.quantile(glass()[..., 0][AREA], order)
    return np.asarray(found)


def largest(mask: np.ndarray) -> float:
    """Return the share of a mask that is one piece."""
    return float(cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA].max() / mask.sum())


def test_bright_pixels_get_the_hue_of_bright_real_ones_and_grey_stays_grey() -> None:
    after = with_tones(film(3), AREA, glass(3), AREA)
    bright, dark = (INNER & found for found in (after.mean(-1) > 0.55, after.mean(-1) < 0.3))
    assert (after[bright][:, 0] - after[bright][:, 2]).mean() > 0.2 and (after[dark][:, 2] - after[dark][:, 0]).mean() > 0.02
    grey = with_tones(film(3), AREA, np.repeat(glass(1), 3, axis=2), AREA)
    assert abs(np.ptp(grey, axis=-1)).max() < 1e-6


def test_nothing_of_the_surface_is_seen() -> None:
    bars = np.where(np.arange(SIDE) % 20 < 10, 0.6, -0.4)[None, None].repeat(SIDE, 1).astype(np.float32)
    own = 0.1 * soft(4, 3)[None].astype(np.float32)
    through = np.where(AREA, 0.2 + 0.5 * bars + own, bars)
    after = without_surface(through, bars, AREA)
    assert abs(slope(after, bars)) < 0.02 < 0.4 < slope(through, bars)
    assert np.corrcoef((after - after[:, AREA].mean())[0][AREA], own[0][AREA])[0, 1] > 0.9, "what is its own stays"
    assert np.array_equal(after[:, ~AREA], through[:, ~AREA])
    inverted = np.where(AREA, 0.2 - 0.5 * bars, bars)
    assert np.array_equal(without_surface(inverted, bars, AREA), inverted), "that is no film"


def slope(image: np.ndarray, normal: np.ndarray) -> float:
    """Return how far a normal is seen in a picture's area."""
    below = normal[:, AREA] - normal[:, AREA].mean()
    return float((below * image[:, AREA]).sum() / (below**2).sum())


def test_a_real_one_is_as_bright_as_the_unit_and_of_one_hue_in_each_colour() -> None:
    real, around = np.full((8, 8, 3), (0.2, 0.4, 0.8)), np.ones((8, 8), bool)
    around[2:5, 2:5] = False
    real[~around] = 0.1
    found, alike = as_bright(real, np.full((8, 8, 3), (0.3, 0.5, 0.9)), around)
    assert alike and found[around].mean(0) == pytest.approx([0.3, 0.5, 0.9], abs=0.01) and found[3, 3, 0] > 0.14 > found[3, 3, 2]
    found, alike = as_bright(real, np.full((8, 8, 3), (0.9, 0.4, 0.1)), around)
    assert not alike and found[3, 3] == pytest.approx(0.1), "another unit: no darker, and the hue is left to the network"
    assert as_bright(real, real, np.zeros((8, 8), bool))[0] is real, "nothing is around"
    assert of_one_hue(np.array([0.2, 0.2, 0.2]), np.array([0.9, 0.8, 0.85])) and not of_one_hue(np.array([0.2, 0.4]), np.array([0.4, 0.2]))


def test_without_hues_a_drawn_one_keeps_its_own() -> None:
    before = film(3) * np.array([1.2, 1, 0.8], np.float32)
    after = with_tones(before, AREA, glass(3), AREA, hues=False)
    hues = [picture - picture.mean(-1, keepdims=True) for picture in (before, after)]
    assert hues[1] == pytest.approx(hues[0], abs=1e-6) and abs(after - before)[INNER].max() > 0.2


def test_lines_and_specks_are_not_thick() -> None:
    line = np.zeros((SIDE, SIDE), bool)
    line[30:34, 5:60] = True
    assert is_thick(AREA) and not is_thick(line) and not is_thick(np.zeros_like(line))
