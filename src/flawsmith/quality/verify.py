"""Whether a drawn defect counts: all checks together, with their scores and plain reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flawsmith.compositing.change import change_map
from flawsmith.compositing.mask_refinement import consistency, consistency_free
from flawsmith.compositing.roughness import grain
from flawsmith.config.schema import QualityConfig
from flawsmith.dataset.windows import Box, bounding_box, distance_outside
from flawsmith.images.pixel_range import shares
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.product import Product
from flawsmith.quality.checks import apparent_change, outside, seams, shape_scores, visibility
from flawsmith.quality.copies import Crop, closest, copy_threshold, crop_of, grey_crop, leave_one_out
from flawsmith.quality.limits import Limits
from flawsmith.quality.patch_novelty import novelty_scores

SIZE_OFF = 1.6  # the longer side may be this many times larger or smaller than was asked for
NEAR_PLACE = 8  # pixels that a defect's pixels may lie from where its centre may be, at least


@dataclass(frozen=True)
class Verdict:
    """The scores of a defect and why it does not count, empty when it does."""

    scores: dict[str, float]
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Candidate:
    """One finished defect on its canvas, as the checks see it."""

    image: np.ndarray  # (H, W, C) as stored, with the defect
    normal: np.ndarray | None  # (H, W, C) as stored, the same place before; None for a picture from noise
    mask: np.ndarray  # (H, W) bool
    defect: str
    severity: float = 1.0  # as asked
    side: float | None = None  # the longer side asked for in pixels
    placed: bool = False  # by the user's region: then its size is the user's choice
    others: np.ndarray | None = None  # (H, W) bool: defects put into this picture before
    within: np.ndarray | None = None  # (H, W) bool: where its centre may be; None = anywhere
    whole: np.ndarray | None = None  # (C, H, W) in [-1, 1], the two branches as drawn, where there is no normal
    part: np.ndarray | None = None


class Verifier:
    """The checks of one product with their limits, ready to judge."""

    def __init__(self, product: Product, limits: Limits, examples: Sequence[Exemplar], config: QualityConfig, feather: int) -> None:
        self._product, self._limits, self._config, self._feather = product, limits.at(config.margin), config, feather
        self._span = product.scale.high - product.scale.low
        self._sources = {name: [e.source for e in examples if e.defect == name] for name in product.shape.defects}
        self._crops = {
            name: [crop_of(e, product.scale, product.shape.colours) for e in examples if e.defect == name] for name in product.shape.defects
        }
        self._most_alike = {name: copy_threshold(leave_one_out(crops, self._sources[name])) for name, crops in self._crops.items()}

    def crop(self, finding: Candidate) -> Crop:
        """Return what is compared with other defects."""
        shape = self._product.shape
        return grey_crop(shares(finding.image, self._product.scale, shape.colours), finding.mask, shape.window)

    def verify(self, finding: Candidate) -> Verdict:
        """Return the verdict on one finished defect."""
        if not finding.mask.any():
            return Verdict({"area": 0}, ["empty: the model drew no defect"])
        config, mask = self._config, finding.mask
        picture = shares(finding.image, self._product.scale, self._product.shape.colours)
        shape = shape_scores(mask)
        scores: dict[str, float] = dict(shape)
        reasons: list[str] = []
        floor = max(config.visible * self._product.noise, config.change)
        if finding.normal is None:
            assert finding.whole is not None and finding.part is not None
            scores["visible"] = visibility(apparent_change(picture, mask), mask)
            scores["consistency"] = consistency_free(finding.whole, finding.part, mask, config.change)
        else:
            change = change_map(finding.image, finding.normal, self._span)
            scores["visible"] = visibility(change, mask)
            scores["consistency"] = consistency(change, mask, config.change)
            scores["outside"] = outside(change, mask, config.change)
            if scores["outside"] > config.outside:
                reasons.append(f"outside: {scores['outside']:.0%} of the change lies outside the mask, at most {config.outside:.0%}")
        if scores["visible"] < floor:
            found = f"the mask's pixels changed by {scores['visible']:.3f} of the value range"
            reasons.append(f"visible: {found}, at least {floor:.3f} is needed")
        if scores["consistency"] < config.consistency:
            reasons.append(
                f"consistency: mask and change overlap by {scores['consistency']:.2f}, at least {config.consistency:.2f} is needed"
            )
        scores |= seams(picture, mask, self._feather, finding.others)
        if (roughness := grain(picture, mask, finding.others)) is not None:
            scores["grain"] = roughness
        middle = _middle(mask, self._product.shape.window)
        hidden = mask if finding.others is None else mask | finding.others
        scores |= novelty_scores(picture[middle], hidden[middle], self._limits.references)
        reasons += self._limits.reasons(finding.defect, self._comparable(scores, finding))
        if finding.side is not None and not 1 / SIZE_OFF <= shape["side"] / finding.side <= SIZE_OFF:
            reasons.append(f"area: its longer side is {shape['side']:.0f} px, {finding.side:.0f} px were asked for")
        if finding.within is not None:
            scores["place"] = off = float(distance_outside(finding.within)[mask].min())
            if off > NEAR_PLACE:
                reasons.append(f"place: it lies {off:.0f} px from where defects may be, at most {NEAR_PLACE} px")
        alike, which = closest(self.crop(finding), self._crops[finding.defect])
        scores["copy"] = alike
        if alike > (most := self._most_alike[finding.defect]):
            reasons.append(f"copy: {alike:.2f} alike to {self._sources[finding.defect][which]}, at most {most:.2f}")
        return Verdict({name: round(float(value), 4) for name, value in scores.items()}, reasons)

    def duplicate(self, mine: Crop, accepted: Sequence[Crop], ids: Sequence[str]) -> str | None:
        """Return why a defect is too much like an accepted one; None when it is not."""
        alike, which = closest(mine, accepted)
        if alike <= self._config.duplicate:
            return None
        return f"duplicate: {alike:.2f} alike to pair {ids[which]}, at most {self._config.duplicate:.2f}"

    def _comparable(self, scores: dict[str, float], finding: Candidate) -> dict[str, float]:
        """Return the scores that are held to what real defects show; what the user asked to be otherwise is left out."""
        own = dict(scores)
        if finding.side is not None or finding.placed:
            for name in ("area", "side", "thickness"):
                own.pop(name, None)
        if finding.severity < 1:
            own["visible"] = own["visible"] / finding.severity
        return own


def _middle(mask: np.ndarray, window: int) -> tuple[slice, slice]:
    """Return the rows and columns of the window of a canvas (H, W) around the middle of the mask."""
    box: Box = bounding_box(mask)
    top = int(np.clip(box.top + box.height // 2 - window // 2, 0, mask.shape[0] - window))
    left = int(np.clip(box.left + box.width // 2 - window // 2, 0, mask.shape[1] - window))
    return slice(top, top + window), slice(left, left + window)
