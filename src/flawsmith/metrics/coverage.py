"""Does one set of vectors lie where another does, and does it reach all of it?"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from flawsmith.metrics.masks import vectors
from flawsmith.metrics.registry import SHAPES, WHOLE, WINDOWS, Column, Metric, Number, Table, missing, number, register, too_few
from flawsmith.metrics.sides import Sides

NEIGHBOURS = 3  # Kynkäänniemi et al. 2019
FEWEST = 2 * NEIGHBOURS + 2  # vectors on each side; fewer are all neighbours of each other


@dataclass(frozen=True)
class Coverage:
    """What the neighbourhoods of real and generated vectors say of each other."""

    precision: float  # share of the generated ones that lie in a real one's neighbourhood
    recall: float  # share of the real ones that lie in a generated one's neighbourhood
    density: float  # real neighbourhoods that hold a generated one, over k; 1 is as real, may be more
    coverage: float  # share of the real neighbourhoods with a generated one in them


def coverage(real: np.ndarray, made: np.ndarray, k: int = NEIGHBOURS) -> Coverage:
    """Return the four numbers for vectors (N, D) and (M, D), each more than k.

    A vector's neighbourhood is the ball that reaches its k-th nearest other vector of its own set. Improved precision and recall:
    Kynkäänniemi et al. 2019; density and coverage: Naeem et al. 2020.
    """
    across = distances(made, real)  # (M, N)
    reach_real, reach_made = _reach(real, k), _reach(made, k)
    inside = across <= reach_real  # generated j in the neighbourhood of real i
    return Coverage(
        precision=float(inside.any(1).mean()),
        recall=float((across <= reach_made[:, None]).any(0).mean()),
        density=float(inside.sum() / (k * len(made))),
        coverage=float(inside.any(0).mean()),
    )


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances (N, M) of vectors (N, D) and (M, D)."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def _reach(vectors: np.ndarray, k: int) -> np.ndarray:
    """Return each vector's distance to its k-th nearest other one (N,)."""
    own = distances(vectors, vectors)
    np.fill_diagonal(own, -1)  # itself comes first, also beside vectors that are equal to it
    return np.asarray(np.partition(own, k, axis=1)[:, k])


def _numbers(real: np.ndarray, made: np.ndarray) -> dict[str, Number]:
    """Return the four numbers for vectors (N, D) and (M, D), by name."""
    found = coverage(real, made)
    return {name: number(getattr(found, name), neighbours=NEIGHBOURS) for name in _SENTENCES}


def _of_features(sides: Sides, part: Literal["windows", "whole"], name: str) -> Number:
    real, made = sides.features(part)
    if reason := too_few(FEWEST, len(real), len(made)):
        return missing(reason)
    return sides.shared(f"{part} coverage", lambda: _numbers(real, made))[name]


def _of_shapes(sides: Sides, name: str) -> Number:
    """Return how the shapes of generated defects cover those of real ones; with their place where all have one."""
    real, made = [flaw.shape for flaw in sides.real_flaws], [flaw.shape for flaw in sides.generated_flaws]
    if reason := too_few(FEWEST, len(real), len(made)):
        return missing(reason)
    placed = all(shape.row is not None for shape in (*real, *made))
    return sides.shared("shape coverage", lambda: _numbers(vectors(real, real, placed), vectors(made, real, placed)))[name]


_SENTENCES = {
    "precision": "Share of the generated ones that lie among the real ones.",
    "recall": "Share of the real ones that lie among the generated ones.",
    "density": "1 where generated ones lie as close to real ones as these lie to each other; may be more.",
    "coverage": "Share of the real ones with a generated one near them.",
}


def _register(part: Literal["windows", "whole", "masks"], table: Table) -> None:
    for rank, (name, sentence) in enumerate(_SENTENCES.items()):

        def compute(sides: Sides, name: str = name) -> Number:
            return _of_shapes(sides, name) if part == "masks" else _of_features(sides, part, name)

        title = name.capitalize()
        register(Metric(name, title, part, table, compute, (Column(title),), sentence, better="higher", rank=30 + rank))


_register("windows", WINDOWS)
_register("whole", WHOLE)
_register("masks", SHAPES)
