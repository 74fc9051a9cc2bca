"""`shape`: as long and in as many parts as real defects of the kind."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from flawsmith.quality.registry import Check, Rule
from flawsmith.quality.view import View

EVERY = 6  # pixels between the lines that cut a mask in pieces


def measure(view: View) -> dict[str, float]:
    """Return the mask's elongation (1 for a square) and its separate parts."""
    return {name: view.shape[name] for name in RULES}


def learn(views: Sequence[View]) -> dict[str, list[float]]:
    """Return the elongations of real defects, and how many defects of the kind each picture shows: an exemplar is one of them."""
    known, defect = views[0].known, views[0].candidate.defect
    parts = Counter(example.source for example in known.exemplars[defect])
    return {"elongation": [view.shape["elongation"] for view in views], "parts": [float(count) for count in parts.values()]}


def faults(view: View, _: np.ndarray, __: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the picture with a line across it for a mask, and with its mask cut in pieces."""
    line = np.zeros_like(view.mask)
    line[line.shape[0] // 2] = True
    yield "elongation", view.showing(view.picture, mask=line)
    pieces = view.mask.copy()
    pieces[::EVERY], pieces[:, ::EVERY] = False, False
    if pieces.any():
        yield "parts", view.showing(view.picture, mask=pieces)


RULES = {
    "elongation": Rule("it is {:.1f} times as long as thick", True, True, True, 1.0, "own"),
    "parts": Rule("it has {:.0f} separate parts", False, True, True, 1.5, "all"),
}
CHECK = Check("shape", "Is its shape like that of real ones?", faults, measure, rules=RULES, learn=learn)
