"""How much of a defect is put together from pieces of real ones: the share of its pixels that are found, shifted, in a real defect.

Beside `quality/copies.py`, which looks for whole defects, this finds quilts of them. Block matching as in copy-move detection (Fridrich et
al. 2003), with the normalised correlation of square patches. Steps of one tone look alike everywhere, so the rate of a real defect among
the other real ones (`patch_copy_rate(one, others)`) belongs beside that of a drawn one: it is what two different defects have in common.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from flawsmith.quality.copies import Crop

SIDE = 9  # pixels of a patch
FOUND = 0.95  # correlation from which on a patch is the same; half a grey level of noise on a pattern of 2 % of the range leaves 0.99
FLAT = 0.01  # standard deviation, in shares of the value range: a patch below it has no pattern and is not looked for
MOST = 128  # patches of a defect that are looked for, spread evenly over it


def patch_copy_rate(query: Crop, others: Sequence[Crop]) -> float | None:
    """Return the share, 0 to 1, of the query's defect pixels whose surroundings are found in the defect of one of the others.

    A pixel's surroundings are SIDE x SIDE pixels of the grey picture around it. They are found where some patch around a defect pixel of
    another crop, in one of 8 poses, correlates by FOUND or more; brightness and contrast may differ. None where no patch of the query has
    a pattern, or there are no others.
    """
    patches = _patches(query)
    if len(patches) > MOST:
        patches = patches[np.linspace(0, len(patches) - 1, MOST).round().astype(int)]
    if not len(patches) or not len(others):
        return None
    squares = patches.reshape(-1, SIDE, SIDE)
    turned = [np.rot90(x, turns, (1, 2)) for x in (squares, squares[:, :, ::-1]) for turns in range(4)]
    poses = np.stack([x.reshape(len(patches), -1) for x in turned])  # (8, P, SIDE^2)
    found = np.zeros(len(patches), bool)
    for other in others:
        real = _patches(other, reach=1)
        if len(real):
            found[~found] = (poses[:, ~found] @ real.T).max((0, 2)) >= FOUND
        if found.all():
            break
    return float(found.mean())


def _patches(crop: Crop, reach: int = 0) -> np.ndarray:
    """Return the patches (P, SIDE^2) float32 around the defect's pixels, grown by `reach` px, each with mean 0 and length 1.

    Those without a pattern are left out. At the crop's border the picture is mirrored.
    """
    margin = SIDE // 2
    image = cv2.copyMakeBorder(crop.image, margin, margin, margin, margin, cv2.BORDER_REFLECT)
    mask = cv2.dilate(crop.mask.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    patches = np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE))[mask].reshape(-1, SIDE**2)
    patches = patches - patches.mean(1, keepdims=True)
    length = np.linalg.norm(patches, axis=1, keepdims=True)
    shown = length[:, 0] > FLAT * SIDE
    return np.asarray(patches[shown] / length[shown], np.float32)
