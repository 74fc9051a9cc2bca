"""Episodes: several windows of one product, each with a defect of one kind, with the exact normal below it and the exact mask."""

from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.base.episodes.camera import draw_camera, record, vary_camera
from flawsmith.base.episodes.habits import label
from flawsmith.base.episodes.kinds import MOST, apply_kind, draw_kind
from flawsmith.base.episodes.scene import MARGIN
from flawsmith.base.episodes.surfaces import draw_palette, draw_surface, vary_palette
from flawsmith.core.seeds import numpy_generator

SHOWN = 10  # least mean difference inside a defect, grey levels
CHANGED = 3.0  # a pixel belongs to the mask where it differs by more levels than this, after smoothing,
FADED = 0.12  # and by more than this share of the strongest differences
CLOSED = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))  # gaps in a mask that are no gaps
REACH = 7  # pixels: side of the square by which the places that a defect may change are grown, for its shadow and the lens
TRIES = 5  # shapes tried for one window


@dataclass(frozen=True)
class Episode:
    """The windows of one episode; the first is the target, the others are its exemplars."""

    normal: np.ndarray  # (K, S, S, 3) uint8; grey episodes have three equal channels
    image: np.ndarray  # (K, S, S, 3) uint8: the same with the defect; equal to the normal outside the mask
    mask: np.ndarray  # (K, S, S) bool: exactly what changed
    labelled: np.ndarray  # (K, S, S) bool: what a labeller marked
    species: str
    grey: bool


def draw_episode(seed: int, index: int, side: int = 64, count: int = 3) -> Episode:
    """Return episode number `index` of `seed`: `count` windows of `side` pixels. The same arguments give the same bits.

    A draw whose defect cannot be placed or seen is thrown away and drawn anew from the next stream of the same index.
    """
    attempt = 0
    while True:
        episode = _draw(numpy_generator(seed, "episode", index, attempt), side, count)
        if episode is not None:
            return episode
        attempt += 1


def _draw(g: np.random.Generator, side: int, count: int) -> Episode | None:
    grey = bool(g.random() < 0.5)
    kind = draw_kind(g, side)
    window, palette, camera = draw_surface(g, kind.structured), draw_palette(g, grey), draw_camera(g, grey)
    spread = float(g.choice([0.0, 0.4, 1.0, 2.0], p=[0.25, 0.35, 0.25, 0.15]))  # how much units differ; 2: other colours
    rows = []
    for _ in range(count):
        unit = vary_palette(palette, g, grey, spread)
        light = vary_camera(camera, g, min(spread, 1.0))
        scene = window(g, side + 2 * MARGIN, unit)
        row = None
        for _ in range(TRIES):
            applied = apply_kind(kind, scene, g)
            if applied is None:
                continue
            normal, image = record((scene, applied[0]), light, np.random.default_rng(int(g.integers(1 << 62))))
            row = _cut(normal, image, applied[1], side)
            if row is not None:
                break
        if row is None:
            return None
        rows.append(row)
    normals, images, masks = (np.stack(arrays) for arrays in zip(*rows, strict=True))
    return Episode(normals, images, masks, np.stack([label(mask, kind.habit) for mask in masks]), kind.species, grey)


def _cut(normal: np.ndarray, image: np.ndarray, reach: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return normal, image and mask of the window without its margin; None where the defect cannot be seen in it."""
    inner = slice(MARGIN, MARGIN + side)
    normal, image, reach = normal[inner, inner], image[inner, inner], reach[inner, inner]
    near = cv2.dilate((reach > 0.05).astype(np.uint8), np.ones((REACH, REACH), np.uint8)) > 0
    if not near.any():
        return None
    change = image.astype(np.float32) - normal
    smooth = cv2.GaussianBlur(np.abs(change).max(-1), (0, 0), 0.8) * near  # JPEG carries a defect farther than it reaches
    smooth = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, CLOSED)  # where a texture meets the other's level it has still changed
    least = max(CHANGED, FADED * float(np.quantile(smooth[near], 0.9)))
    mask = smooth > least
    share = np.clip(2 * smooth / least - 2, 0, 1) * mask  # a soft border ends in the mask, without a step
    image = np.clip(np.rint(normal + change * share[..., None]), 0, 255).astype(np.uint8)
    difference = np.abs(image.astype(np.float32) - normal).max(-1)
    if mask.sum() < 4 or difference[mask].mean() < SHOWN or mask.mean() > MOST:
        return None
    return normal, image, mask
