"""CutPaste: a piece of the normal itself pasted elsewhere in it; no real defect is used."""

import cv2
import numpy as np

from flawsmith.benchmark.baselines.material import BaselineContext
from flawsmith.benchmark.baselines.textures import turn_hue
from flawsmith.benchmark.baselines.visible import until_seen
from flawsmith.compositing.blending import blend
from flawsmith.dataset.sample import Sample

AREA = (0.02, 0.15)  # of a rectangle, as a share of the picture
RATIO = 0.3  # of its shorter side to its longer one, at least
SCAR = 0.5  # share of scars among the pairs
THIN, LONG = (2, 16), (10, 25)  # width and length of a scar in pixels of a picture with 256 x 256
DEGREES = 45  # by which a scar is turned to either side
JITTER = 0.1  # of brightness, contrast, saturation and, as a share of the circle, of the hue


def cutpaste(material: BaselineContext, normal: Sample, defect: str, g: np.random.Generator) -> Sample:
    """Return a normal into which a piece of itself was pasted at another place, its colours jittered; its mask is the pasted pixels.

    Li et al. 2021, sections 2.1 and 2.2: half rectangles, half scars, which are thin and turned. The lengths of scars follow the
    picture's size. On an object seen against a background the piece is taken from the object and its middle put on it. What cannot be
    seen, as white on white, is drawn again. defect: only the name.
    """
    allowed = material.object_mask(normal)
    return until_seen(lambda: _draw(material, normal, allowed, defect, g), normal, material.scale)


def _draw(material: BaselineContext, normal: Sample, allowed: np.ndarray | None, defect: str, g: np.random.Generator) -> Sample:
    """Return the normal with one piece pasted, its middle on what is allowed (H, W) bool."""
    height, width = normal.image.shape[:2]
    scar = bool(g.random() < SCAR)
    long, wide, angle = _scar(height * width, g) if scar else _rectangle(height * width, g)
    long, wide = min(long, 0.9 * height), min(wide, 0.9 * width)
    half = min(height - 1, long) / 2, min(width - 1, wide) / 2
    middle = _spot(allowed, (height, width), (0, 0) if scar else half, g)
    origin = _spot(allowed, (height, width), half, g)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    rows, columns = rows - middle[0], columns - middle[1]
    y = np.float32(np.cos(angle)) * rows - np.float32(np.sin(angle)) * columns
    x = np.float32(np.sin(angle)) * rows + np.float32(np.cos(angle)) * columns
    mask = (np.abs(y) <= long / 2) & (np.abs(x) <= wide / 2)
    planes = (material.scale.to_model(normal.image, normal.colours) + 1) / 2
    moved = np.stack([cv2.remap(p, x + origin[1], y + origin[0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101) for p in planes])
    image = blend(normal.image, 2 * jittered(moved, mask, g) - 1, mask.astype(np.float32), material.scale)
    return Sample(image, mask, defect, normal.group, normal.source)


def jittered(x: np.ndarray, mask: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return a picture (C, H, W) of shares, 0 to 1, with brightness, contrast, saturation and hue changed by up to JITTER each.

    mask: (H, W) bool, the pixels whose mean is the middle of the contrast.
    """
    bright, contrast, saturation = g.uniform(1 - JITTER, 1 + JITTER, 3)
    x = x * bright
    middle = x[:, mask].mean()
    x = middle + contrast * (x - middle)
    return turn_hue(x, 2 * np.pi * g.uniform(-JITTER, JITTER), saturation).clip(0, 1)


def _rectangle(pixels: int, g: np.random.Generator) -> tuple[float, float, float]:
    """Return height, width and angle of an upright rectangle."""
    area, ratio = g.uniform(*AREA) * pixels, g.uniform(RATIO, 1)
    sides = np.sqrt(area * ratio), np.sqrt(area / ratio)
    return (*(sides if g.random() < 0.5 else sides[::-1]), 0.0)


def _scar(pixels: int, g: np.random.Generator) -> tuple[float, float, float]:
    """Return length, width and angle of a scar."""
    unit = np.sqrt(pixels) / 256
    long, wide = g.uniform(*LONG) * unit, g.uniform(*THIN) * unit
    return max(long, 4.0), max(wide, 2.0), float(np.deg2rad(g.uniform(-DEGREES, DEGREES)))


def _spot(allowed: np.ndarray | None, size: tuple[int, int], half: tuple[float, float], g: np.random.Generator) -> tuple[int, int]:
    """Return a row and column, half a piece away from the border, on what is allowed where that leaves any."""
    first = [int(np.ceil(h)) for h in half]
    last = [max(a, n - 1 - a) for a, n in zip(first, size, strict=True)]
    if allowed is not None:
        places = np.argwhere(allowed[first[0] : last[0] + 1, first[1] : last[1] + 1])
        if len(places):
            row, column = places[int(g.integers(len(places)))]
            return int(row) + first[0], int(column) + first[1]
    row, column = (int(g.integers(a, b + 1)) for a, b in zip(first, last, strict=True))
    return row, column
