"""Randomness as an argument: every stream is derived from a seed and the names of what it is for."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(seed: int, *keys: int | str) -> int:
    """Return a 63-bit seed that depends on `seed` and every key, and on nothing else."""
    text = "\x1f".join([str(seed), *(f"{type(key).__name__}:{key}" for key in keys)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *keys: int | str) -> np.random.Generator:
    """Return a NumPy generator of its own stream."""
    return np.random.default_rng(derive(seed, *keys))


def torch_generator(seed: int, *keys: int | str) -> "torch.Generator":
    """Return a CPU torch generator of its own stream; draw on the CPU and move, so that devices agree."""
    import torch

    return torch.Generator().manual_seed(derive(seed, *keys))


@contextmanager
def first_weights(seed: int) -> Iterator[None]:
    """Have the layers that are made in the block draw their weights from `seed`; torch's own generator is as before afterwards."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)  # layers draw from it and take no other
        yield
