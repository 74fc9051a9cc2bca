"""Training windows as the network sees them, and the kept ones that spare the autoencoder its work at every step."""

from dataclasses import dataclass

import torch
from torch import Tensor

from flawsmith.core.seeds import numpy_generator
from flawsmith.models.dual_model import DualModel
from flawsmith.training.pool import Batch, Pool


@dataclass(frozen=True)
class Encoded:
    """A batch whose pictures are latents, each (B, channels, h, w)."""

    image: Tensor
    anomaly: Tensor | None  # None with a single branch
    background: Tensor  # the image without what lies in the region
    mask: Tensor  # (B, 1, H, W), 0 or 1
    region: Tensor  # (B, 1, H, W), 0 or 1
    ids: Tensor  # (B,)

    def __getitem__(self, rows: slice) -> "Encoded":
        """Return some of the windows."""
        anomaly = None if self.anomaly is None else self.anomaly[rows]
        return Encoded(self.image[rows], anomaly, self.background[rows], self.mask[rows], self.region[rows], self.ids[rows])


def encode_batch(model: DualModel, batch: Batch) -> Encoded:
    """Return the batch with its pictures encoded."""
    code = model.codec.encode
    anomaly = code(batch.image * batch.mask) if model.branches == 2 else None
    return Encoded(code(batch.image), anomaly, code(batch.image * (1 - batch.region)), batch.mask, batch.region, batch.ids)


class KeptLatents:
    """A fixed number of windows, each encoded when it is first drawn and kept in main memory from then on.

    A frozen autoencoder's three passes a window cost about as much as the network's own work on it.
    """

    def __init__(self, pool: Pool, seed: int, count: int) -> None:
        self._pool, self._seed = pool, seed
        self._kept: list[Encoded | None] = [None] * count

    def batch(self, model: DualModel, step: int, count: int, device: torch.device) -> Encoded:
        """Return the windows of one step, on `device`: which ones depends on (seed, step) alone, what they show on (seed, their number)."""
        chosen = numpy_generator(self._seed, "kept", step).integers(len(self._kept), size=count).tolist()
        if fresh := sorted({i for i in chosen if self._kept[i] is None}):
            encoded = encode_batch(model, self._pool.windows(self._seed, [("kept", i) for i in fresh]).to(device))
            for row, i in enumerate(fresh):
                self._kept[i] = _to_keep(encoded[row : row + 1])
        return _together([found for i in chosen if (found := self._kept[i]) is not None], device)


def _to_keep(window: Encoded) -> Encoded:
    """Return a window of its own in main memory, the mask and the region as bool."""
    anomaly = None if window.anomaly is None else window.anomaly.cpu().clone()
    mask, region = window.mask.bool().cpu(), window.region.bool().cpu()
    return Encoded(window.image.cpu().clone(), anomaly, window.background.cpu().clone(), mask, region, window.ids.cpu().clone())


def _together(rows: list[Encoded], device: torch.device) -> Encoded:
    """Return windows as one batch on `device`."""

    def joined(name: str) -> Tensor:
        return torch.cat([getattr(row, name) for row in rows]).to(device, non_blocking=True)

    anomaly = None if rows[0].anomaly is None else joined("anomaly")
    return Encoded(joined("image"), anomaly, joined("background"), joined("mask").float(), joined("region").float(), joined("ids"))
