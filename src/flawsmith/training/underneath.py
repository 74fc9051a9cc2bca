"""What lies under the labelled defects, as the network itself would fill the places."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from flawsmith.config.schema import Config
from flawsmith.core.seeds import derive
from flawsmith.dataset.windows import around, grow
from flawsmith.images.pixel_range import PixelRange
from flawsmith.models.dual_model import DualModel
from flawsmith.models.filling import fill_smoothly
from flawsmith.synthesis.sampling import draw
from flawsmith.synthesis.task import Task

REACH = 3.0  # pixels around a mask and its halo that may still show the defect
ROOM = 32  # pixels around what is filled that go with it: more than the network looks at
GOOD = 0  # the entry of the token table

Part = tuple[slice, slice]  # rows and columns of a picture
Fill = Callable[[np.ndarray, np.ndarray, int, Part], np.ndarray]


def filler(model: DualModel, config: Config, precision: str, scale: PixelRange) -> Fill:
    """Return what fills the masked pixels of a part of a picture with the product's surface.

    It gets a picture (H, W, C) as stored, its mask (H, W) bool, the pixels of its halo and the part, and returns the part without the
    defect, in the colours that the model sees.
    """
    config = replace(config, generation=replace(config.generation, guidance=1.0, anchor=0.0))

    def fill(image: np.ndarray, mask: np.ndarray, halo: int, part: Part) -> np.ndarray:
        colours, factor = model.shape.colours, model.factor
        hidden, here = grow(mask, REACH + halo), np.zeros_like(mask)
        here[part] = hidden[part]
        near = around(here, ROOM)  # where hidden pixels are around the part, a smooth guess stands for them
        planes = torch.from_numpy(scale.to_model(image, colours))[None]
        canvas = fill_smoothly(planes, torch.from_numpy(hidden[None, None].astype(np.float32)))[0].numpy()[:, near[0], near[1]]
        space = [(0, -side % factor) for side in canvas.shape[1:]]  # a canvas has whole cells
        canvas, region = np.pad(canvas, [(0, 0), *space], "edge"), np.pad(here[near], space)
        task = Task(canvas, region, np.zeros(region.shape, bool), GOOD, derive(0, "under"))
        (drawn,) = draw(model, [task], config, precision)
        filled = image[..., :colours].copy()
        height, width = here[near].shape
        filled[near] = np.where(here[near][..., None], scale.to_pixels(drawn.image[:, :height, :width], colours), filled[near])
        return filled[part]

    return fill
