"""One attempt at one pair: its defects placed, drawn, blended in and judged one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from flawsmith.compositing.blending import band, blend
from flawsmith.compositing.change import change_map
from flawsmith.compositing.colour_jitter import choose_tint, tinted
from flawsmith.compositing.extract import extract
from flawsmith.compositing.mask_refinement import refine
from flawsmith.compositing.noise_matching import match_grain
from flawsmith.compositing.roughness import grain
from flawsmith.compositing.texture_transfer import Detail, choose_sigma
from flawsmith.config.schema import Config
from flawsmith.core.errors import NoRoomError
from flawsmith.core.seeds import derive, numpy_generator
from flawsmith.dataset.dihedral import dihedral_poses
from flawsmith.dataset.windows import Box, bounding_box, cut, paste
from flawsmith.generation.plan import DefectSpec, PairSpec
from flawsmith.images.channels import colour_count
from flawsmith.images.files import read_image
from flawsmith.images.pixel_range import shares
from flawsmith.models.dual_model import DualModel
from flawsmith.pairs.pair import PlacedDefect
from flawsmith.pairs.reason import Reason
from flawsmith.placement.regions import Foregrounds, PlaceMap, Regions, possible_places
from flawsmith.placement.search import Placement, PlacementRequest, place
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.product import Product
from flawsmith.quality.copies import Crop
from flawsmith.quality.verify import Verdict, Verifier
from flawsmith.quality.view import Candidate
from flawsmith.synthesis.task import Drawn, Task


@dataclass(frozen=True)
class PlacementInputs:
    """The user's wishes for where, checked for every normal."""

    regions: dict[str, Regions] = field(default_factory=dict)  # by the text given
    places: PlaceMap | None = None
    foregrounds: Foregrounds | None = None


@dataclass(frozen=True)
class Spot:
    """Where one defect of a picture is to be drawn."""

    part: DefectSpec
    placement: Placement
    within: np.ndarray | None  # (H, W) bool of the canvas: where its centre may be
    task: Task


@dataclass(frozen=True)
class DrawnDefect:
    """One defect as it was drawn."""

    spot: Spot
    mask: np.ndarray  # (H, W) bool of the canvas
    verdict: Verdict
    crop: Crop | None  # None when nothing was drawn
    tint: np.ndarray | None = None  # (C,) by how much its colours were shifted, in shares of the value range

    def box(self) -> Box | None:
        """Return the box of the mask in pixels of the picture."""
        return _box_of(self.mask, self.spot.placement)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it does not count; empty when it does."""
        return tuple(self.verdict.reasons)

    def placed(self, from_noise: bool) -> PlacedDefect:
        """Return what the pair's row says of it."""
        spot = self.spot
        return PlacedDefect(
            spot.part.defect,
            self.box(),
            int(self.mask.sum()),
            None if from_noise else _box_of(spot.placement.region, spot.placement),
            "free" if spot.task.shape is None else "given",
            spot.placement.source,
            spot.part.severity,
            None if self.tint is None else tuple(round(float(value), 4) for value in self.tint),
            self.verdict.scores,
            self.reasons,
        )


@dataclass
class Attempt:
    """A picture while its defects are put in."""

    wanted: PairSpec
    image: np.ndarray | None  # (H, W, C) as stored: the normal with the defects so far; None before the first of --free
    flaws: list[DrawnDefect] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)  # why the attempt does not count

    @property
    def open(self) -> bool:
        """Whether there is another defect to draw."""
        return not self.reasons and len(self.flaws) < len(self.wanted.parts)

    def mask(self) -> np.ndarray:
        """Return the mask of all its defects (H, W) bool."""
        assert self.image is not None
        full = np.zeros(self.image.shape[:2], bool)
        for flaw in self.flaws:
            placement = flaw.spot.placement
            here = cut(full, placement.top, placement.left, *flaw.mask.shape) | flaw.mask
            paste(full, here, placement.top, placement.left)
        return full

    def scores(self) -> dict[str, float]:
        """Return the scores of the defect that fared worst: one with reasons, else the one of the least consistency."""
        worst = min(self.flaws, key=lambda f: (not f.verdict.reasons, f.verdict.scores.get("consistency", 0)), default=None)
        return worst.verdict.scores if worst else {}

    def defects(self) -> tuple[PlacedDefect, ...]:
        """Return its defects as the pair's row says them."""
        return tuple(flaw.placed(from_noise=self.wanted.normal is None) for flaw in self.flaws)

    def region(self) -> Box | None:
        """Return the box around the pixels that may differ from the normal; None without a normal or a defect."""
        return _around([defect.region for defect in self.defects() if defect.region is not None])


class Compositor:
    """What turns a wish into a task for the model, and what the model drew into a part of a picture."""

    def __init__(self, model: DualModel, config: Config, product: Product, library: dict[str, list[Exemplar]], checks: Verifier) -> None:
        self._model, self._config, self._product, self._library, self._checks = model, config, product, library, checks
        self.tones = product.levels if config.generation.snap > 0 else None

    def begin(self, wanted: PairSpec) -> Attempt:
        """Return a new attempt with its normal read."""
        return Attempt(wanted, None if wanted.normal is None else read_image(wanted.normal))

    def propose(self, attempt: Attempt, wishes: PlacementInputs) -> Spot | None:
        """Return where the attempt's next defect goes; None, with the reason noted in the attempt, where there is no room."""
        number, wanted = len(attempt.flaws), attempt.wanted
        part, seed = wanted.parts[number], derive(wanted.seed, "part", number)
        entry = 1 + self._product.shape.defects.index(part.defect)
        side = self._product.shape.window
        if attempt.image is None or wanted.normal is None:
            everywhere = np.ones((side, side), bool)
            placement = Placement(0, 0, everywhere, everywhere, "", None)
            return Spot(part, placement, None, Task(None, everywhere, None, entry, seed))
        g = numpy_generator(seed, "place")
        try:
            wish = self._wish(attempt, part, wishes, wanted.normal)
            spot = place(attempt.image, self._library[part.defect], side, self._model.factor, self._config, g, wish)
        except NoRoomError as error:
            attempt.reasons.append(Reason("place", str(error)))
            return None
        height, width = spot.region.shape
        normal = self._product.scale.to_model(cut(attempt.image, spot.top, spot.left, height, width), self._product.shape.colours)
        invented = part.size is None and g.random() < self._config.generation.free_shapes
        task = Task(normal, spot.region, None if invented else spot.shape, entry, derive(seed, "draw"), part.severity)
        within = None if wish.within is None else cut(wish.within, spot.top, spot.left, height, width)
        return Spot(part, spot, within, task)

    def sketch(self, wanted: PairSpec, wishes: PlacementInputs) -> Attempt:
        """Return an attempt with the proposed shapes in the place of drawn defects, for a look at the plan."""
        attempt = self.begin(wanted)
        while attempt.open and (spot := self.propose(attempt, wishes)) is not None:
            attempt.flaws.append(DrawnDefect(spot, spot.placement.shape, Verdict({}), None))
        return attempt

    def _wish(self, attempt: Attempt, part: DefectSpec, wishes: PlacementInputs, normal: Path) -> PlacementRequest:
        assert attempt.image is not None
        region = wishes.regions[part.region][normal] if part.region else None
        likely = wishes.places[normal] if wishes.places else None
        found = wishes.foregrounds.mask_for(normal, attempt.image, part.defect) if wishes.foregrounds else None
        within = possible_places(normal, region, likely, found, bool(wishes.foregrounds and wishes.foregrounds.given))
        background = self._product.background
        near = 0.0 if found is not None and background is not None and not background.fixed else None
        taken = [box for flaw in attempt.flaws if (box := flaw.box())]
        extent = wishes.foregrounds.extent_for(attempt.image, part.defect) if wishes.foregrounds and region is None else None
        return PlacementRequest(region, within, likely, near, part.size, taken, self.tones is not None, extent)

    def finish(self, attempt: Attempt, spot: Spot, drawn: Drawn) -> None:
        """Put what was drawn into the attempt's picture, with the mask of what is really there, and judge it."""
        scale, colours, feather = self._product.scale, self._product.shape.colours, self._config.generation.feather
        placement = spot.placement
        normal = None
        if attempt.image is not None:
            normal = cut(attempt.image, placement.top, placement.left, *placement.region.shape)
            drawn = self._with_grain(drawn, normal, spot)
        if (detail := self._details.get(spot.part.defect)) is not None:
            drawn = detail.give(drawn, placement.region, spot.task.normal, spot.part.severity, spot.task.seed)
            if normal is not None:
                drawn = self._with_grain(drawn, normal, spot, adds=False)
        tint = choose_tint(self._config.generation, colours, spot.task.seed) if self.tones is None else None  # binarised have no others
        if tint is not None:
            drawn = tinted(drawn, placement.region, tint, feather)
        if attempt.image is None or normal is None:
            mask = extract(drawn.mask, placement.region)
            attempt.image = scale.to_pixels(drawn.image, colours)
            finding = Candidate(attempt.image, None, mask, spot.part.defect, whole=drawn.image, part=drawn.anomaly)
        else:
            own = colour_count(normal.shape[2])
            whole = drawn.image if self.tones is None else self.tones.snap(drawn.image)  # grain is made of tones between
            change = change_map(scale.to_pixels(whole, own), normal[..., :own], scale.high - scale.low)
            mask = refine(drawn.mask, change, placement.region, self._config.quality.change)
            image = blend(normal, whole, band(mask, placement.region, feather), scale)
            if self.tones is not None:  # a blend of black and white is a grey that no real border has
                gap = self.tones.missing(scale.to_model(image, colours)) & ~mask
                image = np.where(gap[..., None], normal, image)
            others = cut(attempt.mask(), placement.top, placement.left, *mask.shape) if attempt.flaws else None
            side, placed = placement.side, spot.part.region is not None
            finding = Candidate(image, normal, mask, spot.part.defect, spot.part.severity, side, placed, others, spot.within)
            paste(attempt.image, image, placement.top, placement.left)
        verdict = self._checks.verify(finding)
        attempt.flaws.append(DrawnDefect(spot, mask, verdict, self._checks.crop(finding) if mask.any() else None, tint))
        attempt.reasons += attempt.flaws[-1].reasons

    def _with_grain(self, drawn: Drawn, normal: np.ndarray, spot: Spot, adds: bool = True) -> Drawn:
        """Return the canvas with the grain of one of the real defects of this kind; not adds: no more than the grainiest has."""
        real, mask = self._grains[spot.part.defect], extract(drawn.mask, spot.placement.region)
        if not real or not mask.any():
            return drawn
        target = real[int(numpy_generator(spot.task.seed, "grain").integers(len(real)))] if adds else max(real)
        picture = np.ascontiguousarray((drawn.image.transpose(1, 2, 0) + 1) / 2)
        matched = match_grain(picture, shares(normal, self._product.scale, self._product.shape.colours), mask, target, adds)
        return replace(drawn, image=(2 * matched - 1).transpose(2, 0, 1))

    @cached_property
    def _details(self) -> dict[str, Detail]:
        """The fine structure of the real defects of each kind; empty where it is as the model draws it."""
        share, turns = self._config.generation.detail, dihedral_poses(self._config.data)
        if share == 0:
            return {}
        scale, colours, factor = self._product.scale, self._product.shape.colours, self._model.factor
        return {name: Detail(own, choose_sigma(own, share, factor), turns, scale, colours) for name, own in self._library.items()}

    @cached_property
    def _grains(self) -> dict[str, list[float]]:
        """The grain of the real defects of each kind against their surroundings, where they are thick enough to say."""
        scale, colours = self._product.scale, self._product.shape.colours
        found = {name: [grain(shares(e.image, scale, colours), e.mask, e.others) for e in own] for name, own in self._library.items()}
        return {name: [value for value in values if value is not None] for name, values in found.items()}


def _box_of(mask: np.ndarray, placement: Placement) -> Box | None:
    """Return the box of a canvas' mask (H, W) bool in pixels of the picture; None of an empty one."""
    if not mask.any():
        return None
    box = bounding_box(mask)
    return Box(box.top + placement.top, box.left + placement.left, box.height, box.width)


def _around(boxes: Sequence[Box]) -> Box | None:
    """Return the box around several."""
    if not boxes:
        return None
    top, left = min(b.top for b in boxes), min(b.left for b in boxes)
    return Box(top, left, max(b.top + b.height for b in boxes) - top, max(b.left + b.width for b in boxes) - left)
