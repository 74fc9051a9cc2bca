"""Shapes of defects: masks (side, side) float32, 0 to 1, with soft borders of a pixel.

A family draws what the shapes of a kind have in common. Shapes may leave the window: real defects are often longer than it is.
"""

from collections.abc import Callable

import cv2
import numpy as np

from flawsmith.base.episodes.fields import grid, log_uniform, value_noise
from flawsmith.base.episodes.scene import MARGIN

SHIFT = 4  # bits of sub-pixel position in cv2's drawing
SPREAD = (0.7, 1.4)  # factors by which the defects of one kind differ in size
PARTS = 6  # of a tapering line, each of one width
CUT = 0.25  # share of the defects whose middle lies anywhere in the window, so that many are cut by its border

Draw = Callable[[np.random.Generator, int], np.ndarray]
Family = Callable[[np.random.Generator, float], Draw]  # (generator, size in pixels) -> what draws shapes


def blob(g: np.random.Generator, size: float) -> Draw:
    """Rounded or ragged areas."""
    ragged, roughness, flatness = g.uniform(0.05, 0.5), g.uniform(0.3, 0.7), g.uniform(0.35, 1)

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        u, v = _turned_grid(g, side, length)
        flat = flatness ** g.uniform(0.5, 1.5)
        r = np.hypot(u, v / flat) / (length / 2)
        edge = 1 - r + ragged * value_noise(g, side, roughness, min(0.6, length / side))
        return np.clip(edge * length / 2, 0, 1)

    return draw


def line(g: np.random.Generator, size: float) -> Draw:
    """Scratches: long, nearly straight, even or fading, one or several side by side."""
    width, bend, copies = _width(g, size), g.uniform(0, 0.03), 1 if g.random() < 0.7 else int(g.integers(2, 5))

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        mask, start, angle = np.zeros((side, side), np.float32), _centre(g, side, length), g.uniform(0, 2 * np.pi)
        for _ in range(copies):
            path = _walk(g, start + g.normal(0, 1.5 * copies, 2) * (copies > 1), angle, length * g.uniform(0.8, 1.2), bend)
            _stroke(mask, path, width * g.uniform(0.7, 1.3), taper=True)
        return mask

    return draw


def crack(g: np.random.Generator, size: float) -> Draw:
    """Cracks: thin, straight to jagged, branching or crossing each other."""
    width, jag, branches = _width(g, 0.6 * size), log_uniform(g, 0.005, 0.6), int(g.integers(0, 4))
    crossing = g.random() < 0.2

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        mask, angle = np.zeros((side, side), np.float32), g.uniform(0, 2 * np.pi)
        centre = _centre(g, side, length)
        path = _walk(g, centre, angle, length, jag)
        _stroke(mask, path, width * g.uniform(0.8, 1.2), taper=True)
        if crossing:
            _stroke(mask, _walk(g, centre, angle + g.uniform(0.7, 2.4), length * g.uniform(0.5, 1), jag), width, taper=True)
        for _ in range(int(g.integers(0, branches + 1))):
            at = path[int(g.integers(len(path)))]
            turn = angle + g.choice([-1, 1]) * g.uniform(0.4, 1.3)
            _stroke(mask, _walk(g, at, turn, length * g.uniform(0.2, 0.7), jag, centred=False), 0.8 * width, taper=True)
        return mask

    return draw


def scribble(g: np.random.Generator, size: float) -> Draw:
    """Pen and chalk marks, wipes: one line to and fro, or letters' curves."""
    width, swing, pitch = _width(g, 0.6 * size), g.uniform(0.3, 1), g.uniform(0.5, 1.3)

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        count = int(g.integers(3, 12))
        along = length * (np.linspace(-0.5, 0.5, 6 * count) + g.normal(0, 0.01, 6 * count))
        across = swing * length / 3 * np.sin(pitch * np.arange(6 * count) + g.uniform(0, 6)) * g.uniform(0.3, 1)
        path = np.stack([along, across], 1) @ _rotation(g.uniform(0, 2 * np.pi)) + _centre(g, side, length)
        mask = np.zeros((side, side), np.float32)
        _stroke(mask, path, width, taper=False)
        return mask

    return draw


def hatch(g: np.random.Generator, size: float) -> Draw:
    """Many short scratches of about one direction in a patch: abrasion, chafing, splinters."""
    angle, width, count, spread = g.uniform(0, np.pi), log_uniform(g, 0.7, 2), int(g.integers(4, 25)), g.uniform(0.05, 0.5)

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        centre, mask = _centre(g, side, length), np.zeros((side, side), np.float32)
        for _ in range(count):
            start, turn = centre + g.normal(0, 0.22 * length, 2), angle + g.normal(0, spread)
            step = g.uniform(0.05, 0.25) * length * np.array([np.cos(turn), np.sin(turn)])
            _stroke(mask, np.stack([start - step, start + step]), width * g.uniform(0.7, 1.3), taper=False)
        return mask

    return draw


def beads(g: np.random.Generator, size: float) -> Draw:
    """Lines of overlapping discs: etching faults, weld beads, drops in a row."""
    radius, curl, loose = log_uniform(g, 1.2, max(2.5, 0.12 * size)), g.uniform(0, 0.3), g.uniform(0.6, 1.6)

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        mask = np.zeros((side, side), np.float32)
        path = _walk(g, _centre(g, side, length), g.uniform(0, 2 * np.pi), length, curl)
        for p in path[:: max(1, round(loose * radius / 2))]:
            r = radius * g.uniform(0.75, 1.25)
            cv2.circle(mask, tuple(_fixed(p)), int(r * (1 << SHIFT)), 1.0, -1, cv2.LINE_AA, SHIFT)
        return mask

    return draw


def fibre(g: np.random.Generator, size: float) -> Draw:
    """Hairs, threads, burrs: curved, of even width."""
    width, curl = _width(g, size), g.uniform(0.05, 0.25)

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        mask, angle, drift = np.zeros((side, side), np.float32), g.uniform(0, 2 * np.pi), g.normal(0, curl)
        _stroke(mask, _walk(g, _centre(g, side, length), angle, 1.3 * length, 0.5 * curl, drift), width, taper=False)
        return mask

    return draw


def polygon(g: np.random.Generator, size: float) -> Draw:
    """Chips, flakes, splinters, missing pieces: straight edges and corners."""
    corners, flatness = int(g.integers(3, 8)), g.uniform(0.3, 1)

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        a = np.sort(g.uniform(0, 2 * np.pi, corners))
        r = length / 2 * g.uniform(0.7, 1.3, corners)
        turn, centre = g.uniform(0, 2 * np.pi), _centre(g, side, length)
        points = np.stack([r * np.cos(a), flatness * r * np.sin(a)], 1) @ _rotation(turn) + centre
        return _filled(points, side)

    return draw


def spots(g: np.random.Generator, size: float) -> Draw:
    """Pores, spatter, dust, pinholes: one or several small discs."""
    count, radius = int(g.integers(1, 9)), log_uniform(g, 0.6, max(2.0, 0.15 * size))

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        mask, centre = np.zeros((side, side), np.float32), _centre(g, side, length)
        for _ in range(max(1, int(g.poisson(count)))):
            p, r = centre + g.normal(0, 0.3 * length, 2), radius * g.uniform(0.6, 1.6)
            cv2.circle(mask, tuple(_fixed(p)), int(r * (1 << SHIFT)), 1.0, -1, cv2.LINE_AA, SHIFT)
        return mask

    return draw


def disc(g: np.random.Generator, size: float) -> Draw:
    """Pits, dents, drops, bubbles: ellipses."""
    flatness = g.uniform(0.5, 1)

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        u, v = _turned_grid(g, side, length)
        return np.clip(length / 2 - np.hypot(u, v / flatness), 0, 1)

    return draw


def drip(g: np.random.Generator, size: float) -> Draw:
    """Runs of liquid, smears: a head and a tail along one direction."""
    angle, width = g.uniform(0, 2 * np.pi), g.uniform(0.12, 0.35)

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        mask = np.zeros((side, side), np.float32)
        path = _walk(g, _centre(g, side, length), angle + g.normal(0, 0.1), length * (1 - width), 0.06)
        for i, p in enumerate(path):
            r = length * width * (1 - 0.7 * i / len(path)) * g.uniform(0.85, 1.15)
            cv2.circle(mask, tuple(_fixed(p)), max(1 << SHIFT, int(r * (1 << SHIFT))), 1.0, -1, cv2.LINE_AA, SHIFT)
        return mask

    return draw


def band(g: np.random.Generator, size: float) -> Draw:
    """Worn stripes, misplaced tape, rub marks: rectangles at the kind's angle."""
    angle, aspect = g.uniform(0, np.pi), g.uniform(0.1, 0.8)

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        length = size * log_uniform(g, *SPREAD)
        half = length / 2 * np.array([1, aspect * g.uniform(0.8, 1.25)])
        turn = _rotation(angle + g.normal(0, 0.05))
        return _filled(np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * half @ turn + _centre(g, side, length), side)

    return draw


def region(g: np.random.Generator, size: float) -> Draw:
    """All that lies beyond a wavy or straight border that crosses the window: parts of areas much larger than it."""
    waves, roughness, straight = g.uniform(0, 0.2), g.uniform(0.2, 0.6), g.random() < 0.3
    angle, loose = g.uniform(0, 2 * np.pi), g.choice([0.1, np.pi])

    def draw(g: np.random.Generator, side: int) -> np.ndarray:
        window = side - 2 * MARGIN
        depth = min(0.6 * size * log_uniform(g, *SPREAD), 0.65 * window)  # how far it reaches into the window
        y, x = grid(side)
        a = angle + loose * g.uniform(-1, 1)
        across = np.cos(a) * (x - side / 2) + np.sin(a) * (y - side / 2)
        reach = window / 2 * (abs(np.cos(a)) + abs(np.sin(a))) ** 0.5
        if not straight:
            across = across + waves * window * value_noise(g, side, roughness, 0.7) * 0.5
        return np.clip(depth - reach + across, 0, 1).astype(np.float32)

    return draw


def _width(g: np.random.Generator, size: float) -> float:
    """Return the width of a line of `size` pixels, from a hair to a tenth of its length."""
    return log_uniform(g, 0.7, max(2.0, 0.1 * size))


def _centre(g: np.random.Generator, side: int, size: float) -> np.ndarray:
    """Return the middle (2,) of a shape: mostly so that a small one lies in the window and a large one about fills it."""
    window = side - 2 * MARGIN
    reach = window / 2 if g.random() < CUT else max(window - size, 0.3 * window) / 2
    return side / 2 + g.uniform(-reach, reach, 2)


def _rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _turned_grid(g: np.random.Generator, side: int, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates (side, side) along and across a random direction, from a random centre."""
    y, x = grid(side)
    centre, a = _centre(g, side, size), g.uniform(0, np.pi)
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    return np.cos(a) * dx + np.sin(a) * dy, -np.sin(a) * dx + np.cos(a) * dy


def _walk(
    g: np.random.Generator, start: np.ndarray, angle: float, length: float, jag: float, drift: float = 0.0, centred: bool = True
) -> np.ndarray:
    """Return the points (N, 2), 2 px apart, of a path that keeps to `angle` but for `jag`, and turns by `drift` every step."""
    count = max(3, int(length / 2))
    bend = np.zeros(count)
    noise = g.normal(0, 1, count) * jag
    for i in range(1, count):
        bend[i] = 0.92 * bend[i - 1] + noise[i]
    heading = angle + bend + drift * np.arange(count)
    points = start + 2 * np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0)
    return points - (points[count // 2] - start) if centred else points


def _stroke(mask: np.ndarray, path: np.ndarray, width: float, taper: bool) -> None:
    """Draw a path into a mask; lines of under 1 px are fainter instead of thinner."""
    fixed, count = _fixed(path), len(path)
    if not taper:
        cv2.polylines(mask, [fixed], False, float(min(1.0, width)), max(1, round(width)), cv2.LINE_AA, SHIFT)
        return
    parts = min(PARTS, count - 1)
    for i in range(parts):
        here = width * (0.35 + 0.65 * np.sin(np.pi * (i + 0.5) / parts))
        points = fixed[i * (count - 1) // parts : (i + 1) * (count - 1) // parts + 1]
        layer = np.zeros_like(mask)  # a fainter line must not weaken a stronger one
        cv2.polylines(layer, [points], False, float(min(1.0, here + 0.2)), max(1, round(here)), cv2.LINE_AA, SHIFT)
        np.maximum(mask, layer, out=mask)


def _filled(points: np.ndarray, side: int) -> np.ndarray:
    """Return the polygon of the points (N, 2) as a mask (side, side)."""
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [_fixed(points)], 1.0, cv2.LINE_AA, SHIFT)
    return mask


def _fixed(points: np.ndarray) -> np.ndarray:
    """Return points in cv2's fixed-point numbers."""
    return np.rint(points * (1 << SHIFT)).astype(np.int32)
