"""A surface goes on under what was drawn over it, as far as its brightness lets it."""

import numpy as np
import pytest

from flawsmith.compositing.carrying_on import MOST, carried_on, contrast

SIDE, SIGMA = 96, 8.0
MASK = np.zeros((SIDE, SIDE), bool)
MASK[20:76, 24:72] = True
INNER = np.zeros_like(MASK)
INNER[24:72, 28:68] = True


def bars(dark: float = 0.5) -> np.ndarray:
    """Return a bright surface (1, SIDE, SIDE) in [-1, 1] with a bar 6 px wide in every 24."""
    rows = np.where(np.arange(SIDE) % 24 < 6, 0.8 * dark, 0.8)
    return (2 * np.repeat(rows[:, None], SIDE, 1) - 1)[None].astype(np.float32)


def shaded(surface: np.ndarray, share: float) -> np.ndarray:
    """Return the surface with its light, and all that it shows, lowered to a share inside the mask."""
    return np.where(MASK, share * (surface + 1) - 1, surface).astype(np.float32)


def swing(picture: np.ndarray) -> float:
    """Return how much the rows differ inside, as a share of the mean brightness there."""
    rows = ((picture[0] + 1) / 2)[:, 28:68].mean(1)[24:72]
    return float(np.ptp(rows) / rows.mean())


@pytest.mark.parametrize("share", [0.8, 0.4])
def test_what_was_lost_under_a_dark_area_is_seen_again(share: float) -> None:
    surface, real = bars(), shaded(bars(), share)
    flat = np.where(MASK, real[:, INNER].mean(), surface).astype(np.float32)
    found = carried_on(flat, surface, MASK, SIGMA)
    assert swing(flat) == 0 and 0.8 * swing(real) < swing(found) < 1.4 * swing(real)
    assert np.array_equal(found[:, ~MASK], flat[:, ~MASK]), "nothing else is touched"
    assert abs(float(found[:, INNER].mean() - flat[:, INNER].mean())) < 0.05, "it is as dark as before"


def test_what_is_there_already_is_not_laid_twice() -> None:
    real = shaded(bars(), 0.5)
    assert swing(carried_on(real, bars(), MASK, SIGMA)) < 1.25 * swing(real)


def test_nothing_is_laid_where_the_surface_shows_nothing_or_nothing_was_drawn() -> None:
    plain = np.full((3, SIDE, SIDE), 0.4, np.float32)
    drawn = np.where(MASK, np.float32(-0.2), plain)
    assert np.allclose(carried_on(drawn, plain, MASK, SIGMA), drawn, atol=1e-5)
    assert np.array_equal(carried_on(bars(), bars(), np.zeros_like(MASK), SIGMA), bars())


def streaked(times: float, brighter: float = 1.0, depth: float = 0.06) -> np.ndarray:
    """Return a surface (1, SIDE, SIDE) in [-1, 1] with fine streaks that show `times` as strongly inside the mask, which is brighter."""
    streaks = np.random.default_rng(0).choice([-1.0, 1.0], SIDE)[None].repeat(SIDE, 0)
    shares = 0.4 * np.where(MASK, brighter, 1.0) * (1 + np.where(MASK, times, 1.0) * depth * streaks)
    return (2 * shares - 1)[None].astype(np.float32)


def measured(picture: np.ndarray, around: np.ndarray | None = None) -> float:
    return contrast((picture.transpose(1, 2, 0) + 1) / 2, MASK, ~MASK if around is None else around)


@pytest.mark.parametrize("brighter", [1.1, 1.6])
def test_how_strongly_a_surface_shows_inside_is_measured_relative_to_the_brightness(brighter: float) -> None:
    assert measured(streaked(2.0, brighter)) == pytest.approx(2.0, rel=0.12)
    assert measured(streaked(1.0, brighter)) == pytest.approx(1.0, abs=0.1)
    assert measured(streaked(0.5, brighter)) == 1.0 and measured(streaked(5.0, 1.1, depth=0.04)) == MOST
    assert measured(streaked(2.0, 0.9)) == 1.0, "what is darker shows noise"
    assert measured(streaked(2.0, 1.1), np.zeros_like(MASK)) == 1.0, "nothing is around"
    assert measured(np.full((1, SIDE, SIDE), 0.2, np.float32)) == 1.0, "it shows nothing"


def test_what_goes_on_shows_more_strongly_where_it_does_in_real_defects() -> None:
    surface = streaked(1.0)
    drawn = np.where(MASK, surface + 0.1, surface).astype(np.float32)
    once, twice = (carried_on(drawn, surface, MASK, SIGMA, times) for times in (1.0, 2.0))
    assert measured(once) < 1.2 and measured(twice) == pytest.approx(2.0, rel=0.2)
    assert np.array_equal(twice[:, ~MASK], drawn[:, ~MASK])
    assert abs(float(twice[:, INNER].mean() - drawn[:, INNER].mean())) < 0.05
