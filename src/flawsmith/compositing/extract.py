"""From the mask channel's shares to a clean binary mask."""

import cv2
import numpy as np

LEAST = 6  # pixels: smaller components are dropped, where real defects are not as small themselves


def least_size(smallest: int) -> int:
    """Return the pixels that a component must have to be kept, 1 to LEAST: half of the smallest real defect, which has `smallest`."""
    return int(np.clip(smallest // 2, 1, LEAST))


def extract(mask: np.ndarray, region: np.ndarray, high: float = 0.5, low: float = 0.3, least: int = LEAST) -> np.ndarray:
    """Return a clean mask (H, W) bool, possibly empty; the caller rejects an empty one.

    Hysteresis (Canny 1986): pixels above `low` that hang together with one above `high`; nothing outside the region;
    8-connected components under `least` pixels or under a twentieth of the largest are dropped; holes stay.
    mask: (H, W) 0 to 1; region: (H, W) bool.
    """
    weak = ((mask > low) & region).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(weak, connectivity=8)
    if count == 1:
        return np.zeros(mask.shape, bool)
    areas = stats[:, cv2.CC_STAT_AREA]
    strong = np.zeros(count, bool)
    strong[np.unique(labels[(mask > high) & region])] = True
    strong[0] = False
    if not strong.any():
        return np.zeros(mask.shape, bool)
    keep = strong & (areas >= max(least, 0.05 * areas[strong].max()))
    return keep[labels]
