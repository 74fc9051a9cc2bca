"""Does the rest of a window still look like the product? Its patches are compared with those of normals.

Two aspects, because a window can have the right things in it and be too soft, or be sharp and show what no normal has: `product`, what
is to be seen in a patch, and `detail`, how much fine structure it has at several scales.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.compositing.margins import BLEED, STEP
from flawsmith.dataset.windows import grow
from flawsmith.images.filling import fill

ACROSS = 4  # patches across a window; neighbours overlap by half
CELLS = 6  # a patch is seen as CELLS x CELLS mean values
LEVELS = 4  # octaves of fine structure
SHOWN = 0.75  # a patch counts when at least this share of it is not hidden
LEAST = 3  # fewest patches that say something
MOST = 3000  # patches of normals that are kept
AXES = 32  # directions that are kept of what is seen
FLAT = {"product": STEP, "detail": 0.25}  # normals that vary less (a grey level, a quarter of an octave) are flat: that is the unit then
SHRINK = {"product": 0.3, "detail": 0.02}  # directions that vary less than this share of the widest one do not decide


@dataclass(frozen=True)
class Bank:
    """Patches of normals for one aspect, in the directions in which they vary."""

    centre: np.ndarray  # (F,) float32
    turn: np.ndarray  # (F, K) float32: projects on the directions and scales each by how much it varies
    points: np.ndarray  # (R, K) float32, the patches
    unit: float  # how far a window of a normal is from them (median)


def patch_features(picture: np.ndarray, hidden: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return the features (P, F) float32 of a window's patches for each aspect.

    picture: (H, W, C) in shares; hidden: (H, W) bool, the defects; patches they cover by more than SHOWN are left out. `product` has the
    CELLS x CELLS x C means of a patch and, per octave, half its detail; `detail` has log2 of the mean |Laplacian pyramid| per octave.
    """
    shown = np.ones(picture.shape[:2], np.float32)
    if hidden is not None and hidden.any():
        hidden = grow(hidden, BLEED)
        picture, shown = fill(picture, hidden), (~hidden).astype(np.float32)
    size = (ACROSS * CELLS, ACROSS * CELLS)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).reshape(*size, -1)
    step = CELLS // 2
    seen = np.lib.stride_tricks.sliding_window_view(small, (CELLS, CELLS), (0, 1))[::step, ::step]  # (2A-1, 2A-1, C, CELLS, CELLS)
    seen = seen.reshape(*seen.shape[:2], -1)
    detail = np.log2(_patches(np.stack([_halves(level, shown) for level in _octaves(picture.mean(-1, dtype=np.float32))], -1)) + STEP / 2)
    weight = _patches(_halves(shown)[..., None])[..., 0]
    mean = seen.mean(-1, keepdims=True)
    content = np.concatenate([2 * mean, 2 / CELLS * (seen - mean), detail / 2], -1)
    chosen = weight >= SHOWN
    return {"product": content[chosen].astype(np.float32), "detail": detail[chosen].astype(np.float32)}


def banks(windows: Sequence[np.ndarray], held: Sequence[np.ndarray], generator: np.random.Generator) -> dict[str, Bank]:
    """Return what the share pictures `windows` (S, S, C) of normals look like; `held`, others of them, set the unit. {} without."""
    if not windows or not held:
        return {}
    found = {}
    seen, rest = [patch_features(window) for window in windows], [patch_features(window) for window in held]
    for name, shrink in SHRINK.items():
        patches = np.concatenate([own[name] for own in seen])
        patches = patches[np.sort(generator.permutation(len(patches))[:MOST])]
        centre = patches.mean(0)
        _, scales, axes = np.linalg.svd(patches - centre, full_matrices=False)
        scales = scales[:AXES] / np.sqrt(len(patches))
        least = np.full(len(centre), FLAT[name])
        least[-LEVELS:] = FLAT["detail"]  # `product` ends with the octaves
        flat = bool(scales[0] < FLAT[name])
        turn = axes[:AXES].T / (np.sqrt(scales**2 + (shrink * scales[0]) ** 2) + 1e-6)
        if flat:
            turn = np.diag(1 / least)
        bank = Bank(centre, turn.astype(np.float32), ((patches - centre) @ turn).astype(np.float32), 1.0)
        unit = float(np.median([patch_distance(own[name], bank) for own in rest]))
        found[name] = Bank(bank.centre, bank.turn, bank.points, 1.0 if flat else max(unit, 1e-3))
    return found


def patch_distance(patches: np.ndarray, bank: Bank) -> float:
    """Return how far patches (P, F) are from the nearest ones of normals, on average: 1 as far as another normal's, more is stranger."""
    own = (patches - bank.centre) @ bank.turn
    squares = (own**2).sum(1)[:, None] + (bank.points**2).sum(1) - 2 * own @ bank.points.T
    return float(np.sqrt(np.maximum(squares.min(1), 0)).mean()) / bank.unit


def novelty_scores(picture: np.ndarray, hidden: np.ndarray | None, banks: dict[str, Bank]) -> dict[str, float]:
    """Return the strangeness of a window (S, S, C) in each aspect; {} where `hidden` leaves fewer than LEAST patches of it."""
    if not banks:
        return {}
    return {
        name: patch_distance(patches, banks[name]) for name, patches in patch_features(picture, hidden).items() if len(patches) >= LEAST
    }


def _octaves(grey: np.ndarray) -> list[np.ndarray]:
    """Return |Laplacian pyramid| of a grey picture (H, W), each level in its own size."""
    levels = []
    for _ in range(LEVELS):
        low = cv2.pyrDown(grey)
        levels.append(np.abs(grey - cv2.pyrUp(low, dstsize=(grey.shape[1], grey.shape[0]))))
        grey = low
    return levels


def _halves(values: np.ndarray, shown: np.ndarray | None = None) -> np.ndarray:
    """Return the means (2A, 2A) of values (H, W) over what is `shown` (of any size) of the half patches."""
    size = (2 * ACROSS, 2 * ACROSS)
    if shown is None:
        return cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    weights = cv2.resize(shown, values.shape[::-1], interpolation=cv2.INTER_AREA)
    total = cv2.resize(values * weights, size, interpolation=cv2.INTER_AREA)
    return total / np.maximum(cv2.resize(weights, size, interpolation=cv2.INTER_AREA), 1e-6)


def _patches(values: np.ndarray) -> np.ndarray:
    """Return the means (2A-1, 2A-1, F) over patches of the means (2A, 2A, F) over half patches."""
    return (values[:-1, :-1] + values[1:, :-1] + values[:-1, 1:] + values[1:, 1:]) / 4
