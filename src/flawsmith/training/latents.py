"""Training windows as the network sees them, and the kept ones that spare the autoencoder its work at every step."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from flawsmith.core.seeds import numpy_generator
from flawsmith.models.dual_model import DualModel
from flawsmith.training.pool import Batch, Pool

_ALL = slice(None)


@dataclass(frozen=True)
class Encoded:
    """A batch whose pictures are latents, each (B, channels, h, w)."""

    image: Tensor
    anomaly: Tensor | None  # None with a single branch
    background: Tensor  # the image without what lies in the region, or the normal
    mask: Tensor  # (B, 1, H, W), 0 or 1
    region: Tensor  # (B, 1, H, W), 0 or 1
    ids: Tensor  # (B,)
    known: Tensor  # (B,) as the rest as in `Batch`
    shape: Tensor  # (B, 1, H, W)
    exemplars: Tensor  # (B, K, C + 1, S, S), in pixels

    def __getitem__(self, rows: slice) -> "Encoded":
        """Return some of the windows."""
        return _mapped(lambda x: x[rows], self)


def encode_batch(model: DualModel, batch: Batch) -> Encoded:
    """Return the batch with its pictures encoded."""
    code = model.codec.encode
    anomaly = code(batch.image * batch.mask) if model.branches == 2 else None
    image, background = code(batch.image), code(batch.background)
    return Encoded(image, anomaly, background, batch.mask, batch.region, batch.ids, batch.known, batch.shape, batch.exemplars)


class KeptLatents:
    """A fixed number of windows, each encoded when it is first drawn and kept in main memory from then on.

    A frozen autoencoder's three passes a window cost about as much as the network's own work on it.
    """

    def __init__(self, pool: Pool, seed: int, count: int) -> None:
        self._pool, self._seed = pool, seed
        self._kept: list[Encoded | None] = [None] * count

    def batch(self, model: DualModel, step: int, count: int, device: torch.device, rows: slice = _ALL) -> Encoded:
        """Return some `rows` of the windows of one step, on `device`.

        Which ones they are depends on (seed, step) alone, what they show on (seed, their number).
        """
        chosen = self._chosen(step, count)[rows]
        if fresh := sorted({i for i in chosen if self._kept[i] is None}):
            encoded = encode_batch(model, self._pool.windows(self._seed, [("kept", i) for i in fresh]).to(device))
            for row, i in enumerate(fresh):
                self._kept[i] = _to_keep(encoded[row : row + 1])
        return _together([found for i in chosen if (found := self._kept[i]) is not None], device)

    def keys(self, step: int, count: int) -> list[tuple[str | int, ...]]:
        """Return the keys that the pool has drawn the windows of one step by."""
        return [("kept", i) for i in self._chosen(step, count)]

    def _chosen(self, step: int, count: int) -> list[int]:
        chosen: list[int] = numpy_generator(self._seed, "kept", step).integers(len(self._kept), size=count).tolist()
        return chosen


def _to_keep(window: Encoded) -> Encoded:
    """Return a window of its own in main memory, the mask and the region as bool."""
    kept = _mapped(lambda x: x.cpu().clone(), window)
    return replace(kept, mask=kept.mask.bool(), region=kept.region.bool())


def _together(rows: list[Encoded], device: torch.device) -> Encoded:
    """Return windows as one batch on `device`."""
    joined = _mapped(lambda *xs: torch.cat(xs).to(device, non_blocking=True), *rows)
    return replace(joined, mask=joined.mask.float(), region=joined.region.float())


def _mapped(function: Callable[..., Tensor], *windows: Encoded) -> Encoded:
    """Return what a function makes of each field of windows; a single branch's missing anomaly stays missing."""
    columns: Any = zip(*(vars(each).values() for each in windows), strict=True)
    found: Any = [None if column[0] is None else function(*column) for column in columns]
    return Encoded(*found)
