"""Pictures of fixed seeds while a training runs, so that progress can be seen."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from flawsmith.config.schema import Config
from flawsmith.images.files import write_image
from flawsmith.models.dual_model import DualModel
from flawsmith.synthesis.sampling import draw
from flawsmith.synthesis.task import Drawn, Task
from flawsmith.training.ema import filled
from flawsmith.training.pool import Pool

ROWS = 6  # that are shown, and looked at while a training runs
LAST = 12  # that are looked at when it ends


class Previews:
    """The same windows, regions and seeds every time: background, image, anomaly and mask side by side."""

    def __init__(self, folder: Path, pool: Pool, seed: int, precision: str) -> None:
        self._folder = folder
        self._precision = precision
        self._tasks = [pool.preview(i, seed) for i in range(LAST)]

    def draw(
        self, model: DualModel, weights: Mapping[str, Tensor], config: Config, step: int, last: bool = False
    ) -> list[tuple[Task, Drawn]]:
        """Write FOLDER/step-NNNNNNN.png, drawn with `weights`, and return what was drawn; the model is left as it was.

        last: LAST are drawn, of which ROWS are shown.
        """
        tasks = self._tasks if last else self._tasks[:ROWS]
        with filled(model, weights):
            drawn = draw(model, tasks, config, self._precision)
        rows = []
        for task, d in zip(tasks[:ROWS], drawn, strict=False):
            assert task.normal is not None
            mask = np.broadcast_to(2 * d.mask[None] - 1, d.image.shape)
            rows.append(np.concatenate([task.normal * ~task.region, d.image, d.anomaly, mask], axis=2))
        sheet = np.concatenate(rows, axis=1)
        pixels = np.clip(np.rint((sheet + 1) * 127.5), 0, 255).astype(np.uint8).transpose(1, 2, 0)
        write_image(self._folder / f"step-{step:07d}.png", pixels)
        return list(zip(tasks, drawn, strict=True))
