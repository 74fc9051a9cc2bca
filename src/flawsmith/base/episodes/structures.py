"""Surfaces with something on them or around them: print, tracks, bus bars, rings, outlines. Families as in `textures`."""

from collections.abc import Sequence

import cv2
import numpy as np

from flawsmith.base.episodes import textures
from flawsmith.base.episodes.fields import blurred, grid, log_uniform, value_noise
from flawsmith.base.episodes.palettes import Palette
from flawsmith.base.episodes.scene import Family, Scene, Window, make_scene

BACKS = (0.02, 0.1, 0.5, 0.9, 0.98)  # brightness of the grounds behind units


def printed(g: np.random.Generator, unit: float) -> Window:
    """Print on a smooth ground: letters, marks, bars, dots; the print can be missing or doubled."""
    height, stroke = log_uniform(g, 8, 40) * unit, max(1, int(g.uniform(1, 5) * unit))
    kind, font, gloss = g.choice(["text", "bars", "dots", "shapes"]), int(g.choice([0, 1, 2, 3, 4])), g.uniform(0, 0.4)
    text = "".join(chr(int(c)) for c in g.integers(65, 91, 12))

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        drawn = np.zeros((side, side), np.uint8)
        pitch = int(1.6 * height) + 4
        oy, ox = (int(v) for v in g.integers(0, pitch, 2))
        for row, y in enumerate(range(oy - pitch, side + pitch, pitch)):
            if kind == "text":
                cv2.putText(drawn, text[row % 5 :] + text, (ox - pitch, y), font, height / 22, 255, stroke, cv2.LINE_AA)
            elif kind == "bars":
                cv2.line(drawn, (0, y), (side, y), 255, max(1, int(height / 4)), cv2.LINE_AA)
            else:
                for x in range(ox - pitch, side + pitch, pitch):
                    if kind == "dots":
                        cv2.circle(drawn, (x, y), max(2, int(height / 3)), 255, -1, cv2.LINE_AA)
                    else:
                        cv2.rectangle(drawn, (x, y), (x + int(height), y + int(0.6 * height)), 255, stroke, cv2.LINE_AA)
        ink = drawn.astype(np.float32) / 255
        albedo = palette.base * (1 + 0.02 * value_noise(g, side, 0.7)[..., None])
        return _laid(albedo.astype(np.float32), ink, palette.second, 0.1 * ink, gloss, palette)

    return window


def board(g: np.random.Generator, unit: float) -> Window:
    """Straight tracks, gaskets, slots: bars of one material on another, with pads and holes."""
    width, gap, angle = log_uniform(g, 2, 12) * unit, log_uniform(g, 4, 40) * unit, g.choice([0, np.pi / 2, g.uniform(0, np.pi)])
    pads, both, hard = g.random() < 0.5, g.random() < 0.3, g.uniform(0.3, 1.2)
    relief, gloss, texture = g.uniform(0, 0.6), g.uniform(0, 0.6), g.uniform(0, 0.08)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        track = np.zeros((side, side), np.float32)
        for turn in (angle, angle + np.pi / 2) if both else (angle,):
            d, normal = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
            for k in np.arange(-side, side, width + gap) + g.uniform(0, width + gap):
                a, b = (side / 2 + normal * k + s * 2 * side * d for s in (-1, 1))
                if g.random() < 0.25 and not both:  # a track that ends
                    a = side / 2 + normal * k + d * g.uniform(-side / 3, side / 3)
                cv2.line(track, _point(a), _point(b), 1.0, max(1, round(width)), cv2.LINE_AA)
        if pads:
            for _ in range(int(g.integers(1, 4))):
                _pad(track, g.uniform(0, side, 2), width * g.uniform(0.8, 1.6) + 2, bool(g.random() < 0.5))
        noise = value_noise(g, side, 0.7)[..., None]
        under = (palette.base * (1 + np.float32(texture) * noise)).astype(np.float32)
        track = blurred(track, hard - 0.3)
        return _laid(under, track, palette.second * (1 + np.float32(texture) * noise), np.float32(relief) * track, gloss, palette)

    return window


def circuit(g: np.random.Generator, unit: float) -> Window:
    """Circuit boards: tracks that bend by 45 degrees, pads, planes with clearance around what crosses them."""
    width, clear, count = log_uniform(g, 2.5, 12) * unit, g.uniform(0.8, 2.0), int(g.integers(2, 7))
    plane, hard, texture = g.random() < 0.4, g.uniform(0.2, 1), g.uniform(0, 0.06)
    relief, gloss = g.uniform(0, 0.6), g.uniform(0, 0.6)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        track = np.zeros((side, side), np.float32)
        if plane:
            corner = g.uniform(-0.3, 0.7, 2) * side
            cv2.rectangle(track, _point(corner), _point(corner + side), 1.0, -1)
        for _ in range(count):
            here, heading = g.uniform(0, side, 2), int(g.integers(8))
            path = [here]
            for _ in range(int(g.integers(2, 5))):
                turn = heading * np.pi / 4
                here, heading = here + g.uniform(0.2, 0.7) * side * np.array([np.cos(turn), np.sin(turn)]), heading + int(g.integers(-1, 2))
                path.append(here)
            wide = width * float(g.choice([1.0, 1.0, 1.6]))
            points = np.array(path).astype(np.int32)
            cv2.polylines(track, [points], False, 0.0, max(2, round(wide * (1 + 2 * clear))), cv2.LINE_AA)
            cv2.polylines(track, [points], False, 1.0, max(1, round(wide)), cv2.LINE_AA)
            if g.random() < 0.6:
                _pad(track, path[0], wide * g.uniform(0.9, 2), bool(g.random() < 0.5))
        noise = value_noise(g, side, 0.7)[..., None]
        under = (palette.base * (1 + np.float32(texture) * noise)).astype(np.float32)
        track = blurred(track, hard - 0.2)
        return _laid(under, track, palette.second * (1 + np.float32(texture) * noise), np.float32(relief) * track, gloss, palette)

    return window


def busbars(g: np.random.Generator, unit: float) -> Window:
    """Solar cells, printed heaters, panes: soft lines far apart on a smooth, cloudy or crystalline ground, with or without fingers."""
    width, gap, soft = log_uniform(g, 1.5, 10) * unit, log_uniform(g, 25, 120) * unit, g.uniform(0.3, 1.5) * unit
    angle, cloudy, crystals = g.choice([0, np.pi / 2]), g.uniform(0, 0.15), g.uniform(0, 0.12) * (g.random() < 0.4)
    fingers, pitch, line = g.uniform(0, 0.25) * (g.random() < 0.5), g.uniform(3, 8) * unit, g.uniform(0.4, 1)
    grains = textures.cells(g, unit)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        y, x = grid(side)
        along, across = (x, y) if angle == 0 else (y, x)
        distance = np.abs((across + g.uniform(0, gap)) % gap - gap / 2) - width / 2
        bar = (np.float32(line) / (1 + np.exp(np.clip(3 * distance / soft, -30, 30)))).astype(np.float32)
        comb = 1 - np.float32(fingers) * (np.cos(2 * np.pi * (along / pitch + g.uniform())) > 0.6)
        cloud = 1 + np.float32(cloudy) * value_noise(g, side, 0.35, 0.7)
        if crystals:
            cloud = cloud * (1 + np.float32(3 * crystals) * (blurred(grains(g, side, palette).albedo.mean(-1), 1.0) - palette.base.mean()))
        return _laid(palette.base * (cloud * comb)[..., None], bar, palette.second, 0 * bar, 0.0, palette)

    return window


def rings(g: np.random.Generator, unit: float) -> Window:
    """Bottle necks, lenses, caps, bearings: rings of different brightness, with streaks of light, on a plain ground."""
    radius, count, hole = log_uniform(g, 0.35, 1.6), int(g.integers(2, 9)), g.uniform(0.2, 0.7) * (g.random() < 0.7)
    at = np.sort(g.uniform(hole, 1, count))
    share, shine, soft = g.uniform(0, 1, count + 1), g.uniform(0, 1, count + 1) ** 3, g.uniform(0.5, 6)
    back, dark, streak, gloss = np.full(3, g.choice(BACKS), np.float32), g.uniform(0.05, 1), g.uniform(0, 1.0), g.uniform(0, 0.6)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        y, x = grid(side)
        a, far = g.uniform(0, 2 * np.pi), max(0.0, radius - g.uniform(0.2, 0.6))
        dy, dx = y - side * (0.5 + far * np.sin(a)), x - side * (0.5 + far * np.cos(a))
        r = np.hypot(dy, dx) / (radius * side)
        position = np.linspace(0, 1.2, 512)
        number = np.searchsorted(at, position)
        profile = np.stack([share[number], shine[number]], 1).astype(np.float32)
        profile[position < hole] = (0, 0)
        profile = cv2.GaussianBlur(profile, (1, 0), sigmaX=0.01, sigmaY=soft)
        mix, light = np.moveaxis(profile[np.clip(r / 1.2 * 511, 0, 511).astype(np.int32)], -1, 0)
        angle = np.arctan2(dy, dx)
        modulation = 1 + np.float32(streak) * np.cos(int(g.integers(1, 4)) * angle + g.uniform(0, 6))
        albedo = palette.base * (1 - mix[..., None]) + palette.second * mix[..., None]
        albedo = albedo * np.float32(dark) + (0.6 * light * modulation)[..., None]
        inside = np.clip((1 - r) * radius * side + 0.5, 0, 1)
        albedo = albedo * (1 + 0.03 * value_noise(g, side, 0.7)[..., None]) * inside[..., None] + back * (1 - inside[..., None])
        scene = make_scene(albedo, 0 * r, gloss, palette)
        return scene.changed(object=r < 1, gloss=scene.gloss * inside, own=np.clip(palette.base * np.float32(dark), 0, 1), back=back)

    return window


def part(g: np.random.Generator, unit: float) -> Window:
    """A part with an outline on a plain ground: rings, plates, screws, housings, pills."""
    inner = _one(g, (textures.flat, textures.cast, textures.ground, textures.turned, textures.stone, textures.cells, busbars), unit)
    ring, back, radius = g.random() < 0.4, np.full(3, g.choice(BACKS), np.float32), g.uniform(0.35, 1.2)
    edge, straight = g.uniform(1, 5) * unit, g.random() < 0.4

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        scene = inner(g, side, palette)
        y, x = grid(side)
        a = g.uniform(0, 2 * np.pi)
        if straight:
            distance = np.cos(a) * (x - side / 2) + np.sin(a) * (y - side / 2) + g.uniform(-0.3, 0.3) * side
        else:
            centre = side * (0.5 + max(0.0, radius - 0.45) * np.array([np.sin(a), np.cos(a)])) + g.uniform(-4, 4, 2)
            r = np.hypot(y - centre[0], x - centre[1])
            distance = radius * side - r
            if ring:
                distance = np.minimum(distance, r - 0.55 * radius * side)
        inside = np.clip(distance + 0.5, 0, 1).astype(np.float32)
        bevel = np.clip(distance / edge, 0, 1).astype(np.float32)
        height = scene.height + 1.5 * bevel * (2 - bevel)
        albedo = scene.albedo * inside[..., None] + back * (1 - inside[..., None])
        structure, gloss = scene.structure * inside, scene.gloss * inside
        return scene.changed(
            albedo=albedo.astype(np.float32), height=height * inside, gloss=gloss, structure=structure, object=distance > 0, back=back
        )

    return window


def joined(g: np.random.Generator, unit: float) -> Window:
    """Two materials side by side: labels, seams, inlaid parts, frames."""
    families = (textures.flat, textures.cast, textures.ground, textures.stone, textures.woven, textures.cells, textures.grained)
    first, second = _one(g, families, unit), _one(g, families, unit)
    curve, step = log_uniform(g, 0.4, 5), g.normal(0, 1)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        other = second(g, side, Palette(palette.second, palette.base, palette.under))
        scene = first(g, side, palette)
        y, x = grid(side)
        a = g.uniform(0, 2 * np.pi)
        far = curve + g.uniform(-0.25, 0.25)
        r = np.hypot(y - side * (0.5 + far * np.sin(a)), x - side * (0.5 + far * np.cos(a)))
        share = np.clip(curve * side - r + 0.5, 0, 1).astype(np.float32)
        albedo = scene.albedo * (1 - share[..., None]) + other.albedo * share[..., None]
        height = scene.height * (1 - share) + (other.height + np.float32(step)) * share
        return scene.changed(albedo=albedo, height=height, structure=share, under=scene.albedo)

    return window


def _laid(under: np.ndarray, share: np.ndarray, colour: np.ndarray, height: np.ndarray, gloss: float, palette: Palette) -> Scene:
    """Return the scene of a ground (S, S, 3) with a structure (S, S) of a colour on it."""
    albedo = under * (1 - share[..., None]) + colour * share[..., None]
    return make_scene(albedo, height, gloss, palette, share, np.clip(under, 0, 1))


def _pad(track: np.ndarray, centre: np.ndarray, radius: float, hole: bool) -> None:
    cv2.circle(track, _point(centre), max(2, round(radius)), 1.0, -1, cv2.LINE_AA)
    if hole:
        cv2.circle(track, _point(centre), max(1, round(radius / 2)), 0.0, -1, cv2.LINE_AA)


def _one(g: np.random.Generator, families: Sequence[Family], unit: float) -> Window:
    return families[int(g.integers(len(families)))](g, unit)


def _point(p: np.ndarray) -> tuple[int, int]:
    return int(p[0]), int(p[1])
