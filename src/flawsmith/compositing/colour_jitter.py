"""Other colours than the few learned ones: a drawn defect of a colour picture is shifted as a whole."""

from dataclasses import replace

import numpy as np

from flawsmith.compositing.blending import band
from flawsmith.compositing.extract import LEAST, extract
from flawsmith.config.schema import GenerationConfig
from flawsmith.core.seeds import numpy_generator
from flawsmith.synthesis.task import Drawn

COMMON = 0.7  # of the variance that all colours share: brightness varies more than hue


def choose_tint(config: GenerationConfig, colours: int, seed: int) -> np.ndarray | None:
    """Return how far each colour of a defect is shifted, (C,) in shares of the value range; None for the share that is not tinted.

    Normal deviates with the standard deviation `generation.tint`, correlated between the colours by COMMON. Grey pictures are never
    tinted: brightness is all that a defect is seen by there, and a dark crack would become a bright one.
    """
    g = numpy_generator(seed, "tint")
    if colours == 1 or g.random() >= config.tinted or config.tint == 0:
        return None
    deviates = np.sqrt(COMMON) * g.standard_normal() + np.sqrt(1 - COMMON) * g.standard_normal(colours)
    return config.tint * deviates


def tinted(drawn: Drawn, region: np.ndarray, tint: np.ndarray, feather: int, least: int = LEAST, halo: int = 0) -> Drawn:
    """Return the canvas with the defect's colours shifted by `tint` (C,).

    region: (H, W) bool, where was drawn; feather: pixels over which the shift ends beyond the mask; least: as for
    `extract`. The defect's own texture and the surroundings stay; what leaves the value range is clipped.
    """
    mask = extract(drawn.mask, region, least=least)
    shift = 2 * tint.astype(np.float32)[:, None, None]  # of the range -1 to 1
    whole = (drawn.image + shift * band(mask, region, feather, halo)).clip(-1, 1)
    return replace(drawn, image=whole, anomaly=np.where(mask, whole, drawn.anomaly))
