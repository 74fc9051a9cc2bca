"""What a defect does to a surface. Each effect draws what a kind's defects have in common and returns (scene, shape) -> scene.

Colours are either the unit's own, changed (darker by so much, the layer below), or the defect's, the same on every unit (a stain, a
foreign body): an effect says which of the two by using `scene.own` and `scene.under`, or a colour of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.base.episodes.fields import blurred, value_noise, warped
from flawsmith.base.episodes.scene import Scene
from flawsmith.base.episodes.surfaces import draw_palette, draw_surface


@dataclass(frozen=True)
class Placed:
    """One defect's shape on its window."""

    cover: np.ndarray  # (S, S) float32, 0 to 1: how much of each pixel it covers, with the kind's own softness
    depth: np.ndarray  # (S, S) float32: pixels to the nearest pixel outside it, 0 outside
    strength: float  # about 1: how strong this one is among its kind


Effect = Callable[[Scene, Placed, np.random.Generator], Scene]
Family = Callable[[np.random.Generator], Effect]


def tone(g: np.random.Generator) -> Effect:
    """Darker or brighter than the unit by a factor: cracks, scorch marks, moisture, wear."""
    factor = np.exp(g.uniform(0.25, 1.8)) if g.random() < 0.3 else np.exp(-g.uniform(0.3, 2.2))
    mottled = g.uniform(0, 0.35)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        power = placed.strength * placed.cover * (1 + mottled * value_noise(g, placed.cover.shape[0], 0.6, 0.4))
        return scene.changed(albedo=np.clip(scene.albedo * (np.float32(factor) ** power)[..., None], 0, 1))

    return effect


def stain(g: np.random.Generator) -> Effect:
    """A colour of its own that lets the surface shine through: oil, ink, rust, glue; often with a darker rim."""
    colour, opacity, rim, uneven = _own_colour(g), g.uniform(0.35, 0.95), g.uniform(-0.3, 0.6) * (g.random() < 0.5), g.uniform(0, 0.5)
    wet = g.uniform(0, 0.5) * (g.random() < 0.3)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        noise = value_noise(g, placed.cover.shape[0], 0.5, 0.5)
        edge = np.exp(-((placed.depth - 1.5) ** 2) / 3) * (placed.depth > 0)
        share = np.clip(opacity * placed.strength * placed.cover * (1 + 0.4 * uneven * noise + rim * edge), 0, 1)[..., None]
        albedo = scene.albedo * (1 - share) + scene.albedo**0.3 * colour * share
        return scene.changed(albedo=np.clip(albedo, 0, 1), gloss=np.clip(scene.gloss + wet * placed.cover, 0, 1))

    return effect


def relief(g: np.random.Generator) -> Effect:
    """A dent or a bump with smooth flanks: only the light shows it."""
    height, flank, rough = g.choice([-1, 1]) * g.uniform(0.8, 4), g.uniform(2, 9), g.uniform(0, 0.4)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        rise = np.clip(placed.depth / flank, 0, 1)
        rise = rise * rise * (3 - 2 * rise) * placed.strength * height
        rise = rise + rough * value_noise(g, placed.cover.shape[0], 0.7, 0.3) * placed.cover
        return scene.changed(height=scene.height + blurred(rise.astype(np.float32), 0.7))

    return effect


def groove(g: np.random.Generator) -> Effect:
    """A furrow with raised borders: scratches, gouges, tool marks; fresh material may shine in it."""
    depth, lip, fresh = g.uniform(0.4, 2.5), g.uniform(0, 0.8), g.uniform(-0.3, 0.6)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        wide = cv2.GaussianBlur(placed.cover, (0, 0), 1.6)
        height = scene.height + np.float32(placed.strength) * (lip * wide - (depth + lip) * cv2.GaussianBlur(placed.cover, (0, 0), 0.6))
        return scene.changed(height=height, albedo=np.clip(scene.albedo * (1 + fresh * placed.cover)[..., None], 0, 1))

    return effect


def bare(g: np.random.Generator) -> Effect:
    """The layer below shows, roughly torn: chips, flaked paint, worn plating, breaks."""
    rough, step, shade = g.uniform(0.05, 0.4), g.uniform(0.2, 2), np.float32(g.uniform(0.7, 1.3))

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        noise = value_noise(g, placed.cover.shape[0], 0.75, 0.4)
        inner = np.clip(scene.under * shade * (1 + np.float32(rough) * noise[..., None]), 0, 1)
        cover = placed.cover[..., None]
        height = scene.height * (1 - placed.cover) + placed.cover * (rough * 2 * noise - step)
        return scene.changed(albedo=scene.albedo * (1 - cover) + inner * cover, height=height.astype(np.float32))

    return effect


def fracture(g: np.random.Generator) -> Effect:
    """Broken faces: facets that shine and darken by themselves, with sharp ridges: glass, ceramics, cast metal."""
    size, contrast, sharp = g.uniform(4, 14), g.uniform(0.3, 1.2), g.uniform(0.5, 2.5)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        side = placed.cover.shape[0]
        facets = np.abs(value_noise(g, side, 0.4, size / side))
        facets = warped(facets, g, 3.0)
        bright = np.clip(facets, 0, 2) ** sharp * contrast
        cover = placed.cover[..., None]
        albedo = np.clip(scene.own * bright[..., None] + 0.15 * scene.albedo, 0, 1)
        height = scene.height + placed.cover * 2 * facets
        return scene.changed(albedo=scene.albedo * (1 - cover) + albedo * cover, height=height.astype(np.float32))

    return effect


def inlay(g: np.random.Generator) -> Effect:
    """Another material altogether, with its own texture, the same on every unit: inclusions, patches, wrong parts, solder, rust flakes."""
    grey = bool(g.random() < 0.5)
    window, palette, rise = draw_surface(g), draw_palette(g, grey), g.normal(0, 1)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        other = window(g, placed.cover.shape[0], palette)
        cover = placed.cover[..., None]
        height = scene.height * (1 - placed.cover) + (other.height + rise) * placed.cover
        return scene.changed(
            albedo=scene.albedo * (1 - cover) + other.albedo * cover,
            height=height.astype(np.float32),
            gloss=scene.gloss * (1 - placed.cover) + other.gloss * placed.cover,
        )

    return effect


def hole(g: np.random.Generator) -> Effect:
    """Nothing is left: dark, or what lies behind; a border that bends inwards."""
    back, edge = np.float32(g.choice([0.01, 0.03, 0.1, 0.6, 0.95], p=[0.4, 0.25, 0.2, 0.05, 0.1])), g.uniform(0.5, 3)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        cover = placed.cover[..., None]
        sink = np.clip(placed.depth / edge, 0, 1) * 2 * placed.cover
        return scene.changed(
            albedo=scene.albedo * (1 - cover) + back * cover,
            gloss=scene.gloss * (1 - placed.cover),
            height=(scene.height * (1 - placed.cover) - sink).astype(np.float32),
        )

    return effect


def body(g: np.random.Generator) -> Effect:
    """Something that lies on the unit: a chip, a fibre, dust, spatter, tape; its own colour, rounded, casting a faint shadow."""
    colour, round_, texture, gloss = _own_colour(g), g.uniform(0.3, 2.5), g.uniform(0, 0.25), g.uniform(0, 0.8)
    shadow, offset = g.uniform(0, 0.6), g.normal(0, 1.5, 2)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        side = placed.cover.shape[0]
        move = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32)
        shade = cv2.warpAffine(cv2.GaussianBlur(placed.cover, (0, 0), 1.2), move, (side, side))
        ground = scene.albedo * (1 - np.float32(shadow) * shade[..., None])
        cover = placed.cover[..., None]
        skin = np.clip(colour * (1 + np.float32(texture) * value_noise(g, side, 0.7, 0.4)[..., None]), 0, 1)
        height = scene.height + round_ * np.sqrt(np.minimum(placed.depth, 8))
        return scene.changed(
            albedo=ground * (1 - cover) + skin * cover,
            height=blurred(height.astype(np.float32), 0.5),
            gloss=scene.gloss * (1 - placed.cover) + np.float32(gloss) * placed.cover,
        )

    return effect


def rough(g: np.random.Generator) -> Effect:
    """A coarser or smoother texture of the same material: corrosion, pickling, sanding, burnt sand."""
    grain, relief_, speck = g.uniform(0.4, 0.9), g.uniform(0.3, 2), g.uniform(0.05, 0.5)
    smooth = g.random() < 0.25

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        side = placed.cover.shape[0]
        cover = placed.cover[..., None]
        if smooth:
            albedo, height = blurred(scene.albedo, 3.0), blurred(scene.height, 3.0)
            return scene.changed(
                albedo=scene.albedo * (1 - cover) + albedo * cover, height=scene.height * (1 - placed.cover) + height * placed.cover
            )
        noise = value_noise(g, side, grain, 0.3)
        albedo = np.clip(scene.albedo * (1 + np.float32(speck) * noise[..., None]), 0, 1)
        return scene.changed(
            albedo=scene.albedo * (1 - cover) + albedo * cover, height=(scene.height + relief_ * noise * placed.cover).astype(np.float32)
        )

    return effect


def pushed(g: np.random.Generator) -> Effect:
    """The structure is pushed aside, bent or wrinkled: threads, prints, folds."""
    strength = g.uniform(3, 10)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        seed = int(g.integers(1 << 31))
        soft = cv2.GaussianBlur(placed.cover, (0, 0), 1.5)
        both = np.concatenate([scene.albedo, scene.height[..., None]], -1)
        moved = warped(both, np.random.default_rng(seed), strength * placed.strength, 0.2)
        mixed = both * (1 - soft[..., None]) + moved * soft[..., None]
        return scene.changed(albedo=mixed[..., :3], height=mixed[..., 3])

    return effect


def gone(g: np.random.Generator) -> Effect:
    """The structure is missing: an open track, a missing print, a worn-off thread; the layer below goes on undisturbed."""
    edge = g.uniform(0.2, 1.0)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        share = blurred(placed.cover * scene.structure, edge - 0.2)[..., None]
        return scene.changed(albedo=scene.albedo * (1 - share) + scene.under * share, structure=scene.structure * (1 - placed.cover))

    return effect


def extra(g: np.random.Generator) -> Effect:
    """More of the structure's material where none belongs: shorts, spurs, doubled print, solder."""

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        weight = scene.structure.sum()
        if weight < 8:
            colour, rise = scene.under.reshape(-1, 3).mean(0), 0.0
        else:
            colour = (scene.albedo * scene.structure[..., None]).sum((0, 1)) / weight
            rise = float((scene.height * scene.structure).sum() / weight)
        cover = placed.cover[..., None]
        texture = 1 + 0.03 * value_noise(g, placed.cover.shape[0], 0.8)[..., None]
        albedo = np.clip(colour * texture, 0, 1).astype(np.float32)
        height = scene.height * (1 - placed.cover) + rise * placed.cover
        return scene.changed(albedo=scene.albedo * (1 - cover) + albedo * cover, height=height.astype(np.float32))

    return effect


def moved(g: np.random.Generator) -> Effect:
    """A piece of the unit that lies where it does not belong: misplaced parts, doubled layers, folded-over cloth."""
    shift = g.uniform(6, 20) * np.array([np.cos(a := g.uniform(0, 2 * np.pi)), np.sin(a)])
    shade, rise = np.float32(g.uniform(0.75, 1.15)), g.uniform(0, 2)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        step = tuple(int(v) for v in np.rint(shift))
        albedo = np.roll(scene.albedo, step, (0, 1)) * shade
        height = np.roll(scene.height, step, (0, 1)) + rise
        cover = placed.cover[..., None]
        return scene.changed(
            albedo=np.clip(scene.albedo * (1 - cover) + albedo * cover, 0, 1),
            height=(scene.height * (1 - placed.cover) + height * placed.cover).astype(np.float32),
        )

    return effect


def rim(g: np.random.Generator) -> Effect:
    """Only the border differs: dried drops, blisters, delamination, rings of corrosion."""
    width, factor = g.uniform(1, 3.5), np.float32(np.exp(g.choice([-1, 1]) * g.uniform(0.3, 1.2)))

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        share = np.exp(-(((placed.depth - width) / width) ** 2)) * (placed.depth > 0) * placed.strength
        return scene.changed(albedo=np.clip(scene.albedo * (factor**share)[..., None], 0, 1))

    return effect


def _own_colour(g: np.random.Generator) -> np.ndarray:
    """Return a colour (3,) float32 that is the same on every unit: grey half the time, else anything."""
    if g.random() < 0.5:
        return np.full(3, g.uniform(0.02, 0.98), np.float32)
    return np.clip(g.uniform(0.1, 0.9) + g.normal(0, 0.3, 3), 0.02, 0.98).astype(np.float32)
