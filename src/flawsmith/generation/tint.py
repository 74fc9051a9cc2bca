"""Other colours than the few learned ones: a drawn defect made brighter, darker or more coloured as a whole."""

from dataclasses import replace

import numpy as np

from flawsmith.config import GenerationConfig
from flawsmith.generation.blending import band
from flawsmith.generation.sampling import Drawn
from flawsmith.masks.extract import extract
from flawsmith.seeds import numpy_generator

COMMON = 0.7  # of the variance that all colours share: brightness varies more than hue


def tinted(drawn: Drawn, region: np.ndarray, config: GenerationConfig, seed: int) -> Drawn:
    """Return the canvas with the defect's colours shifted by normal deviates, or, for the share that is not tinted, as it is.

    region: (H, W) bool, where was drawn. The defect's own texture and the surroundings stay; what leaves the range is clipped.
    """
    g, mask = numpy_generator(seed, "tint"), extract(drawn.mask, region)
    if g.random() >= config.tinted or config.tint == 0 or not mask.any():
        return drawn
    colours = len(drawn.whole)
    common = COMMON if colours > 1 else 1.0
    shift = np.sqrt(common) * g.standard_normal() + np.sqrt(1 - common) * g.standard_normal(colours)  # (C,)
    shift = (2 * config.tint * shift).astype(np.float32)[:, None, None]  # of the range -1 to 1
    whole = (drawn.whole + shift * band(mask, region, config.feather)).clip(-1, 1)
    return replace(drawn, whole=whole, part=np.where(mask, whole, drawn.part))
