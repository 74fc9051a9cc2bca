"""Poisson-blended paste: a real defect cloned onto a normal in the gradient domain."""

import numpy as np

from flawsmith.benchmark.baselines.copy_paste import box_of, put
from flawsmith.benchmark.baselines.material import BaselineContext
from flawsmith.benchmark.baselines.poses import lay
from flawsmith.benchmark.baselines.visible import until_seen
from flawsmith.compositing.blending import blend
from flawsmith.dataset.sample import Sample
from flawsmith.images.filling import fill

CLOSE = 1e-3  # largest residual left, in [-1, 1]: a quarter of the step of an 8-bit value
STEPS = 4000  # of the solver at most


def poisson(material: BaselineContext, normal: Sample, defect: str, g: np.random.Generator) -> Sample:
    """Return a normal with a real defect of the learned part cloned in; its mask is the cloned pixels, and only they change.

    The defect is laid as for copy-paste; inside the mask its gradients are kept and the values meet the normal's at the mask's edge.
    A mask is not trimmed to what visibly changed; a defect of which nothing can be seen is laid again. (Pérez et al. 2003; for defects
    e.g. Schlüter et al. 2022, NSA.) Of their two kinds of cloning, the one that keeps the source's gradients: the mixed one keeps
    the normal's own edges, and with them what a break or a gap has to interrupt.
    """
    return until_seen(lambda: _clone(material, normal, defect, g), normal, material.scale)


def _clone(material: BaselineContext, normal: Sample, defect: str, g: np.random.Generator) -> Sample:
    """Return the normal with one defect cloned in."""
    laid = lay(material, normal, defect, g)
    rows, columns = box_of(laid)
    piece = normal.image[rows, columns]
    drawn = clone(laid.image, material.scale.to_model(piece, len(laid.image)), laid.mask).clip(-1, 1)
    if material.levels is not None:
        drawn = material.levels.snap(drawn)
    return put(normal, blend(piece, drawn, laid.mask.astype(np.float32), material.scale), laid, defect)


def clone(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the target (C, H, W) with the source's gradients inside the mask (H, W) bool; outside it is the target.

    Pérez et al. 2003, eq. 7 and 11: what is added to the source is harmonic inside the mask, and at its edge the difference of the
    two. Where the mask reaches the border of the arrays nothing is demanded there. An own solver, since cv2.seamlessClone moves what
    it is given, needs 8 bits and three colours, and fails at borders.
    """
    if not mask.any() or mask.all():  # without a rim there is nothing to meet
        return np.where(mask, source, target)
    inside = mask.astype(np.float32)
    known = np.where(mask, 0, target - source)
    added = _harmonic(fill(known.transpose(1, 2, 0), mask).transpose(2, 0, 1), inside)
    return np.where(mask, source + added, target).astype(np.float32)


def _laplace(x: np.ndarray) -> np.ndarray:
    """Return the sum of the steps from each pixel to its neighbours (4 x minus them; fewer at the border), (C, H, W)."""
    out = np.zeros_like(x)
    down, right = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    out[:, 1:] += down
    out[:, :-1] -= down
    out[:, :, 1:] += right
    out[:, :, :-1] -= right
    return out


def _harmonic(x: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return x (C, H, W) with each pixel inside (H, W) the mean of its neighbours, by conjugate gradients; outside it is as it was."""
    x = x.copy()
    residual = -_laplace(x) * inside
    way = residual.copy()
    size = (residual**2).sum((1, 2))  # (C,), each colour on its own
    for _ in range(STEPS):
        if np.abs(residual).max() <= CLOSE / 8:
            break
        turned = _laplace(way) * inside
        share = size / np.maximum((way * turned).sum((1, 2)), 1e-20)
        x += share[:, None, None] * way
        residual -= share[:, None, None] * turned
        new = (residual**2).sum((1, 2))
        way = residual + (new / np.maximum(size, 1e-20))[:, None, None] * way
        size = new
    return x
