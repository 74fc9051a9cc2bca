"""Surfaces that look alike all over. A family draws what all units of a product have in common and returns what draws windows of one.

Lengths are in pixels where `unit` is 1.
"""

import cv2
import numpy as np

from flawsmith.base.episodes import pictures
from flawsmith.base.episodes.fields import blurred, grid, log_uniform, nearest_points, normalised, streaks, value_noise, warped
from flawsmith.base.episodes.palettes import Palette
from flawsmith.base.episodes.scene import Scene, Window, make_scene


def flat(g: np.random.Generator, unit: float) -> Window:
    """Moulded plastic, paint, glass, silicon: next to no texture, large soft shades, some gloss."""
    shade, gloss, orange = g.uniform(0, 0.12), g.uniform(0, 0.8), g.uniform(0, 0.25) * (g.random() < 0.4)
    size = g.uniform(0.05, 0.2)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        albedo = palette.base * (1 + np.float32(shade) * value_noise(g, side, 0.3)[..., None])
        height = np.float32(orange) * value_noise(g, side, 0.4, size)
        return make_scene(albedo, height, gloss, palette)

    return window


def cast(g: np.random.Generator, unit: float) -> Window:
    """Cast or blasted metal, concrete, plaster: rough at every scale."""
    roughness, relief, contrast = g.uniform(0.45, 0.9), g.uniform(0.05, 0.9), g.uniform(0.02, 0.2)
    gloss, coarse = g.uniform(0, 0.5), g.uniform(0.1, 0.6)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        noise = value_noise(g, side, roughness, coarse)
        albedo = palette.base * (1 + np.float32(contrast) * noise[..., None])
        return make_scene(albedo, np.float32(relief) * noise, gloss, palette)

    return window


def ground(g: np.random.Generator, unit: float) -> Window:
    """Ground, brushed or rolled metal: streaks along one direction, broken by grains that shine."""
    angle, length, roughness = g.uniform(0, np.pi), log_uniform(g, 8, 120) * unit, g.uniform(0.4, 0.9)
    contrast, relief, gloss = g.uniform(0.03, 0.3), g.uniform(0, 0.3), g.uniform(0.2, 0.9)
    grain = g.uniform(0, 1.2) * (g.random() < 0.5)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        lines = streaks(g, side, angle, length, roughness)
        if grain:
            lines = lines * (1 + np.float32(grain) * value_noise(g, side, 0.95, 0.2)) + np.float32(grain) * value_noise(g, side, 0.9, 0.1)
        albedo = palette.base * (1 + np.float32(contrast) * lines[..., None])
        return make_scene(albedo, np.float32(relief) * lines, gloss, palette)

    return window


def turned(g: np.random.Generator, unit: float) -> Window:
    """Turned or milled metal: fine grooves on arcs around a far or near centre."""
    pitch, contrast, relief, gloss = g.uniform(2.5, 9) * unit, g.uniform(0.02, 0.15), g.uniform(0.05, 0.4), g.uniform(0.2, 0.9)
    far, jitter = g.uniform(0.2, 6), g.uniform(0, 1)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        y, x = grid(side)
        a = g.uniform(0, 2 * np.pi)
        radius = np.hypot(y - side * (0.5 + far * np.sin(a)), x - side * (0.5 + far * np.cos(a)))
        phase = 2 * np.pi * radius / pitch + jitter * value_noise(g, side, 0.4)
        waves = np.sin(phase).astype(np.float32) + 0.3 * value_noise(g, side, 0.8)
        return make_scene(palette.base * (1 + np.float32(contrast) * waves[..., None]), np.float32(relief) * waves, gloss, palette)

    return window


def woven(g: np.random.Generator, unit: float) -> Window:
    """Fabric, mesh, carpet: threads that go over and under each other, each with its own tone and hairs."""
    angle, pitch = g.uniform(0, np.pi / 2), g.uniform(4, 16, 2) * unit
    jitter, open_share, twill = g.uniform(0, 1.5) * unit, g.uniform(0, 0.5), int(g.integers(1, 4))
    relief, two, uneven, hairy = g.uniform(0.3, 1.2), g.random() < 0.5, g.uniform(0, 0.25), g.uniform(0.03, 0.3)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        y, x = grid(side)
        dy, dx = (jitter * value_noise(g, side, 0.3, 0.3) for _ in range(2))
        u = (np.cos(angle) * x + np.sin(angle) * y + dx) / pitch[0] + g.uniform(0, 9)
        v = (-np.sin(angle) * x + np.cos(angle) * y + dy) / pitch[1] + g.uniform(0, 9)
        i, j = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
        over = (i + twill * j) % (twill + 1) < 1
        warp, weft = np.sin(np.pi * (u - i)), np.sin(np.pi * (v - j))
        height = np.where(over, warp * (0.6 + 0.4 * weft), weft * (0.6 + 0.4 * warp)).astype(np.float32)
        tones = 1 + np.float32(uneven) * g.standard_normal((2, 256), dtype=np.float32)
        tone = np.where(over, tones[0][i % 256], tones[1][j % 256])
        colour = np.where(over[..., None], palette.base, palette.second if two else palette.base * np.float32(0.9))
        gap = np.clip((np.float32(open_share) - height) * 6, 0, 1)[..., None] if open_share > 0.15 else np.float32(0)
        hairs = np.where(over, *(streaks(g, side, angle + turn, 5 * unit, 0.6) for turn in (np.pi / 2, 0)))
        albedo = colour * (tone * (0.55 + 0.45 * height) * (1 + np.float32(hairy) * hairs))[..., None]
        albedo = albedo * (1 - gap) + palette.under * gap
        structure = over.astype(np.float32) if two else np.zeros((side, side), np.float32)
        return make_scene(albedo, np.float32(relief) * height, 0.05, palette, structure)

    return window


def grained(g: np.random.Generator, unit: float) -> Window:
    """Wood: rings cut lengthwise or across, with pores along the grain."""
    angle, pitch, bend = g.uniform(0, np.pi), g.uniform(5, 25) * unit, g.uniform(0.5, 4) * unit
    contrast, pores = g.uniform(0.2, 1), g.uniform(0, 0.25)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        y, x = grid(side)
        across = -np.sin(angle) * x + np.cos(angle) * y + bend * value_noise(g, side, 0.35)
        ring = (across / pitch + g.uniform(0, 9)) % 1
        late = np.clip(ring**3 * 1.2, 0, 1).astype(np.float32) * np.float32(contrast)
        lines = streaks(g, side, angle, 40 * unit, 0.6)
        albedo = palette.base * (1 - late[..., None]) + palette.second * late[..., None]
        albedo = albedo * (1 + 0.05 * lines[..., None]) - np.float32(pores) * (lines > 1.6)[..., None] * palette.base
        return make_scene(albedo, 0.15 * lines, 0.1, palette)

    return window


def cells(g: np.random.Generator, unit: float) -> Window:
    """Leather, crackle, crystals, cobbles: cells with grooves between them, or grains that shine differently."""
    distance, groove, relief = g.uniform(4, 24) * unit, g.uniform(0.8, 3) * max(1.0, 0.6 * unit), g.uniform(0.3, 1.5)
    crystals, contrast, gloss = g.random() < 0.35, g.uniform(0.03, 0.3), g.uniform(0, 0.5)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        first, second, number = nearest_points(g, side, distance)
        noise = value_noise(g, side, 0.6, 0.3)
        if crystals:
            tone = g.standard_normal(int(number.max()) + 1, dtype=np.float32)[number]
            return make_scene(palette.base * (1 + np.float32(contrast) * tone[..., None]), 0.1 * noise, gloss, palette)
        edge = np.clip((second - first) / groove, 0, 1).astype(np.float32)
        height = np.float32(relief) * (edge * (2 - edge) + 0.15 * noise)
        albedo = palette.base * (0.75 + 0.25 * edge[..., None]) * (1 + 0.06 * noise[..., None])
        return make_scene(albedo, height, gloss, palette)

    return window


def stone(g: np.random.Generator, unit: float) -> Window:
    """Granite, terrazzo, food, ceramics with specks: grains of several colours, or veins."""
    veins, scale, contrast = g.random() < 0.4, g.uniform(0.08, 0.5), g.uniform(0.2, 1)
    level, speck = g.uniform(0.2, 1.4), g.uniform(0.4, 0.8)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        noise = value_noise(g, side, speck, scale)
        share = np.exp(-((noise / 0.25) ** 2)) if veins else np.clip(2 * (noise - level), 0, 1)
        share = (np.float32(contrast) * share)[..., None].astype(np.float32)
        albedo = palette.base * (1 + 0.08 * value_noise(g, side, 0.8)[..., None])
        return make_scene(albedo * (1 - share) + palette.second * share, 0.05 * noise, 0.2, palette)

    return window


def leaves(g: np.random.Generator, unit: float) -> Window:
    """Overlapping leaves of random colour and size (Lee et al. 2001): statistics of natural pictures, and assemblies of parts."""
    count, smallest, contrast = int(g.integers(15, 70)), g.uniform(2, 8) * unit, g.uniform(0.2, 1)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        canvas = np.tile(palette.base, (side, side, 1)).astype(np.float32)
        height = np.zeros((side, side), np.float32)
        for i in range(count):
            r, centre = int(smallest / (1 - 0.93 * g.random())), tuple(int(v) for v in g.uniform(0, side, 2))
            shade = np.float32(1 + contrast * g.uniform(-0.6, 0.6))
            colour = [float(v) for v in np.clip((palette.base if g.random() < 0.6 else palette.second) * shade, 0, 1)]
            if g.random() < 0.5:
                cv2.circle(canvas, centre, r, colour, -1, cv2.LINE_AA)
                cv2.circle(height, centre, r, float(0.1 * i), -1, cv2.LINE_AA)
            else:
                box = cv2.boxPoints(((float(centre[0]), float(centre[1])), (2.0 * r, 1.2 * r), float(g.uniform(0, 180))))
                cv2.fillPoly(canvas, [box.astype(np.int32)], colour, cv2.LINE_AA)
        noise = value_noise(g, side, 0.8)
        return make_scene(canvas * (1 + 0.04 * noise[..., None]), 0.1 * noise + 0.02 * height, 0.1, palette)

    return window


def wrinkled(g: np.random.Generator, unit: float) -> Window:
    """Foil, cloth, rubber, skin: folds."""
    relief, strength, gloss = g.uniform(0.5, 2.5), g.uniform(3, 14) * unit, g.uniform(0, 0.7)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        folds = warped(np.abs(value_noise(g, side, 0.35, 0.6)), g, strength)
        folds = normalised(blurred(folds, 0.8))
        return make_scene(palette.base * (1 + 0.05 * value_noise(g, side, 0.7)[..., None]), np.float32(relief) * folds, gloss, palette)

    return window


def photographed(g: np.random.Generator, unit: float) -> Window:
    """Brick, gravel and grass as photographed, now and then other pictures; in other colours, sizes and directions."""
    name = str(g.choice(pictures.TEXTURES if g.random() < 0.75 else pictures.SCENES))
    scale, turn, mirror = pictures.draw_scale(g, unit), float(g.uniform(0, 360)), bool(g.random() < 0.5)
    two, contrast, relief, gloss = g.random() < 0.5, g.uniform(0.4, 1.2), g.uniform(0, 0.8), g.uniform(0, 0.3)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        crop = pictures.piece(pictures.relief(name), g, side, scale, turn, mirror)
        bright = crop[..., None]
        share = 1 / (1 + np.exp(-1.5 * contrast * bright))
        mix = palette.base * share + palette.second * (1 - share)
        albedo = mix if two else palette.base * (1 + np.float32(0.3 * contrast) * bright)
        return make_scene(albedo, np.float32(relief) * blurred(crop, 1.0), gloss, palette)

    return window
