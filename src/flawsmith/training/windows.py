"""The windows of every step on the device: cut from the pictures anew, or kept as latents."""

from dataclasses import replace

import torch

from flawsmith.config.schema import TrainingConfig
from flawsmith.core.seeds import derive, numpy_generator
from flawsmith.models.dual_model import DualModel
from flawsmith.training.episode_pool import EpisodePool
from flawsmith.training.initial import base_file
from flawsmith.training.latents import Encoded, KeptLatents
from flawsmith.training.pool import Batch, Pool

DRAWN_EVERY = 4  # every so many steps are of the drawn world, so that the base is not forgotten
DRAWN_SIDE = 64  # pixels of its windows


class Windows:
    """The windows of a training; those of a step depend on (seed, step) alone, and each of several processes has its share."""

    def __init__(
        self, pool: Pool, model: DualModel, config: TrainingConfig, seed: int, device: torch.device, rank: int = 0, processes: int = 1
    ) -> None:
        """processes: of which this one is number `rank`; they share the windows of a step."""
        share = config.batch // processes
        self._mine = slice(rank * share, (rank + 1) * share)
        self._pool, self._model, self._config, self._seed, self._device = pool, model, config, seed, device
        self._kept = KeptLatents(pool, seed, config.latents) if config.latents else None
        self._drawn = EpisodePool(derive(seed, "episodes")) if model.follows and base_file(config.init) else None

    def batch(self, step: int) -> Batch | Encoded:
        """Return this process's windows of step number `step` (from 0)."""
        if self._drawn is not None and self._is_drawn(step):
            return self._of_the_base(self._drawn, step)[self._mine].to(self._device)
        if self._kept is None:
            return self._pool.batch(self._seed, step, self._config.batch)[self._mine].to(self._device)
        return self._kept.batch(self._model, step, self._config.batch, self._device, self._mine)

    def _of_the_base(self, drawn: EpisodePool, step: int) -> Batch:
        """Return windows that the base learned from, in the product's colours; each of a kind by chance, so that exemplars say which."""
        batch = drawn.batch(step, DRAWN_SIDE, self._config.batch)
        ids = numpy_generator(self._seed, "kinds", step).integers(1, len(self._pool.names) + 1, len(batch.ids))
        batch = replace(batch, ids=torch.where(batch.ids > 0, torch.from_numpy(ids), 0))
        if self._model.shape.colours == 3:
            return batch
        exemplars = torch.cat([batch.exemplars[:, :, :-1].mean(2, keepdim=True), batch.exemplars[:, :, -1:]], dim=2)
        image, background = (x.mean(1, keepdim=True) for x in (batch.image, batch.background))
        return replace(batch, image=image, background=background, exemplars=exemplars)

    def pictures(self, step: int) -> list[str]:
        """Return of which pictures the windows of step number `step` are."""
        if self._is_drawn(step):
            return [f"drawn ones of the base (training.init={self._config.init})"]
        count = self._config.batch
        keys = self._kept.keys(step, count) if self._kept else [("window", step, i) for i in range(count)]
        return list(dict.fromkeys(self._pool.pictures(self._seed, keys)))

    def _is_drawn(self, step: int) -> bool:
        return self._drawn is not None and step % DRAWN_EVERY == DRAWN_EVERY - 1
