"""How far two sets of pictures are apart, from their features: Fréchet distance and kernel distance."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from flawsmith.core.seeds import numpy_generator
from flawsmith.metrics.registry import WHOLE, WINDOWS, Column, Metric, Number, Table, missing, number, register, too_few
from flawsmith.metrics.sides import Sides

# the fewest pictures on each side; below, a number says more about which pictures there happen to be than about the model
FEWEST_FID, FEWEST_KID = 50, 5
SUBSET = 1000  # pictures of a subset; smaller sets are taken whole
SUBSETS = 100


@dataclass(frozen=True)
class Kid:
    """A kernel distance."""

    value: float  # squared maximum mean discrepancy; unbiased, so it may be slightly negative
    deviation: float  # of the estimate (jackknife), or over the subsets
    how: str  # "all pictures" or "100 subsets of 1000"


def fid(real: np.ndarray, made: np.ndarray) -> float:
    """Return the Fréchet distance (Heusel et al. 2017) of two sets of features (N, D) and (M, D), at least 2 each.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). With C = F^T F, the trace of the root is the sum of the singular values of F1 F2^T: no root
    of a matrix is taken, so nothing becomes complex or depends on an added epsilon when there are fewer pictures than features.
    """
    means, factors, spread = [], [], 0.0
    for features in (real, made):
        values = features.astype(np.float64)
        means.append(values.mean(0))
        centred = (values - means[-1]) / np.sqrt(len(values) - 1)
        spread += float((centred**2).sum())  # the trace of the covariance
        factors.append(centred if len(values) <= values.shape[1] else np.asarray(np.linalg.qr(centred, mode="r")))
    root = float(np.linalg.svd(np.asarray(factors[0] @ factors[1].T), compute_uv=False).sum())
    return max(0.0, float(((means[0] - means[1]) ** 2).sum()) + spread - 2 * root)


def kid(real: np.ndarray, made: np.ndarray, seed: int = 0) -> Kid:
    """Return the kernel distance (Bińkowski et al. 2018) of two sets of features (N, D) and (M, D), at least 3 each.

    The unbiased estimate of the squared MMD with the kernel (x y / D + 1)^3: over all pictures, or where both sets have more than SUBSET
    the mean over SUBSETS seeded subsets.
    """
    real, made = real.astype(np.float64), made.astype(np.float64)
    if min(len(real), len(made)) <= SUBSET:
        value, deviation = _mmd(_kernel(real, real), _kernel(made, made), _kernel(real, made))
        return Kid(value, deviation, "all pictures")
    values = []
    for subset in range(SUBSETS):
        g = numpy_generator(seed, "kid", subset)
        a, b = (side[g.choice(len(side), SUBSET, replace=False)] for side in (real, made))
        values.append(_mmd(_kernel(a, a), _kernel(b, b), _kernel(a, b))[0])
    return Kid(float(np.mean(values)), float(np.std(values)), f"{SUBSETS} subsets of {SUBSET}")


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the kernel's values (N, M) of features (N, D) and (M, D)."""
    return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)


def _mmd(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> tuple[float, float]:
    """Return the unbiased squared MMD from the kernel's values (n, n), (m, m), (n, m), and its standard deviation by the jackknife.

    Leaving out one picture takes its row from the sums; the two sets are independent, so their variances add up.
    """
    n, m = xy.shape
    rows_x, rows_y = xx.sum(1) - xx.diagonal(), yy.sum(1) - yy.diagonal()
    across_x, across_y = xy.sum(1), xy.sum(0)
    inner_x, inner_y, across = rows_x.sum(), rows_y.sum(), xy.sum()
    mean_x, mean_y = inner_x / (n * (n - 1)), inner_y / (m * (m - 1))
    without_x = (inner_x - 2 * rows_x) / ((n - 1) * (n - 2)) + mean_y - 2 * (across - across_x) / ((n - 1) * m)
    without_y = mean_x + (inner_y - 2 * rows_y) / ((m - 1) * (m - 2)) - 2 * (across - across_y) / (n * (m - 1))
    variance = (n - 1) * without_x.var() + (m - 1) * without_y.var()
    return float(mean_x + mean_y - 2 * across / (n * m)), float(np.sqrt(variance))


def _fid(real: np.ndarray, made: np.ndarray) -> Number:
    """Return the distance of features (N, D) and (M, D) as a number of a report."""
    reason = too_few(FEWEST_FID, len(real), len(made))
    return missing(reason) if reason else number(fid(real, made))


def _kid(real: np.ndarray, made: np.ndarray, seed: int) -> Number:
    """Return the distance of features (N, D) and (M, D) as a number of a report."""
    if reason := too_few(FEWEST_KID, len(real), len(made)):
        return missing(reason)
    distance = kid(real, made, seed)
    return number(distance.value, deviation=distance.deviation, how=distance.how)


def _register(part: Literal["windows", "whole"], table: Table) -> None:
    def compute_kid(sides: Sides) -> Number:
        return _kid(*sides.features(part), sides.seed)

    def compute_fid(sides: Sides) -> Number:
        return _fid(*sides.features(part))

    columns = (
        Column("KID ×1000", times=1000, form=".1f", spread="deviation"),
        Column("mean of kinds", "mean", times=1000, form=".1f"),
    )
    register(Metric("kid", "KID", part, table, compute_kid, columns, _KID, better="lower", rank=10))
    register(Metric("fid", "FID", part, table, compute_fid, (Column("FID"),), _FID, better="lower", rank=20))


_KID = (
    "0 when nothing tells the two sets of pictures apart (an unbiased estimate, so it may fall below), ± its standard deviation. The line "
    "for all mixes the kinds; the mean of their own KID stands beside it."
)
_FID = "It grows as pictures get fewer, so compare equal numbers only."

_register("windows", WINDOWS)
_register("whole", WHOLE)
