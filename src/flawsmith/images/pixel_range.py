"""Between stored pixel values and the network's [-1, 1]; the only place where the two meet."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from flawsmith.images.channels import without_alpha

ODD = 0.05  # percent of the pixels at either end
FULL = {"uint8": 255.0, "uint16": 65535.0}


@dataclass(frozen=True)
class PixelRange:
    """The stored values that become -1 and 1."""

    low: float
    high: float
    dtype: str  # "uint8" or "uint16"

    def to_model(self, image: np.ndarray, colours: int) -> np.ndarray:
        """Return a picture (H, W, C) as float32 (colours, H, W), about -1 to 1; alpha is left out.

        A grey picture for a colour model gets three equal channels, a colour picture for a grey model its mean.
        """
        x = without_alpha(image).transpose(2, 0, 1).astype(np.float32)
        if len(x) < colours:
            x = np.repeat(x, colours, axis=0)
        elif len(x) > colours:
            x = x.mean(0, keepdims=True)
        return (x - self.low) * np.float32(2 / (self.high - self.low)) - np.float32(1)

    def to_pixels(self, x: np.ndarray, colours: int) -> np.ndarray:
        """Return (C, H, W) in [-1, 1] as stored values (H, W, colours), rounded and clipped to what the type holds."""
        y = (x.astype(np.float64) + 1) * (self.high - self.low) / 2 + self.low
        if y.shape[0] > colours:
            y = y.mean(0, keepdims=True)
        elif y.shape[0] < colours:
            y = np.repeat(y, colours, axis=0)
        return np.clip(np.rint(y), 0, FULL[self.dtype]).astype(self.dtype).transpose(1, 2, 0)


def find_range(arrays: Iterable[np.ndarray]) -> PixelRange:
    """Return the range for pictures of one product: the whole range in 8 bit; in 16 bit what they really use, with 5 % to spare.

    arrays: pictures (H, W, C) as stored, and beside them the pixels (N, C) of each labelled defect. In each array the outer ODD
    percent count as faults of the camera: the few hot pixels of a small defect are odd ones of their picture, not of the defect.
    12-bit cameras store 0 to 4095 in 16 bit; the full range would leave the network a sixteenth of its contrast.
    """
    low, high, dtype = np.inf, -np.inf, "uint8"
    for pixels in arrays:
        if pixels.dtype == np.uint16:
            dtype = "uint16"
            a, b = np.percentile(without_alpha(pixels), [ODD, 100 - ODD])
            low, high = min(low, a), max(high, b)
    if dtype == "uint8":
        return PixelRange(0.0, 255.0, "uint8")
    spare = 0.05 * max(high - low, 1.0)
    return PixelRange(float(max(0.0, low - spare)), float(min(65535.0, high + spare)), "uint16")


def shares(image: np.ndarray, scale: PixelRange, colours: int) -> np.ndarray:
    """Return a stored picture (H, W, C) as (H, W, colours) float32 in shares of the value range, without alpha."""
    return (scale.to_model(image, colours).transpose(1, 2, 0) + 1) / 2
