"""The windows of every step on the device: cut from the pictures anew, or kept as latents."""

from collections.abc import Iterator

import torch

from flawsmith.config.schema import TrainingConfig
from flawsmith.models.dual_model import DualModel
from flawsmith.training.latents import Encoded, KeptLatents
from flawsmith.training.pool import Batch, Pool


class Windows:
    """The windows of a training; those of a step depend on (seed, step) and nothing else."""

    def __init__(self, pool: Pool, model: DualModel, config: TrainingConfig, seed: int, device: torch.device) -> None:
        self._pool, self._model, self._config, self._seed, self._device = pool, model, config, seed, device
        self._kept = KeptLatents(pool, seed, config.latents) if config.latents else None

    def batch(self, step: int) -> Batch | Encoded:
        """Return the windows of step number `step` (from 0)."""
        if self._kept is None:
            return self._pool.batch(self._seed, step, self._config.batch).to(self._device)
        return self._kept.batch(self._model, step, self._config.batch, self._device)

    def pieces(self, batch: Batch | Encoded) -> Iterator[Batch | Encoded]:
        """Yield the batch in the parts that go through the network one after the other."""
        size = self._config.batch // self._config.pieces
        for first in range(0, self._config.batch, size):
            yield batch[first : first + size]
