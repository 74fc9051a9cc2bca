"""`product`: the rest of the window still looks like the product (`quality/patch_novelty.py`)."""

from collections.abc import Iterator

import cv2
import numpy as np

from flawsmith.quality.patch_novelty import novelty_scores
from flawsmith.quality.registry import Check, Rule
from flawsmith.quality.view import View

SOFT = 2.0  # sigma in pixels of the blur that the fault of `detail` has
AS_NORMALS = 1.0  # as far from normals as other normals are
PIECES = 8  # across, of the puzzle that the fault of `product` is


def measure(view: View) -> dict[str, float]:
    """Return how far what is seen around the defect is from normals, and how far its fine detail is: 1 as far as another normal."""
    return novelty_scores(view.picture[view.window], view.hidden[view.window], view.known.references)


def faults(view: View, normal: np.ndarray, generator: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield a normal with its pieces shuffled, and one that is blurred."""
    yield "product", view.showing(_scrambled(normal, generator))
    yield "detail", view.showing(cv2.GaussianBlur(normal, (0, 0), SOFT).reshape(normal.shape))


def _scrambled(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return a picture (S, S, C) with its PIECES x PIECES pieces shuffled; what does not divide keeps its place."""
    side = picture.shape[0] // PIECES
    whole = picture[: PIECES * side, : PIECES * side]
    pieces = whole.reshape(PIECES, side, PIECES, side, -1).swapaxes(1, 2).reshape(PIECES**2, side, side, -1)
    pieces = pieces[generator.permutation(PIECES**2)].reshape(PIECES, PIECES, side, side, -1).swapaxes(1, 2)
    shuffled = picture.copy()
    shuffled[: PIECES * side, : PIECES * side] = pieces.reshape(whole.shape)
    return shuffled


RULES = {
    "product": Rule(
        "around it are things {:.2f} times as far from normals as others are", False, True, True, 0.3, "few", always=AS_NORMALS
    ),
    "detail": Rule(
        "the fine detail around it is {:.2f} times as far from normals as theirs", False, True, True, 0.5, "few", always=AS_NORMALS
    ),
}
CHECK = Check("product", "Does the whole picture still look like the product?", faults, measure, rules=RULES)
