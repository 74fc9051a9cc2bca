"""What a defect puts in place of the surface: holes, breaks, layers below, bodies, other materials. Effects as in `effects`."""

import cv2
import numpy as np

from flawsmith.base.episodes import pictures
from flawsmith.base.episodes.effects import Effect, Placed, own_colour
from flawsmith.base.episodes.fields import blurred, log_uniform, streaks, value_noise, warped
from flawsmith.base.episodes.palettes import draw_palette
from flawsmith.base.episodes.scene import Scene
from flawsmith.base.episodes.surfaces import draw_surface


def bare(g: np.random.Generator, size: float) -> Effect:
    """The layer below shows, roughly torn: chips, flaked paint, worn plating, breaks."""
    rough, step, shade = g.uniform(0.05, 0.4), g.uniform(0.2, 2), np.float32(g.uniform(0.7, 1.3))

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        noise = value_noise(g, placed.cover.shape[0], 0.75, 0.4)
        inner = np.clip(scene.under * shade * (1 + np.float32(rough) * noise[..., None]), 0, 1)
        return _filled(scene, placed, inner, np.float32(2 * rough) * noise - np.float32(step))

    return effect


def broken_off(g: np.random.Generator, size: float) -> Effect:
    """A piece of the unit is missing and the ground behind it shows; the broken edge is darker or brighter."""
    width, edge = log_uniform(g, 0.8, max(1.2, 0.15 * size)), np.float32(np.exp(g.normal(0, 0.8)))

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        share = np.exp(-placed.depth / width) * (placed.depth > 0)
        noise = 1 + 0.3 * value_noise(g, placed.cover.shape[0], 0.7, 0.3)
        face = np.clip(scene.own * edge * noise[..., None], 0, 1)
        on = Placed(placed.cover * scene.object, placed.depth, placed.strength)
        filling = scene.back * (1 - share[..., None]) + face * share[..., None]
        return _filled(scene, on, filling.astype(np.float32), np.zeros_like(scene.height), gloss=0.0)

    return effect


def fracture(g: np.random.Generator, size: float) -> Effect:
    """Broken faces: facets that shine and darken by themselves, with sharp ridges and flecks of light: glass, ceramics, cast metal."""
    cell, power, sharp = max(3.0, g.uniform(0.12, 0.6) * size), g.uniform(0.3, 1.2), g.uniform(0.5, 2.5)
    flecks, level = g.uniform(0.8, 2) if g.random() < 0.5 else 9.0, g.uniform(0.6, 1)
    light = np.clip(level * (1 + g.normal(0, 0.2, 3)), 0, 1).astype(np.float32)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        side = placed.cover.shape[0]
        facets = np.clip(warped(np.abs(value_noise(g, side, 0.4, min(1.0, cell / side))), g, min(8.0, 0.5 * cell)), 0, 2)
        albedo = scene.own * (facets**sharp * power)[..., None] + 0.15 * scene.albedo
        if flecks < 9:
            shine = np.clip(3 * (value_noise(g, side, 0.6, min(1.0, 1.5 * cell / side)) - flecks), 0, 1)[..., None]
            albedo = albedo * (1 - shine) + (light if scene.own.min() < scene.own.max() else light.mean()) * shine
        return _filled(scene, placed, np.clip(albedo, 0, 1), scene.height + 2 * facets)

    return effect


def inlay(g: np.random.Generator, size: float) -> Effect:
    """Another material altogether, with its own texture, the same on every unit: inclusions, patches, wrong parts, solder, rust flakes."""
    grey = bool(g.random() < 0.5)
    window, palette, rise = draw_surface(g, int(np.clip(size, 32, 128))), draw_palette(g, grey), np.float32(g.normal(0, 1))

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        other = window(g, placed.cover.shape[0], palette)
        changed = _filled(scene, placed, other.albedo, other.height + rise)
        return changed.changed(gloss=scene.gloss * (1 - placed.cover) + other.gloss * placed.cover)

    return effect


def patch(g: np.random.Generator, size: float) -> Effect:
    """A piece of a photograph, in its own colours, in the unit's or in both."""
    picture = pictures.photograph(str(g.choice(pictures.TEXTURES + pictures.SCENES)))
    scale, turn, rise = pictures.draw_scale(g, np.clip(size / 40, 0.7, 2)), float(g.uniform(0, 360)), np.float32(g.normal(0, 0.6))
    colour, own = own_colour(g), g.choice([0.0, 0.5, 1.0])
    gain, opacity = g.uniform(0.6, 1.6), np.float32(g.uniform(0.6, 1))

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        piece = pictures.piece(picture, g, placed.cover.shape[0], scale, turn)
        grey = piece.mean(-1, keepdims=True)
        tinted = gain * grey / max(float(grey.mean()), 0.1)
        albedo = np.clip(own * tinted * scene.own + (1 - own) * (0.5 * piece + 0.5 * tinted * colour), 0, 1)
        less = Placed(placed.cover * opacity, placed.depth, placed.strength)
        return _filled(scene, less, albedo.astype(np.float32), rise + grey[..., 0])

    return effect


def hole(g: np.random.Generator, size: float) -> Effect:
    """Nothing is left: dark, or what lies behind; a border that bends inwards."""
    back, edge = np.float32(g.choice([0.01, 0.03, 0.1, 0.6, 0.95], p=[0.4, 0.25, 0.25, 0.05, 0.05])), g.uniform(0.5, 3)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        sink = (np.clip(placed.depth / edge, 0, 1) * 2).astype(np.float32)
        return _filled(scene, placed, np.full_like(scene.albedo, back), -sink, gloss=0.0)

    return effect


def crater(g: np.random.Generator, size: float) -> Effect:
    """A dark hole inside a torn border of splinters or burrs: drilled wood, shot or punched sheets, burst blisters."""
    core, bright = g.uniform(0.15, 0.7), np.float32(np.exp(g.uniform(-0.4, 0.8)))
    back, ragged, relief = np.float32(g.choice([0.02, 0.08, 0.25])), g.uniform(0.2, 1), g.uniform(0.5, 2.5)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        side, deepest = placed.cover.shape[0], max(1.0, float(placed.depth.max()))
        noise = value_noise(g, side, 0.75, min(0.5, 0.4 * size / side))
        inner = np.clip((placed.depth / deepest - core + 0.1 * ragged * noise) * deepest, 0, 1).astype(np.float32)[..., None]
        torn = np.clip(scene.own * bright * (1 + np.float32(0.4 * ragged) * noise[..., None]), 0, 1)
        return _filled(scene, placed, torn * (1 - inner) + back * inner, np.float32(relief) * noise - 3 * inner[..., 0])

    return effect


def frayed(g: np.random.Generator, size: float) -> Effect:
    """A tangle of the unit's own threads or fibres over a dark ground: cuts and holes in cloth, torn paper, hair."""
    length, strength, dark = g.uniform(8, 24), g.uniform(4, 12), g.uniform(0, 0.8)
    brighter, relief = g.uniform(0.7, 1.4), g.uniform(0.3, 1.2)

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        side = placed.cover.shape[0]
        hairs = warped(streaks(g, side, g.uniform(0, np.pi), length, 0.7), g, strength, 0.35)
        shade = np.clip(1 - dark * np.clip(0.5 - hairs, 0, 1) + 0.25 * hairs, 0, 2) * brighter
        return _filled(scene, placed, np.clip(scene.own * shade[..., None], 0, 1), np.float32(relief) * hairs)

    return effect


def body(g: np.random.Generator, size: float) -> Effect:
    """Something that lies on the unit: a chip, a fibre, dust, spatter, tape; its own colour or the unit's, rounded, with a shadow."""
    colour, round_, texture, gloss = own_colour(g), g.uniform(0.3, 2.5), g.uniform(0, 0.35), np.float32(g.uniform(0, 0.8))
    shadow, offset, own = g.uniform(0, 0.6), g.normal(0, 1.5, 2), np.float32(g.uniform(0.6, 1.5)) if g.random() < 0.35 else None

    def effect(scene: Scene, placed: Placed, g: np.random.Generator) -> Scene:
        side = placed.cover.shape[0]
        move = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32)
        shade = cv2.warpAffine(blurred(placed.cover, 1.2), move, (side, side))
        shaded = scene.changed(albedo=scene.albedo * (1 - np.float32(shadow) * shade[..., None]))
        skin = np.clip(
            (colour if own is None else own * scene.own) * (1 + np.float32(texture) * value_noise(g, side, 0.7, 0.4)[..., None]), 0, 1
        )
        changed = _filled(shaded, placed, skin, scene.height, gloss=float(gloss))
        height = scene.height + np.float32(round_) * np.sqrt(np.minimum(placed.depth, 8))
        return changed.changed(height=blurred(height.astype(np.float32), 0.5))

    return effect


def _filled(scene: Scene, placed: Placed, albedo: np.ndarray, height: np.ndarray, gloss: float | None = None) -> Scene:
    """Return the scene with colours (S, S, 3) and heights (S, S) where the defect is."""
    cover = placed.cover
    return scene.changed(
        albedo=(scene.albedo * (1 - cover[..., None]) + albedo * cover[..., None]).astype(np.float32),
        height=(scene.height * (1 - cover) + height * cover).astype(np.float32),
        gloss=scene.gloss if gloss is None else (scene.gloss * (1 - cover) + gloss * cover).astype(np.float32),
    )
