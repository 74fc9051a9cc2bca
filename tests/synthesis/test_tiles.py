"""Windows over a canvas: every pixel of the region is seen, and no border shows where two meet."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from flawsmith.synthesis.tiles import OVERLAP, Tile, cover, merge

WINDOW, FACTOR = 32, 4


def split(state: Tensor, tiles: list[Tile]) -> list[Tensor]:
    return [state[..., tile.rows, tile.columns] for tile in tiles]


@settings(max_examples=100, deadline=None)
@given(st.integers(8, 40), st.integers(8, 40), st.integers(0, 10**6), st.sampled_from([0.002, 0.02, 0.5]))
def test_every_pixel_of_the_region_is_seen_by_tiles_inside_the_canvas(rows: int, columns: int, seed: int, share: float) -> None:
    region = np.random.default_rng(seed).random((rows * FACTOR, columns * FACTOR)) < share
    seen = np.zeros_like(region)
    tiles = cover(region, WINDOW, FACTOR)
    for tile in tiles:
        assert tile.height * FACTOR == tile.width * FACTOR == WINDOW
        assert 0 <= tile.top <= rows - tile.height and 0 <= tile.left <= columns - tile.width
        seen[tile.pixels(FACTOR)] = True
        assert region[tile.pixels(FACTOR)].any() or not region.any(), "none is drawn for nothing"
    assert not (region & ~seen).any() and len(set(tiles)) == len(tiles) >= 1


def test_a_window_is_one_tile() -> None:
    assert cover(np.ones((WINDOW, WINDOW), bool), WINDOW, FACTOR) == [Tile(0, 0, 8, 8)]
    assert cover(np.zeros((WINDOW, WINDOW), bool), WINDOW, FACTOR) == [Tile(0, 0, 8, 8)]


@pytest.mark.parametrize("length", [9, 12, 13, 14, 20, 33, 64])
def test_neighbours_overlap_by_the_least_share_or_more_and_are_no_more_than_needed(length: int) -> None:
    tiles = cover(np.ones((8 * FACTOR, length * FACTOR), bool), WINDOW, FACTOR)
    lefts = [tile.left for tile in tiles]
    steps = np.diff(lefts)
    assert lefts[0] == 0 and lefts[-1] == length - 8
    assert (steps > 0).all() and (8 - steps >= int(8 * OVERLAP)).all()
    assert (len(tiles) - 2) * 8 * (1 - OVERLAP) < length - 8, "one fewer would not do"


def test_tiles_far_from_the_region_are_left_out() -> None:
    region = np.zeros((40 * FACTOR, 40 * FACTOR), bool)
    region[:10, :10] = region[-10:, -10:] = True
    tiles = cover(region, WINDOW, FACTOR)
    assert {tile.top < 20 for tile in tiles} == {True, False} and len(tiles) < 9
    assert all((tile.top < 20) == (tile.left < 20) for tile in tiles)


def test_pixels_and_cells_are_the_same_place() -> None:
    tile = Tile(2, 5, 8, 8)
    assert (tile.rows, tile.columns) == (slice(2, 10), slice(5, 13)) and tile.pixels(4) == (slice(8, 40), slice(20, 52))


def state(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.randn(2, 3, 5, rows, columns, generator=torch.Generator().manual_seed(seed))


def test_one_tile_that_is_the_canvas_is_handed_on_bit_by_bit() -> None:
    part = state(8, 8)
    assert merge([part], [Tile(0, 0, 8, 8)], state(8, 8, 1)) is part


@settings(max_examples=30, deadline=None)
@given(st.integers(8, 40), st.integers(8, 40), st.integers(0, 10**6))
def test_tiles_of_one_picture_merge_into_that_picture_and_the_rest_is_background(rows: int, columns: int, seed: int) -> None:
    region = np.random.default_rng(seed).random((rows * FACTOR, columns * FACTOR)) < 0.002
    whole, background = state(rows, columns), state(rows, columns, 1)
    tiles = cover(region, WINDOW, FACTOR)
    seen = torch.zeros(rows, columns, dtype=torch.bool)
    for tile in tiles:
        seen[tile.rows, tile.columns] = True
    merged = merge(split(whole, tiles), tiles, background)
    torch.testing.assert_close(merged, torch.where(seen, whole, background), atol=1e-5, rtol=1e-5)
    assert torch.equal(merged[..., ~seen], background[..., ~seen])


def test_every_cell_counts_in_its_tile_most_in_the_middle() -> None:
    tiles = [Tile(0, 0, 8, 8), Tile(0, 5, 8, 8)]
    line = []
    for column in range(8):
        part = torch.zeros(1, 1, 1, 8, 8)
        part[..., 4, column] = 1
        line.append(merge([part, torch.zeros_like(part)], tiles, torch.zeros(1, 1, 1, 8, 13))[..., 4, column].item())
    assert line[:5] == [1] * 5, "alone"
    assert 1 > line[5] > line[6] > line[7] > 0, "less and less towards its border"
    assert line[5] + line[7] == pytest.approx(1) and line[6] == pytest.approx(0.5), "what one loses the other gains"


def test_no_border_shows_where_tiles_meet() -> None:
    tiles = cover(np.ones((8 * FACTOR, 30 * FACTOR), bool), WINDOW, FACTOR)
    ramp = torch.linspace(-1, 1, 30).expand(1, 1, 1, 8, 30)
    torch.testing.assert_close(merge(split(ramp, tiles), tiles, torch.zeros(1, 1, 1, 8, 30)), ramp)
    # tiles that disagree by 1: no step between neighbours is near that
    levels = [torch.full((1, 1, 1, 8, 8), float(i % 2)) for i in range(len(tiles))]
    merged = merge(levels, tiles, torch.zeros(1, 1, 1, 8, 30))[0, 0, 0, 4]
    assert merged.min() == 0 and merged.max() == 1 and merged.diff().abs().max() < 0.7


def test_merging_weighs_both_directions() -> None:
    tiles = cover(np.ones((13 * FACTOR, 13 * FACTOR), bool), WINDOW, FACTOR)
    assert len(tiles) == 4
    parts = [torch.full((1, 1, 1, 8, 8), float(i)) for i in range(4)]
    merged = merge(parts, tiles, torch.zeros(1, 1, 1, 13, 13))[0, 0, 0]
    assert merged[0, 0] == 0 and merged[0, -1] == 1 and merged[-1, 0] == 2 and merged[-1, -1] == 3
    assert merged[6, 6].item() == pytest.approx(1.5)
