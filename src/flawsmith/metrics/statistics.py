"""How sure a measured number is: bootstrap over pictures and seeds, and paired differences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flawsmith.core.errors import DataError
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import GOOD
from flawsmith.metrics.detection import Counts, auroc, average_precision, f1_max, image_metrics, pixel_metrics, pro, regions

BINS = 4096  # of scores, per picture; half follow the defects' pixels and half the others
RESAMPLES = 1000
CHUNK = 100  # resamples at a time: bounds the memory
PIXEL_METRICS = ("pixel_auroc", "pixel_ap", "pixel_f1_max", "pixel_pro")
IMAGE_METRICS = ("image_auroc", "image_ap", "image_f1_max")


@dataclass(frozen=True)
class Estimate:
    """A number with what it would have been on other pictures and seeds.

    Estimates of the same pictures, `what` and bootstrap seed have the same resamples in the same order, so the difference of two
    of them is the paired one.
    """

    value: float
    draws: np.ndarray  # (R,) the value in each resample

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return (low, high) of the percentile interval."""
        low, high = np.nanquantile(self.draws, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def __sub__(self, other: "Estimate") -> "Estimate":
        if len(self.draws) != len(other.draws):
            raise DataError(f"estimates of {len(self.draws)} and {len(other.draws)} resamples; a paired difference needs as many in both.")
        return Estimate(self.value - other.value, self.draws - other.draws)


@dataclass(frozen=True)
class Tally:
    """What one detector made of P pictures, in little memory: enough to measure it on any resample of them."""

    names: tuple[str, ...]  # (P,) the defect's name of each picture, or "good"
    units: tuple[str, ...]  # (P,) what is resampled as one: the picture's group, or its path
    counts: Counts  # (P, G) of float32: each picture's pixels by score, highest bin first
    scores: np.ndarray  # (P,) picture scores
    exact: dict[str, float]  # every metric that is defined, over all pictures, without bins


def tally(
    maps: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    scores: Sequence[float],
    names: Sequence[str],
    units: Sequence[str],
    bins: int = BINS,
) -> Tally:
    """Return the tally of a detector's anomaly maps (H, W) float32 and picture scores; one entry per picture in every sequence.

    The bins end at quantiles of the defects' pixels and of the others, so that resampled metrics are within about 0.002 of exact.
    Raises DataError where lengths or sizes differ or a value is not finite.
    """
    lengths = {"maps": len(maps), "masks": len(masks), "scores": len(scores), "names": len(names), "units": len(units)}
    if len(set(lengths.values())) != 1:
        raise DataError(f"got {', '.join(f'{count} {what}' for what, count in lengths.items())}; expected one of each per picture.")
    pixels = pixel_metrics(maps, masks)
    pictures = image_metrics(scores, [name != GOOD for name in names])
    values = (pixels.auroc, pixels.ap, pixels.f1_max, pixels.pro, pictures.auroc, pictures.ap, pictures.f1_max)
    exact = {name: value for name, value in zip(PIXEL_METRICS + IMAGE_METRICS, values, strict=True) if value is not None}
    masks = [np.asarray(mask, bool) for mask in masks]
    edges = _edges(maps, masks, bins)
    size = len(edges) + 1
    counts = np.zeros((3, len(maps), size), np.float32)
    for i, (values_, mask) in enumerate(zip(maps, masks, strict=True)):
        where = len(edges) - np.searchsorted(edges, values_, "right")  # (H, W) 0 is the highest bin
        counts[0, i] = np.bincount(where[mask], minlength=size)
        counts[1, i] = np.bincount(where[~mask], minlength=size)
        counts[2, i] = np.bincount(where[mask], weights=regions(mask)[0], minlength=size)
    return Tally(tuple(names), tuple(units), Counts(counts[0], counts[1], counts[2]), np.asarray(scores, np.float64), exact)


def bootstrap(runs: Sequence[Tally], seed: int = 0, what: str = "", resamples: int = RESAMPLES) -> dict[str, Estimate]:
    """Return an estimate of each metric that is defined: the mean over runs, which are one model's under several training seeds.

    A resample draws units with replacement within each defect and the normals (a unit in two strata is two), and runs with
    replacement: the interval covers the choice of pictures and of seeds. With one run it covers the pictures only, with two or
    three it is still optimistic. `what` names the data. Raises DataError where the runs are not over the same pictures.
    """
    if not runs:
        raise DataError("no runs to resample; expected at least one.")
    first = runs[0]
    if any((run.names, run.units) != (first.names, first.units) for run in runs):
        raise DataError("the runs are over different pictures, or in a different order; expected the same, so that seeds compare.")
    weights = picture_weights(first.names, first.units, seed, what, resamples)
    by_run = [_resampled(run, weights) for run in runs]
    return {
        name: Estimate(
            float(np.mean([run.exact[name] for run in runs])), _over_seeds(np.stack([values[name] for values in by_run]), seed, what)
        )
        for name in first.exact
    }


def bootstrap_means(
    values: np.ndarray, names: Sequence[str], units: Sequence[str], seed: int = 0, what: str = "", resamples: int = RESAMPLES
) -> tuple[Estimate, Estimate]:
    """Return (mean over pictures, mean over defects of each one's mean) of values (S, P) from S training seeds.

    For accuracy the values are 1 where the prediction was right. Resampled as in `bootstrap`, with the same draws.
    """
    if values.ndim != 2 or values.shape[1] != len(names) or not values.size:
        raise DataError(f"got values of shape {values.shape} for {len(names)} pictures; expected (seeds, pictures), at least one of each.")
    weights = picture_weights(names, units, seed, what, resamples)
    defects = sorted(set(names))
    member = np.array([[name == defect for defect in defects] for name in names], float)  # (P, K)
    sums = np.einsum("rp,sp,pk->srk", weights, values, member, optimize=True)  # (S, R, K)
    counts = weights @ member  # (R, K)
    overall, by_defect = sums.sum(-1) / counts.sum(-1), (sums / counts).mean(-1)  # (S, R)
    mean_by_defect = (values @ member / member.sum(0)).mean()
    return (
        Estimate(float(values.mean()), _over_seeds(overall, seed, what)),
        Estimate(float(mean_by_defect), _over_seeds(by_defect, seed, what)),
    )


def picture_weights(names: Sequence[str], units: Sequence[str], seed: int, what: str, resamples: int) -> np.ndarray:
    """Return (R, P) how often each picture is drawn; a stratum's draws depend on its own units only, not on their order."""
    weights = np.zeros((resamples, len(names)))
    for name in sorted(set(names)):
        members = np.array([i for i, other in enumerate(names) if other == name])
        found, which = np.unique([units[i] for i in members], return_inverse=True)
        generator = numpy_generator(seed, "bootstrap", what, "pictures", name)
        drawn = generator.multinomial(len(found), np.full(len(found), 1 / len(found)), size=resamples)  # (R, U)
        weights[:, members] = drawn[:, which.ravel()]
    return weights


def _edges(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray], bins: int) -> np.ndarray:
    """Return the rising scores (E,), at most `bins`, at which a new bin begins, of maps (H, W) and masks (H, W) bool."""
    edges = []
    for values in (
        np.concatenate([np.zeros(0, np.float32), *(m[mask] for m, mask in zip(maps, masks, strict=True))]),
        np.concatenate([np.zeros(0, np.float32), *(m[~mask] for m, mask in zip(maps, masks, strict=True))]),
    ):
        if len(values):
            where = np.unique(np.linspace(0, len(values) - 1, bins // 2).round().astype(np.int64))
            edges.append(np.sort(values)[where])
    return np.unique(np.concatenate(edges)) if edges else np.zeros(0, np.float32)


def _resampled(run: Tally, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return (R,) of every metric under picture weights (R, P)."""
    parts = [_metrics(run, weights[start : start + CHUNK]) for start in range(0, len(weights), CHUNK)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _metrics(run: Tally, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return (R,) of the metrics under picture weights (R, P), a few resamples at a time: of pixels, of pictures, as the run has them."""
    found: dict[str, np.ndarray] = {}
    if run.exact.keys() & set(PIXEL_METRICS):
        small = weights.astype(np.float32)
        pixels = Counts(*((small @ each).astype(np.float64) for each in (run.counts.defect, run.counts.normal, run.counts.overlap)))
        found |= zip(PIXEL_METRICS, (auroc(pixels), average_precision(pixels), f1_max(pixels)[0], pro(pixels)), strict=True)
    if run.exact.keys() & set(IMAGE_METRICS):
        defective = np.array([name != GOOD for name in run.names])
        _, which = np.unique(-run.scores, return_inverse=True)  # 0 is the highest score
        level = np.eye(int(which.max(initial=0)) + 1)[which.ravel()]  # (P, G) one-hot
        ones = weights * defective
        pictures = Counts(ones @ level, (weights - ones) @ level, ones @ level)
        found |= zip(IMAGE_METRICS, (auroc(pictures), average_precision(pictures), f1_max(pictures)[0]), strict=True)
    return found


def _over_seeds(values: np.ndarray, seed: int, what: str) -> np.ndarray:
    """Return (R,) the mean over resampled training seeds of values (S, R).

    The deviations are stretched by sqrt(S / (S - 1)): drawing S of S values again spreads less than new ones would (Rao & Wu 1988),
    by half of the variance for two.
    """
    count, resamples = values.shape
    centre = values.mean(0)
    if count == 1:
        return centre
    generator = numpy_generator(seed, "bootstrap", what, "seeds")
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=resamples).T / count  # (S, R)
    return centre + math.sqrt(count / (count - 1)) * ((drawn * values).sum(0) - centre)
