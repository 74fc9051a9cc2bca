"""`consistency`: the exact mask is the mask of what changed."""

from collections.abc import Iterator, Mapping

import numpy as np

from flawsmith.compositing.mask_refinement import consistency, consistency_free
from flawsmith.dataset.windows import bounding_box
from flawsmith.quality.checks.visible import changed_from
from flawsmith.quality.registry import Check
from flawsmith.quality.view import View


def measure(view: View) -> dict[str, float]:
    """Return the intersection over union of the exact mask and the pixels that changed, 0 to 1 (compositing/mask_refinement.py), and from
    which change on they have, a share of the value range.

    Without a normal: of the mask and the pixels that the part branch shows; nothing where there is neither.
    """
    candidate, floor = view.candidate, changed_from(view.known, view.candidate.defect)
    if view.change is not None:
        return {"consistency": consistency(view.change, view.exact, floor), "changed_from": floor}
    if candidate.whole is None or candidate.part is None:
        return {}
    return {"consistency": consistency_free(candidate.whole, candidate.part, view.exact, view.known.config.change)}


def refuse(view: View, scores: Mapping[str, float]) -> str | None:
    """Return the sentence for less than `quality.consistency`."""
    least = view.known.config.consistency
    if scores.get("consistency", 1.0) >= least:
        return None
    return f"mask and change overlap by {scores['consistency']:.2f}, at least {least:.2f} is needed"


def faults(view: View, normal: np.ndarray, _: np.random.Generator) -> Iterator[tuple[str, View]]:
    """Yield the normal in other tones inside the mask, with the mask moved to the side by its own width."""
    moved = np.roll(view.mask, bounding_box(view.mask).width, axis=1)
    yield "consistency", view.showing(np.where(view.mask[..., None], 1 - normal, normal), normal, moved)


CHECK = Check("consistency", "Does the mask fit what really changed?", faults, measure, refuse)
