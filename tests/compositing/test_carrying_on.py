"""A surface goes on under what was drawn over it, as far as its brightness lets it."""

import numpy as np
import pytest

from flawsmith.compositing.carrying_on import carried_on

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
