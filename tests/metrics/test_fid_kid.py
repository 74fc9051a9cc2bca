"""FID and KID against formulas written out in full."""

import numpy as np
import pytest

from flawsmith.metrics import fid_kid
from flawsmith.metrics.fid_kid import fid, kid


def sets(n: int, m: int, d: int, shift: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    return g.normal(0, 1, (n, d)).astype(np.float32), (g.normal(shift, 1.5, (m, d))).astype(np.float32)


@pytest.mark.parametrize(("n", "m"), [(40, 30), (40, 5), (4, 30)])
def test_fid_is_the_formula_with_a_root_of_a_matrix(n: int, m: int) -> None:
    linalg = pytest.importorskip("scipy.linalg")
    a, b = sets(n, m, 6)
    c1, c2 = np.cov(a.astype(float), rowvar=False), np.cov(b.astype(float), rowvar=False)
    tiny = 1e-9 * np.eye(6)  # what implementations with a root add to singular matrices
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c1 + c2 - 2 * linalg.sqrtm((c1 + tiny) @ (c2 + tiny)).real)
    assert fid(a, b) == pytest.approx(expected, rel=1e-3)


def test_fid_of_known_gaussians() -> None:
    base = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])  # covariance 2/3 of the unit matrix
    assert fid(base, 2 * base + [3, 4]) == pytest.approx(25 + 2 * (2 / 3) * (2 - 1) ** 2)
    assert fid(base, base) == pytest.approx(0, abs=1e-12)


def test_fid_of_far_more_features_than_pictures_is_finite_and_symmetric() -> None:
    a, b = sets(5, 7, 2000)
    assert fid(a, b) == pytest.approx(fid(b, a)) and np.isfinite(fid(a, b)) and fid(a, a) == pytest.approx(0, abs=1e-6)


def naive_mmd(x: np.ndarray, y: np.ndarray) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((sum(float(p) * float(q) for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3)

    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


def test_kid_is_the_unbiased_estimate_with_its_jackknife() -> None:
    a, b = sets(7, 5, 4)
    found = kid(a, b)
    assert found.value == pytest.approx(naive_mmd(a, b)) and found.how == "all pictures"
    left_a = [naive_mmd(np.delete(a, i, 0), b) for i in range(len(a))]
    left_b = [naive_mmd(a, np.delete(b, i, 0)) for i in range(len(b))]
    variance = sum((len(x) - 1) / len(x) * ((np.array(x) - np.mean(x)) ** 2).sum() for x in (left_a, left_b))
    assert found.deviation == pytest.approx(variance**0.5)


def test_the_deviation_is_that_of_repeated_draws() -> None:
    found = [kid(*sets(40, 40, 3, 0.3, seed)) for seed in range(60)]
    assert np.mean([f.deviation for f in found]) == pytest.approx(np.std([f.value for f in found]), rel=0.4)


def test_kid_of_one_distribution_is_about_0_on_both_sides_of_it() -> None:
    values = []
    for seed in range(30):
        a, _ = sets(40, 2, 3, seed=seed)
        values.append(kid(a[:20], a[20:]).value)
    assert min(values) < 0 < max(values) and abs(np.mean(values)) < 0.5 * np.std(values)


def test_large_sets_are_measured_in_seeded_subsets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fid_kid, "SUBSET", 10)
    a, b = sets(60, 50, 4)
    found = kid(a, b, seed=3)
    assert found.how == "100 subsets of 10" and found == kid(a, b, seed=3) != kid(a, b, seed=4)
    assert found.value == pytest.approx(naive_mmd(a, b), rel=0.2)


def test_neither_depends_on_the_order() -> None:
    a, b = sets(9, 8, 4)
    assert fid(a[::-1], b[::-1]) == pytest.approx(fid(a, b)) and kid(a[::-1], b[::-1]).value == pytest.approx(kid(a, b).value)
