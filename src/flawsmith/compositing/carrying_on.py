"""What a surface shows, kept under defects that let it go on: a network that draws an area as dark as real ones may lose what is below."""

import cv2
import numpy as np

from flawsmith.compositing.noise_matching import blurred
from flawsmith.compositing.texture_transfer import WIDE, found_again

DARK = 0.02  # added to the brightness, 0 to 1: of black nothing is a share
BEGINNING = 2.0  # pixels inside the border over which it begins


def carried_on(image: np.ndarray, normal: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Return a drawn canvas (C, H, W) in which all that the surface shows is seen inside the mask (H, W) bool, too.

    normal: (C, H, W), both in [-1, 1]; sigma: pixels: what is finer than a Gaussian of it goes on, relative to the brightness, for light
    that a defect takes from a surface is taken from all that it shows. What is there already counts (`found_again`).
    """
    if not mask.any():
        return image
    drawn, below = (np.ascontiguousarray(x.transpose(1, 2, 0)) for x in (image, normal))
    coarse, under = blurred(drawn, sigma), blurred(below, sigma)
    surface = below - under
    inside, outside = ((x.mean(2, keepdims=True) + 1) / 2 + DARK for x in (coarse, under))
    wanted = (inside / outside).clip(0, 1)
    lacking = (wanted - found_again(drawn - coarse, surface, mask, WIDE * sigma)).clip(0, 1)
    inward = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1, None]
    more = (inward / BEGINNING).clip(0, 1) * lacking * surface
    return (drawn + more).clip(-1, 1).transpose(2, 0, 1).astype(image.dtype)
