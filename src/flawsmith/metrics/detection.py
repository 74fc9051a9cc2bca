"""How well anomaly maps and picture scores find defects: AUROC, average precision, best F1 and PRO, exact."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.core.errors import DataError, FlawsmithError

PRO_LIMIT = 0.3  # the false positive rate up to which PRO is integrated, as in the literature


@dataclass(frozen=True)
class PixelMetrics:
    """Metrics over the pixels of all pictures together, 0 to 1; None where the pictures do not define one."""

    auroc: float | None
    ap: float | None
    f1_max: float | None
    threshold: float | None  # `map >= threshold` gives f1_max
    pro: float | None


@dataclass(frozen=True)
class ImageMetrics:
    """Metrics over one score per picture, 0 to 1; None where the labels do not define one."""

    auroc: float | None
    ap: float | None
    f1_max: float | None
    threshold: float | None  # `score >= threshold` gives f1_max


@dataclass(frozen=True)
class Counts:
    """What lies at each score, the highest score first; pixels of equal score share an entry.

    The leading axes, if any, are independent counts: one row per resample, say.
    """

    defect: np.ndarray  # (..., G) pixels of a defect
    normal: np.ndarray  # (..., G) pixels of none
    overlap: np.ndarray  # (..., G) the sum over defects (connected parts) of the share of each that lies here


def pixel_metrics(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> PixelMetrics:
    """Return the metrics of anomaly maps against masks, exact over all thresholds, with ties counted as ties.

    maps: (H, W) float32 each, higher is more anomalous, on one scale for all; masks: (H, W) bool each; sizes may differ between
    pictures. All are None unless there are pixels of both kinds. PRO: Bergmann et al. 2021, see `pro`.
    Raises DataError for a map that does not match its mask or that is not finite.
    """
    defect, share, normal = _pixels(maps, masks)
    if not len(defect) or not len(normal):
        return PixelMetrics(None, None, None, None, None)
    thresholds, counts = _count(defect, share, normal)
    best, where = f1_max(counts)
    return PixelMetrics(
        auroc=float(auroc(counts)),
        ap=float(average_precision(counts)),
        f1_max=float(best),
        threshold=float(thresholds[int(where) // 2]),
        pro=float(pro(counts)),
    )


def image_metrics(scores: Sequence[float], labels: Sequence[bool]) -> ImageMetrics:
    """Return the metrics of one score per picture against labels (true = has a defect), by scikit-learn.

    All are None unless there are labels of both kinds. Raises DataError for unequal lengths or scores that are not finite.
    """
    try:
        from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
    except ImportError as error:
        raise FlawsmithError(
            'metrics of picture scores need scikit-learn, which is not installed. Install it: pip install "flawsmith[metrics]".'
        ) from error
    if len(scores) != len(labels):
        raise DataError(f"got {len(scores)} picture scores and {len(labels)} labels; expected one label per score.")
    score, label = np.asarray(scores, np.float64), np.asarray(labels, bool)
    if not np.isfinite(score).all():
        raise DataError(f"picture score {int(np.flatnonzero(~np.isfinite(score))[0])} is not finite; expected numbers.")
    if not label.any() or label.all():
        return ImageMetrics(None, None, None, None)
    precision, recall, thresholds = precision_recall_curve(label, score)
    f1 = 2 * precision[:-1] * recall[:-1] / np.maximum(precision[:-1] + recall[:-1], 1e-300)
    where = len(f1) - 1 - int(np.argmax(f1[::-1].round(12)))  # the thresholds rise; of equal values, up to rounding, the highest threshold
    return ImageMetrics(
        auroc=float(roc_auc_score(label, score)),
        ap=float(average_precision_score(label, score)),
        f1_max=float(f1[where]),
        threshold=float(thresholds[where]),
    )


def auroc(counts: Counts) -> np.ndarray:
    """Return (...) the chance that a defect's pixel scores above a normal one, ties counted half; NaN without both kinds."""
    defect, normal = counts.defect.sum(-1), counts.normal.sum(-1)
    above = np.cumsum(counts.defect, -1) - counts.defect / 2
    return _divide((counts.normal * above).sum(-1), defect * normal)


def average_precision(counts: Counts) -> np.ndarray:
    """Return (...) the sum over thresholds of precision times the recall gained, without interpolation; NaN without defects."""
    hits, all_found = np.cumsum(counts.defect, -1), np.cumsum(counts.defect + counts.normal, -1)
    return _divide((counts.defect * hits / np.maximum(all_found, 1e-300)).sum(-1), counts.defect.sum(-1))


def f1_max(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Return (...) the largest F1 over all thresholds, NaN without defects, and (...) the entry at which it is reached first."""
    hits, all_found = np.cumsum(counts.defect, -1), np.cumsum(counts.defect + counts.normal, -1)
    total = counts.defect.sum(-1, keepdims=True)
    f1 = 2 * hits / np.maximum(all_found + total, 1e-300)
    return np.where(total[..., 0] > 0, f1.max(-1), np.nan), f1.argmax(-1)


def pro(counts: Counts, limit: float = PRO_LIMIT) -> np.ndarray:
    """Return (...) the normalised area under the per-region overlap up to a false positive rate of `limit`; NaN without both kinds.

    The overlap is the mean over the 8-connected parts of the masks of the share that is found; the rate counts the pixels of no
    defect. Bergmann et al. 2021, "The MVTec Anomaly Detection Dataset", section 4.2; every threshold is a point of the curve, and
    the curve is straight between points.
    """
    total = counts.normal.sum(-1, keepdims=True)
    right = _divide(np.cumsum(counts.normal, -1), total)  # (..., G) false positive rate with this entry
    high = _divide(np.cumsum(counts.overlap, -1), counts.overlap.sum(-1, keepdims=True))
    left, low = _shifted(right), _shifted(high)
    end = np.clip(right, left, np.maximum(left, limit))  # where the entry's piece of the curve is cut off
    height = low + (high - low) * (end - left) / np.maximum(right - left, 1e-300) / 2
    return ((end - left) * height).sum(-1) / limit


def regions(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Return (D,) the share of its 8-connected part that each true pixel of the mask (H, W) is, in row order; and the parts' number."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    part = labels[mask]
    return 1 / np.bincount(part)[part] if len(part) else np.zeros(0), count - 1


def check_pair(index: int, scores: np.ndarray, mask: np.ndarray) -> None:
    """Raise DataError unless the map is finite and as large as its mask."""
    if scores.shape != mask.shape or scores.ndim != 2:
        raise DataError(f"anomaly map {index}: got {scores.shape}, expected the (height, width) of its mask, {mask.shape}.")
    if not np.isfinite(scores).all():
        raise DataError(f"anomaly map {index}: holds values that are not finite; expected numbers. Look at the detector that made it.")


def _pixels(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the scores of the defects' pixels (D,), the share of its region that each is (D,), and the other pixels' scores (N,)."""
    if len(maps) != len(masks):
        raise DataError(f"got {len(maps)} anomaly maps and {len(masks)} masks; expected one mask per map.")
    defect, share, normal = [np.zeros(0, np.float32)], [np.zeros(0)], [np.zeros(0, np.float32)]
    for index, (scores, mask) in enumerate(zip(maps, masks, strict=True)):
        mask = np.asarray(mask, bool)
        check_pair(index, scores, mask)
        defect.append(scores[mask].astype(np.float32))
        share.append(regions(mask)[0])
        normal.append(scores[~mask].astype(np.float32))
    return np.concatenate(defect), np.concatenate(share), np.concatenate(normal)


def _count(defect: np.ndarray, share: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, Counts]:
    """Return the defects' scores without repetition (U,), falling, and the counts (2 U + 1).

    Entry 2 i + 1 is at score i and entry 2 i between it and the next higher one. Only normal pixels lie between, and there no metric
    depends on their order: so nothing is lost, and one sort of numbers without labels does for 60 million pixels. (scikit-learn
    gives the same values, from an argsort per metric.)
    """
    thresholds, which = np.unique(defect, return_inverse=True)
    normal = np.sort(normal)
    below = np.searchsorted(normal, thresholds, "left")
    up_to = np.searchsorted(normal, thresholds, "right")
    size = len(thresholds)
    counts = np.zeros((3, 2 * size + 1))  # in rising order, turned at the end
    counts[0, 1::2] = np.bincount(which.ravel(), minlength=size)
    counts[2, 1::2] = np.bincount(which.ravel(), weights=share, minlength=size)
    counts[1, 1::2] = up_to - below
    counts[1, 0::2] = np.append(below, len(normal)) - np.append(0, up_to)
    falling = counts[:, ::-1]
    return thresholds[::-1], Counts(falling[0], falling[1], falling[2])


def _divide(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Return the quotient, NaN where the divisor is zero."""
    return np.where(bottom > 0, top / np.maximum(bottom, 1e-300), np.nan)


def _shifted(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros_like(values[..., :1]), values[..., :-1]], -1)
