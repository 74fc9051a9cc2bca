"""Classifier-free guidance over the defect tokens."""

from collections.abc import Callable

from torch import Tensor

Denoise = Callable[[Tensor, float], Tensor]  # (noisy state, time) -> clean state


def guided(conditional: Tensor, empty: Tensor, scale: float) -> Tensor:
    """Return empty + scale (conditional - empty) (Ho and Salimans 2021); scale 1 is the conditional prediction."""
    return empty + scale * (conditional - empty)
