"""Intervals: the bins against exact metrics, what resampling covers, pairs, and Student's t."""

import math
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.core.errors import DataError
from flawsmith.core.seeds import numpy_generator
from flawsmith.metrics.detection import image_metrics, pixel_metrics
from flawsmith.metrics.statistics import (
    Estimate,
    Tally,
    _metrics,
    bootstrap,
    bootstrap_means,
    picture_weights,
    tally,
)

Drawn = tuple[list[np.ndarray], list[np.ndarray], list[float], list[str], list[str]]


def drawn(seed: int, count: int = 24, side: int = 48, gain: float = 2.0) -> Drawn:
    """Return maps, masks, scores, names and units: two defects of different sizes on two thirds of the pictures."""
    generator = numpy_generator(seed, "maps")
    maps, masks, names = [], [], []
    for i in range(count):
        mask = np.zeros((side, side), bool)
        if i % 3:
            size = 3 if i % 3 == 1 else 12
            top, left = generator.integers(0, side - size, 2)
            mask[top : top + size, left : left + size] = True
            mask[:2, :2] = i % 2 == 0
        maps.append((generator.standard_normal(mask.shape) + gain * generator.random() * mask).astype(np.float32))
        masks.append(mask)
        names.append(("good", "dot", "stain")[i % 3])
    return maps, masks, [float(m.max()) for m in maps], names, [f"{i:03d}.png" for i in range(count)]


def pick(parts: Drawn, which: Sequence[int]) -> Drawn:
    maps, masks, scores, names, units = parts
    texts = [names[i] for i in which], [units[i] for i in which]
    return [maps[i] for i in which], [masks[i] for i in which], [scores[i] for i in which], *texts


@pytest.fixture(autouse=True)
def _scikit_learn() -> None:
    pytest.importorskip("sklearn")


@pytest.mark.parametrize("seed", [0, 1])
def test_bins_are_within_two_thousandths_of_exact_on_resamples(seed: int) -> None:
    maps, masks, scores, names, units = drawn(seed)
    run = tally(maps, masks, scores, names, units)
    weights = picture_weights(names, units, seed, "", 6).astype(int)
    binned = _metrics(run, weights.astype(float))
    for row, counts in enumerate(weights):
        chosen = np.repeat(np.arange(len(maps)), counts)
        pixels = pixel_metrics([maps[i] for i in chosen], [masks[i] for i in chosen])
        pictures = image_metrics([scores[i] for i in chosen], [names[i] != "good" for i in chosen])
        got = [binned[f"pixel_{name}"][row] for name in ("auroc", "ap", "f1_max", "pro")]
        assert got == pytest.approx([pixels.auroc, pixels.ap, pixels.f1_max, pixels.pro], abs=0.002)
        got = [binned[f"image_{name}"][row] for name in ("auroc", "ap", "f1_max")]
        assert got == pytest.approx([pictures.auroc, pictures.ap, pictures.f1_max], abs=1e-12)


def test_estimates_hold_exact_values_and_intervals_around_them() -> None:
    maps, masks, scores, names, units = drawn(2)
    got = bootstrap([tally(maps, masks, scores, names, units)])
    assert got["pixel_pro"].value == pixel_metrics(maps, masks).pro
    assert set(got) == {"pixel_auroc", "pixel_ap", "pixel_f1_max", "pixel_pro", "image_auroc", "image_ap", "image_f1_max"}
    for estimate in got.values():
        low, high = estimate.interval()
        assert low <= estimate.value <= high and low < high and low <= estimate.interval(0.5)[0]


def test_undefined_metrics_are_left_out() -> None:
    parts = drawn(0)
    some = tally(*pick(parts, [i for i, name in enumerate(parts[3]) if name != "good"]))
    assert set(bootstrap([some], resamples=5)) == {"pixel_auroc", "pixel_ap", "pixel_f1_max", "pixel_pro"}
    none = tally(*pick(parts, [0]))
    assert bootstrap([none], resamples=5) == {}


def test_the_order_of_pictures_does_not_matter() -> None:
    parts = drawn(4)
    turned = pick(parts, range(len(parts[0]))[::-1])
    one, other, new = bootstrap([tally(*parts)], 3), bootstrap([tally(*turned)], 3), bootstrap([tally(*parts)], 4)
    for name in one:
        assert np.allclose(one[name].draws, other[name].draws, atol=1e-6)
        assert not np.allclose(one[name].draws, new[name].draws)


def test_a_paired_difference_is_narrower_than_an_unpaired_one() -> None:
    maps, masks, scores, names, units = drawn(5)
    first = bootstrap([tally(maps, masks, scores, names, units)], what="part")
    better = [m + 0.3 * mask for m, mask in zip(maps, masks, strict=True)]
    second = bootstrap([tally(better, masks, scores, names, units)], what="part")
    other = bootstrap([tally(better, masks, scores, names, units)], what="another")
    paired, unpaired = (e["pixel_ap"] - first["pixel_ap"] for e in (second, other))
    assert paired.value == second["pixel_ap"].value - first["pixel_ap"].value > 0
    assert paired.interval()[0] > 0
    assert np.std(paired.draws) < 0.5 * np.std(unpaired.draws)
    assert np.all((second["pixel_ap"] - second["pixel_ap"]).draws == 0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_strata_keep_their_number_and_a_unit_is_drawn_as_one(seed: int, parts: int) -> None:
    names = ["good"] * 6 + ["dot"] * 10
    units = [str(i) for i in range(6)] + [f"part {i % parts}" for i in range(10)]
    weights = picture_weights(names, units, seed, "", 20)
    assert np.all(weights[:, :6].sum(1) == 6)
    drawn_units = weights[:, 6:][:, : min(parts, 10)]
    assert np.all(drawn_units.sum(1) == parts)
    for i in range(10):
        assert np.all(weights[:, 6 + i] == weights[:, 6 + i % parts])


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_intervals_cover_the_seeds_without_shrinking(seeds: int) -> None:
    """Where pictures are alike, the draws spread as the mean of `seeds` values does: s / sqrt(S)."""
    levels = numpy_generator(seeds, "levels").random(seeds)
    overall, by_defect = bootstrap_means(np.repeat(levels[:, None], 9, 1), ["dot"] * 9, [str(i) for i in range(9)], resamples=20_000)
    expected = np.std(levels, ddof=1) / math.sqrt(seeds)
    assert np.std(overall.draws) == pytest.approx(expected, rel=0.03)
    assert overall.value == pytest.approx(levels.mean()) and np.allclose(overall.draws, by_defect.draws)


def test_means_over_pictures_and_over_defects() -> None:
    names = ["dot"] * 2 + ["stain"] * 8
    values = np.array([[1.0, 0.0, *[1.0] * 8], [1.0, 1.0, *[0.0] * 8]])
    overall, by_defect = bootstrap_means(values, names, [str(i) for i in range(10)])
    assert (overall.value, by_defect.value) == (pytest.approx((0.9 + 0.2) / 2), pytest.approx((0.75 + 0.5) / 2))
    assert overall.draws.mean() == pytest.approx(overall.value, abs=0.02)
    assert by_defect.draws.mean() == pytest.approx(by_defect.value, abs=0.02)


def test_runs_of_several_seeds_average() -> None:
    maps, masks, scores, names, units = drawn(6)
    runs = [tally(maps, masks, scores, names, units), tally([m + mask for m, mask in zip(maps, masks, strict=True)], *drawn(6)[1:])]
    both = bootstrap(runs)["pixel_ap"]
    single = [bootstrap([run])["pixel_ap"] for run in runs]
    assert both.value == pytest.approx((single[0].value + single[1].value) / 2)
    assert np.std(both.draws) > max(np.std(s.draws) for s in single)  # the seeds differ more than the pictures do


def test_a_thousand_resamples_take_seconds() -> None:
    generator = numpy_generator(0, "tally")
    counts = generator.random((3, 200, 4097)).astype(np.float32)
    maps, masks, scores, names, units = drawn(0, count=200, side=16)
    small = tally(maps, masks, scores, names, units)
    large = Tally(small.names, small.units, type(small.counts)(*counts), small.scores, small.exact)
    start = time.process_time()
    bootstrap([large])
    assert time.process_time() - start < 20


def test_wrong_input_is_named() -> None:
    parts = drawn(0, count=6)
    run, turned = tally(*parts), tally(*pick(parts, range(6)[::-1]))
    with pytest.raises(DataError, match="different pictures"):
        bootstrap([run, turned])
    with pytest.raises(DataError, match="no runs"):
        bootstrap([])
    with pytest.raises(DataError, match="6 maps, 6 masks, 5 scores"):
        tally(parts[0], parts[1], parts[2][:5], parts[3], parts[4])
    with pytest.raises(DataError, match=r"shape \(2, 3\) for 4 pictures"):
        bootstrap_means(np.zeros((2, 3)), ["dot"] * 4, list("abcd"))
    with pytest.raises(DataError, match="2 and 3 resamples"):
        Estimate(0.0, np.zeros(2)) - Estimate(0.0, np.zeros(3))
