"""What lies along and across the border of a mask: its surroundings, and lines of pixels from the surroundings into the defect."""

from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.compositing.margins import BLEED, FEW, NEAR
from flawsmith.dataset.windows import around, distance_outside, grow

REACH = 8  # pixels that a line across the border reaches to either side
MOST = 600  # lines at most, spread evenly along the border
BESIDE = 4  # pixels outside the border where is looked which way things run
RUNNING = 2.0  # sigma in pixels over which that is decided
SMOOTH = 0.7  # sigma in pixels of the blur before lines are read: a noisy pixel is no edge
CLEAR = 1.5  # pixels from the mask: nearer ones show the border itself
SLANT = 0.5  # least cosine of the angle at which what runs across a border is followed
DEEPEST = 20.0  # pixels: farther from the border the direction to it does not matter


@dataclass(frozen=True)
class Surroundings:
    """A defect with what is around it, cut from its picture."""

    picture: np.ndarray  # (h, w, C) float32 in shares of the value range
    mask: np.ndarray  # (h, w) bool, the defect
    depth: np.ndarray  # (h, w) float32, pixels from the border to a pixel inside, 0 outside
    ring: np.ndarray  # (h, w) bool, the surroundings: from BLEED + 1 to NEAR px farther, without other defects

    @property
    def enough(self) -> bool:
        """Whether the surroundings have pixels enough for a statistic."""
        return bool(self.ring.sum() >= FEW)


@dataclass(frozen=True)
class Lines:
    """Grey values on lines across the border, outwards."""

    values: np.ndarray  # (B, T) float32, in shares of the value range
    valid: np.ndarray  # (B, T) bool, whether the pixel is in the picture and, before 0, in the defect, or, from 2 on, outside of all
    offsets: np.ndarray  # (T,) pixels from the border, negative inside
    crossing: np.ndarray  # (B,) float32, 0 to 1: whether what is seen outside runs across the border (1) or along it (0)

    def mean(self, first: int, last: int) -> np.ndarray:
        """Return each line's mean (B,) over the valid offsets from `first` to `last`; NaN where there are none."""
        chosen = (self.offsets >= first) & (self.offsets <= last)
        valid = self.valid[:, chosen]
        total = (self.values[:, chosen] * valid).sum(1)
        return np.where(valid.any(1), total / np.maximum(valid.sum(1), 1), np.nan)


def surroundings(picture: np.ndarray, mask: np.ndarray, others: np.ndarray | None) -> Surroundings:
    """Return the defect of a picture (H, W, C) with what is around its non-empty mask; mask, others: (H, W) bool."""
    rows, columns = around(mask, BLEED + NEAR + REACH)
    picture, mask = np.ascontiguousarray(picture[rows, columns]), mask[rows, columns]
    outside = distance_outside(mask)
    ring = (outside > BLEED + 1) & (outside <= BLEED + 1 + NEAR)
    if others is not None:
        ring &= ~grow(others[rows, columns], BLEED)
    return Surroundings(picture, mask, _depth(mask), ring)


def lines_across(picture: np.ndarray, mask: np.ndarray, others: np.ndarray | None, running: bool = False) -> Lines:
    """Return lines of 2 REACH + 1 px across the border of a non-empty mask; picture: (H, W, C) in shares; mask, others: (H, W) bool.

    running: lines follow what runs across the border outside, up to 60 degrees from straight across; offsets are distances from the border
    all the same. The border of the picture is none of the defect.
    """
    rows, columns = around(mask, REACH + 4)
    picture, mask = np.ascontiguousarray(picture[rows, columns]), mask[rows, columns]
    depth, height, width = _depth(mask), *mask.shape
    signed = np.minimum(distance_outside(mask), DEEPEST) - np.minimum(depth, DEEPEST)
    signed = cv2.GaussianBlur(signed.astype(np.float32), (0, 0), 1.0)
    ny, nx = np.gradient(signed)
    length = np.maximum(np.hypot(nx, ny), 1e-6)
    ny, nx = ny / length, nx / length
    y, x = np.nonzero(mask & (depth <= 1.01) & (depth > 0))
    if len(y) > MOST:
        chosen = np.linspace(0, len(y) - 1, MOST).round().astype(int)
        y, x = y[chosen], x[chosen]
    offsets = np.arange(-REACH, REACH + 1)
    grey = cv2.GaussianBlur(picture.mean(-1, dtype=np.float32), (0, 0), SMOOTH)
    if not len(y):
        return Lines(np.zeros((0, len(offsets)), np.float32), np.zeros((0, len(offsets)), bool), offsets, np.zeros(0, np.float32))
    down, right = ny[y, x], nx[y, x]  # (B,)
    crossing, along = _what_runs(grey, distance_outside(mask) > CLEAR, y, x, down, right)
    if running:
        down, right = along
    columns_at, rows_at = x[:, None] + offsets * right[:, None], y[:, None] + offsets * down[:, None]  # (B, T)
    values = cv2.remap(grey, columns_at.astype(np.float32), rows_at.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    i, j = (np.clip(at.round().astype(int), 0, size - 1) for at, size in ((rows_at, height), (columns_at, width)))
    valid = (rows_at >= 0) & (rows_at <= height - 1) & (columns_at >= 0) & (columns_at <= width - 1)
    if others is not None:
        valid &= ~grow(others[rows, columns], BLEED)[i, j]
    own = mask[i, j]
    inner = own & (depth[i, j] >= np.abs(offsets) - 1.5)  # beyond the middle of a thin defect is its other side
    return Lines(values, valid & np.where(offsets < 0, inner, (offsets < 2) | ~own), offsets, crossing)


def _what_runs(
    grey: np.ndarray, outside: np.ndarray, rows: np.ndarray, columns: np.ndarray, down: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return how far what is seen beside border pixels runs across the border, (B,) 0 to 1, and steps (down, right) along it, (B,) each.

    grey: (h, w); outside: (h, w) bool, what is looked at; rows, columns, down, right: (B,), border pixels and their normals outwards.
    By the structure tensor BESIDE px outside: what runs across a border changes along it; 0.5 where nothing is to be seen. A step leads
    one pixel away from the border: along what runs within SLANT, else along the normal.
    """
    gy, gx = np.gradient(grey)
    there = zip((rows, columns), (down, right), grey.shape, strict=True)
    beside = tuple(np.clip((at + BESIDE * step).round().astype(int), 0, size - 1) for at, step, size in there)
    xx, yy, xy = (cv2.GaussianBlur(product * outside, (0, 0), RUNNING)[beside] for product in (gx * gx, gy * gy, gx * gy))
    energy = xx + yy
    seen = energy > 1e-8
    across = right * right * xx + down * down * yy + 2 * right * down * xy
    crossing = np.where(seen, (energy - across) / np.maximum(energy, 1e-8), 0.5).clip(0, 1).astype(np.float32)
    angle = np.arctan2(2 * xy, xx - yy) / 2  # in which it changes most
    run = np.stack([np.cos(angle), -np.sin(angle)])  # (2, B) down and right, along it
    slant = run[0] * down + run[1] * right  # cosine of the angle to the normal
    steps = np.where(seen & (np.abs(slant) >= SLANT), run / np.where(np.abs(slant) >= SLANT, slant, 1), np.stack([down, right]))
    return crossing, (steps[0], steps[1])


def _depth(mask: np.ndarray) -> np.ndarray:
    """Return each pixel's distance (H, W) to what is outside the mask, in pixels, 0 outside; a mask that fills all has no border."""
    return np.zeros(mask.shape, np.float32) if mask.all() else distance_outside(~mask)
