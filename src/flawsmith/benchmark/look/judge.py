"""An independent judge of look: does anything about generated defects tell them from real ones that the generator never saw?

A ridge classifier on what `windows` keeps learns from four fifths of the specimens and normals and is asked about the rest. Two defects
are compared only where one judge, which has learned from neither, answers for both, and only with others of their kind. So the number is
0.5 for what cannot be told apart, however few there are: with scores of different judges in one ranking it would be below.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flawsmith.benchmark.look.windows import SeenDefect
from flawsmith.core.errors import DataError
from flawsmith.core.seeds import numpy_generator
from flawsmith.metrics.statistics import RESAMPLES, Estimate, picture_weights

FOLDS = 5
REPEATS = 6  # of the folds, dealt anew: most pairs are then once in the same one
RIDGE = 1e-3  # as a share of the features' summed variance
STEP = 1.4  # sides within a factor of this count as one size
FEWEST = 4  # units of either side


@dataclass(frozen=True)
class Answers:
    """Which of two defects looked more real, over N real and M generated ones."""

    above: np.ndarray  # (N, M) how often it was the real one; a tie is half
    asked: np.ndarray  # (N, M) how often it was asked

    def ratio(self, real: np.ndarray, made: np.ndarray) -> np.ndarray:
        """Return (R,) the share of the answers that named the real one, under weights (R, N) and (R, M); NaN without any."""
        won, of = (((real @ table) * made).sum(1) for table in (self.above, self.asked))
        return np.where(of > 0, won / np.maximum(of, 1e-300), np.nan)


@dataclass(frozen=True)
class Verdict:
    """What a judge says of real and generated defects, those of a kind and size that both sides have."""

    real: tuple[SeenDefect, ...]  # (N)
    made: tuple[SeenDefect, ...]  # (M)
    weights: tuple[np.ndarray, np.ndarray]  # (N,) and (M,): every real one counts 1, the generated ones of its kind 1 together
    defects: Answers
    beside: Answers  # the same judges, asked about places without a defect

    def auroc(self, kind: str | None = None) -> float:
        """Return the chance, 0 to 1, that a real defect looks more real than a generated one of its kind, of one kind or over all."""
        mine = np.array([kind in (None, x.kind) for x in self.real])
        return float(self.defects.ratio((self.weights[0] * mine)[None], self.weights[1][None])[0])

    def auroc_beside(self) -> float | None:
        """Return the same for places without a defect, which is what the surroundings alone give away; None where there are none."""
        value = float(self.beside.ratio(self.weights[0][None], self.weights[1][None])[0])
        return None if np.isnan(value) else value

    def auroc_of_size(self) -> float:
        """Return the same for a judge that knows nothing but the side of the defect's box: 0.5 where the matching is right."""
        sides = [np.array([float(x.side) for x in side]) for side in (self.real, self.made)]
        return float(Answers(_above(*sides) * self.defects.asked, self.defects.asked).ratio(*(w[None] for w in self.weights))[0])

    def estimate(self, seed: int = 0) -> Estimate:
        """Return `auroc` with what it would have been on other specimens and normals."""
        drawn = [
            picture_weights([x.kind for x in side], [x.unit for x in side], seed, what, RESAMPLES)
            for side, what in ((self.real, "look real"), (self.made, "look made"))
        ]
        return Estimate(self.auroc(), self.defects.ratio(drawn[0] * self.weights[0], drawn[1] * self.weights[1]))


def compare(
    real: Sequence[SeenDefect],
    made: Sequence[SeenDefect],
    groups: Sequence[str] | None = None,
    seed: int = 0,
    repeats: int = REPEATS,
    step: float = STEP,
) -> Verdict:
    """Return what judges that learned from neither say of every real and every generated defect of one kind.

    groups: (M,) what of the generated defects is never both learned from and asked about; without them, their units. step: see
    `matched_weights`. Raises DataError where too few of one kind and size are on both sides.
    """
    both = matched_weights(real, made, step)
    real = _kept(real, both[0], "real")
    groups = [x.unit for x in made] if groups is None else groups
    groups = [group for group, weight in zip(groups, both[1], strict=True) if weight > 0]
    made = _kept(made, both[1], "generated")
    every, count = [*real, *made], len(real)
    kinds, target = np.array([x.kind for x in every]), np.where(np.arange(len(every)) < count, 1.0, -1.0)
    weights = np.concatenate([w[w > 0] for w in both])
    same_kind = kinds[:count, None] == kinds[None, count:]
    seen = np.array([x.beside is not None for x in every])
    above, asked, above_beside, asked_beside = np.zeros((4, *same_kind.shape))
    for repeat in range(repeats):
        folds = np.concatenate(
            [
                deal([x.kind for x in real], [x.unit for x in real], numpy_generator(seed, "look", "real", repeat)),
                deal([x.kind for x in made], groups, numpy_generator(seed, "look", "made", repeat)),
            ]
        )
        scores, beside = np.zeros((2, len(every)))
        for fold in range(FOLDS):
            learn = folds != fold
            balance = np.where(learn, _balanced(weights * learn, target, kinds), 0)
            if not balance.any():  # nothing of one kind is left on both sides
                continue
            judge = _Ridge.fit([every[i].features for i in np.flatnonzero(balance)], target[balance > 0], balance[balance > 0])
            for i in np.flatnonzero(~learn):
                scores[i] = judge.score(every[i].features)
                other = every[i].beside
                beside[i] = 0.0 if other is None else judge.score(other)
        together = same_kind & (folds[:count, None] == folds[None, count:])
        asked += together
        above += together * _above(scores[:count], scores[count:])
        together = together & seen[:count, None] & seen[None, count:]
        asked_beside += together
        above_beside += together * _above(beside[:count], beside[count:])
    shares = weights[count:] / np.array([weights[count:][kinds[count:] == kind].sum() for kind in kinds[count:]])
    return Verdict(tuple(real), tuple(made), (weights[:count], shares), Answers(above, asked), Answers(above_beside, asked_beside))


def matched_weights(real: Sequence[SeenDefect], made: Sequence[SeenDefect], step: float = STEP) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (N,) and (M,) under which both sides have the same kinds and sizes.

    Sizes are told apart in steps of the factor `step`; with infinity they are all one. A real defect of a kind and size that both sides
    have counts 1, and the generated ones of this kind and size as much together; all others count 0.
    """
    cells = [[(x.kind, int(np.floor(np.log(x.side) / np.log(step)))) for x in side] for side in (real, made)]
    counts = [{cell: side.count(cell) for cell in set(side)} for side in cells]
    return (
        np.array([float(cell in counts[1]) for cell in cells[0]]),
        np.array([counts[0].get(cell, 0) / counts[1][cell] for cell in cells[1]]),
    )


def deal(kinds: Sequence[str], groups: Sequence[str], g: np.random.Generator) -> np.ndarray:
    """Return the fold (N,) of each defect, 0 to FOLDS - 1: whole groups, every kind spread as evenly as they allow."""
    fold: dict[str, int] = {}
    for kind in sorted(set(kinds)):
        mine = [group for group, of in zip(groups, kinds, strict=True) if of == kind]
        held = np.bincount([fold[group] for group in mine if group in fold], minlength=FOLDS)
        new = sorted(set(mine) - set(fold))
        for index in g.permutation(len(new)):
            fold[new[index]] = int(np.lexsort((g.random(FOLDS), held))[0])
            held[fold[new[index]]] += mine.count(new[index])
    return np.array([fold[group] for group in groups])


def halves(defects: Sequence[SeenDefect], g: np.random.Generator) -> np.ndarray:
    """Return which (N,) bool of the defects are in the first half: whole units, about half of those of every kind."""
    first: dict[str, bool] = {}
    for kind in sorted({x.kind for x in defects}):
        names, begin = sorted({x.unit for x in defects if x.kind == kind} - set(first)), int(g.integers(2))
        first |= {names[index]: (begin + place) % 2 == 0 for place, index in enumerate(g.permutation(len(names)))}
    return np.array([first[x.unit] for x in defects])


@dataclass(frozen=True)
class _Ridge:
    """A ridge regression of 1 (real) and -1 (generated) on standardised features."""

    centre: np.ndarray  # (D,)
    spread: np.ndarray  # (D,)
    slope: np.ndarray  # (D,)

    @classmethod
    def fit(cls, views: Sequence[np.ndarray], target: np.ndarray, weights: np.ndarray) -> "_Ridge":
        """Return the regression on the views (V, D) of N defects with targets and weights (N,), which their views share."""
        counts = [len(x) for x in views]
        x, target = np.concatenate(views), np.repeat(target, counts)
        weight = np.repeat(weights / counts, counts)
        weight /= weight.sum()
        centre = weight @ x
        spread = np.sqrt(weight @ np.square(x - centre)) + 1e-6
        root = np.sqrt(weight)
        rows, wanted = (x - centre) / spread * root[:, None], (target - weight @ target) * root
        least = RIDGE * rows.shape[1] * np.eye(min(rows.shape))
        if len(rows) < rows.shape[1]:
            return cls(centre, spread, rows.T @ np.linalg.solve(rows @ rows.T + least, wanted))
        return cls(centre, spread, np.linalg.solve(rows.T @ rows + least, rows.T @ wanted))

    def score(self, views: np.ndarray) -> float:
        """Return how real a defect looks, the mean over its views (V, D)."""
        return float(((views - self.centre) / self.spread @ self.slope).mean())


def _kept(defects: Sequence[SeenDefect], weights: np.ndarray, what: str) -> list[SeenDefect]:
    """Return those with a weight; raises DataError where they are of too few units."""
    kept = [x for x, weight in zip(defects, weights, strict=True) if weight > 0]
    if (units := len({x.unit for x in kept})) < FEWEST:
        raise DataError(
            f"{len(kept)} of {len(defects)} {what} defects, on {units} parts, have one of their kind and size on the other side; a judge "
            f"of look needs {FEWEST} parts. Give it more pairs, of the kinds and sizes that the real ones have."
        )
    return kept


def _balanced(weights: np.ndarray, target: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Return the weights (N,) with both sides of each kind made equal; 0 for a kind that only one side has."""
    result = np.zeros(len(weights))
    for kind in sorted(set(kinds)):
        real, made = ((kinds == kind) & (target == side) for side in (1, -1))
        if weights[real].any() and weights[made].any():
            result[real], result[made] = weights[real], weights[made] / weights[made].sum() * weights[real].sum()
    return result


def _above(real: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Return (N, M) 1 where a real score (N,) is above a generated one (M,), half for a tie."""
    return np.asarray((real[:, None] > made[None]) + 0.5 * (real[:, None] == made[None]))
