"""Outlines of masks for formats that hold nothing else: of pixels' corners for COCO, of their centres for YOLO."""

import cv2
import numpy as np

from flawsmith.dataset.components import Component

_OUTWARDS = 0.4  # pixels from a pixel's centre towards the outside, so that its centre is inside and the point still in the pixel
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))  # (x, y): right, down, left, up


def corner_outlines(component: Component) -> list[np.ndarray] | None:
    """Return the closed lines around a component's pixels, (N, 2) x and y of pixels' corners; None where there is a hole in it.

    Pixel (x, y) reaches from x to x + 1, as pycocotools takes it, which gives back exactly these pixels. Parts that touch at a corner
    alone have a line each.
    """
    inside = np.pad(component.shape, 1)
    edges = _edges(inside)
    lines = []
    while edges:
        start, outgoing = next(iter(edges.items()))
        step = outgoing[0]
        line, at = [], start
        while step in edges.get(at, ()):
            edges[at].remove(step)
            if not edges[at]:
                del edges[at]
            line.append(at)
            at = (at[0] + _STEPS[step][0], at[1] + _STEPS[step][1])
            # where parts touch at a corner, turn right, around the same pixel
            step = next((turn % 4 for turn in (step + 1, step, step + 3) if turn % 4 in edges.get(at, ())), -1)
        points = np.array(line) - 1
        if _area(points) < 0:
            return None
        lines.append(_without_straight(points) + (component.box.left, component.box.top))
    return lines


def centre_outline(component: Component) -> np.ndarray:
    """Return one closed line around a component's pixels, (N, 2) float x and y: through the outer pixels, and through holes along a seam.

    Whoever cuts the digits off and fills between pixels, as Ultralytics does, gets these pixels back (but for seams that cross
    something), and so does whoever asks for each pixel's centre whether it is inside.
    """
    shape = np.pad(component.shape.astype(np.uint8), 1)
    found, nested = cv2.findContours(shape, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer = [c[:, 0] for c, (*_, parent) in zip(found, nested[0], strict=True) if parent < 0]
    holes = [c[:, 0] for c, (*_, parent) in zip(found, nested[0], strict=True) if parent >= 0]
    (first,) = outer  # 8-connected, as the contours are
    line = _outwards(first)
    for hole in sorted(map(_outwards, holes), key=lambda h: (h[:, 0].min(), h[:, 1].min())):
        distances = ((line[:, None] - hole[None]) ** 2).sum(-1)
        i, j = np.unravel_index(int(distances.argmin()), distances.shape)
        seam = [line[: i + 1], hole[j:], hole[: j + 1], line[i:]]  # there, around, and back
        line = np.concatenate(seam)
    return line - 1 + 0.5 + (component.box.left, component.box.top)


def _edges(inside: np.ndarray) -> dict[tuple[int, int], list[int]]:
    """Return the sides between pixels inside and outside by the corner (x, y) where they begin, inside at their right hand."""
    found: dict[tuple[int, int], list[int]] = {}
    above, left = inside[:-1] != inside[1:], inside[:, :-1] != inside[:, 1:]
    for y, x in np.argwhere(above).tolist():  # between (y, x) and (y + 1, x)
        start, step = ((x, y + 1), 0) if inside[y + 1, x] else ((x + 1, y + 1), 2)
        found.setdefault(start, []).append(step)
    for y, x in np.argwhere(left).tolist():  # between (y, x) and (y, x + 1)
        start, step = ((x + 1, y + 1), 3) if inside[y, x + 1] else ((x + 1, y), 1)
        found.setdefault(start, []).append(step)
    return found


def _area(points: np.ndarray) -> float:
    """Return the area inside a closed line (N, 2); negative for the line around a hole."""
    x, y = points.T.astype(float)
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def _without_straight(points: np.ndarray) -> np.ndarray:
    """Return the points of a closed line at which it turns."""
    before, after = points - np.roll(points, 1, 0), np.roll(points, -1, 0) - points
    return points[(before != after).any(1)]


def _outwards(contour: np.ndarray) -> np.ndarray:
    """Return a contour of pixels (N, 2), the outside at its right hand, moved towards the outside within each pixel."""
    if len(contour) == 1:
        return contour + _OUTWARDS * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    points = []
    for point, before, after in zip(contour, np.roll(contour, 1, 0), np.roll(contour, -1, 0), strict=True):
        came, goes = np.sign(point - before), np.sign(after - point)
        sides = [np.array((-y, x)) for x, y in (came, goes)]  # to the outside
        turn = came[0] * goes[1] - came[1] * goes[0]
        if (came == -goes).all():  # the end of a line: around it
            moves = [came + sides[0], came + sides[1]]
        elif turn < 0:  # around a corner
            moves = [sides[0], sides[0] + sides[1], sides[1]]
        else:
            moves = [sides[0] + sides[1]]
        points += [point + _OUTWARDS * np.sign(move) for move in moves]
    return np.array(points)
