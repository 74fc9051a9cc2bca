"""Defects placed, given to the model as tasks, and what it drew composited into pictures and verified."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from flawsmith.compositing.blending import band, blend
from flawsmith.compositing.change import change_map
from flawsmith.compositing.mask_refinement import labelled, refine
from flawsmith.config.schema import Config
from flawsmith.core.errors import NoRoomError
from flawsmith.core.seeds import derive, numpy_generator
from flawsmith.dataset.windows import cut, paste
from flawsmith.generation.attempt import Attempt, DefectSite, DrawnDefect
from flawsmith.generation.finishing import Finishing
from flawsmith.generation.following import Following, as_shown, choose_exemplars
from flawsmith.generation.plan import DefectSpec, PairSpec
from flawsmith.images.channels import colour_count
from flawsmith.images.files import read_image
from flawsmith.models.dual_model import DualModel
from flawsmith.pairs.forms import Masks
from flawsmith.pairs.reason import Reason
from flawsmith.placement.canvas import Placement
from flawsmith.placement.inputs import PlacementInputs
from flawsmith.placement.regions import possible_places
from flawsmith.placement.request import PlacementRequest
from flawsmith.placement.search import place
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.product import Product
from flawsmith.quality.checks.visible import changed_from
from flawsmith.quality.verify import Verdict, Verifier
from flawsmith.quality.view import Candidate
from flawsmith.synthesis.task import Drawn, Task


class Compositor:
    """What turns a defect that is asked for into a task for the model, and what the model drew into pixels of a picture."""

    def __init__(
        self,
        model: DualModel,
        config: Config,
        product: Product,
        exemplars: Mapping[str, Sequence[Exemplar]],
        verifier: Verifier,
        following: Following | None = None,
    ) -> None:
        """exemplars: those learned from, by defect; following: None = these, as usual."""
        self._model, self._config, self._product, self._verifier = model, config, product, verifier
        self._following = following or Following()
        self._exemplars = {**exemplars, **self._following.liked}
        self.levels = product.levels if config.generation.snap > 0 else None
        self._finishing = Finishing(model, config, product, self._exemplars, verifier.known)

    def begin(self, spec: PairSpec) -> Attempt:
        """Return a new attempt with its normal read."""
        return Attempt(spec, None if spec.normal is None else read_image(spec.normal))

    def propose(self, attempt: Attempt, inputs: PlacementInputs) -> DefectSite | None:
        """Return where the attempt's next defect goes; None, with the reason noted in the attempt, where there is no room."""
        number = len(attempt.drawn)
        spec, seed = attempt.spec.defects[number], derive(attempt.spec.seed, "part", number)
        entry = 1 + self._product.shape.defects.index(spec.defect)
        window = self._product.shape.window
        if attempt.image is None or attempt.spec.normal is None:
            everywhere = np.ones((window, window), bool)
            return DefectSite(spec, Placement(0, 0, everywhere, everywhere, "", None), None, Task(None, everywhere, None, entry, seed))
        g = numpy_generator(seed, "place")
        try:
            request = self._placement_request(attempt, spec, inputs, attempt.spec.normal)
            own, freedom = self._exemplars[spec.defect], self._following.freedom
            found = place(attempt.image, own, window, self._model.factor, self._config, g, request, freedom)
        except NoRoomError as error:
            attempt.reasons.append(Reason("place", str(error)))
            return None
        height, width = found.region.shape
        normal = self._product.scale.to_model(cut(attempt.image, found.top, found.left, height, width), self._product.shape.colours)
        free = spec.size is None and g.random() < self._config.generation.free_shapes * freedom
        task = Task(normal, found.region, None if free else found.shape, entry, derive(seed, "draw"), spec.severity, halo=request.halo)
        within = None if request.within is None else cut(request.within, found.top, found.left, height, width)
        if not self._model.follows:
            return DefectSite(spec, found, within, task)
        chosen, shown = self._followed(spec.defect, found, g)
        return DefectSite(spec, found, within, replace(task, exemplars=shown, shown=True), tuple(example.source for example in chosen))

    def _followed(self, defect: str, placement: Placement, g: np.random.Generator) -> tuple[list[Exemplar], np.ndarray | None]:
        """Return the defects of a kind that one drawn defect follows, and what the model is shown of them, (K, C + 1, S, S).

        With more than the usual strength the one whose shape was taken leads, and all are laid as that shape was.
        """
        following, own = self._following, self._exemplars[defect]
        if following.share < 1 and g.random() >= following.share:
            return [], None
        closely = following.freedom < 1
        chosen = choose_exemplars(own, following.count(self._config.generation.exemplars), g, placement.number if closely else None)
        pose = placement.pose if closely else (0, False)
        return chosen, as_shown(chosen, self._product.scale, self._product.shape.colours, g, pose)

    def sketch(self, spec: PairSpec, inputs: PlacementInputs) -> Attempt:
        """Return an attempt with the proposed shapes in the place of drawn defects, for a look at the plan."""
        attempt = self.begin(spec)
        while attempt.open and (site := self.propose(attempt, inputs)) is not None:
            shape = site.placement.shape
            attempt.drawn.append(DrawnDefect(site, Masks(shape, shape), Verdict({}), None))
        return attempt

    def _placement_request(self, attempt: Attempt, spec: DefectSpec, inputs: PlacementInputs, normal: Path) -> PlacementRequest:
        assert attempt.image is not None
        region = inputs.regions[spec.region][normal] if spec.region else None
        likely = inputs.places[normal] if inputs.places else None
        found = inputs.foregrounds.mask_for(normal, attempt.image, spec.defect) if inputs.foregrounds else None
        within = possible_places(normal, region, likely, found, bool(inputs.foregrounds and inputs.foregrounds.given))
        background = self._product.background
        near = 0.0 if found is not None and background is not None and not background.fixed else None
        taken = [box for drawn in attempt.drawn if (box := drawn.box())]
        extent = inputs.foregrounds.extent_for(attempt.image, spec.defect) if inputs.foregrounds and region is None else None
        return PlacementRequest(
            region, within, likely, near, spec.size, taken, self.levels is not None, extent, self._product.halo(spec.defect)
        )

    def finish(self, attempt: Attempt, site: DefectSite, drawn: Drawn) -> None:
        """Put what was drawn into the attempt's picture, with both forms of its mask, and verify it; without a normal they are one."""
        spec, placement = site.spec, site.placement
        normal = None if attempt.image is None else cut(attempt.image, placement.top, placement.left, *placement.region.shape)
        drawn = self._finishing.finished(site, drawn, normal, attempt.image)
        if normal is None:
            mask = self._finishing.mask_of(drawn, site)
            attempt.image = self._product.scale.to_pixels(drawn.image, self._product.shape.colours)
            masks = Masks(mask, mask)
            candidate = Candidate(attempt.image, None, mask, spec.defect, whole=drawn.image, part=drawn.anomaly)
        else:
            assert attempt.image is not None
            image, masks = self._blended(site, drawn, normal)
            others = cut(attempt.mask(), placement.top, placement.left, *placement.region.shape) if attempt.drawn else None
            side, placed = placement.side, spec.region is not None
            candidate = Candidate(
                image, normal, masks.labelled, spec.defect, spec.severity, side, placed, others, site.within, exact=masks.exact
            )
            paste(attempt.image, image, placement.top, placement.left)
        verdict = self._verifier.verify(candidate)
        attempt.drawn.append(DrawnDefect(site, masks, verdict, self._verifier.crop(candidate) if masks.exact.any() else None))
        attempt.reasons += verdict.reasons

    def _blended(self, site: DefectSite, drawn: Drawn, normal: np.ndarray) -> tuple[np.ndarray, Masks]:
        """Return the window (h, w, C) as stored with the defect blended into the normal, and both forms of its mask (h, w)."""
        scale, region = self._product.scale, site.placement.region
        colours = colour_count(normal.shape[2])
        image = drawn.image if self.levels is None else self.levels.snap(drawn.image)  # grain is made of values between
        change = change_map(scale.to_pixels(image, colours), normal[..., :colours], scale.high - scale.low)
        least, floor = self._finishing.least(site.spec.defect), changed_from(self._verifier.known, site.spec.defect)
        mask = refine(drawn.mask, change, region, floor, least)
        blended = blend(normal, image, band(mask, region, self._config.generation.feather, self._product.halo(site.spec.defect)), scale)
        if self.levels is not None:  # a blend of black and white is a grey that no real border has
            gap = self.levels.missing(scale.to_model(blended, self._product.shape.colours)) & ~mask
            blended = np.where(gap[..., None], normal, blended)
        return blended, Masks(mask, labelled(drawn.mask, mask, region, least))
