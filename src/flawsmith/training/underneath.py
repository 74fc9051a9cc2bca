"""What lies under the labelled defects, as the network itself would fill the places."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from flawsmith.config.schema import Config
from flawsmith.core.seeds import derive
from flawsmith.dataset.windows import grow
from flawsmith.images.pixel_range import PixelRange
from flawsmith.models.dual_model import DualModel
from flawsmith.synthesis.sampling import draw
from flawsmith.synthesis.task import Task

REACH = 3.0  # pixels around a mask and its halo that may still show the defect
GOOD = 0  # the entry of the token table


def filler(model: DualModel, config: Config, precision: str, scale: PixelRange) -> Callable[[np.ndarray, np.ndarray, int], np.ndarray]:
    """Return what fills the masked part of a picture with the product's surface: see `Pool.bare`."""
    config = replace(config, generation=replace(config.generation, guidance=1.0, anchor=0.0))

    def fill(image: np.ndarray, mask: np.ndarray, halo: int) -> np.ndarray:
        colours, factor = model.shape.colours, model.factor
        region = grow(mask, REACH + halo)
        space = [(0, -side % factor) for side in mask.shape]  # a canvas has whole cells
        canvas = np.pad(scale.to_model(image, colours), [(0, 0), *space], "edge")
        (drawn,) = draw(
            model, [Task(canvas, np.pad(region, space), np.zeros(canvas.shape[1:], bool), GOOD, derive(0, "under"))], config, precision
        )
        height, width = mask.shape
        filled = scale.to_pixels(drawn.image[:, :height, :width], colours)
        return np.where(region[..., None], filled, image[..., :colours])

    return fill
