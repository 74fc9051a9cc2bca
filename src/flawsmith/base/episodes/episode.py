"""Episodes: several windows of one product, each with a defect of one kind, with the exact normal below it and the exact mask."""

from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.base.episodes.camera import draw_camera, draw_noise, record, vary_camera
from flawsmith.base.episodes.fields import largest
from flawsmith.base.episodes.habits import label
from flawsmith.base.episodes.kinds import MOST, apply_kind, draw_kind, draw_species
from flawsmith.base.episodes.palettes import black_and_white, draw_palette, vary_palette
from flawsmith.base.episodes.scene import MARGIN
from flawsmith.base.episodes.surfaces import draw_surface
from flawsmith.core.seeds import numpy_generator

BINARY = 0.35  # share of the kinds on tracks and print that are shown in black and white alone
SHOWN = (6, 0.3)  # least mean difference inside a defect: grey levels, and as a share of the spread of the window without it
CHANGED = 2.5  # a pixel belongs to the mask where it differs by more levels than this, after smoothing,
FADED = 0.2  # and by more than this share of the strongest differences
GAP, SPECK = 16, 4  # pixels: smaller gaps in a mask are no gaps, smaller pieces beside others no pieces
CLOSED = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))  # nor are gaps into which this does not fit
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

    A draw whose defect cannot be placed or seen is thrown away, and another of its species is drawn from the next stream of the index.
    """
    species = draw_species(numpy_generator(seed, "species", index))
    attempt = 0
    while True:
        episode = _draw(species, numpy_generator(seed, "episode", index, attempt), side, count)
        if episode is not None:
            return episode
        attempt += 1


def _draw(species: str, g: np.random.Generator, side: int, count: int) -> Episode | None:
    kind = draw_kind(species, g, side)
    binary = kind.structured and bool(g.random() < BINARY)
    grey = binary or bool(g.random() < 0.5)
    window, camera = draw_surface(g, side, kind.surfaces), draw_camera(g, grey, binary)
    palette = black_and_white(g) if binary else draw_palette(g, grey)
    spread = 0.0 if binary else float(g.choice([0.0, 0.4, 1.0, 2.0], p=[0.25, 0.35, 0.25, 0.15]))  # how units differ; 2: in colour
    rows = []
    for _ in range(count):
        unit = vary_palette(palette, g, grey, spread)
        light = vary_camera(camera, g, min(spread, 1.0))
        scene = window(g, side + 2 * MARGIN, unit)
        noise = draw_noise(light, side + 2 * MARGIN, g)
        normal = record(scene, light, noise)
        row = None
        for _ in range(TRIES):
            applied = apply_kind(kind, scene, g)
            row = None if applied is None else _cut(normal, record(applied[0], light, noise), applied[1], side)
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
    smooth = cv2.GaussianBlur(largest(np.abs(change)), (0, 0), 0.6) * near  # JPEG carries a defect farther than it reaches
    smooth = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, CLOSED)  # where a texture meets the other's level it has still changed
    least = max(CHANGED, FADED * float(np.quantile(smooth[near], 0.9)))
    mask = _cleaned(smooth > least)
    share = np.clip(2 * smooth / least - 2, 0, 1) * mask  # a soft border ends in the mask, without a step
    image = np.clip(np.rint(normal + change * share[..., None]), 0, 255).astype(np.uint8)
    difference = largest(np.abs(image.astype(np.float32) - normal))
    if mask.sum() < 4 or difference[mask].mean() < max(SHOWN[0], SHOWN[1] * float(normal.std())) or mask.mean() > MOST:
        return None
    return normal, image, mask


def _cleaned(mask: np.ndarray) -> np.ndarray:
    """Return the mask (S, S) bool without its smallest gaps and specks."""
    for turned, least in ((False, SPECK), (True, GAP)):
        count, labels, stats, _ = cv2.connectedComponentsWithStats((mask ^ turned).astype(np.uint8), connectivity=4 if turned else 8)
        small = stats[:, cv2.CC_STAT_AREA] < least
        small[0] = False  # the other pixels
        mask = mask ^ small[labels] if count > 2 else mask
    return mask
