"""Copy-paste: a real defect cut out by its mask and pasted onto a normal."""

import numpy as np

from flawsmith.benchmark.baselines.material import BaselineContext
from flawsmith.benchmark.baselines.poses import PlacedDonor, lay
from flawsmith.benchmark.baselines.visible import until_seen
from flawsmith.compositing.blending import band, blend
from flawsmith.dataset.sample import Sample

FEATHER = 1  # pixels outside the mask over which the pasted picture fades out


def copy_paste(material: BaselineContext, normal: Sample, defect: str, g: np.random.Generator) -> Sample:
    """Return a normal with a real defect of the learned part pasted in; its mask is what was pasted.

    The defect is mirrored, turned, scaled and matched in brightness as `lay` says, and fades out over FEATHER pixels outside its
    mask; beyond these the normal keeps its bits. Into binarised pictures only their own tones are pasted, without the
    fading. What cannot be seen is laid again. (Ghiasi et al. 2021, "Simple copy-paste", place at random: places as here are what a
    careful user would choose.)
    """
    return until_seen(lambda: _paste(material, normal, defect, g), normal, material.scale)


def _paste(material: BaselineContext, normal: Sample, defect: str, g: np.random.Generator) -> Sample:
    """Return the normal with one defect pasted."""
    laid = lay(material, normal, defect, g)
    rows, columns = box_of(laid)
    if material.levels is None:
        drawn, weights = laid.image, band(laid.mask, np.ones_like(laid.mask), FEATHER)
    else:
        drawn, weights = material.levels.snap(laid.image), laid.mask.astype(np.float32)
    return put(normal, blend(normal.image[rows, columns], drawn, weights, material.scale), laid, defect)


def box_of(laid: PlacedDonor) -> tuple[slice, slice]:
    """Return the rows and columns of the picture that a laid donor's box has."""
    return slice(laid.top, laid.top + laid.mask.shape[0]), slice(laid.left, laid.left + laid.mask.shape[1])


def put(normal: Sample, piece: np.ndarray, laid: PlacedDonor, defect: str) -> Sample:
    """Return the normal with the finished piece (h, w, C) in the place of a laid donor, and the donor's mask."""
    rows, columns = box_of(laid)
    image, mask = normal.image.copy(), np.zeros(normal.image.shape[:2], bool)
    image[rows, columns] = piece
    mask[rows, columns] = laid.mask
    return Sample(image, mask, defect, normal.group, normal.source)
