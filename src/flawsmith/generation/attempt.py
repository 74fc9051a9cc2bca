"""One attempt at one pair: what is asked for, the picture so far, and the defects that were put into it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flawsmith.dataset.windows import Box, bounding_box, cut, paste
from flawsmith.generation.plan import DefectSpec, PairSpec
from flawsmith.pairs.forms import LABELLED, Masks
from flawsmith.pairs.pair import PlacedDefect
from flawsmith.pairs.reason import Reason
from flawsmith.placement.canvas import Placement
from flawsmith.quality.copies import Crop
from flawsmith.quality.verify import Verdict
from flawsmith.synthesis.task import Task


@dataclass(frozen=True)
class DefectSite:
    """Where one defect of a picture is to be drawn, and what the model is given for it."""

    spec: DefectSpec
    placement: Placement
    within: np.ndarray | None  # (h, w) bool of the placement's window: where its centre may be; None for anywhere
    task: Task
    follows: tuple[str, ...] = ()  # sources of the exemplars that the model is shown


@dataclass(frozen=True)
class DrawnDefect:
    """One defect as it was drawn."""

    site: DefectSite
    masks: Masks  # (h, w) of the placement's window
    verdict: Verdict
    crop: Crop | None  # None when nothing was drawn

    def box(self, form: str = LABELLED) -> Box | None:
        """Return the box of a form of its mask in pixels of the picture; None when nothing was drawn."""
        return _box_in_picture(self.masks.of(form), self.site.placement)

    def placed(self, form: str, from_noise: bool) -> PlacedDefect:
        """Return what the pair's row says of it, with the written form of the mask.

        from_noise: the whole picture was made from noise, so that no region of it was.
        """
        site = self.site
        return PlacedDefect(
            site.spec.defect,
            self.box(form),
            int(self.masks.of(form).sum()),
            None if from_noise else _box_in_picture(site.placement.region, site.placement),
            "free" if site.task.shape is None else "given",
            site.placement.source,
            site.spec.severity,
            self.verdict.scores,
            tuple(self.verdict.reasons),
            site.follows,
        )


@dataclass
class Attempt:
    """A picture while its defects are put in."""

    spec: PairSpec
    image: np.ndarray | None  # (H, W, C) as stored: the normal with the defects so far; None before the first of --free
    drawn: list[DrawnDefect] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)  # why the attempt does not count

    @property
    def open(self) -> bool:
        """Whether there is another defect to draw."""
        return not self.reasons and len(self.drawn) < len(self.spec.defects)

    def mask(self, form: str = LABELLED) -> np.ndarray:
        """Return the mask of all its defects (H, W) bool in one form."""
        assert self.image is not None
        full = np.zeros(self.image.shape[:2], bool)
        for drawn in self.drawn:
            placement, mask = drawn.site.placement, drawn.masks.of(form)
            here = cut(full, placement.top, placement.left, *mask.shape) | mask
            paste(full, here, placement.top, placement.left)
        return full

    def scores(self) -> dict[str, float]:
        """Return the scores of the defect that fared worst: one with reasons, else the one of the least consistency."""
        worst = min(self.drawn, key=lambda d: (not d.verdict.reasons, d.verdict.scores.get("consistency", 0)), default=None)
        return worst.verdict.scores if worst else {}

    def placed(self, form: str) -> tuple[PlacedDefect, ...]:
        """Return its defects as the pair's row says them, with the written form of their masks."""
        return tuple(drawn.placed(form, from_noise=self.spec.normal is None) for drawn in self.drawn)


def box_around(boxes: Sequence[Box]) -> Box | None:
    """Return the box around several, in their pixels; None around none."""
    if not boxes:
        return None
    top, left = min(b.top for b in boxes), min(b.left for b in boxes)
    return Box(top, left, max(b.top + b.height for b in boxes) - top, max(b.left + b.width for b in boxes) - left)


def _box_in_picture(mask: np.ndarray, placement: Placement) -> Box | None:
    """Return the box, in pixels of the picture, of a mask (h, w) bool of the placement's window; None of an empty one."""
    if not mask.any():
        return None
    box = bounding_box(mask)
    return Box(box.top + placement.top, box.left + placement.left, box.height, box.width)
