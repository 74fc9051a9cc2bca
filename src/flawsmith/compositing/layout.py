"""Where inside a defect it is dark and where bright: as in a real one, where a network that is not sure drew one even tone.

A drilled hole is dark in the middle, with bright chips around; the mean of what it may be is an even patch.
"""

import cv2
import numpy as np

from flawsmith.compositing.margins import BLEED, DARK
from flawsmith.compositing.replacing import of_one_hue
from flawsmith.dataset.windows import depth_inside, grow
from flawsmith.images.filling import fill
from flawsmith.images.smoothing import mean_inside

COARSE = 0.06  # of a defect's side, the root of its area: sigma of the Gaussian through which its layout is seen
LACKING = 0.5  # of the deviation of a real layout: what was drawn with less gets that one
CHART = 49  # pixels along a chart's side
BEGINNING = 2.0  # pixels inside the border over which a layout begins


def laid_out(
    image: np.ndarray,
    normal: np.ndarray,
    mask: np.ndarray,
    real: np.ndarray,
    real_mask: np.ndarray,
    below: np.ndarray | None,
    severity: float = 1.0,
) -> np.ndarray:
    """Return a drawn canvas (C, H, W) with the layout of a real defect inside its mask (H, W) bool; itself where its own is no more even.

    normal: (C, H, W), both in [-1, 1]; real, below: (h, w, C) in shares of the value range, a real defect and what would be there without
    it; real_mask: (h, w) bool; severity: times its layout. The surface is made darker and brighter, or, with no `below`, is not seen. Each
    colour's mean over the mask stays. On a surface of another hue all colours are changed alike.
    """
    hidden = grow(mask, BLEED)
    if not mask.any() or not real_mask.any() or hidden.all():
        return image
    drawn, surface = ((x.transpose(1, 2, 0) + 1) / 2 for x in (image, normal))
    if below is None:
        below = np.ones_like(real)
        surface = smooth = np.broadcast_to(drawn[mask].mean(0), drawn.shape)
        one_hue = True
    else:
        smooth = fill(surface, hidden)
        one_hue = of_one_hue(below[real_mask].mean(0), surface[mask].mean(0))
    wanted, own = severity * _layout(real, below, real_mask), _layout(drawn, smooth, mask)
    if not one_hue:
        wanted = np.repeat(wanted.mean(-1, keepdims=True), wanted.shape[-1], axis=-1)
    spread = _spread(wanted, real_mask)
    if _spread(own, mask) >= LACKING * spread:
        return image
    found = _from_chart(_to_chart(wanted, real_mask), mask)  # (N, C)
    found *= spread / max(float(found.mean(-1).std()), 1e-6)  # a chart is a little blurred
    before = drawn[mask] + DARK
    after = (surface[mask] + DARK) * 2**found
    after *= before.mean(0) / after.mean(0)
    weight = (depth_inside(mask)[mask] / BEGINNING).clip(0, 1)[:, None]
    new = image.copy()
    new[:, mask] = (2 * (before + weight * (after - before) - DARK).T - 1).clip(-1, 1)
    return new


def _layout(picture: np.ndarray, below: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return how much brighter a picture is than what is below, in log2, about each pixel of a mask (H, W) bool; all else (H, W, C)."""
    sigma = COARSE * np.sqrt(mask.sum())
    seen, under = (mean_inside(np.ascontiguousarray(x, np.float32), mask, sigma) for x in (picture, below))
    return np.asarray(np.log2((seen + DARK) / (under + DARK)))


def _spread(layout: np.ndarray, mask: np.ndarray) -> float:
    """Return the deviation of a layout (H, W, C) in a mask (H, W) bool, in log2."""
    return float(layout[mask].mean(-1).std())


def _places(mask: np.ndarray) -> np.ndarray:
    """Return where each pixel of a mask (H, W) bool lies in its component, (N, 2) in a disc of radius 1 whose rim is the border.

    The direction is that from the component's middle, the distance from the disc's centre 1 less the share of the greatest depth.
    """
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    depth = depth_inside(mask)
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
    found = np.zeros((*mask.shape, 2), np.float32)
    for number in range(1, count):
        here = labels == number
        y, x = (float(np.average(values[here], weights=depth[here])) for values in (rows, columns))
        angle = np.arctan2(rows[here] - y, columns[here] - x)
        outward = 1 - (depth[here] - 1).clip(0) / max(float(depth[here].max()) - 1, 1e-6)
        found[here] = outward[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return found[mask]


def _to_chart(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return values (H, W, C) in the largest component of a mask (H, W) bool on a chart of the disc, (CHART, CHART, C), without gaps."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    largest = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    rows, columns = np.rint((_places(largest) + 1) / 2 * (CHART - 1)).astype(int).T
    sums, counts = np.zeros((CHART, CHART, values.shape[2]), np.float32), np.zeros((CHART, CHART), np.float32)
    np.add.at(sums, (rows, columns), values[largest])
    np.add.at(counts, (rows, columns), 1)
    return fill(sums / np.maximum(counts, 1)[..., None], counts == 0)


def _from_chart(chart: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return a chart's values at the pixels of a mask (H, W) bool, (N, C)."""
    at = (_places(mask) + 1) / 2 * (CHART - 1)
    rows, columns = np.floor(at).clip(0, CHART - 2).astype(int).T
    down, right = (at - np.stack([rows, columns], axis=1)).T[..., None]
    upper, lower = ((1 - right) * chart[row, columns] + right * chart[row, columns + 1] for row in (rows, rows + 1))
    return np.asarray((1 - down) * upper + down * lower)
