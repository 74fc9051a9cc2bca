"""What became of a picture outside its mask, and whether the mask is what changed."""

from typing import Any

import cv2
import numpy as np

from flawsmith.compositing.mask_refinement import consistency
from flawsmith.core.errors import FlawsmithError
from flawsmith.metrics.registry import MASKS, Column, Metric, mean_of_pairs, register
from flawsmith.metrics.sides import PairView

SSIM_SIDE = 7  # pixels a side of the window of the structural similarity (Wang et al. 2004, as scikit-image has it)
NOISELESS = 1e-10  # squared share of the value range; less counts as this, so that equal pictures have a PSNR: 100 dB
FEWEST = 100  # pixels outside a mask that a mean is taken over


def psnr_outside(picture: np.ndarray, normal: np.ndarray, mask: np.ndarray) -> float | None:
    """Return the peak signal-to-noise ratio in dB, at most 100, of what is outside the mask against the normal; None for too few pixels.

    picture, normal: (H, W, C) float32 in shares of the value range; mask: (H, W) bool.
    """
    if (~mask).sum() < FEWEST:
        return None
    error = float(((picture[~mask].astype(np.float64) - normal[~mask]) ** 2).mean())
    return float(-10 * np.log10(max(error, NOISELESS)))


def ssim_outside(picture: np.ndarray, normal: np.ndarray, mask: np.ndarray) -> float | None:
    """Return the mean structural similarity, at most 1, over pixels whose whole window is in the picture and outside the mask.

    picture, normal: (H, W, C) float32 in shares of the value range; mask: (H, W) bool. None where there are too few. Raises
    FlawsmithError when scikit-image is absent.
    """
    try:
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise FlawsmithError(f'SSIM needs scikit-image ({error}); install it: pip install "flawsmith[metrics]".') from error
    kernel = np.ones((SSIM_SIDE, SSIM_SIDE), np.uint8)
    free = cv2.dilate(mask.astype(np.uint8), kernel) == 0
    reach = SSIM_SIDE // 2
    free[:reach] = free[len(free) - reach :] = free[:, :reach] = free[:, free.shape[1] - reach :] = False
    if free.sum() < FEWEST:
        return None
    _, similar = structural_similarity(normal, picture, win_size=SSIM_SIDE, data_range=1.0, channel_axis=-1, full=True)
    return float(similar.mean(-1)[free].mean())


def _consistency(pair: PairView) -> dict[str, Any]:
    return {"consistency": None if pair.change is None else consistency(pair.change, pair.mask, pair.changed_from)}


def _psnr(pair: PairView) -> dict[str, Any]:
    return {"psnr": None if pair.normal is None else psnr_outside(pair.image, pair.normal, pair.mask)}


def _ssim(pair: PairView) -> dict[str, Any]:
    return {"ssim": None if pair.normal is None else ssim_outside(pair.image, pair.normal, pair.mask)}


def _register(name: str, title: str, sentence: str, rank: int, per_pair: Any, unit: str = "") -> None:
    compute = mean_of_pairs(name, "no generated pair has a normal of its size")
    columns = (Column(f"{title} {unit}".strip()), Column("least", "least"))
    register(Metric(name, title, "masks", MASKS, compute, columns, sentence, better="higher", unit=unit, rank=rank, per_pair=per_pair))


_register(
    "consistency",
    "Consistency",
    "Overlap of the mask and what has changed against the normal, 0 to 1. Masks are refined from that same change, so it says that the two "
    "fit together, not that the mask is right; the mask IoU does that with a network of its own.",
    10,
    _consistency,
)
_register("psnr", "PSNR", "How far the picture outside the mask is still the normal; 100 dB is the same.", 30, _psnr, "dB")
_register("ssim", "SSIM", "The same by structure; 1 is the same.", 40, _ssim)
