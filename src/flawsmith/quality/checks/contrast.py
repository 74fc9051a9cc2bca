"""`contrast`: as much darker or brighter than its surroundings as real defects of the kind, in each colour."""

from collections.abc import Iterator

import cv2
import numpy as np

from flawsmith.dataset.windows import grow
from flawsmith.images.filling import fill
from flawsmith.quality.border import Surroundings
from flawsmith.quality.registry import Check, joint_rule
from flawsmith.quality.view import View

DARK = 0.1  # share of the value range added to both sides of a ratio: black on black is no contrast
TENTH = 0.1
SHARES = (0.5, 0.2, -1.0)  # of the contrast that the faults have


def contrasts(found: Surroundings) -> dict[str, float]:
    """Return log2 of the ratio of the inside to the mean of the surroundings, for each colour: mean, darkest and brightest tenth.

    0 as bright, -1 half, 1 twice as bright; {} without surroundings. DARK is added to both; below the value range all is black.
    """
    if not found.enough:
        return {}
    picture = found.picture.clip(min=0)  # pixels of 16 bit may lie below the range
    inside, ring = picture[found.mask], picture[found.ring]  # (N, C)
    scores = {}
    for colour in range(inside.shape[1]):
        values, base = np.sort(inside[:, colour]), float(ring[:, colour].mean()) + DARK
        few = max(1, round(TENTH * len(values)))
        for name, part in (("tone", values), ("dark", values[:few]), ("bright", values[-few:])):
            scores[f"{name}{colour}"] = float(np.log2((part.mean() + DARK) / base))
    return scores


def measure(view: View) -> dict[str, float]:
    """Return the contrasts of the picture."""
    return contrasts(view.surroundings)


def faults(view: View, _: np.ndarray, __: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the real defect with half and a fifth of its contrast, and inverted, against the surroundings continued over it."""
    hidden = grow(view.hidden, 2)
    if hidden.all():
        return
    plain = fill(view.picture, hidden)
    soft = cv2.GaussianBlur(grow(view.mask, 1).astype(np.float32), (0, 0), 1.0)[..., None]
    for share in SHARES:
        other = view.picture * (1 - soft) + soft * (plain + share * (view.picture - plain))
        yield "contrast", view.showing(other.clip(0, 1).astype(np.float32))


NAMES = {"tone": "it is", "dark": "its darkest tenth is", "bright": "its brightest tenth is"}
RULES = {
    f"{name}{colour}": joint_rule(
        f"{text} 2^{{:.2f}} times as bright as its surroundings{colours}", 0.1 if name == "tone" else 0.15, follows="severity"
    )
    for name, text in NAMES.items()
    for colour, colours in enumerate(("", " in the second colour", " in the third colour"))
}
CHECK = Check("contrast", "Is it as dark or bright as real ones against what is around it?", faults, measure, rules=RULES)
