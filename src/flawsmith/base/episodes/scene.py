"""A piece of surface as it is, before any camera: colours, heights and gloss, and what its structure lies on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from flawsmith.base.episodes.palettes import Palette

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
    back: np.ndarray  # (3,) float32: the colour of the ground behind the unit

    def changed(self, **layers: np.ndarray) -> "Scene":
        """Return the scene with some layers replaced."""
        return replace(self, **layers)


# (generator, side, colours of the unit) -> a scene of side x side pixels
Window = Callable[[np.random.Generator, int, Palette], Scene]
# (generator, unit: by how much structures are larger than usual) -> what draws windows of one product
Family = Callable[[np.random.Generator, float], Window]


def make_scene(
    albedo: np.ndarray,
    height: np.ndarray,
    gloss: float,
    palette: Palette,
    structure: np.ndarray | None = None,
    under: np.ndarray | None = None,
) -> Scene:
    """Return a scene that the unit fills; without a structure, and over the palette's layer below, unless they are given."""
    side = height.shape[0]
    return Scene(
        albedo=np.clip(albedo, 0, 1).astype(np.float32),
        height=height.astype(np.float32),
        gloss=np.full((side, side), gloss, np.float32),
        structure=np.zeros((side, side), np.float32) if structure is None else structure,
        under=np.broadcast_to(palette.under, (side, side, 3)) if under is None else under,
        object=np.ones((side, side), bool),
        own=palette.base,
        back=np.zeros(3, np.float32),
    )
