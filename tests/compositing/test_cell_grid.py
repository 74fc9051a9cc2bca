"""The grid of a network's own cells: it goes, and what is drawn stays."""

import numpy as np
import pytest

from flawsmith.compositing.cell_grid import MOST, without_grid

FACTOR, SIDE = 4, 96
NORMAL = np.zeros((1, SIDE, SIDE), np.float32)
ROUND = np.hypot(*np.mgrid[-48:48, -48:48]) < 40
INNER = np.hypot(*np.mgrid[-48:48, -48:48]) < 30
PATTERN = np.random.default_rng(0).normal(0, 0.02, (FACTOR, FACTOR))
GRID = np.tile(PATTERN - PATTERN.mean(), (SIDE // FACTOR, SIDE // FACTOR)).astype(np.float32)


def changed(image: np.ndarray, mask: np.ndarray = ROUND) -> np.ndarray:
    return np.abs(without_grid(image, NORMAL, mask, FACTOR) - image)


@pytest.mark.parametrize("colours", [1, 3])
def test_a_grid_on_an_even_area_goes(colours: int) -> None:
    even = np.where(ROUND, -0.4, 0.0).astype(np.float32)
    image = np.repeat((even + GRID * ROUND)[None], colours, axis=0)
    normal = np.repeat(NORMAL, colours, axis=0)
    left = without_grid(image, normal, ROUND, FACTOR) - even
    assert np.abs(left[:, INNER]).mean() < 0.15 * np.abs(GRID[INNER]).mean()
    assert np.array_equal(left[:, ~ROUND], (image - even)[:, ~ROUND])


def test_a_grid_under_grain_goes_from_an_area_and_the_grain_stays() -> None:
    """Around any one cell the grain hides the grid; over all cells of an area it does not."""
    grain = np.random.default_rng(2).normal(0, 2 * GRID.std(), ROUND.shape).astype(np.float32) * ROUND
    image = (GRID * ROUND + grain)[None]
    left = without_grid(image, NORMAL, ROUND, FACTOR)[0]

    def by_place(picture: np.ndarray) -> float:
        cells = picture.reshape(SIDE // FACTOR, FACTOR, SIDE // FACTOR, FACTOR).transpose(0, 2, 1, 3)
        inner = INNER.reshape(SIDE // FACTOR, FACTOR, SIDE // FACTOR, FACTOR).all((1, 3))
        return float(cells[inner].mean(0).std())

    assert by_place(left) < 0.4 * by_place(image[0])
    assert left[INNER].std() > 0.95 * grain[INNER].std()


def test_texture_and_lines_stay() -> None:
    g = np.random.default_rng(1)
    texture = (g.normal(0, 0.1, NORMAL.shape) * ROUND).astype(np.float32)
    assert changed(texture)[0][ROUND].mean() < 0.05 * np.abs(texture[0][ROUND]).mean()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    line = abs(rows - 0.7 * columns - 10) < 2
    crack = np.where(line, -0.5, 0.0)[None].astype(np.float32)
    assert changed(crack, line)[0][line].mean() < 0.01
    assert changed(crack, abs(rows - 0.7 * columns - 10) < 6).max() <= MOST + 1e-6
    slanted = np.where(abs(rows - columns) < 2, -0.5, 0.0)[None].astype(np.float32)
    assert changed(slanted, abs(rows - columns) < 7).max() < 0.01, "nor is a line in a wide stroke one, whose cells all show it alike"


def test_a_line_along_the_cells_stays_and_leaves_no_others_beside_it() -> None:
    for size in (17, 60):
        mask = np.zeros((SIDE, SIDE), bool)
        mask[20 : 20 + size, 10:80] = True
        image = NORMAL.copy()
        image[0, 20 + size // 2, 10:80] = -0.9
        assert changed(image, mask).max() < 0.9 / 30, "a thirtieth of it, beside it"


def test_what_the_surface_shows_is_no_grid() -> None:
    woven = (0.3 * GRID / GRID.std())[None]
    image = woven + np.where(ROUND, -0.2, 0.0).astype(np.float32)
    assert np.abs(without_grid(image, woven, ROUND, FACTOR) - image)[0][INNER].max() < 0.01


def test_nothing_drawn_is_left_alone() -> None:
    image = NORMAL + 0.1
    assert without_grid(image, NORMAL, np.zeros((SIDE, SIDE), bool), FACTOR) is image
