"""How a real defect is laid onto a normal: turned, mirrored, and where its surroundings fit those it comes from."""

from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.benchmark.baselines.material import BaselineContext, Donor, grey
from flawsmith.core.errors import NoRoomError
from flawsmith.dataset.sample import Sample
from flawsmith.placement.context import (
    CHOICES,
    EVEN,
    FLAT,
    NEAR,
    as_good,
    candidate_count,
    context_cost,
    fits_nowhere,
    forgiven,
    sample_at,
    shifts,
)
from flawsmith.placement.prior import place_map, sample_places
from flawsmith.product.foreground import foreground

EXACT = 0.5  # share of poses without small turns and scales: their pixels are the real defect's own, unresampled
DEGREES, SCALE = 10.0, 1.12  # the small turns to either side, and the greatest scale
DIRECTED = 2.0  # degrees, where the surface has a direction
LOOSE = 0.01  # standard deviation of an aligned object's place, as a share of the picture's longer side
LEAST = 0.5  # of a defect that must come to lie in the picture
EXPOSURE = 1.5  # by how much brightness is matched to the surroundings, at most
CONTRAST = 0.1  # spread of the contrast


@dataclass(frozen=True)
class Poses:
    """Some ways to lay a donor onto a picture."""

    turns: np.ndarray  # (M, 2, 2): from a step in the picture to a step in the donor
    at: np.ndarray  # (M, 2) int: the pixel of the picture on which the donor's anchor comes to lie

    def __getitem__(self, which: np.ndarray | list[int]) -> "Poses":
        return Poses(self.turns[which], self.at[which])


@dataclass(frozen=True)
class PlacedDonor:
    """A donor laid onto a picture: what its box there shows."""

    top: int
    left: int
    image: np.ndarray  # (C, h, w) float32 in [-1, 1], also around the mask
    mask: np.ndarray  # (h, w) bool


def lay(material: BaselineContext, normal: Sample, defect: str, g: np.random.Generator) -> PlacedDonor:
    """Return a real defect of the learned part laid where its surroundings in the normal look most like its own.

    Of an object that lies alike in all pictures the defect keeps its place on the object, which is turned and mirrored as a whole
    about its middle; else it goes near where real ones were or anywhere on the object, and what reached the picture's border does so
    again. In binarised pictures, where edges must meet, a defect that finds no such place gives way to another one. Raises
    NoRoomError where none finds a place.
    """
    donors = material.donors[defect]
    view = grey(material.scale.to_model(normal.image, 1))
    for i in g.permutation(len(donors)):
        laid = _lay(material, donors[i], normal, view, defect, g)
        if laid is not None:
            return laid
    raise NoRoomError(f"{normal.source.name}: no place was found for a real {defect!r}; use larger normals, or others.")


def _lay(
    material: BaselineContext, donor: Donor, normal: Sample, view: np.ndarray, defect: str, g: np.random.Generator
) -> PlacedDonor | None:
    """Return one donor laid onto the normal, or None where there is no place for it; view: the normal's grey values."""
    size = normal.image.shape[0], normal.image.shape[1]
    even = forgiven(material.levels is not None)
    poses = _candidates(material, donor, normal, defect, g)
    costs = fit_costs(view, donor, poses, even)
    best = np.argsort(costs, kind="stable")[:CHOICES]
    chosen, costs = [], np.zeros(len(best))
    for i, one in enumerate(best):
        around = _moved(poses[[int(one)]])
        around = around if material.fixed else _settle(around, donor, size, g)
        moved = fit_costs(view, donor, around, even)
        costs[i] = moved.min()
        chosen.append(around[[int(moved.argmin())]])
    if material.levels is not None and material.choosy and fits_nowhere(costs, float(donor.values.var()), FLAT):
        return None
    for i in g.permutation(as_good(costs, FLAT)):
        laid = _laid(donor, chosen[i], size)
        if laid is not None:
            return laid if material.levels is not None else _matched(laid, donor, chosen[i], view, g)
    return None


def fit_costs(view: np.ndarray, donor: Donor, poses: Poses, even: float = EVEN) -> np.ndarray:
    """Return for each pose how unlike the donor's surroundings are to the picture's there, (M,).

    view: the picture's grey values (H, W) in [-1, 1]; even: see `context_cost`.
    """
    if len(donor.points) == 0:
        return np.zeros(len(poses.at))
    return context_cost(*sample_at(view, *_around(donor, poses)), donor.values, even, FLAT)


def _around(donor: Donor, poses: Poses) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns (M, R) of the picture where the donor's surroundings come to lie."""
    steps = _steps(poses.turns, donor.points - np.array(donor.anchor))  # (M, R, 2)
    y, x = np.moveaxis(np.rint(steps + poses.at[:, None]).astype(int), -1, 0)
    return y, x


def _steps(turns: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return steps (R, 2) in the donor as steps in the picture, (M, R, 2)."""
    return np.einsum("mij,rj->mri", np.linalg.inv(turns), steps)


def _candidates(material: BaselineContext, donor: Donor, normal: Sample, defect: str, g: np.random.Generator) -> Poses:
    """Return poses drawn at random, as many as any search looks at."""
    count = candidate_count(material.levels is not None)
    size = normal.image.shape[0], normal.image.shape[1]
    if material.fixed:  # in its own place for sure where the object, or how it is lit, is not the same on all sides
        most = np.where(g.random(count) < (0.0 if material.directed else 0.5), 180.0, DEGREES / 2)
        turns = _turns(g, not material.directed, most, own=0.25)
        loose = np.rint(g.normal(0, LOOSE * max(size), (count, 2))).astype(int)
        return Poses(turns, np.array(material.object_middle(normal)) + loose)
    reach = None if material.background is None else material.background.reach(defect)
    within = None
    if material.background is not None and reach is not None:
        found = foreground(normal.image, material.background, material.scale, reach)
        within = found if found.any() else None
    near = 0.0 if within is not None else NEAR  # the object lies somewhere else in each picture
    chances = place_map(size, material.exemplars[defect], within, None, near)
    turns = _turns(g, not material.directed, np.full(count, DIRECTED if material.directed else DEGREES))
    poses = Poses(turns, sample_places(chances, size, count, g, within))
    return _settle(poses, donor, size, g)


def _turns(g: np.random.Generator, quarters: bool, degrees: np.ndarray, own: float = 0.0) -> np.ndarray:
    """Return random turns (M, 2, 2): mirrored, by quarters (or halves), and beyond the share EXACT by up to `degrees` and a scale.

    own: the share that is neither mirrored nor turned by quarters, nor by more than a little.
    """
    count = len(degrees)
    step = g.integers(4, size=count) if quarters else 2 * g.integers(2, size=count)
    mirror = g.random(count) < 0.5
    small, alone = g.random(count) >= EXACT, g.random(count) < own
    angle = np.deg2rad(g.uniform(-1, 1, count) * np.where(alone, np.minimum(degrees, DEGREES / 2), degrees)) * small
    angle += np.where(alone, 0, step) * np.pi / 2
    scale = np.exp(g.uniform(-1, 1, count) * np.log(SCALE) * small)
    sine, cosine = np.sin(angle) / scale, np.cos(angle) / scale
    flip = np.where(mirror & ~alone, -1.0, 1.0)
    turns = np.stack([np.stack([cosine, -sine], -1), np.stack([sine * flip, cosine * flip], -1)], -2)
    return np.where(small[:, None, None], turns, np.rint(turns))


def _settle(poses: Poses, donor: Donor, size: tuple[int, int], g: np.random.Generator) -> Poses:
    """Return the poses moved so that the defect lies in the picture, and at its border on the sides where the donor reached it."""
    anchor, at = np.array(donor.anchor), poses.at.astype(float)
    pixels = np.argwhere(donor.mask)
    low, high = pixels.min(0), pixels.max(0)
    corners = np.array([[a, b] for a in (low[0], high[0]) for b in (low[1], high[1])]) - anchor
    there = _steps(poses.turns, corners)  # (M, 4, 2)
    first, last = -there.min(1), np.array(size) - 1 - there.max(1)  # (M, 2): the least and the greatest place
    at = np.where(first <= last, np.clip(at, first, last), (first + last) / 2)
    height, width = donor.mask.shape
    ends = np.array([[-anchor[0] - 0.5, 0], [0, -anchor[1] - 0.5], [height - 0.5 - anchor[0], 0], [0, width - 0.5 - anchor[1]]])
    exact = _upright(poses.turns)
    for side in g.permutation(np.flatnonzero(donor.border)):  # of two opposite ones the last decides
        reach = _steps(exact, ends[side : side + 1])[:, 0]  # (M, 2): the way from the anchor to the border
        axis = np.abs(reach).argmax(1)
        rows = np.arange(len(axis))
        way = reach[rows, axis]
        at[rows, axis] = np.where(way < 0, -0.5 - way, np.array(size)[axis] - 0.5 - way)
    return Poses(poses.turns, np.rint(at).astype(int))


def _upright(turns: np.ndarray) -> np.ndarray:
    """Return the turns (M, 2, 2) without their small angles: along the axes, the scale kept."""
    along = np.abs(turns[:, 0, :1]) >= np.abs(turns[:, 0, 1:])  # (M, 1)
    length = np.sqrt(np.abs(np.linalg.det(turns)))[:, None]
    diagonal = np.sign(np.stack([turns[:, 0, 0], turns[:, 1, 1]], -1)) * length * along
    across = np.sign(np.stack([turns[:, 0, 1], turns[:, 1, 0]], -1)) * length * ~along
    return np.stack([np.stack([diagonal[:, 0], across[:, 0]], -1), np.stack([across[:, 1], diagonal[:, 1]], -1)], -2)


def _moved(pose: Poses) -> Poses:
    """Return one pose moved by up to SHIFT pixels each way."""
    steps = shifts()
    return Poses(np.repeat(pose.turns, len(steps), 0), pose.at + steps)


def _laid(donor: Donor, pose: Poses, size: tuple[int, int]) -> PlacedDonor | None:
    """Return the donor in one pose; None where too little of it comes to lie in the picture.

    Beyond the donor's border the picture goes on mirrored, and so does a defect that reached it.
    """
    (turn,), (at,), anchor = pose.turns, pose.at, np.array(donor.anchor)
    pixels = np.argwhere(donor.mask)
    steps = _steps(pose.turns, pixels - anchor)[0] + at
    room = 4 + (int(np.ceil(np.ptp(steps, axis=0).max() * np.sin(np.deg2rad(DEGREES)))) if any(donor.border) else 0)
    top, left = np.maximum(np.floor(steps.min(0)).astype(int) - room, 0)
    bottom, right = np.minimum(np.ceil(steps.max(0)).astype(int) + room + 1, size)
    if bottom <= top or right <= left:
        return None
    opposite = (donor.border[0] and donor.border[2], donor.border[1] and donor.border[3])
    if any(opposite):  # it went through the whole picture, and does so again, however long that is
        across = np.abs(turn[0, 0]) >= np.abs(turn[0, 1])
        if opposite[0] if across else opposite[1]:
            top, bottom = 0, size[0]
        if opposite[1] if across else opposite[0]:
            left, right = 0, size[1]
    rows, columns = np.mgrid[top:bottom, left:right] - at[:, None, None]
    y = turn[0, 0] * rows + turn[0, 1] * columns + anchor[0]
    x = turn[1, 0] * rows + turn[1, 1] * columns + anchor[1]
    height, width = donor.mask.shape
    known = (donor.border[0] | (y > -0.5)) & (donor.border[1] | (x > -0.5))
    known &= (donor.border[2] | (y < height - 0.5)) & (donor.border[3] | (x < width - 0.5))

    def pull(plane: np.ndarray) -> np.ndarray:
        return cv2.remap(plane, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    mask = (pull(donor.mask.astype(np.float32)) > 0.5) & known
    if mask.sum() < LEAST * len(pixels) * min(1.0, 1 / abs(np.linalg.det(turn))) * min(1.0, np.prod(size) / donor.mask.size):
        return None
    return PlacedDonor(int(top), int(left), np.stack([pull(plane) for plane in donor.image]), mask)


def _matched(laid: PlacedDonor, donor: Donor, pose: Poses, view: np.ndarray, g: np.random.Generator) -> PlacedDonor:
    """Return the laid donor as bright against the picture as it was against its own surroundings, with a little more or less contrast.

    The factor is the median over the points compared, so that a line which does not meet its like changes nothing.
    """
    gain = 1.0
    there, seen = sample_at(view, *_around(donor, pose))
    if seen.any():
        ratios = (there[0] + 1.1) / (donor.values + 1.1)  # shares of the range, and a little, since black by black is no ratio
        gain = float(np.clip(np.median(ratios[seen[0]]), 1 / EXPOSURE, EXPOSURE))
    image = (laid.image + 1) * np.float32(gain) - 1
    middle = image[:, laid.mask].mean(1)[:, None, None]
    image = middle + (image - middle) * np.float32(1 + g.uniform(-CONTRAST, CONTRAST))
    return PlacedDonor(laid.top, laid.left, image.astype(np.float32), laid.mask)
