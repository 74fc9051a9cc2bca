"""How sure and how varied a classifier finds a set of pictures."""

import numpy as np

from flawsmith.core.seeds import numpy_generator
from flawsmith.metrics.registry import WHOLE, Column, Metric, Number, missing, number, register, too_few
from flawsmith.metrics.sides import Sides

FEWEST = 10  # generated pictures
SPLITS, MANY = 10, 500  # published scores are means over 10 splits; with fewer pictures than MANY it is one


def inception_score(logits: np.ndarray, splits: int = 1, seed: int = 0) -> tuple[float, float]:
    """Return mean and standard deviation over the splits of the Inception Score (Salimans et al. 2016) of logits (N, classes).

    exp of the mean divergence of each picture's class probabilities from their mean: 1 when all are alike, at most min(N, classes). Which
    picture is in which split follows from the seed; a score depends on the size of its split, so compare equal ones.
    """
    x = logits.astype(np.float64)
    x = x - x.max(1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(1, keepdims=True))  # (N, classes)
    order = numpy_generator(seed, "inception score").permutation(len(log_p))
    scores = []
    for part in np.array_split(order, splits):
        p = np.exp(log_p[part])
        entropy_of_mean = -np.sum(p.mean(0) * np.log(np.maximum(p.mean(0), 1e-300)))
        scores.append(np.exp(entropy_of_mean + (p * log_p[part]).sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def _compute(sides: Sides) -> Number:
    features = sides.features("whole")[1]  # (M, D)
    if reason := too_few(FEWEST, None, len(features)):
        return missing(reason)
    splits = SPLITS if len(features) >= MANY else 1
    value, deviation = inception_score(sides.extractor.head(features), splits, sides.seed)
    return number(value, splits=splits, **({"deviation": deviation} if splits > 1 else {}))


register(
    Metric(
        "is",
        "IS",
        "whole",
        WHOLE,
        _compute,
        (Column("IS"),),
        "Inception Score: how sure and varied a classifier of everyday pictures finds the generated ones; it says little about defects, "
        "and is here to be compared with papers.",
        better="higher",
        rank=50,
    )
)
