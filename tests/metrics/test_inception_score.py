"""The Inception Score against its definition."""

import math

import numpy as np
import pytest

from flawsmith.metrics.inception_score import inception_score


def naive(logits: np.ndarray) -> float:
    p = [[math.exp(v) / sum(math.exp(w) for w in row) for v in row] for row in logits.tolist()]
    mean = [sum(row[c] for row in p) / len(p) for c in range(len(p[0]))]
    return math.exp(sum(row[c] * (math.log(row[c]) - math.log(mean[c])) for row in p for c in range(len(mean))) / len(p))


def test_it_is_the_definition_written_out() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (12, 5)).astype(np.float32)
    assert inception_score(logits) == (pytest.approx(naive(logits)), 0)


def test_equal_pictures_score_1_and_sure_different_ones_their_number() -> None:
    assert inception_score(np.ones((6, 4)))[0] == pytest.approx(1)
    assert inception_score(1000.0 * np.eye(4))[0] == pytest.approx(4)


def test_splits_are_seeded_and_each_a_score_of_its_own() -> None:
    logits = np.random.default_rng(1).normal(0, 2, (30, 5))
    assert inception_score(logits, 3, seed=1) == inception_score(logits, 3, seed=1) != inception_score(logits, 3, seed=2)
    mean, deviation = inception_score(logits, 30)
    assert (mean, deviation) == (pytest.approx(1), pytest.approx(0, abs=1e-9))  # one picture is like itself


def test_it_does_not_depend_on_the_order() -> None:
    logits = np.random.default_rng(2).normal(0, 2, (12, 5))
    assert inception_score(logits[::-1])[0] == pytest.approx(inception_score(logits)[0])
