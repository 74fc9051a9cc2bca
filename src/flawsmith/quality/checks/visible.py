"""`visible`: the defect is to be seen inside its mask."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from flawsmith.compositing.margins import BLEED
from flawsmith.dataset.windows import grow
from flawsmith.images.filling import fill
from flawsmith.quality.registry import Check, Rule, each_by_itself
from flawsmith.quality.view import Known, View

SEEN = 0.01  # share of the value range: of less nobody can say that it was drawn


def apparent_change(picture: np.ndarray, mask: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Return how much each pixel (H, W) differs from a smooth continuation of the surroundings, the largest over the colours.

    picture: (H, W, C) in shares of the value range; mask, others: (H, W) bool. Stands in for `change_map` where there is no normal: on
    structured products it sees structure as well.
    """
    hidden = grow(mask, BLEED) if others is None else grow(mask | others, BLEED)
    change = np.abs(picture - fill(picture, hidden)).max(-1)
    return np.asarray(change, np.float32)


def visibility(change: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean of change (H, W) inside the mask (H, W) bool, as a share of the value range; 0 for an empty mask."""
    return float(change[mask].mean()) if mask.any() else 0.0


def measure(view: View) -> dict[str, float]:
    """Return the mean change inside the mask, against the normal or, without one, against the surroundings continued over it."""
    if view.change is None:
        return {"visible": visibility(apparent_change(view.picture, view.mask, view.others), view.mask)}
    return {"visible": visibility(view.change, view.mask)}


def learn(views: Sequence[View]) -> dict[str, list[float]]:
    """Return what real defects show against their surroundings, without those that fill their window."""
    return each_by_itself(measure)([view for view in views if view.surrounded])


def faintest(known: Known, defect: str) -> float | None:
    """Return the mean change of the faintest real defect of a kind, as a share of the value range; None where none can be told."""

    def make() -> float | None:
        views = [View.of_real(example, known) for example in known.some(defect)]
        return min(learn(views).get("visible", []), default=None)

    found: float | None = known.once(("visible", defect), make)
    return found


def changed_from(known: Known, defect: str) -> float:
    """Return the change, as a share of the value range, above which a pixel of a defect of this kind has changed.

    It is `quality.change`; less where a real defect of the kind is fainter in the mean of its label, a thin soft crack, which would else be
    cut into dashes; but then at least SEEN, whatever is labelled, and `quality.visible` times the camera's noise.
    """
    config, real = known.config, faintest(known, defect)
    return config.change if real is None else min(config.change, max(real, SEEN, config.visible * known.product.noise))


def refuse(view: View, scores: Mapping[str, float]) -> str | None:
    """Return the sentence for a change below `quality.visible` times the camera's noise, or below `quality.change`.

    Where real defects of the kind are fainter than the latter, half of the faintest is enough: a thin soft crack changes its mask by less.
    """
    config, real = view.known.config, faintest(view.known, view.candidate.defect)
    enough = config.change if real is None else min(config.change, real / 2)
    floor = max(config.visible * view.known.product.noise, enough)
    if scores["visible"] >= floor:
        return None
    return f"the mask's pixels changed by {scores['visible']:.3f} of the value range, at least {floor:.3f} is needed"


def faults(view: View, normal: np.ndarray, _: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield a normal as it is under the mask."""
    yield "visible", view.showing(normal)


RULES = {"visible": Rule("it differs from its surroundings by {:.3f} of the value range", True, False, True, 1.0, "few", "severity")}
CHECK = Check("visible", "Is the defect to be seen inside its mask?", faults, measure, refuse, RULES, learn)
