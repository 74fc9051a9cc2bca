"""Surfaces of products. A family draws what all units of a product have in common and returns what draws a window of one unit.

Adding a surface is adding a function to FAMILIES: (generator) -> ((generator, side, palette) -> Scene).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.base.episodes.fields import blurred, grid, nearest_points, normalised, streaks, value_noise, warped
from flawsmith.base.episodes.scene import Scene


@dataclass(frozen=True)
class Palette:
    """The colours (3,) float32 of one unit, 0 to 1."""

    base: np.ndarray
    second: np.ndarray  # of structure, print, grain, mortar
    under: np.ndarray  # of the layer below


Window = Callable[[np.random.Generator, int, Palette], Scene]
Family = Callable[[np.random.Generator], Window]


def draw_palette(g: np.random.Generator, grey: bool) -> Palette:
    """Return the colours of a product."""
    base = _colour(g, grey)
    second = _colour(g, grey) if g.random() < 0.6 else np.clip(base * np.float32(g.uniform(0.3, 1.7)), 0.02, 0.98)
    under = _colour(g, grey) if g.random() < 0.5 else np.clip(base * np.float32(g.uniform(0.2, 2.0)), 0.02, 0.98)
    return Palette(base, second.astype(np.float32), under.astype(np.float32))


def vary_palette(palette: Palette, g: np.random.Generator, grey: bool, spread: float) -> Palette:
    """Return the colours of another unit. spread: 0 the same; 1 as units of one batch differ; above 1 units of other colours."""
    if spread > 1:
        other = draw_palette(g, grey)
        return Palette(other.base, palette.second if g.random() < 0.5 else other.second, palette.under)
    step = [np.float32(0.05 * spread) * g.standard_normal(1 if grey else 3, dtype=np.float32) for _ in range(2)]
    return Palette(np.clip(palette.base + step[0], 0.02, 0.98), np.clip(palette.second + step[1], 0.02, 0.98), palette.under)


def flat(g: np.random.Generator) -> Window:
    """Moulded plastic, paint, glass: next to no texture, large soft shades, some gloss."""
    shade, gloss, orange = g.uniform(0, 0.06), g.uniform(0, 0.8), g.uniform(0, 0.25) * (g.random() < 0.5)
    size = g.uniform(0.05, 0.2)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        albedo = palette.base * (1 + np.float32(shade) * value_noise(g, side, 0.3)[..., None])
        height = np.float32(orange) * value_noise(g, side, 0.4, size)
        return _scene(albedo, height, gloss, palette)

    return window


def cast(g: np.random.Generator) -> Window:
    """Cast or blasted metal, concrete, plaster: rough at every scale."""
    roughness, relief, contrast = g.uniform(0.45, 0.9), g.uniform(0.1, 0.9), g.uniform(0.02, 0.2)
    gloss, coarse = g.uniform(0, 0.5), g.uniform(0.1, 0.6)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        noise = value_noise(g, side, roughness, coarse)
        albedo = palette.base * (1 + np.float32(contrast) * noise[..., None])
        return _scene(albedo, np.float32(relief) * noise, gloss, palette)

    return window


def ground(g: np.random.Generator) -> Window:
    """Ground, brushed or rolled metal: streaks along one direction."""
    angle, length, roughness = g.uniform(0, np.pi), g.uniform(15, 120), g.uniform(0.4, 0.9)
    contrast, relief, gloss = g.uniform(0.03, 0.2), g.uniform(0, 0.3), g.uniform(0.2, 0.9)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        lines = streaks(g, side, angle, length, roughness)
        albedo = palette.base * (1 + np.float32(contrast) * lines[..., None])
        return _scene(albedo, np.float32(relief) * lines, gloss, palette)

    return window


def turned(g: np.random.Generator) -> Window:
    """Turned or milled metal: fine grooves on arcs around a far or near centre."""
    pitch, contrast, relief, gloss = g.uniform(2.5, 9), g.uniform(0.02, 0.15), g.uniform(0.05, 0.4), g.uniform(0.2, 0.9)
    far, jitter = g.uniform(0.2, 6), g.uniform(0, 1)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        y, x = grid(side)
        a = g.uniform(0, 2 * np.pi)
        radius = np.hypot(y - side * (0.5 + far * np.sin(a)), x - side * (0.5 + far * np.cos(a)))
        phase = 2 * np.pi * radius / pitch + jitter * value_noise(g, side, 0.4)
        waves = np.sin(phase).astype(np.float32) + 0.3 * value_noise(g, side, 0.8)
        return _scene(palette.base * (1 + np.float32(contrast) * waves[..., None]), np.float32(relief) * waves, gloss, palette)

    return window


def woven(g: np.random.Generator) -> Window:
    """Fabric, mesh, knit: threads that go over and under each other."""
    angle, pitch = g.uniform(0, np.pi / 2), g.uniform(4, 14, 2)
    jitter, open_share, twill = g.uniform(0, 1.5), g.uniform(0, 0.5), int(g.integers(1, 4))
    relief, two = g.uniform(0.3, 1.2), g.random() < 0.5

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        y, x = grid(side)
        dy, dx = (jitter * value_noise(g, side, 0.3, 0.3) for _ in range(2))
        u = (np.cos(angle) * x + np.sin(angle) * y + dx) / pitch[0] + g.uniform(0, 9)
        v = (-np.sin(angle) * x + np.cos(angle) * y + dy) / pitch[1] + g.uniform(0, 9)
        over = (np.floor(u) + twill * np.floor(v)) % (twill + 1) < 1
        warp, weft = np.sin(np.pi * (u % 1)), np.sin(np.pi * (v % 1))
        height = np.where(over, warp * (0.6 + 0.4 * weft), weft * (0.6 + 0.4 * warp)).astype(np.float32)
        colour = np.where(over[..., None], palette.base, palette.second if two else palette.base * np.float32(0.9))
        gap = np.clip((np.float32(open_share) - height) * 6, 0, 1)[..., None] if open_share > 0.15 else np.float32(0)
        albedo = colour * (0.55 + 0.45 * height[..., None]) * (1 + 0.06 * value_noise(g, side, 0.9)[..., None])
        albedo = albedo * (1 - gap) + palette.under * gap
        structure = over.astype(np.float32) if two else np.zeros((side, side), np.float32)
        return _scene(albedo, np.float32(relief) * height, 0.05, palette, structure)

    return window


def grained(g: np.random.Generator) -> Window:
    """Wood: rings cut lengthwise or across, with pores along the grain."""
    angle, pitch, bend = g.uniform(0, np.pi), g.uniform(5, 25), g.uniform(0.5, 4)
    contrast, pores = g.uniform(0.3, 1), g.uniform(0, 0.25)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        y, x = grid(side)
        across = -np.sin(angle) * x + np.cos(angle) * y + bend * value_noise(g, side, 0.35)
        ring = (across / pitch + g.uniform(0, 9)) % 1
        late = np.clip(ring**3 * 1.2, 0, 1).astype(np.float32) * np.float32(contrast)
        lines = streaks(g, side, angle, 40, 0.6)
        albedo = palette.base * (1 - late[..., None]) + palette.second * late[..., None]
        albedo = albedo * (1 + 0.05 * lines[..., None]) - np.float32(pores) * (lines > 1.6)[..., None] * palette.base
        return _scene(albedo, 0.15 * lines, 0.1, palette)

    return window


def cells(g: np.random.Generator) -> Window:
    """Leather, crackle, crystals, cobbles: cells with grooves between them, or grains that shine differently."""
    distance, groove, relief = g.uniform(4, 24), g.uniform(0.8, 3), g.uniform(0.3, 1.5)
    crystals, contrast, gloss = g.random() < 0.35, g.uniform(0.05, 0.3), g.uniform(0, 0.5)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        first, second, number = nearest_points(g, side, distance)
        noise = value_noise(g, side, 0.6, 0.3)
        if crystals:
            tone = np.random.default_rng(int(g.integers(1 << 31))).standard_normal(int(number.max()) + 1)[number].astype(np.float32)
            return _scene(palette.base * (1 + np.float32(contrast) * tone[..., None]), 0.1 * noise, gloss, palette)
        edge = np.clip((second - first) / groove, 0, 1).astype(np.float32)
        height = np.float32(relief) * (edge * (2 - edge) + 0.15 * noise)
        albedo = palette.base * (0.75 + 0.25 * edge[..., None]) * (1 + 0.06 * noise[..., None])
        return _scene(albedo, height, gloss, palette)

    return window


def stone(g: np.random.Generator) -> Window:
    """Granite, terrazzo, food, ceramics with specks: grains of several colours, or veins."""
    veins, scale, contrast = g.random() < 0.4, g.uniform(0.08, 0.5), g.uniform(0.2, 1)
    level, speck = g.uniform(0.2, 1.4), g.uniform(0.4, 0.8)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        noise = value_noise(g, side, speck, scale)
        share = np.exp(-((noise / 0.25) ** 2)) if veins else np.clip(2 * (noise - level), 0, 1)
        share = (np.float32(contrast) * share)[..., None].astype(np.float32)
        albedo = palette.base * (1 + 0.08 * value_noise(g, side, 0.8)[..., None])
        return _scene(albedo * (1 - share) + palette.second * share, 0.05 * noise, 0.2, palette)

    return window


def printed(g: np.random.Generator) -> Window:
    """Print on a smooth ground: letters, marks, bars, dots; the print can be missing or doubled."""
    height, stroke, kind = g.uniform(8, 30), int(g.integers(1, 5)), g.choice(["text", "bars", "dots", "shapes"])
    font, gloss = int(g.choice([0, 1, 2, 3, 4])), g.uniform(0, 0.4)
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
        under = albedo.astype(np.float32)
        albedo = albedo * (1 - ink[..., None]) + palette.second * ink[..., None]
        return _scene(albedo, 0.1 * ink, gloss, palette, ink, under)

    return window


def board(g: np.random.Generator) -> Window:
    """Circuit boards, bus bars, gaskets: tracks, pads and holes of one material on another."""
    width, gap, angle = g.uniform(3, 12), g.uniform(4, 22), g.choice([0, np.pi / 2, g.uniform(0, np.pi)])
    pads, both, hard = g.random() < 0.5, g.random() < 0.3, g.uniform(0.3, 1.2)
    relief, gloss, texture = g.uniform(0, 0.6), g.uniform(0, 0.6), g.uniform(0, 0.08)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        track = np.zeros((side, side), np.float32)
        for turn in (angle, angle + np.pi / 2) if both else (angle,):
            d, normal = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
            offset = g.uniform(0, width + gap)
            for k in np.arange(-side, side, width + gap):
                middle = side / 2 + normal * (k + offset)
                a, b = middle - 2 * side * d, middle + 2 * side * d
                if g.random() < 0.25 and not both:  # a track that ends, or bends
                    a = middle + d * g.uniform(-side / 3, side / 3)
                cv2.line(track, _point(a), _point(b), 1.0, max(1, int(width)), cv2.LINE_AA)
        if pads:
            for _ in range(int(g.integers(1, 4))):
                centre, radius = _point(g.uniform(0, side, 2)), int(width * g.uniform(0.8, 1.6)) + 2
                cv2.circle(track, centre, radius, 1.0, -1, cv2.LINE_AA)
                if g.random() < 0.5:
                    cv2.circle(track, centre, max(1, radius // 2), 0.0, -1, cv2.LINE_AA)
        track = blurred(track, hard - 0.3)
        noise = value_noise(g, side, 0.7)[..., None]
        under = (palette.base * (1 + np.float32(texture) * noise)).astype(np.float32)
        albedo = under * (1 - track[..., None]) + palette.second * (1 + np.float32(texture) * noise) * track[..., None]
        return _scene(albedo, np.float32(relief) * track, gloss, palette, track, under)

    return window


def object_on_ground(g: np.random.Generator) -> Window:
    """A part with an outline on a plain background: rings, bottle necks, screws, housings, pills."""
    inner = (flat, cast, ground, turned, stone)[int(g.integers(5))](g)
    ring, back, radius = g.random() < 0.4, np.float32(g.choice([0.02, 0.1, 0.5, 0.9, 0.98])), g.uniform(0.35, 1.2)
    edge, straight = g.uniform(1, 5), g.random() < 0.4

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
        return scene.changed(albedo=albedo.astype(np.float32), height=height * inside, gloss=scene.gloss * inside, object=distance > 0)

    return window


def mixed(g: np.random.Generator) -> Window:
    """Overlapping leaves of random colour and size (Lee et al. 2001): statistics of natural pictures, and assemblies of parts."""
    count, smallest, contrast = int(g.integers(15, 70)), g.uniform(2, 8), g.uniform(0.2, 1)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        canvas = np.tile(palette.base, (side, side, 1)).astype(np.float32)
        height = np.zeros((side, side), np.float32)
        for i in range(count):
            r = int(smallest / (1 - 0.93 * g.random()))
            centre, shade = _point(g.uniform(0, side, 2)), np.float32(1 + contrast * g.uniform(-0.6, 0.6))
            colour = [float(v) for v in np.clip((palette.base if g.random() < 0.6 else palette.second) * shade, 0, 1)]
            if g.random() < 0.5:
                cv2.circle(canvas, centre, r, colour, -1, cv2.LINE_AA)
                cv2.circle(height, centre, r, float(0.1 * i), -1, cv2.LINE_AA)
            else:
                box = cv2.boxPoints(((float(centre[0]), float(centre[1])), (2.0 * r, 1.2 * r), float(g.uniform(0, 180))))
                cv2.fillPoly(canvas, [box.astype(np.int32)], colour, cv2.LINE_AA)
        noise = value_noise(g, side, 0.8)
        return _scene(canvas * (1 + 0.04 * noise[..., None]), 0.1 * noise + 0.02 * height, 0.1, palette)

    return window


def wrinkled(g: np.random.Generator) -> Window:
    """Foil, cloth, rubber, skin: folds."""
    relief, strength, gloss = g.uniform(0.5, 2.5), g.uniform(3, 14), g.uniform(0, 0.7)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        folds = warped(np.abs(value_noise(g, side, 0.35, 0.6)), g, strength)
        folds = normalised(blurred(folds, 0.8))
        return _scene(palette.base * (1 + 0.05 * value_noise(g, side, 0.7)[..., None]), np.float32(relief) * folds, gloss, palette)

    return window


def photographed(g: np.random.Generator) -> Window:
    """Brick, gravel and grass as photographed (scikit-image's CC0 textures), in other colours, sizes and directions."""
    photograph = photographs()[int(g.integers(len(photographs())))]
    scale, turn, mirror = g.uniform(0.5, 1.6), g.uniform(0, 360), g.random() < 0.5
    two, contrast, relief, gloss = g.random() < 0.5, g.uniform(0.4, 1.2), g.uniform(0, 0.8), g.uniform(0, 0.3)

    def window(g: np.random.Generator, side: int, palette: Palette) -> Scene:
        reach = side / scale
        centre = g.uniform(0.75 * reach, photograph.shape[0] - 0.75 * reach, 2)
        matrix = cv2.getRotationMatrix2D((float(centre[1]), float(centre[0])), float(turn), float(scale))
        matrix[:, 2] += side / 2 - centre[::-1]
        crop = cv2.warpAffine(photograph, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        crop = crop[:, ::-1] if mirror else crop
        bright = crop[..., None]  # mean 0, spread 1
        share = 1 / (1 + np.exp(-1.5 * contrast * bright))
        mix = palette.base * share + palette.second * (1 - share)
        albedo = mix if two else palette.base * (1 + np.float32(0.3 * contrast) * bright)
        return _scene(albedo, np.float32(relief) * blurred(crop, 1.0), gloss, palette)

    return window


@functools.cache
def photographs() -> tuple[np.ndarray, ...]:
    """Return the photographs (512, 512) float32 of mean 0 and spread 1; raises ImportError without scikit-image (extra `metrics`)."""
    from skimage import data

    return tuple(normalised(picture.astype(np.float32)) for picture in (data.brick(), data.gravel(), data.grass()))


# family: how often it is drawn, relative to the others
FAMILIES: dict[Family, float] = {
    flat: 1.2, cast: 1.5, ground: 1.5, turned: 0.8, woven: 1.0, grained: 0.7, cells: 1.2, stone: 0.8,
    printed: 0.8, board: 1.6, object_on_ground: 1.4, mixed: 0.7, wrinkled: 0.5, photographed: 1.4,
}  # fmt: skip


STRUCTURED = (printed, board)  # families whose scenes always have a structure


def draw_surface(g: np.random.Generator, structured: bool = False) -> Window:
    """Return what draws windows of a new product's surface; structured: one with print or tracks."""
    names = list(STRUCTURED if structured else FAMILIES)
    weights = np.array([FAMILIES[name] for name in names])
    return names[int(g.choice(len(names), p=weights / weights.sum()))](g)


def _scene(
    albedo: np.ndarray,
    height: np.ndarray,
    gloss: float,
    palette: Palette,
    structure: np.ndarray | None = None,
    under: np.ndarray | None = None,
) -> Scene:
    side = height.shape[0]
    return Scene(
        albedo=np.clip(albedo, 0, 1).astype(np.float32),
        height=height.astype(np.float32),
        gloss=np.full((side, side), gloss, np.float32),
        structure=np.zeros((side, side), np.float32) if structure is None else structure,
        under=np.broadcast_to(palette.under, (side, side, 3)) if under is None else under,
        object=np.ones((side, side), bool),
        own=palette.base,
    )


def _colour(g: np.random.Generator, grey: bool) -> np.ndarray:
    """Return a colour (3,) float32: a grey, or one of moderate saturation as materials have."""
    value = g.uniform(0.08, 0.92)
    if grey:
        return np.full(3, value, np.float32)
    tint = g.normal(0, 0.14 if g.random() < 0.7 else 0.35, 3)
    return np.clip(value + tint - tint.mean(), 0.02, 0.98).astype(np.float32)


def _point(p: np.ndarray) -> tuple[int, int]:
    return int(p[0]), int(p[1])
