"""What a defect does to the surface that is there: darken, stain, dent, scratch, push, erase, double it.

Each effect draws what a kind's defects have in common, for defects of about `size` pixels, and returns (scene, placed) -> scene.
Colours are either the unit's own, changed (darker by so much, the layer below), or the defect's, the same on every unit (a stain, a
foreign body): an effect says which of the two by using `scene.own` and `scene.under`, or a colour of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flawsmith.base.episodes.fields import blurred, log_uniform, smeared, value_noise, warped
from flawsmith.base.episodes.scene import Scene


@dataclass(frozen=True)
class Placed:
    """One defect's shape on its window."""

    cover: np.ndarray  # (S, S) float32, 0 to 1: how much of each pixel it covers, with the kind's own softness
    depth: np.ndarray  # (S, S) float32: pixels to the nearest pixel outside it, 0 outside
    strength: float  # about 1: how strong this one is among its kind


Effect = Callable[[Scene, Placed, np.random.Generator], Scene]
Family = Callable[[np.random.Generator, float], Effect]


def tone(g: np.random.Generator, size: float) -> Effect:
    """Darker or brighter than the unit by a factor, its texture goes on: cracks, scorch marks, moisture, wear; often with a tint."""
    power = g.uniform(0.2, 1.8) if g.random() < 0.3 else -g.uniform(0.2, 2.2)
    tint = g.normal(0, 0.5 * abs(power), 3) * (g.random() < 0.4)
    factor, mottled = np.exp(power + tint - tint.mean()).astype(np.float32), g.uniform(0, 0.35)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        power = placed.strength * placed.cover * (1 + mottled * value_noise(g, placed.cover.shape[0], 0.6, 0.4))
        if scene.own.min() == scene.own.max():
            return scene.changed(albedo=np.clip(scene.albedo * (factor.mean() ** power)[..., None], 0, 1))
        return scene.changed(albedo=np.clip(scene.albedo * factor ** power[..., None], 0, 1))

    return effect


def veil(g: np.random.Generator, size: float) -> Effect:
    """One brightness over everything, print included, wholly or letting it shine through: inactive areas, soot, fog, frost, dust."""
    dark = g.random() < 0.7
    level, opacity, cloudy = g.uniform(0, 0.6) if dark else g.uniform(0.6, 1.2), g.uniform(0.3, 1) ** 0.5, g.uniform(0, 0.3)
    own, inner = g.random() < 0.6, g.uniform(0, 0.5) * (g.random() < 0.4)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        cloud = 1 + cloudy * value_noise(g, placed.cover.shape[0], 0.4, 0.6)
        middle = inner * np.clip(placed.depth / (size / 3), 0, 1)  # stronger in the middle
        share = np.clip((opacity - inner + middle) * placed.cover * cloud * min(placed.strength, 1.2), 0, 1)[..., None]
        colour = np.clip((scene.own if own else scene.own.mean() ** 0.3) * level, 0, 1)
        return scene.changed(albedo=(scene.albedo * (1 - share) + colour * share).astype(np.float32))

    return effect


def stain(g: np.random.Generator, size: float) -> Effect:
    """A colour of its own that lets the surface shine through: oil, ink, rust, glue; often with a darker rim."""
    colour, opacity, rim, uneven = own_colour(g), g.uniform(0.35, 0.95), g.uniform(-0.3, 0.6) * (g.random() < 0.5), g.uniform(0, 0.5)
    wet, width = g.uniform(0, 0.5) * (g.random() < 0.3), log_uniform(g, 1, max(1.5, 0.08 * size))

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        noise = value_noise(g, placed.cover.shape[0], 0.5, 0.5)
        edge = np.exp(-(((placed.depth - 1.5 * width) / width) ** 2) / 1.5) * (placed.depth > 0)
        share = np.clip(opacity * placed.strength * placed.cover * (1 + 0.4 * uneven * noise + rim * edge), 0, 1)[..., None]
        albedo = scene.albedo * (1 - share) + scene.albedo**0.3 * colour * share
        return scene.changed(albedo=np.clip(albedo, 0, 1), gloss=np.clip(scene.gloss + wet * placed.cover, 0, 1))

    return effect


def relief(g: np.random.Generator, size: float) -> Effect:
    """A dent, bump or fold with smooth or steep flanks: only the light shows it."""
    flank, rough = float(np.clip(g.uniform(0.04, 0.35) * size, 0.7, 14)), g.uniform(0, 0.3)
    height = g.choice([-1, 1]) * g.uniform(0.3, 1.6) * flank

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        rise = blurred(placed.cover, flank)
        rise = rise * np.float32(placed.strength * height / max(float(rise.max()), 0.1))  # narrow ones are as high as wide ones
        if rough > 0.15:
            rise = rise + rough * value_noise(g, placed.cover.shape[0], 0.7, 0.3) * placed.cover
        return scene.changed(height=scene.height + rise.astype(np.float32))

    return effect


def groove(g: np.random.Generator, size: float) -> Effect:
    """A furrow with raised borders: scratches, gouges, tool marks; fresh material may shine in it."""
    depth, lip, fresh = g.uniform(0.4, 2.5), g.uniform(0, 0.8), g.uniform(-0.4, 1.2)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        wide = blurred(placed.cover, 1.6)
        height = scene.height + np.float32(placed.strength) * (lip * wide - (depth + lip) * blurred(placed.cover, 0.6))
        return scene.changed(height=height, albedo=np.clip(scene.albedo * (1 + np.float32(fresh) * placed.cover)[..., None], 0, 1))

    return effect


def rough(g: np.random.Generator, size: float) -> Effect:
    """A coarser or smoother texture of the same material: corrosion, pickling, sanding, burnt sand."""
    grain, relief_, speck = g.uniform(0.4, 0.9), g.uniform(0.3, 2), g.uniform(0.05, 0.5)
    smooth = g.random() < 0.25

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        if smooth:
            return _mixed(scene, placed.cover, blurred(scene.albedo, 3.0), blurred(scene.height, 3.0))
        noise = value_noise(g, placed.cover.shape[0], grain, 0.3)
        albedo = np.clip(scene.albedo * (1 + np.float32(speck) * noise[..., None]), 0, 1)
        return _mixed(scene, placed.cover, albedo, scene.height + np.float32(relief_) * noise)

    return effect


def contrast(g: np.random.Generator, size: float) -> Effect:
    """The texture is fainter or stronger than elsewhere: polishing, wetness, uneven grinding."""
    factor, wide = g.uniform(0, 0.5) if g.random() < 0.5 else g.uniform(1.7, 4), g.uniform(3, 9)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        even, level = blurred(scene.albedo, wide), blurred(scene.height, wide)
        albedo = np.clip(even + np.float32(factor) * (scene.albedo - even), 0, 1)
        return _mixed(scene, placed.cover, albedo, level + np.float32(factor) * (scene.height - level))

    return effect


def pushed(g: np.random.Generator, size: float) -> Effect:
    """The structure is pushed aside, bent or wrinkled: threads, prints, folds."""
    strength = max(3.0, g.uniform(0.1, 0.35) * size)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        both = np.concatenate([scene.albedo, scene.height[..., None]], -1)
        moved = warped(both, g, strength * placed.strength, 0.2)
        return _mixed(scene, blurred(placed.cover, 1.5), moved[..., :3], moved[..., 3])

    return effect


def smear(g: np.random.Generator, size: float) -> Effect:
    """The surface is wiped along one direction: smeared print, soft paint, rubbed dust."""
    length, angle = max(4.0, g.uniform(0.15, 0.6) * size), g.uniform(0, np.pi)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        return _mixed(scene, placed.cover, smeared(scene.albedo, length, angle), smeared(scene.height, length, angle))

    return effect


def gone(g: np.random.Generator, size: float) -> Effect:
    """The structure is missing: an open track, a missing print, a worn-off thread; the layer below goes on undisturbed."""
    edge = g.uniform(0, 0.8)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        cover = blurred(placed.cover, edge)  # where there is no structure, what is below it shows already
        changed = _mixed(scene, cover, scene.under, np.zeros_like(scene.height))
        return changed.changed(structure=scene.structure * (1 - placed.cover))

    return effect


def extra(g: np.random.Generator, size: float) -> Effect:
    """More of the structure's material where none belongs: shorts, spurs, double print, solder; of the unit's own where it has none."""

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        weight = scene.structure.sum()
        colour, rise = scene.own, 0.5
        if weight >= 8:
            colour = (scene.albedo * scene.structure[..., None]).sum((0, 1)) / weight
            rise = float((scene.height * scene.structure).sum() / weight)
        texture = 1 + 0.03 * value_noise(g, placed.cover.shape[0], 0.8)[..., None]
        return _mixed(scene, placed.cover, np.clip(colour * texture, 0, 1), np.full_like(scene.height, rise))

    return effect


def doubled(g: np.random.Generator, size: float) -> Effect:
    """The structure appears a second time, a little aside: double print, ghost images, slipped layers."""
    shift, faint = _shift(g, float(np.clip(0.2 * size, 3, 10))), g.uniform(0.4, 1)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        share = placed.cover * np.clip(np.roll(scene.structure, shift, (0, 1)) - scene.structure, 0, 1) * np.float32(faint)
        return _mixed(scene, share, np.roll(scene.albedo, shift, (0, 1)), scene.height)

    return effect


def moved(g: np.random.Generator, size: float) -> Effect:
    """A piece of the unit that lies where it does not belong: misplaced parts, doubled layers, folded-over cloth."""
    shift, shade, rise = _shift(g, max(5.0, g.uniform(0.2, 0.7) * size)), np.float32(g.uniform(0.75, 1.15)), np.float32(g.uniform(0, 2))

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        albedo = np.clip(np.roll(scene.albedo, shift, (0, 1)) * shade, 0, 1)
        return _mixed(scene, placed.cover, albedo, np.roll(scene.height, shift, (0, 1)) + rise)

    return effect


def rim(g: np.random.Generator, size: float) -> Effect:
    """Only the border differs: dried drops, blisters, delamination, rings of corrosion."""
    width = log_uniform(g, 0.8, max(2.0, 0.1 * size))
    factor = np.float32(np.exp(g.choice([-1, 1]) * g.uniform(0.3, 1.2)))

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        share = np.exp(-(((placed.depth - width) / width) ** 2)) * (placed.depth > 0) * placed.strength
        return scene.changed(albedo=np.clip(scene.albedo * (factor**share)[..., None], 0, 1))

    return effect


def knot(g: np.random.Generator, size: float) -> Effect:
    """Rings that follow the outline, darker towards the middle: knots, burn rings, dried layers."""
    pitch, dark, waves = max(2.0, g.uniform(0.06, 0.25) * size), g.uniform(0.3, 1.6), g.uniform(0.1, 0.8)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        depth = placed.depth + 0.2 * pitch * value_noise(g, placed.cover.shape[0], 0.6, 0.3)
        power = dark * np.clip(2 * placed.depth / size, 0, 1) + waves * (0.5 + 0.5 * np.cos(2 * np.pi * depth / pitch))
        albedo = scene.albedo * np.exp(-placed.strength * placed.cover * power)[..., None]
        return scene.changed(albedo=np.clip(albedo, 0, 1).astype(np.float32))

    return effect


def own_colour(g: np.random.Generator) -> np.ndarray:
    """Return a colour (3,) float32 that is the same on every unit: grey half the time, else anything."""
    if g.random() < 0.5:
        return np.full(3, g.uniform(0.02, 0.98), np.float32)
    return np.clip(g.uniform(0.1, 0.9) + g.normal(0, 0.3, 3), 0.02, 0.98).astype(np.float32)


def _mixed(scene: Scene, share: np.ndarray, albedo: np.ndarray, height: np.ndarray) -> Scene:
    """Return the scene with colours (S, S, 3) and heights (S, S) in place of its own, by a share (S, S)."""
    colours = scene.albedo * (1 - share[..., None]) + albedo * share[..., None]
    return scene.changed(albedo=colours.astype(np.float32), height=(scene.height * (1 - share) + height * share).astype(np.float32))


def _shift(g: np.random.Generator, length: float) -> tuple[int, int]:
    a = g.uniform(0, 2 * np.pi)
    return round(length * np.sin(a)), round(length * np.cos(a))
