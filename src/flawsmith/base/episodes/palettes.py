"""Colours of products and of their units."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Palette:
    """The colours (3,) float32 of one unit, 0 to 1."""

    base: np.ndarray
    second: np.ndarray  # of structure, print, grain, mortar
    under: np.ndarray  # of the layer below


def draw_palette(g: np.random.Generator, grey: bool) -> Palette:
    """Return the colours of a product."""
    base = draw_colour(g, grey)
    second = draw_colour(g, grey) if g.random() < 0.6 else np.clip(base * np.float32(g.uniform(0.3, 1.7)), 0.02, 0.98)
    under = draw_colour(g, grey) if g.random() < 0.5 else np.clip(base * np.float32(g.uniform(0.2, 2.0)), 0.02, 0.98)
    return Palette(base, second.astype(np.float32), under.astype(np.float32))


def vary_palette(palette: Palette, g: np.random.Generator, grey: bool, spread: float) -> Palette:
    """Return the colours of another unit. spread: 0 the same; 1 as units of one batch differ; above 1 units of other colours."""
    if spread > 1:
        other = draw_palette(g, grey)
        return Palette(other.base, palette.second if g.random() < 0.5 else other.second, palette.under)
    step = [np.float32(0.05 * spread) * g.standard_normal(1 if grey else 3, dtype=np.float32) for _ in range(2)]
    return Palette(np.clip(palette.base + step[0], 0.02, 0.98), np.clip(palette.second + step[1], 0.02, 0.98), palette.under)


def black_and_white(g: np.random.Generator) -> Palette:
    """Return black on white or white on black, as in thresholded pictures."""
    black, white = np.full(3, 0.1, np.float32), np.full(3, 0.9, np.float32)
    base, second = (black, white) if g.random() < 0.5 else (white, black)
    return Palette(base, second, base)


def draw_colour(g: np.random.Generator, grey: bool) -> np.ndarray:
    """Return a colour (3,) float32: a grey, or one of moderate saturation as materials have."""
    value = g.uniform(0.06, 0.94)
    if grey:
        return np.full(3, value, np.float32)
    tint = g.normal(0, 0.14 if g.random() < 0.7 else 0.35, 3)
    return np.clip(value + tint - tint.mean(), 0.02, 0.98).astype(np.float32)
