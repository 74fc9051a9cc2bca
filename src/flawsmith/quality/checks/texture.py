"""`texture`: pieces of its inside look like pieces of real defects of the kind, and real ones like it."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.compositing.margins import FEW
from flawsmith.quality.border import Surroundings, surroundings
from flawsmith.quality.checks.contrast import DARK
from flawsmith.quality.registry import Check, joint_rule
from flawsmith.quality.view import Known, View

SIDE = 5  # pixels of a patch
SCALES = (1, 2)  # patches are taken at full and at half size
MOST = 96  # patches of a defect, spread evenly over it
SOFT = 3.0  # sigma in pixels of the fault's blur
FAINT = 0.05  # root mean square distance added to both sides of a ratio


@dataclass(frozen=True)
class Pieces:
    """Patches of one real defect."""

    patches: np.ndarray  # (P, F) float32
    specimen: str  # that it is on


def patches_inside(found: Surroundings) -> np.ndarray:
    """Return patches (P, F) float32 around pixels of the defect: log2 of their values over the mean of the surroundings, at SCALES.

    F = scales * SIDE^2 * C; (0, F) without surroundings.
    """
    if not found.enough:
        return np.zeros((0, len(SCALES) * SIDE**2 * found.picture.shape[2]), np.float32)
    picture = found.picture.clip(min=0)  # pixels of 16 bit may lie below the range
    base = picture[found.ring].mean(0) + DARK
    toned = np.log2((picture + DARK) / base).astype(np.float32)
    rows, columns = np.nonzero(found.mask)
    if len(rows) > MOST:
        chosen = np.linspace(0, len(rows) - 1, MOST).round().astype(int)
        rows, columns = rows[chosen], columns[chosen]
    offsets = np.arange(SIDE) - SIDE // 2
    parts = []
    for scale in SCALES:
        smooth = toned if scale == 1 else cv2.blur(toned, (scale, scale)).reshape(toned.shape)
        i = np.clip(rows[:, None] + scale * offsets, 0, toned.shape[0] - 1)
        j = np.clip(columns[:, None] + scale * offsets, 0, toned.shape[1] - 1)
        parts.append(smooth[i[:, :, None], j[:, None, :]].reshape(len(rows), -1))
    return np.concatenate(parts, 1)


def pieces(known: Known, defect: str) -> list[Pieces]:
    """Return the patches of the real defects of a kind."""

    def make() -> list[Pieces]:
        examples = known.some(defect)
        views = [View.of_real(example, known) for example in examples]
        made = [Pieces(patches_inside(surroundings(v.picture, v.mask, v.others)), e.specimen) for v, e in zip(views, examples, strict=True)]
        return [one for one in made if len(one.patches)]

    found: list[Pieces] = known.once(("texture", defect), make)
    return found


def distances(own: np.ndarray, real: list[np.ndarray]) -> dict[str, float]:
    """Return log2 of the root mean square distances of patches: `strange`, of `own` (P, F) to the nearest real one, and `missing`.

    missing: of the patches of the real defect that is most like it to the nearest of its own: a flat inside is like some patch of any
    real one, but real ones are not like it. real: patches (N, F) of each real defect, at least one.
    """
    squares = [np.maximum((own**2).sum(1)[:, None] + (x**2).sum(1) - 2 * own @ x.T, 0) / own.shape[1] for x in real]
    forward = np.min([square.min(1) for square in squares], 0)
    backward = min(float(np.sqrt(square.min(0)).mean()) for square in squares)
    return {"strange": float(np.log2(np.sqrt(forward).mean() + FAINT)), "missing": float(np.log2(backward + FAINT))}


def measure(view: View) -> dict[str, float]:
    """Return the distances of the inside to real defects of the kind in other pictures; nothing where there are none."""
    own = patches_inside(view.surroundings)
    real = [one.patches for one in pieces(view.known, view.candidate.defect) if one.specimen != view.specimen]
    return distances(own, real) if len(own) >= FEW and real else {}


def faults(view: View, _: np.ndarray, generator: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the real defect with its inside blurred, and with the inside of a defect of another kind."""
    inside = view.mask[..., None]
    yield "texture", view.showing(np.where(inside, cv2.GaussianBlur(view.picture, (0, 0), SOFT).reshape(view.picture.shape), view.picture))
    kinds = [name for name, own in view.known.exemplars.items() if own and name != view.candidate.defect]
    if kinds:
        own = view.known.exemplars[kinds[int(generator.integers(len(kinds)))]]
        other = View.of_real(own[int(generator.integers(len(own)))], view.known)
        yield "texture", view.showing(np.where(inside, filled_from(other, view.mask), view.picture).astype(np.float32))


def filled_from(other: View, mask: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, C) in shares whose mask (H, W) bool is filled with the inside of another defect, row by row."""
    filled = np.zeros((*mask.shape, other.picture.shape[2]), np.float32)
    inside = other.picture[other.mask]
    filled[mask] = np.resize(inside, (int(mask.sum()), inside.shape[1]))
    return filled


RULES = {
    "strange": joint_rule("pieces of it are 2^{:.2f} from the nearest of real ones", 0.2, low=False, follows="look"),
    "missing": joint_rule("pieces of real ones are 2^{:.2f} from the nearest of its own", 0.2, low=False, follows="look"),
}
CHECK = Check("texture", "Do pieces of it look like pieces of real ones?", faults, measure, rules=RULES)
