"""Kinds of defects: which shapes, what they do to the surface, how they lie to its structure, and how they are labelled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.base.episodes import effects, shapes
from flawsmith.base.episodes.effects import Effect, Placed
from flawsmith.base.episodes.fields import blurred, log_uniform
from flawsmith.base.episodes.habits import Habit, draw_habit
from flawsmith.base.episodes.scene import MARGIN, Scene

LEAST = 4.0  # pixels that a shape must cover
MOST = 0.6  # share of the window that a shape may cover
LONG = (0.25, 2.2)  # sizes of lines, some of which cross the window and leave it


@dataclass(frozen=True)
class Species:
    """A kind of defect as the trade knows it, before its parameters are drawn."""

    shapes: Sequence[shapes.Family]
    effects: Sequence[Sequence[effects.Family]]  # one of these sets is taken
    soft: tuple[float, float] = (0.0, 0.8)  # blur of the border, sigma in pixels
    relation: Sequence[str] = ("anywhere",)  # one of them: to the structure and the object's outline
    weight: float = 1.0  # how often it is drawn
    size: tuple[float, float] = (0.07, 1.2)  # of the longer side, as a share of the window's; every octave equally likely


def _species() -> dict[str, Species]:
    s, e = shapes, effects
    edges = ("anywhere", "anywhere", "edge")
    return {
        "crack": Species([s.crack], [[e.tone], [e.tone, e.groove], [e.groove]], (0.2, 1.5), ("anywhere", "until", "edge"), 2.0, LONG),
        "scratch": Species([s.line], [[e.groove], [e.tone], [e.groove, e.tone]], (0, 0.8), ("anywhere", "until"), 1.6, LONG),
        "dent": Species([s.disc, s.blob], [[e.relief], [e.relief, e.tone]], (0, 1)),
        "pit": Species([s.disc, s.spots], [[e.hole], [e.tone, e.relief]], (0, 0.7), weight=1.4),
        "pore": Species([s.spots], [[e.tone], [e.hole], [e.relief]], (0, 0.6)),
        "chip": Species([s.polygon, s.blob], [[e.bare], [e.bare, e.rim], [e.fracture]], (0, 0.6), ("edge", "edge", "anywhere")),
        "hole": Species([s.disc, s.polygon, s.blob], [[e.hole], [e.hole, e.rim]], (0, 1.0)),
        "break": Species([s.blob, s.polygon], [[e.fracture], [e.bare, e.rough], [e.fracture, e.tone]], (0, 0.8), edges, 1.6),
        "stain": Species([s.blob, s.disc, s.drip], [[e.stain], [e.stain, e.rim]], (0, 4), ("anywhere", "object"), 1.8),
        "drip": Species([s.drip], [[e.stain, e.relief], [e.body], [e.stain]], (0, 1.5)),
        "shade": Species([s.blob, s.band, s.disc], [[e.tone]], (0.5, 7), ("anywhere", "until", "inside"), 1.6),
        "foreign body": Species([s.polygon, s.blob, s.spots], [[e.body], [e.inlay]], (0, 0.6), weight=1.4),
        "inclusion": Species([s.blob, s.polygon, s.band], [[e.inlay], [e.inlay, e.rim]], (0, 2), edges, 1.4),
        "fibre": Species([s.fibre], [[e.body], [e.tone], [e.stain]], size=LONG),
        "burr": Species([s.fibre, s.polygon], [[e.extra], [e.body]], (0, 0.5), ("edge",)),
        "missing": Species([s.band, s.disc, s.polygon, s.blob], [[e.gone]], (0, 0.6), ("structure",), 1.6),
        "bridge": Species([s.blob, s.band, s.fibre, s.disc], [[e.extra]], (0, 0.5), ("structure gap",), 1.6),
        "misplaced": Species([s.polygon, s.band], [[e.moved], [e.moved, e.rim]], (0, 0.5)),
        "wrinkle": Species([s.blob, s.line, s.band], [[e.pushed], [e.pushed, e.relief]], (0.5, 3)),
        "corrosion": Species([s.blob, s.spots], [[e.rough, e.stain], [e.rough, e.tone], [e.rough]], (0, 2), edges, 1.3),
        "delamination": Species([s.blob, s.disc, s.band], [[e.relief, e.rim], [e.rim, e.tone], [e.bare]], (0, 1.2), edges),
        "spatter": Species([s.spots], [[e.body], [e.extra], [e.body, e.tone]], (0, 0.6)),
        "worn": Species([s.band, s.blob, s.line], [[e.bare], [e.rough], [e.tone, e.rough]], (0.3, 3)),
    }


SPECIES = _species()


@dataclass(frozen=True)
class Kind:
    """One kind of defect of one product."""

    species: str
    shape: shapes.Draw
    effects: tuple[Effect, ...]
    soft: float  # sigma of the border's blur in pixels
    spread: float  # of the strength from defect to defect
    relation: str
    habit: Habit

    @property
    def structured(self) -> bool:
        """Whether it only exists on surfaces with tracks, print or threads."""
        return self.relation.startswith("structure")


def draw_kind(g: np.random.Generator, side: int) -> Kind:
    """Return a kind of defect for windows of `side` pixels, with its parameters drawn."""
    names = list(SPECIES)
    weights = np.array([SPECIES[name].weight for name in names])
    name = names[int(g.choice(len(names), p=weights / weights.sum()))]
    species = SPECIES[name]
    size = side * log_uniform(g, *species.size)
    chosen = species.effects[int(g.integers(len(species.effects)))]
    return Kind(
        species=name,
        shape=species.shapes[int(g.integers(len(species.shapes)))](g, size),
        effects=tuple(family(g) for family in chosen),
        soft=float(g.uniform(*species.soft)),
        spread=float(g.uniform(0.02, 0.3)),
        relation=str(g.choice(list(species.relation))),
        habit=draw_habit(g, thin=name in ("crack", "scratch", "fibre")),
    )


def apply_kind(kind: Kind, scene: Scene, g: np.random.Generator) -> tuple[Scene, np.ndarray] | None:
    """Return the scene with one defect of the kind, and where it may show (S, S) float32; None where its shape finds no room."""
    side = scene.height.shape[0]
    cover = RELATIONS[kind.relation](kind.shape(g, side).astype(np.float32), scene, g)
    window = cover[MARGIN:-MARGIN, MARGIN:-MARGIN]
    if window.sum() < LEAST or window.mean() > MOST:
        return None
    depth = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    soft = blurred(cover, kind.soft)
    placed = Placed(soft, depth, float(np.exp(kind.spread * g.normal())))
    for effect in kind.effects:
        scene = effect(scene, placed, g)
    return scene, np.maximum(cover, soft)


def _anywhere(cover: np.ndarray, scene: Scene, g: np.random.Generator) -> np.ndarray:
    return cover


def _on_object(cover: np.ndarray, scene: Scene, g: np.random.Generator) -> np.ndarray:
    return cover * scene.object


def _inside(cover: np.ndarray, scene: Scene, g: np.random.Generator) -> np.ndarray:
    """Keep what lies on the structure, or beside it, whichever is more; it ends where that ends."""
    return _kept([cover * (scene.structure > 0.5), cover * (scene.structure <= 0.5)], cover)


def _until(cover: np.ndarray, scene: Scene, g: np.random.Generator) -> np.ndarray:
    """Keep the largest piece that no structure crosses: it ends at a line."""
    if scene.structure.max() < 0.5:
        return cover
    free = ((cover > 0.3) & (scene.structure < 0.5)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(free, connectivity=8)
    return cover if count < 2 else _kept([cover * (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))], cover)


def _edge(cover: np.ndarray, scene: Scene, g: np.random.Generator) -> np.ndarray:
    """Move the shape onto the nearest outline of the object or the structure, if there is one."""
    inside = scene.object & (scene.structure > 0.5) if scene.structure.max() > 0.5 else scene.object
    outline = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return _moved_onto(cover, outline > 0, g) if outline.sum() >= 8 else cover


def _structure(cover: np.ndarray, scene: Scene, g: np.random.Generator) -> np.ndarray:
    """Move the shape onto the structure; nothing where there is none."""
    return _moved_onto(cover, scene.structure > 0.6, g) if scene.structure.max() > 0.6 else np.zeros_like(cover)


def _gap(cover: np.ndarray, scene: Scene, g: np.random.Generator) -> np.ndarray:
    """Move the shape beside the structure, touching it or bridging a gap, and keep what is not structure."""
    if scene.structure.max() < 0.6:
        return np.zeros_like(cover)
    near = cv2.dilate((scene.structure > 0.6).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    moved = _moved_onto(cover, near & (scene.structure < 0.4), g)
    return moved * (scene.structure < 0.5)


def _moved_onto(cover: np.ndarray, where: np.ndarray, g: np.random.Generator) -> np.ndarray:
    side, margin = cover.shape[0], MARGIN + cover.shape[0] // 12
    points = np.argwhere(where[margin : side - margin, margin : side - margin]) + margin
    here = np.argwhere(cover > 0.5)
    if not len(points) or not len(here):
        return np.zeros_like(cover)
    step = points[int(g.integers(len(points)))] - here.mean(0)
    return cv2.warpAffine(cover, np.array([[1, 0, step[1]], [0, 1, step[0]]], np.float32), cover.shape[::-1])


def _kept(choices: list[np.ndarray], cover: np.ndarray) -> np.ndarray:
    """Return the largest of the choices, or the whole shape where all are too small."""
    best = max(choices, key=lambda c: float(c.sum()))
    return best if best.sum() >= max(LEAST, 0.25 * cover.sum()) else cover


RELATIONS: dict[str, Callable[[np.ndarray, Scene, np.random.Generator], np.ndarray]] = {
    "anywhere": _anywhere,
    "object": _on_object,
    "inside": _inside,
    "until": _until,
    "edge": _edge,
    "structure": _structure,
    "structure gap": _gap,
}
