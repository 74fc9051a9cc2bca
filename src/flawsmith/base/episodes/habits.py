"""How a labeller marks a kind of defect: exactly, a little too wide, as a coarse polygon, or as a band much wider than a thin crack."""

from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.base.episodes.fields import log_uniform


@dataclass(frozen=True)
class Habit:
    """The labeller's style, the same for all defects of a kind."""

    grow: float  # pixels added all round
    coarse: float  # pixels by which the outline is simplified to a polygon; 0 = as it is
    closed: float  # pixels over which gaps are closed
    hull: bool = False  # one outline around everything


def draw_habit(g: np.random.Generator, thin: bool, unit: float) -> Habit:
    """Return a labeller's style; thin defects are often marked with a band. unit: pixels that count as one."""
    grow = 0.0 if g.random() < 0.35 else unit * log_uniform(g, 0.5, 8 if thin else 4)
    coarse = unit * g.uniform(0.8, 3) if g.random() < 0.3 else 0.0
    closed = unit * g.uniform(1, 5) if g.random() < 0.35 else 0.0
    return Habit(grow, float(coarse), float(closed), bool(not thin and g.random() < 0.12))


def label(mask: np.ndarray, habit: Habit) -> np.ndarray:
    """Return the mask (S, S) bool as this labeller would have drawn it; it holds the mask but for what a polygon cuts off."""
    drawn = mask.astype(np.uint8)
    if habit.closed:
        reach = int(np.ceil(habit.closed)) + 1
        drawn = cv2.morphologyEx(np.pad(drawn, reach), cv2.MORPH_CLOSE, _disc(habit.closed))[reach:-reach, reach:-reach].copy()
    if habit.hull:
        points = cv2.findNonZero(drawn)
        drawn = cv2.fillConvexPoly(drawn, cv2.convexHull(points), 1)
    if habit.grow:
        drawn = cv2.dilate(drawn, _disc(habit.grow))
    if habit.coarse:
        contours, _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        simple = np.zeros_like(drawn)
        for contour in contours:
            cv2.fillPoly(simple, [cv2.approxPolyDP(contour, habit.coarse, True)], 1)
        drawn = simple
    return drawn > 0


def _disc(radius: float) -> np.ndarray:
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return (np.hypot(y, x) <= radius + 0.2).astype(np.uint8)
