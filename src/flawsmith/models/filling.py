"""A smooth guess at what is hidden, from what is around it."""

import torch
from torch import Tensor
from torch.nn import functional as F


def fill_smoothly(x: Tensor, hidden: Tensor) -> Tensor:
    """Return pictures (B, C, H, W) with their hidden pixels filled from those around, and with 0 where all are hidden.

    hidden: (B, 1, H, W), 1 where a pixel is not to be looked at. Pull-push (Gortler et al. 1996, sec. 3.4): means over ever larger blocks
    of what is known, and what is not known is taken from the next larger ones.
    """
    known = 1 - hidden
    levels = []
    while max(x.shape[2:]) > 1:
        levels.append((x, known))
        share = F.avg_pool2d(known, 2, ceil_mode=True)
        x = F.avg_pool2d(x * known, 2, ceil_mode=True) / share.clamp(min=1e-6)
        known = (share > 0).to(x.dtype)
    filled = x * known
    for x, known in reversed(levels):
        wide = F.interpolate(filled, size=x.shape[2:], mode="bilinear", align_corners=False)
        filled = torch.lerp(wide, x, known)
    return filled
