"""Defects that replace the surface, such as broken glass: nothing of it is seen in them, and their tones are spread as those of real ones.

A network that is not sure draws the mean of what they may be: an even grey film, where a real one is dark with a few bright facets.
"""

import numpy as np

from flawsmith.compositing.margins import DARK
from flawsmith.dataset.windows import depth_inside
from flawsmith.images.smoothing import mean_inside

THICK = 2.5  # pixels from the border in the median: the tones of what is thinner are mixed with those of the surface
PATCHES = (0.3, 0.15, 0.0)  # of a defect's side: Gaussians through which tones are spread, one after the other; 0 = pixel by pixel
EDGES = (0, 0.2, 0.4, 0.6, 0.8, 0.9, 1)  # ranks between which pixels have one colour in the mean
MIDDLES = np.add(EDGES[1:], EDGES[:-1]) / 2
ALIKE = 1.5  # most by which colours of one hue differ in the ratio of one to the other


def is_thick(mask: np.ndarray) -> bool:
    """Return whether a mask (H, W) bool marks an area in which a surface could be seen, and no line or speck."""
    return bool(mask.any()) and float(np.median(depth_inside(mask)[mask])) >= THICK


def without_surface(image: np.ndarray, normal: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return a drawn canvas (C, H, W) in which nothing of the normal (C, H, W) is seen inside the mask (H, W) bool; both in [-1, 1].

    What is seen of it is the slope of the one over the other in the mask, 0 to 1.
    """
    below = normal[:, mask] - normal[:, mask].mean(1, keepdims=True)  # (C, N)
    slope = np.clip((below * image[:, mask]).sum() / ((below**2).sum() + 1e-6), 0, 1)
    new = image.copy()
    new[:, mask] -= slope * below
    return new.clip(-1, 1)


def of_one_hue(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two colours (C,), in shares of the value range, are of one hue, whatever their brightness: of one kind of unit."""
    ratios = (one + DARK) / (other + DARK)
    return bool(ratios.max() <= ALIKE * ratios.min())


def as_bright(real: np.ndarray, unit: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return a real picture (H, W, C) as bright as another unit (H, W, C) is in the pixels around its defect, (H, W) bool.

    Both in shares of the value range, and of the same place on the product. Of units of one hue each colour is made as bright, and the
    second value is true.
    """
    if not around.any():
        return real, True
    ratios = (unit[around].mean(0) + DARK) / (real[around].mean(0) + DARK)
    alike = of_one_hue(unit[around].mean(0), real[around].mean(0))
    return real * (ratios if alike else (unit[around].mean() + DARK) / (real[around].mean() + DARK)), alike


def with_tones(image: np.ndarray, mask: np.ndarray, real: np.ndarray, real_mask: np.ndarray, hues: bool = True) -> np.ndarray:
    """Return a drawn picture (H, W, C) whose tones in the mask (H, W) are spread as a real defect's are, in patches as large as there.

    Both in shares of the value range; real: (h, w, C) with its mask (h, w). The darkest patch becomes as dark as the darkest real one, and
    so on (histogram matching from coarse to fine, as Heeger and Bergen 1995, "Pyramid-based texture analysis/synthesis", match
    their bands); then, with `hues`, pixels get the hue that real ones of their rank have in the mean.
    """
    side = np.sqrt(min(mask.sum(), real_mask.sum()))
    grey, tones = image.mean(-1), real.mean(-1)
    new = grey.copy()
    for share in PATCHES:
        values, like = _seen(new, mask, share * side)[mask], _seen(tones, real_mask, share * side)[real_mask]
        new[mask] += np.interp(_ranks(values), _ranks(np.arange(len(like))), np.sort(like)) - values
    own, ranks = (image - grey[..., None])[mask], _ranks(new[mask])
    if hues:
        wanted = _by_rank((real - tones[..., None])[real_mask], _ranks(tones[real_mask]))
        change = (wanted - _by_rank(own, ranks)).T  # (C, K)
        own = own + np.stack([np.interp(ranks, MIDDLES, of_colour) for of_colour in change], axis=1)
    result = image.copy()
    result[mask] = new[mask][:, None] + own
    weight = (depth_inside(mask) / 2).clip(0, 1)[..., None]  # half on the mask's outermost pixels
    return (image + weight * (result - image)).astype(image.dtype)


def _seen(values: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Return values (H, W) through a Gaussian of `sigma` pixels that looks at a mask (H, W) alone; 0 = as they are."""
    return values if sigma == 0 else mean_inside(values[..., None], mask, sigma)[..., 0]


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value (N,), 0 to 1."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = (np.arange(len(values)) + 0.5) / len(values)
    return ranks


def _by_rank(hues: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Return the mean of hues (N, C) between ranks of EDGES, (K, C); of all where there are none."""
    which = np.digitize(ranks, EDGES[1:-1])
    return np.stack([hues[which == part].mean(0) if (which == part).any() else hues.mean(0) for part in range(len(EDGES) - 1)])
