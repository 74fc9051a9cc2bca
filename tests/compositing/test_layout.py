"""What a network drew in one even tone gets the layout of a real defect, in another shape and on another surface."""

import cv2
import numpy as np
import pytest

from flawsmith.compositing.layout import laid_out
from flawsmith.dataset.windows import depth_inside

SIDE = 64
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + 0.5
DISC = np.hypot(ROWS, COLUMNS) < 18
EGG = np.hypot(ROWS / 0.7, COLUMNS / 1.4) < 14  # wider and lower
HOLE = np.hypot(ROWS, COLUMNS) < 7
SURFACE = np.full((SIDE, SIDE, 3), (0.6, 0.5, 0.4), np.float32)


def canvas(picture: np.ndarray) -> np.ndarray:
    return (2 * picture.transpose(2, 0, 1) - 1).astype(np.float32)


def shown(image: np.ndarray) -> np.ndarray:
    """Return the grey picture (H, W) in shares of a canvas (C, H, W) in [-1, 1]."""
    return np.asarray((image.mean(0) + 1) / 2)


def drilled(surface: np.ndarray = SURFACE) -> np.ndarray:
    """Return a surface with a dark hole in the middle of a bright disc."""
    return surface * np.where(HOLE, 0.2, np.where(DISC, 1.3, 1.0))[..., None]


def even(surface: np.ndarray = SURFACE, mask: np.ndarray = EGG, tone: float = 0.9) -> np.ndarray:
    return canvas(np.where(mask[..., None], tone * surface, surface))


def lay(image: np.ndarray, surface: np.ndarray = SURFACE, mask: np.ndarray = EGG, **more: object) -> np.ndarray:
    given: dict = {"real": drilled(), "real_mask": DISC, "below": SURFACE} | more
    return laid_out(image, canvas(surface), mask, **given)


def test_a_hole_is_dark_in_the_middle_of_another_shape_and_as_bright_as_before_in_the_mean() -> None:
    before = even()
    after = lay(before)
    middle, rim = EGG & (np.hypot(ROWS / 0.7, COLUMNS / 1.4) < 3.5), EGG & (np.hypot(ROWS / 0.7, COLUMNS / 1.4) > 9)
    grey = shown(after)
    assert grey[middle].mean() < 0.4 * grey[rim].mean() and np.median(grey[rim]) > SURFACE.mean()
    assert np.array_equal(after[:, ~EGG], before[:, ~EGG]) and after.dtype == np.float32
    depth, change = depth_inside(EGG), np.abs(after - before).mean(0)
    assert change[depth == 1].mean() < 0.75 * change[(depth >= 2) & (depth < 3)].mean(), "it begins inside the border"
    np.testing.assert_allclose(after[:, EGG].mean(1), before[:, EGG].mean(1), atol=0.06)


def test_what_has_a_layout_of_its_own_stays() -> None:
    own = canvas(np.where(EGG[..., None], SURFACE * np.where(COLUMNS < 0, 0.4, 1.2)[..., None], SURFACE))
    assert lay(own) is own
    assert lay(even(), real=0.9 * SURFACE, below=SURFACE)[0, 32, 32] == even()[0, 32, 32], "a real one of one tone has nothing to lay"
    nothing = np.zeros_like(EGG)
    drawn = even()
    assert lay(drawn, mask=nothing) is drawn and lay(drawn, real_mask=nothing) is drawn


def test_what_the_surface_shows_counts_as_its_own() -> None:
    """Of a surface with bars the real one's layout has bars, too, and nobody can tell them from a defect's."""
    bars = SURFACE * np.where(COLUMNS.astype(int) % 16 < 8, 0.4, 1.2)[..., None]
    drawn = even(bars)
    assert lay(drawn, bars) is drawn


@pytest.mark.parametrize("turn", range(4))
def test_directions_stay(turn: int) -> None:
    """Dark on one side is dark on that side."""
    real = np.rot90(SURFACE * np.where(DISC & (COLUMNS < 0), 0.4, 1.0)[..., None], turn)
    dark = np.rot90(COLUMNS < 0, turn)
    grey = shown(lay(even(mask=DISC), mask=DISC, real=real))
    assert grey[DISC & dark].mean() < 0.6 * grey[DISC & ~dark].mean()


def test_the_surface_is_seen_in_it() -> None:
    stripes = SURFACE * np.where(COLUMNS.astype(int) % 6 < 3, 0.8, 1.2)[..., None]
    after = shown(lay(even(stripes), stripes))
    ring = cv2.erode(EGG.astype(np.uint8), np.ones((7, 7))).astype(bool) & (np.hypot(ROWS / 0.7, COLUMNS / 1.4) > 8)
    dark, bright = ring & (stripes[..., 0] < 0.6), ring & (stripes[..., 0] > 0.6)
    assert 1.35 < after[bright].mean() / after[dark].mean() < 1.65


def test_what_hides_the_surface_shows_nothing_of_it_and_is_compared_in_its_own_tones() -> None:
    bars = SURFACE * np.where(COLUMNS.astype(int) % 16 < 8, 0.4, 1.2)[..., None]
    drawn = canvas(np.where(EGG[..., None], np.float32(0.5), bars))  # of one tone where the surface is not
    after = shown(lay(drawn, bars, below=None))
    middle, rim = EGG & (np.hypot(ROWS / 0.7, COLUMNS / 1.4) < 3.5), EGG & (np.hypot(ROWS / 0.7, COLUMNS / 1.4) > 9)
    assert after[middle].mean() < 0.4 * after[rim].mean()
    inner = rim & cv2.erode(EGG.astype(np.uint8), np.ones((7, 7))).astype(bool)
    dark, bright = inner & (bars[..., 0] < 0.4), inner & (bars[..., 0] > 0.4)
    assert after[bright].mean() == pytest.approx(after[dark].mean(), rel=0.1)
    own = canvas(np.where(EGG[..., None], SURFACE * np.where(COLUMNS < 0, 0.3, 1.2)[..., None], bars))
    assert lay(own, bars, below=None) is own


def test_a_fainter_one_has_less_of_it() -> None:
    middle = HOLE & EGG
    tones = [shown(lay(even(), severity=severity))[middle].mean() for severity in (1.0, 0.5, 0.1)]
    assert tones[0] < tones[1] - 0.05 < tones[2] - 0.1


def test_on_a_unit_of_another_hue_no_colour_is_carried_over() -> None:
    blue = np.full_like(SURFACE, (0.2, 0.3, 0.9))
    reddish = SURFACE * np.where(HOLE[..., None], (0.9, 0.2, 0.2), np.where(DISC, 1.2, 1.0)[..., None])
    for surface, changes in ((SURFACE, True), (blue, False)):
        after = (lay(even(surface), surface, real=reddish).transpose(1, 2, 0) + 1) / 2
        ratios = (after / surface)[HOLE & EGG].mean(0)
        assert bool(ratios[0] > 1.2 * ratios[1]) is changes


def test_shapes_in_pieces_and_at_the_border_are_laid_out_too() -> None:
    pieces = np.zeros((SIDE, SIDE), bool)
    pieces[:20, 20:40], pieces[34:60, 5:30], pieces[50, 50] = True, True, True
    after = shown(lay(even(mask=pieces), mask=pieces))
    assert np.isfinite(after).all()
    assert after[45:49, 15:19].mean() < 0.5 * after[36:38, 8:26].mean(), "each piece has its own middle"
    assert after[8:12, 28:32].mean() < 0.5 * after[2:18, 22].mean()
