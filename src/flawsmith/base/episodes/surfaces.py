"""All families of surfaces, and which of them a product has.

Adding a surface is adding a function to FAMILIES: (generator, unit) -> ((generator, side, palette) -> Scene).
"""

from collections.abc import Sequence

import numpy as np

from flawsmith.base.episodes import structures, textures
from flawsmith.base.episodes.fields import log_uniform
from flawsmith.base.episodes.scene import Family, Window

USUAL = 64  # side of the windows in which structures are as large as the families say

# family: how often it is drawn, relative to the others
FAMILIES: dict[Family, float] = {
    textures.flat: 1.2, textures.cast: 1.3, textures.ground: 1.6, textures.turned: 0.7, textures.woven: 1.0, textures.grained: 0.7,
    textures.cells: 1.1, textures.stone: 0.7, textures.leaves: 0.6, textures.wrinkled: 0.5, textures.photographed: 1.4,
    structures.printed: 0.8, structures.board: 0.9, structures.circuit: 0.9, structures.busbars: 1.2, structures.rings: 1.1,
    structures.part: 1.4, structures.joined: 0.8,
}  # fmt: skip
STRUCTURED = (structures.printed, structures.board, structures.circuit)  # families whose scenes have a structure with clear borders
OUTLINED = (*STRUCTURED, structures.rings, structures.part, structures.joined)  # families whose scenes have borders of some sort


def draw_surface(g: np.random.Generator, side: int, among: Sequence[Family] = tuple(FAMILIES)) -> Window:
    """Return what draws windows of a new product's surface, of one of some families, for windows of about `side` pixels."""
    weights = np.array([FAMILIES[family] for family in among])
    return among[int(g.choice(len(among), p=weights / weights.sum()))](g, log_uniform(g, 0.6, 2.2 * side / USUAL))
