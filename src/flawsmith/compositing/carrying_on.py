"""What a surface shows, kept under defects that let it go on: a network that draws an area as dark as real ones may lose what is below."""

import numpy as np

from flawsmith.compositing.margins import DARK
from flawsmith.compositing.texture_transfer import WIDE, found_again
from flawsmith.dataset.windows import depth_inside, distance_outside
from flawsmith.images.smoothing import blurred

FINE = 4.0  # sigma in pixels of the structure by which `contrast` goes
REACH = 8  # times FINE: how far around a defect it looks
MANY = 200  # pixels: with fewer it says nothing
MOST = 3.0
SHOWN = 0.01  # standard deviation, as a share of the brightness: with less around it there is nothing to show more strongly
BEGINNING = 2.0  # pixels inside the border over which it begins


def contrast(picture: np.ndarray, mask: np.ndarray, around: np.ndarray) -> float:
    """Return how many times as strongly a surface's fine structure shows in a mask as around it, relative to the brightness, 1 to MOST.

    picture: (H, W, C) in shares of the value range; mask: (H, W) bool; around: (H, W) bool, what shows the product without a defect.
    1 where too little is inside or around to say, and where it is darker inside, as noise would count for structure there. A worn zone
    shows the same grinding marks, only stronger.
    """
    grey = np.ascontiguousarray(picture.mean(-1, keepdims=True, dtype=np.float32))
    coarse = blurred(grey, FINE)
    relative = ((grey - coarse) / (coarse + DARK))[..., 0]
    inner, outside = distance_outside(~mask) > FINE, distance_outside(mask)
    outer = around & (outside > FINE) & (outside <= REACH * FINE)
    if min(inner.sum(), outer.sum()) < MANY or grey[inner].mean() < grey[outer].mean():
        return 1.0
    return float(np.clip(relative[inner].std() / max(relative[outer].std(), SHOWN), 1, MOST))


def carried_on(image: np.ndarray, normal: np.ndarray, mask: np.ndarray, sigma: float, times: float = 1.0) -> np.ndarray:
    """Return a drawn canvas (C, H, W) in which all that the surface shows is seen inside the mask (H, W) bool, too.

    normal: (C, H, W), both in [-1, 1]; sigma: pixels: what is finer than a Gaussian of it goes on, relative to the brightness, for light
    that a defect takes from a surface is taken from all that it shows; times: what shows more strongly under it (`contrast`). What is there
    already counts (`found_again`).
    """
    if not mask.any():
        return image
    drawn, below = (np.ascontiguousarray(x.transpose(1, 2, 0)) for x in (image, normal))
    coarse, under = blurred(drawn, sigma), blurred(below, sigma)
    surface = below - under
    inside, outside = ((x.mean(2, keepdims=True) + 1) / 2 + DARK for x in (coarse, under))
    wanted = times * (inside / outside).clip(0, 1)
    lacking = (wanted - found_again(drawn - coarse, surface, mask, WIDE * sigma)).clip(0, times)
    more = (depth_inside(mask)[..., None] / BEGINNING).clip(0, 1) * lacking * surface
    return (drawn + more).clip(-1, 1).transpose(2, 0, 1).astype(image.dtype)
