"""The exact metrics against loops over every threshold, against scikit-learn, and where they are not defined."""

import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flawsmith.core.errors import DataError
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.components import components
from flawsmith.metrics.detection import Counts, PixelMetrics, average_precision, image_metrics, pixel_metrics, pro, regions


def apart(mask: np.ndarray) -> list[np.ndarray]:
    return [one.mask(mask.shape) for one in components(mask)]


def drawn(seed: int, levels: int, sizes: Sequence[tuple[int, int]] = ((5, 7), (6, 4), (3, 3))) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return maps of few levels, so that there are ties, and masks of several parts."""
    generator = numpy_generator(seed, "detection")
    masks = [generator.random(size) < 0.25 for size in sizes]
    maps = [((generator.integers(0, levels, m.shape) + 2 * m) / levels).astype(np.float32) for m in masks]
    return maps, masks


def by_loops(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray], limit: float = 0.3) -> tuple[float, float, float, float, float]:
    """Return (auroc, ap, f1_max, threshold, pro), each from its definition."""
    score = np.concatenate([m.ravel() for m in maps])
    label = np.concatenate([m.ravel() for m in masks])
    parts = [
        (values, part) for values, mask in zip(maps, masks, strict=True) for part in (one.mask(mask.shape) for one in components(mask))
    ]
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in score[label] for b in score[~label]]
    ap, best, threshold, recall_before = 0.0, 0.0, np.inf, 0.0
    curve = [(0.0, 0.0)]
    for t in sorted(set(score.tolist()), reverse=True):
        found = score >= t
        precision, recall = (found & label).sum() / found.sum(), (found & label).sum() / label.sum()
        ap += precision * (recall - recall_before)
        recall_before = recall
        f1 = 2 * (found & label).sum() / (found.sum() + label.sum())
        if f1 > best:
            best, threshold = f1, t
        curve.append(((found & ~label).sum() / (~label).sum(), np.mean([(values[part] >= t).mean() for values, part in parts])))
    area = 0.0
    for (x0, y0), (x1, y1) in zip(curve, curve[1:], strict=False):
        if x0 < limit and x1 > x0:
            end = min(x1, limit)
            area += (end - x0) * (y0 + y0 + (y1 - y0) * (end - x0) / (x1 - x0)) / 2
    return float(np.mean(wins)), ap, best, threshold, area / limit


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2, 5, 1000]))
def test_pixel_metrics_are_those_of_loops_over_every_threshold(seed: int, levels: int) -> None:
    maps, masks = drawn(seed, levels)
    got = pixel_metrics(maps, masks)
    assert (got.auroc, got.ap, got.f1_max, got.threshold, got.pro) == pytest.approx(by_loops(maps, masks), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([3, 1000]))
@example(4764, 1000)  # two thresholds give the same F1, up to rounding
def test_pixel_and_image_metrics_agree_with_scikit_learn(seed: int, levels: int) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    maps, masks = drawn(seed, levels)
    score, label = np.concatenate([m.ravel() for m in maps]), np.concatenate([m.ravel() for m in masks])
    pixels, images = pixel_metrics(maps, masks), image_metrics(score.tolist(), label.tolist())
    assert pixels.auroc == pytest.approx(sklearn.roc_auc_score(label, score), abs=1e-12)
    assert pixels.ap == pytest.approx(sklearn.average_precision_score(label, score), abs=1e-12)
    assert (images.auroc, images.ap) == pytest.approx((pixels.auroc, pixels.ap), abs=1e-12)
    assert (images.f1_max, images.threshold) == pytest.approx((pixels.f1_max, pixels.threshold), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_order_of_pictures_and_rising_rescaling_change_nothing(seed: int) -> None:
    maps, masks = drawn(seed, 6)
    first = pixel_metrics(maps, masks)
    other = pixel_metrics([3 * m - 7 for m in maps[::-1]], masks[::-1])
    assert (other.auroc, other.ap, other.f1_max, other.pro) == pytest.approx((first.auroc, first.ap, first.f1_max, first.pro), abs=1e-12)
    for value in (first.auroc, first.ap, first.f1_max, first.pro):
        assert value is not None and 0 <= value <= 1


def test_a_perfect_map_and_a_constant_one() -> None:
    mask = np.zeros((20, 20), bool)
    mask[2:5, 2:5] = mask[10:12, 10:18] = True
    perfect = pixel_metrics([mask.astype(np.float32)], [mask])
    assert (perfect.auroc, perfect.ap, perfect.f1_max, perfect.threshold, perfect.pro) == pytest.approx((1, 1, 1, 1, 1))
    share = mask.mean()
    constant = pixel_metrics([np.zeros((20, 20), np.float32)], [mask])
    assert (constant.auroc, constant.ap) == (0.5, pytest.approx(share))
    assert constant.f1_max == pytest.approx(2 * share / (1 + share))
    assert constant.pro == pytest.approx(0.15)  # the diagonal up to 0.3, over 0.3


def test_pro_weighs_a_small_defect_as_much_as_a_large_one() -> None:
    mask = np.zeros((40, 40), bool)
    mask[:20, :20] = mask[30, 30] = True
    values = mask.astype(np.float32)
    values[30, 30] = -1  # missed: below all normal pixels
    assert pixel_metrics([values], [mask]).pro == pytest.approx(0.5)
    values[:20, :20], values[30, 30] = -1, 1
    assert pixel_metrics([values], [mask]).pro == pytest.approx(0.5)


def test_pixels_that_touch_at_a_corner_are_one_region() -> None:
    mask = np.eye(4, dtype=bool)
    share, count = regions(mask)
    assert count == 1 and share.tolist() == [0.25] * 4
    assert regions(np.zeros((3, 3), bool))[1] == 0


def test_leading_axes_are_counts_of_their_own() -> None:
    generator = numpy_generator(3, "counts")
    defect, normal, overlap = generator.integers(0, 4, (3, 2, 6)).astype(float)
    both = Counts(defect, normal, overlap)
    for row in range(2):
        one = Counts(defect[row], normal[row], overlap[row])
        assert float(average_precision(both)[row]) == pytest.approx(float(average_precision(one)))
        assert float(pro(both)[row]) == pytest.approx(float(pro(one)))


def test_what_is_not_defined_is_none_and_without_warnings() -> None:
    pytest.importorskip("sklearn")
    empty = PixelMetrics(None, None, None, None, None)
    values, mask = np.ones((4, 4), np.float32), np.zeros((4, 4), bool)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pixel_metrics([values], [mask]) == empty
        assert pixel_metrics([values], [~mask]) == empty
        assert pixel_metrics([], []) == empty
        for labels in ([], [True, True], [False]):
            got = image_metrics([0.5] * len(labels), labels)
            assert (got.auroc, got.ap, got.f1_max, got.threshold) == (None, None, None, None)


def test_wrong_input_is_named() -> None:
    values, mask = np.ones((4, 4), np.float32), np.zeros((4, 4), bool)
    with pytest.raises(DataError, match="anomaly map 1: got .4, 5., expected"):
        pixel_metrics([values, np.ones((4, 5), np.float32)], [mask, mask])
    with pytest.raises(DataError, match="anomaly map 0: holds values that are not finite"):
        pixel_metrics([np.full((4, 4), np.nan, np.float32)], [mask])
    with pytest.raises(DataError, match="1 anomaly maps and 2 masks"):
        pixel_metrics([values], [mask, mask])
    pytest.importorskip("sklearn")
    with pytest.raises(DataError, match="2 picture scores and 1 labels"):
        image_metrics([0.1, 0.2], [True])
    with pytest.raises(DataError, match="picture score 1 is not finite"):
        image_metrics([0.1, float("nan")], [True, False])
