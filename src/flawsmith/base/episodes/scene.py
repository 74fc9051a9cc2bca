"""A piece of surface as it is, before any camera: colours, heights and gloss, and what its structure lies on."""

from dataclasses import dataclass, replace

import numpy as np

MARGIN = 8  # pixels of a scene around its window, so that nothing ends at the window's border


@dataclass(frozen=True)
class Scene:
    """One window of a unit. Colours are shares of what white reflects, heights are in pixels."""

    albedo: np.ndarray  # (S, S, 3) float32, 0 to 1
    height: np.ndarray  # (S, S) float32
    gloss: np.ndarray  # (S, S) float32, 0 matt to 1 mirror-like
    structure: np.ndarray  # (S, S) float32, 0 to 1: where the printed, plated or raised structure is; 0 everywhere on a plain surface
    under: np.ndarray  # (S, S, 3) float32: what shows where the structure, or the topmost layer, is gone
    object: np.ndarray  # (S, S) bool: the unit; False is the ground behind it
    own: np.ndarray  # (3,) float32: the unit's typical colour

    def changed(self, **layers: np.ndarray) -> "Scene":
        """Return the scene with some layers replaced."""
        return replace(self, **layers)
