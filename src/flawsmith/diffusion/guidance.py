"""Classifier-free guidance over the defect tokens."""

from torch import Tensor


def guided(conditional: Tensor, empty: Tensor, scale: float) -> Tensor:
    """Return empty + scale (conditional - empty), of any one shape (Ho and Salimans 2021); scale 1 is the conditional prediction."""
    return empty + scale * (conditional - empty)
