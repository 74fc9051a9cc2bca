"""`empty`: the model drew something."""

from collections.abc import Iterator, Mapping

import numpy as np

from flawsmith.quality.registry import Check
from flawsmith.quality.view import View


def measure(view: View) -> dict[str, float]:
    """Return an area of 0 pixels for a mask without any; what another measures, the check `area` says."""
    return {} if view.mask.any() else {"area": 0.0}


def refuse(_: View, scores: Mapping[str, float]) -> str | None:
    """Return the sentence for a mask without pixels."""
    return "the model drew no defect" if "area" in scores else None


def faults(view: View, _: np.ndarray, __: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the picture with an empty mask."""
    yield "area", view.showing(view.picture, mask=np.zeros_like(view.mask))


CHECK = Check("empty", "Did the model draw a defect at all?", faults, measure, refuse, decides=True)
