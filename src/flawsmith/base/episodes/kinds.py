"""Kinds of defects: which shapes, what they do to the surface, how they lie to its structure, and how they are labelled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.base.episodes import effects, fillings, shapes
from flawsmith.base.episodes.effects import Effect, Placed
from flawsmith.base.episodes.fields import blurred, grid, log_uniform
from flawsmith.base.episodes.habits import Habit, draw_habit
from flawsmith.base.episodes.scene import MARGIN, Family, Scene
from flawsmith.base.episodes.surfaces import FAMILIES, OUTLINED, STRUCTURED

LEAST = 4.0  # pixels that a shape must cover
MOST = 0.6  # share of the window that a shape may cover
USUAL = 24  # pixels: size of the defects whose borders are as soft as their species says; larger ones are softer
THIN = ("crack", "scratch", "fibre", "mark")  # often labelled with a band
LONG = (0.25, 2.2)  # sizes of lines, some of which cross the window and leave it


@dataclass(frozen=True)
class Species:
    """A kind of defect as the trade knows it, before its parameters are drawn."""

    shapes: Sequence[shapes.Family]
    effects: Sequence[Sequence[effects.Family]]  # one of these sets is taken
    soft: tuple[float, float] = (0.0, 0.8)  # blur of the border, sigma in pixels
    relation: Sequence[str] = ("anywhere",)  # one of them: to the structure and the object's outline
    weight: float = 1.0  # how often it is drawn
    size: tuple[float, float] = (0.08, 1.5)  # of the longer side, as a share of the window's; every octave equally likely


def _species() -> dict[str, Species]:
    s, e, f = shapes, effects, fillings
    edges = ("anywhere", "anywhere", "edge")
    area = (s.blob, s.polygon, s.disc, s.band, s.region)
    return {
        "crack": Species(
            [s.crack],
            [[e.tone], [e.tone], [e.tone, e.groove], [e.groove], [f.hole]],
            (0.2, 1.5),
            ("anywhere", "anywhere", "until", "edge"),
            2.4,
            LONG,
        ),
        "scratch": Species(
            [s.line, s.line, s.hatch], [[e.groove], [e.tone], [e.groove, e.tone]], (0, 0.8), ("anywhere", "until"), 1.6, LONG
        ),
        "dent": Species([s.disc, s.blob], [[e.relief], [e.relief, e.tone]], (0, 1), weight=1.2),
        "fold": Species([s.line, s.band, s.fibre], [[e.relief]], (0, 1), size=LONG),
        "pit": Species([s.disc, s.spots, s.blob], [[f.hole], [e.tone, e.relief], [f.hole, e.relief]], (0, 0.7), weight=1.3),
        "pore": Species([s.spots], [[e.tone], [f.hole], [e.relief]], (0, 0.6)),
        "chip": Species(
            [s.polygon, s.blob], [[f.bare], [f.bare, e.rim], [f.fracture], [f.broken_off]], (0, 0.6), ("edge", "edge", "anywhere"), 1.3
        ),
        "piece missing": Species([s.polygon, s.blob, s.disc, s.band], [[f.broken_off]], (0, 0.6), ("outline",), 0.8),
        "hole": Species([s.disc, s.polygon, s.blob], [[f.hole], [f.hole, e.rim], [f.crater], [f.crater]], (0, 1.0)),
        "break": Species(
            [s.blob, s.polygon], [[f.fracture], [f.bare, e.rough], [f.fracture, e.rim]], (0, 0.8), (*edges, "object", "along"), 1.6
        ),
        "stain": Species([s.blob, s.disc, s.drip, s.region], [[e.stain], [e.stain, e.rim]], (0, 4), ("anywhere", "object"), 1.5),
        "mark": Species([s.scribble, s.fibre, s.hatch], [[e.stain], [e.tone], [e.groove]], (0, 1.2), ("anywhere", "object"), size=LONG),
        "drip": Species([s.drip], [[e.stain, e.relief], [f.body], [e.stain]], (0, 1.5), weight=0.8),
        "shade": Species([*area], [[e.tone], [e.contrast], [e.tone, e.contrast]], (0.5, 6), ("anywhere", "until", "inside", "along"), 1.4),
        "veil": Species([*area], [[e.veil], [e.veil], [e.veil, e.tone]], (0.5, 6), ("anywhere", "anywhere", "object", "inside"), 1.6),
        "foreign body": Species([s.polygon, s.blob, s.spots], [[f.body], [f.inlay], [f.patch]], (0, 0.6), weight=1.3),
        "inclusion": Species([s.blob, s.polygon, s.band], [[f.inlay], [f.inlay, e.rim]], (0, 2), edges, 1.2),
        "patch": Species([*area], [[f.patch], [f.patch, e.rim]], (0, 4), (*edges, "object", "inside"), 1.4),
        "fibre": Species([s.fibre, s.fibre, s.crack], [[f.body], [e.tone], [e.stain]], weight=1.2, size=LONG),
        "burr": Species([s.fibre, s.polygon, s.beads], [[e.extra], [f.body]], (0, 0.5), ("outline",), 0.8),
        "missing": Species([*area, s.beads], [[e.gone]], (0, 0.6), ("structure", "structure edge"), 1.6),
        "bridge": Species([s.blob, s.band, s.fibre, s.disc, s.beads], [[e.extra]], (0, 0.5), ("structure gap", "structure free"), 1.6),
        "double print": Species([s.blob, s.band], [[e.doubled], [e.smear]], (0, 1), ("structure",), 0.8),
        "misplaced": Species([s.polygon, s.band], [[e.moved], [e.moved, e.rim]], (0, 0.5), weight=0.8),
        "wrinkle": Species([s.blob, s.line, s.band], [[e.pushed], [e.pushed, e.relief], [e.smear]], (0.5, 3)),
        "fray": Species([s.blob, s.polygon, s.hatch, s.region], [[f.frayed], [f.frayed, e.tone], [e.rough, e.tone]], (0, 1.2), edges, 1.2),
        "knot": Species([s.blob, s.disc], [[e.knot], [e.knot, e.rough]], (0, 2), weight=0.8),
        "corrosion": Species([s.blob, s.spots], [[e.rough, e.stain], [e.rough, e.tone], [e.rough]], (0, 2), edges, 1.2),
        "delamination": Species([s.blob, s.disc, s.band], [[e.relief, e.rim], [e.rim, e.tone], [f.bare]], (0, 1.2), edges),
        "spatter": Species([s.spots, s.beads], [[f.body], [e.extra], [f.body, e.tone]], (0, 0.6)),
        "worn": Species(
            [s.band, s.blob, s.line, s.hatch], [[f.bare], [e.rough], [e.tone, e.rough], [e.contrast]], (0.3, 3), (*edges, "along")
        ),
    }


SPECIES = _species()


@dataclass(frozen=True)
class Kind:
    """One kind of defect of one product."""

    species: str
    shape: shapes.Draw
    effects: tuple[Effect, ...]
    soft: tuple[float, float]  # sigma of the border's blur in pixels, on one side of the defect and on the other
    spread: float  # of the strength from defect to defect
    relation: str
    habit: Habit

    @property
    def structured(self) -> bool:
        """Whether it only exists on surfaces with tracks or print."""
        return self.relation.startswith("structure")

    @property
    def surfaces(self) -> Sequence[Family]:
        """The families of surfaces on which it can exist."""
        return STRUCTURED if self.structured else OUTLINED if self.relation == "outline" else tuple(FAMILIES)


def draw_species(g: np.random.Generator) -> str:
    """Return the name of a species."""
    names = list(SPECIES)
    weights = np.array([SPECIES[name].weight for name in names])
    return names[int(g.choice(len(names), p=weights / weights.sum()))]


def draw_kind(name: str, g: np.random.Generator, side: int) -> Kind:
    """Return a kind of defect of a species for windows of `side` pixels, with its parameters drawn."""
    species = SPECIES[name]
    size = side * log_uniform(g, *species.size)
    soft = float(g.uniform(*species.soft) * np.clip(size / USUAL, 0.2, 4) ** 0.5)
    chosen = species.effects[int(g.integers(len(species.effects)))]
    return Kind(
        species=name,
        shape=species.shapes[int(g.integers(len(species.shapes)))](g, size),
        effects=tuple(family(g, size) for family in chosen),
        soft=(soft, soft * g.uniform(0, 0.4) if g.random() < 0.3 else soft),
        spread=float(g.uniform(0.02, 0.3)),
        relation=str(g.choice(list(species.relation))),
        habit=draw_habit(g, name in THIN, side / 64),
    )


def apply_kind(kind: Kind, scene: Scene, g: np.random.Generator) -> tuple[Scene, np.ndarray] | None:
    """Return the scene with one defect of the kind, and where it may show (S, S) float32; None where its shape finds no room."""
    side = scene.height.shape[0]
    cover = RELATIONS[kind.relation](kind.shape(g, side).astype(np.float32), scene, g)
    window = cover[MARGIN:-MARGIN, MARGIN:-MARGIN]
    if window.sum() < LEAST or window.mean() > MOST:
        return None
    depth = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    soft = _softened(cover, kind.soft, g)
    placed = Placed(soft, depth, float(np.exp(kind.spread * g.normal())))
    for effect in kind.effects:
        scene = effect(scene, placed, g)
    return scene, np.maximum(cover, soft)


def _softened(cover: np.ndarray, soft: tuple[float, float], g: np.random.Generator) -> np.ndarray:
    """Return the cover (S, S) blurred by one width at one side of the window, by another at the other."""
    first = blurred(cover, soft[0])
    if soft[0] == soft[1] or soft[0] < 1:
        return first
    (y, x), a = grid(cover.shape[0]), g.uniform(0, 2 * np.pi)
    share = np.clip(0.5 + 2 * (np.cos(a) * x + np.sin(a) * y - cover.shape[0] / 2 * (np.cos(a) + np.sin(a))) / cover.shape[0], 0, 1)
    return (first * share + blurred(cover, soft[1]) * (1 - share)).astype(np.float32)


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
    outline = _outline(scene)
    return _moved_onto(cover, outline > 0, g) if outline.sum() >= 8 else cover


def _on_outline(cover: np.ndarray, scene: Scene, g: np.random.Generator) -> np.ndarray:
    """Move the shape onto an outline; nothing where there is none."""
    return _moved_onto(cover, _outline(scene) > 0, g)


def _along(cover: np.ndarray, scene: Scene, g: np.random.Generator) -> np.ndarray:
    """Keep what lies along the outlines: worn edges, broken rings, glue at a border."""
    outline = _outline(scene)
    if outline.sum() < 8:
        return cover
    near = cv2.distanceTransform(1 - outline, cv2.DIST_L2, 3) < max(2.0, 0.15 * float(np.sqrt(cover.sum())))
    return _kept([cover * near], cover)


def _outline(scene: Scene) -> np.ndarray:
    """Return (S, S) uint8: 1 on the border of the object, or of the structure if the object has one."""
    inside = scene.object & (scene.structure > 0.5) if scene.structure.max() > 0.5 else scene.object
    return cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))


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


def _free(cover: np.ndarray, scene: Scene, g: np.random.Generator) -> np.ndarray:
    """Move the shape to where no structure is, and keep what is not structure."""
    return _moved_onto(cover, scene.structure < 0.1, g) * (scene.structure < 0.5)


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
    "outline": _on_outline,
    "along": _along,
    "structure": _structure,
    "structure edge": _on_outline,
    "structure gap": _gap,
    "structure free": _free,
}
