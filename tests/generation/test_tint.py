import numpy as np
import pytest

from flawsmith.config import GenerationConfig
from flawsmith.generation.sampling import Drawn
from flawsmith.generation.tint import COMMON, tinted

SIDE = 32
MASK = np.zeros((SIDE, SIDE), bool)
MASK[10:20, 8:22] = True
EVERYWHERE = np.ones((SIDE, SIDE), bool)


def drawn(colours: int, value: float = 0.0) -> Drawn:
    g = np.random.default_rng(0)
    whole = (value + g.uniform(-0.1, 0.1, (colours, SIDE, SIDE))).astype(np.float32)
    return Drawn(whole, whole * MASK, MASK.astype(np.float32))


def shifts(spread: float, share: float = 1.0) -> GenerationConfig:
    return GenerationConfig(feather=3, tint=spread, tinted=share)


def shift_of(before: Drawn, after: Drawn) -> np.ndarray:
    return (after.whole - before.whole)[:, MASK]


@pytest.mark.parametrize("colours", [1, 3])
def test_a_defect_is_shifted_as_a_whole_and_keeps_its_texture(colours: int) -> None:
    before = drawn(colours)
    after = tinted(before, EVERYWHERE, shifts(0.1), 5)
    shift = shift_of(before, after)
    assert np.ptp(shift, axis=1).max() < 1e-5 and np.abs(shift).min() > 1e-3
    assert after.mask is before.mask
    np.testing.assert_array_equal(after.part[:, MASK], after.whole[:, MASK])
    assert not after.part[:, ~MASK].any()


def test_nothing_changes_beyond_the_feather_or_the_region() -> None:
    region = EVERYWHERE.copy()
    region[:, 22:] = False
    before = drawn(3)
    after = tinted(before, region, shifts(0.1), 5)
    near = np.zeros_like(MASK)
    near[6:24, 4:22] = True
    np.testing.assert_array_equal(after.whole[:, ~near], before.whole[:, ~near])
    assert (after.whole != before.whole)[:, 12:18, 6].all()  # within the feather


def test_shifts_have_the_spread_and_are_correlated_between_colours() -> None:
    before = drawn(3)
    found = np.array([shift_of(before, tinted(before, EVERYWHERE, shifts(0.05), seed)).mean(1) for seed in range(600)]) / 2
    assert found.std(0) == pytest.approx(0.05, rel=0.1)
    assert abs(found.mean(0)).max() < 0.01
    assert np.corrcoef(found.T)[0, 1:] == pytest.approx(COMMON, abs=0.07)
    grey = drawn(1)
    one = np.array([shift_of(grey, tinted(grey, EVERYWHERE, shifts(0.05), seed)).mean() for seed in range(600)]) / 2
    assert one.std() == pytest.approx(0.05, rel=0.1)


def test_the_seed_alone_decides() -> None:
    before = drawn(3)
    first, again, other = (tinted(before, EVERYWHERE, shifts(0.1), seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.whole, again.whole)
    assert (first.whole != other.whole).any()


def test_values_stay_in_the_range() -> None:
    lights = [tinted(drawn(3, 0.85), EVERYWHERE, shifts(0.5), seed) for seed in range(20)]
    assert max(light.whole.max() for light in lights) == 1.0
    assert min(light.whole.min() for light in lights) >= -1.0


def test_without_a_spread_or_a_defect_nothing_changes() -> None:
    before = drawn(3)
    assert tinted(before, EVERYWHERE, shifts(0.0), 5) is before
    empty = Drawn(before.whole, before.part, np.zeros((SIDE, SIDE), np.float32))
    assert tinted(empty, EVERYWHERE, shifts(0.1), 5) is empty


def test_the_share_of_tinted_defects() -> None:
    before = drawn(3)
    count = sum(tinted(before, EVERYWHERE, shifts(0.1, 0.3), seed) is not before for seed in range(400))
    assert 90 <= count <= 150
