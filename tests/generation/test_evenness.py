"""Drawn defects are no more uneven than real ones."""

from collections.abc import Callable

import numpy as np
import pytest

from flawsmith.generation import finishing
from flawsmith.generation.evenness import as_even
from flawsmith.synthesis.task import Drawn

SIDE = 48


def dashed(weak: float) -> tuple[Drawn, np.ndarray, np.ndarray]:
    """Return a dark line whose dashes of 8 px are followed by ones of a share of their strength, its normal and its mask."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[22:25] = True
    normal = np.full((1, SIDE, SIDE), 0.2, np.float32)
    strength = np.where(np.arange(SIDE) // 8 % 2, weak, 1.0).astype(np.float32)
    image = normal - 0.5 * strength * mask
    return Drawn(image, image, mask.astype(np.float32)), normal, mask


def test_a_line_is_no_more_uneven_along_it_than_a_real_one() -> None:
    def unevenness(image: np.ndarray) -> float:
        change = (image - normal)[0, 23, 4:-4]
        return float(change.std() / abs(change.mean()))

    before, normal, mask = dashed(0.3)
    for weak, soft, least, most in ((1.0, False, 0.0, 0.3), (0.6, False, 0.25, 0.45), (0.6, True, 0.25, 0.45)):
        real, _, real_mask = dashed(weak)
        after = as_even(before, normal, mask, (real.image.transpose(1, 2, 0) + 1) / 2, real_mask, 3.0, soft)
        assert unevenness(before.image) > 0.5 and least < unevenness(after.image) < most
        assert np.array_equal(after.image[:, :18], before.image[:, :18]) and after.image.dtype == np.float32
    even, _, _ = dashed(1.0)
    assert as_even(even, normal, mask, (before.image.transpose(1, 2, 0) + 1) / 2, mask, 3.0, False) is even, "real ones are not even either"
    nothing = Drawn(normal, normal, mask.astype(np.float32))
    assert as_even(nothing, normal, mask, (even.image.transpose(1, 2, 0) + 1) / 2, mask, 3.0, False) is nothing
    limited = as_even(before, normal, mask, (even.image.transpose(1, 2, 0) + 1) / 2, mask, 1.1, True)
    ratio = (limited.image - normal)[0, 23] / (before.image - normal)[0, 23]
    assert 1 / 1.11 < ratio.min() < 0.95 and 1.05 < ratio.max() < 1.11


DISC = np.hypot(*np.mgrid[-24:24, -24:24]) < 9
PLAIN = np.full((SIDE, SIDE), 0.7)
STRIPES = np.where(np.arange(SIDE) // 6 % 2, 0.8, 0.6).astype(np.float32)[None, :].repeat(SIDE, 0)  # a surface, in shares


def canvas(picture: np.ndarray) -> np.ndarray:
    return np.float32(2) * picture[None].astype(np.float32) - 1


def defect(picture: np.ndarray) -> Drawn:
    return Drawn(canvas(picture), canvas(picture), DISC.astype(np.float32))


def darkened(surface: np.ndarray, core: float) -> np.ndarray:
    """Return a surface (H, W) that a disc makes darker by 0.3, and by more or less in its middle."""
    inner = np.exp(-((np.hypot(*np.mgrid[-24:24, -24:24]) / 5) ** 2))
    return surface - 0.3 * DISC * (1 + core * (inner - 0.5))


def unevenness(one: Drawn, normal: np.ndarray) -> float:
    change = (one.image - normal)[0, DISC]
    return float(change.std() / abs(change.mean()))


def test_an_area_with_a_clear_border_has_no_core_where_real_ones_have_none() -> None:
    normal, before = canvas(PLAIN), defect(darkened(PLAIN, 0.9))
    flat, cored = darkened(PLAIN, 0.0)[..., None], darkened(PLAIN, 0.9)[..., None]
    after = as_even(before, normal, DISC, flat, DISC, 3.0, False)
    assert unevenness(before, normal) > 0.2 and unevenness(after, normal) < 0.01
    assert after.image[0, DISC].mean() == pytest.approx(before.image[0, DISC].mean(), abs=0.1)
    assert np.array_equal(after.image[:, :8], before.image[:, :8]) and after.image.dtype == np.float32
    assert as_even(before, normal, DISC, flat, DISC, 3.0, True) is before, "how a soft border fades is seen to elsewhere"
    assert as_even(before, normal, DISC, cored, DISC, 3.0, False) is before, "real ones have a core, too"


def test_what_hides_the_surface_is_of_one_tone_and_what_only_darkens_it_is_not() -> None:
    normal, before = canvas(STRIPES), defect(darkened(STRIPES, 0.0))
    hides = np.where(DISC, 0.3, STRIPES)[..., None]
    one_tone = as_even(before, normal, DISC, hides, DISC, 3.0, False)
    assert one_tone.image[0, DISC].std() < 0.3 * before.image[0, DISC].std()
    darkens = as_even(before, normal, DISC, darkened(STRIPES, 0.0)[..., None], DISC, 3.0, False)
    assert darkens.image[0, DISC].std() > 0.9 * before.image[0, DISC].std()


def test_a_line_in_a_wide_label_is_not_made_an_area() -> None:
    normal = canvas(STRIPES)
    before = defect(np.where(np.arange(SIDE)[:, None] == 24, STRIPES - 0.4 * DISC, STRIPES))
    hides = np.where(DISC, 0.3, STRIPES)[..., None]
    after = as_even(before, normal, DISC, hides, DISC, 3.0, False)
    beside = DISC & (np.abs(np.arange(SIDE)[:, None] - 24) > 2)
    assert np.array_equal(after.image[0, beside], before.image[0, beside])


@pytest.mark.parametrize(("most", "soft", "shown"), [(3.0, False, False), (3.0, True, False), (3.0, False, True), (1.0, False, False)])
def test_drawn_defects_are_made_even_on_the_way_to_a_pair(
    most: float,
    soft: bool,
    shown: bool,
    made: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[float, bool]] = []

    def spy(
        one: Drawn, normal: np.ndarray, mask: np.ndarray, real: np.ndarray, real_mask: np.ndarray, most: float, lines_only: bool
    ) -> Drawn:
        calls.append((most, lines_only))
        return one

    monkeypatch.setattr(finishing, "as_even", spy)
    monkeypatch.setattr(finishing, "is_soft", lambda known, defect: soft)
    monkeypatch.setattr(finishing, "goes_on", lambda known, defect: shown)
    made(2, strengthen=most)
    assert set(calls) == (set() if most == 1 else {(most, soft or shown)})
