"""Does one set of vectors lie where another does, and does it reach all of it?"""

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 3  # Kynkäänniemi et al. 2019


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
