"""Defects placed, given to the model as tasks, and what it drew composited into pictures and verified."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from flawsmith.compositing.blending import band, blend
from flawsmith.compositing.carrying_on import carried_on
from flawsmith.compositing.cell_grid import without_grid
from flawsmith.compositing.change import change_map
from flawsmith.compositing.extract import extract, least_size
from flawsmith.compositing.fading import Fading, soften
from flawsmith.compositing.mask_refinement import labelled, refine
from flawsmith.compositing.noise_matching import match_grain
from flawsmith.compositing.roughness import grain
from flawsmith.compositing.texture_transfer import Detail, choose_sigma
from flawsmith.config.schema import Config
from flawsmith.core.errors import NoRoomError
from flawsmith.core.seeds import derive, numpy_generator
from flawsmith.dataset.dihedral import dihedral_poses
from flawsmith.dataset.windows import cut, paste
from flawsmith.generation.attempt import Attempt, DefectSite, DrawnDefect
from flawsmith.generation.following import Following, as_shown, choose_exemplars
from flawsmith.generation.plan import DefectSpec, PairSpec
from flawsmith.generation.strength import as_strong, tone
from flawsmith.images.channels import colour_count
from flawsmith.images.files import read_image
from flawsmith.images.pixel_range import shares
from flawsmith.models.dual_model import DualModel
from flawsmith.pairs.forms import Masks
from flawsmith.pairs.reason import Reason
from flawsmith.placement.canvas import Placement
from flawsmith.placement.inputs import PlacementInputs
from flawsmith.placement.regions import possible_places
from flawsmith.placement.request import PlacementRequest
from flawsmith.placement.search import place
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.halo import beyond, rim
from flawsmith.product.product import Product
from flawsmith.quality.checks.edge import is_soft
from flawsmith.quality.checks.structure import goes_on
from flawsmith.quality.checks.visible import changed_from
from flawsmith.quality.verify import Verdict, Verifier
from flawsmith.quality.view import Candidate
from flawsmith.synthesis.sampling import noise_of
from flawsmith.synthesis.task import Drawn, Task

COARSER = 2.0  # times the fine structure's sigma: what is laid where less than the share LACKING of it was drawn
LACKING = 0.5


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
        drawn = self._toned(site, drawn, normal)
        if normal is None:
            mask = extract(drawn.mask, placement.region, least=self._least(spec.defect))
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

    def _least(self, defect: str) -> int:
        """Return the pixels of the smallest component that is no speck, for defects as small as the real ones are."""
        return least_size(self._product.areas[defect][0])

    def _toned(self, site: DefectSite, drawn: Drawn, normal: np.ndarray | None) -> Drawn:
        """Return what was drawn with strength, grain and fine structure as real defects have them.

        normal: (h, w, C) as stored, the window it is drawn into; None for a picture from noise.
        """
        spec, task, region = site.spec, site.task, site.placement.region
        if self._model.follows and task.normal is not None and self.levels is None:  # binarised pixels are one of two values
            mask = extract(drawn.mask, region, least=self._least(spec.defect))
            drawn = replace(drawn, image=without_grid(drawn.image, task.normal, mask, self._model.factor))
        if normal is not None:
            drawn = self._with_grain(self._carried_on(self._as_strong(drawn, site), site), normal, site)
        if spec.defect in self._details:
            drawn = self._detailed(site, drawn)
            if normal is not None:
                drawn = self._with_grain(drawn, normal, site, adds=False)
        if task.normal is None or self.levels is not None or spec.defect not in self._fadings:  # two tones know no fading
            return drawn
        mask = extract(drawn.mask, region, least=self._least(spec.defect))
        return replace(drawn, image=soften(drawn.image, task.normal, mask, self._fadings[spec.defect]))

    def _detailed(self, site: DefectSite, drawn: Drawn) -> Drawn:
        """Return what was drawn with structure of real defects: all that is fine from noise, which leaves speckle; else what is missing.

        Where most of the coarser structure is missing, as in broken glass that was drawn dull, that is laid with it.
        """
        task = site.task
        quiet = noise_of(self._model, task, self._config) == 0
        for detail, lacking in zip(self._details[site.spec.defect], (LACKING, 1.0) if quiet else (0.0, np.inf), strict=True):
            given = detail.give(
                drawn, site.placement.region, task.normal, site.spec.severity, task.seed, self._least(site.spec.defect), lacking
            )
            if given is not drawn:
                return given
        return drawn

    def _as_strong(self, drawn: Drawn, site: DefectSite) -> Drawn:
        """Return what was drawn as strong against its surroundings as the real defect whose shape it has: large ones may all be dark."""
        spec, task, most = site.spec, site.task, self._config.generation.strengthen
        if most == 1 or task.normal is None or not site.follows or self.levels is not None:  # binarised: its values are known
            return drawn
        example = self._exemplars[spec.defect][site.placement.number]
        real = tone(shares(example.image, self._product.scale, self._product.shape.colours), example.mask, example.others)
        mask = extract(drawn.mask, site.placement.region, least=self._least(spec.defect))
        return as_strong(drawn, task.normal, mask, real, spec.severity, most, self._product.halo(spec.defect))

    def _carried_on(self, drawn: Drawn, site: DefectSite) -> Drawn:
        """Return what was drawn with as much of the surface as is seen under real defects of the kind, where that goes on under them."""
        task, defect = site.task, site.spec.defect
        if not self._model.follows or task.normal is None or self.levels is not None or not goes_on(self._verifier.known, defect):
            return drawn
        mask = extract(drawn.mask, site.placement.region, least=self._least(defect))
        sigma = COARSER * choose_sigma(self._exemplars[defect], self._config.generation.detail, self._model.factor)
        return replace(drawn, image=carried_on(drawn.image, task.normal, mask, sigma))

    def _blended(self, site: DefectSite, drawn: Drawn, normal: np.ndarray) -> tuple[np.ndarray, Masks]:
        """Return the window (h, w, C) as stored with the defect blended into the normal, and both forms of its mask (h, w)."""
        scale, region = self._product.scale, site.placement.region
        colours = colour_count(normal.shape[2])
        image = drawn.image if self.levels is None else self.levels.snap(drawn.image)  # grain is made of values between
        change = change_map(scale.to_pixels(image, colours), normal[..., :colours], scale.high - scale.low)
        least, floor = self._least(site.spec.defect), changed_from(self._verifier.known, site.spec.defect)
        mask = refine(drawn.mask, change, region, floor, least)
        blended = blend(normal, image, band(mask, region, self._config.generation.feather, self._product.halo(site.spec.defect)), scale)
        if self.levels is not None:  # a blend of black and white is a grey that no real border has
            gap = self.levels.missing(scale.to_model(blended, self._product.shape.colours)) & ~mask
            blended = np.where(gap[..., None], normal, blended)
        return blended, Masks(mask, labelled(drawn.mask, mask, region, least))

    def _with_grain(self, drawn: Drawn, normal: np.ndarray, site: DefectSite, adds: bool = True) -> Drawn:
        """Return what was drawn with the grain of one of the real defects of this kind.

        normal: (h, w, C) as stored, the window it is drawn into; not adds: no more grain than the grainiest real one has.
        """
        real, mask = self._grains[site.spec.defect], extract(drawn.mask, site.placement.region, least=self._least(site.spec.defect))
        if not real or not mask.any():
            return drawn
        target = real[int(numpy_generator(site.task.seed, "grain").integers(len(real)))] if adds else max(real)
        picture = np.ascontiguousarray((drawn.image.transpose(1, 2, 0) + 1) / 2)
        matched = match_grain(picture, shares(normal, self._product.scale, self._product.shape.colours), mask, target, adds)
        return replace(drawn, image=(2 * matched - 1).transpose(2, 0, 1))

    @cached_property
    def _details(self) -> dict[str, tuple[Detail, Detail]]:
        """The coarser and the fine structure of the real defects of each kind; empty where it is as the model draws it."""
        share, poses = self._config.generation.detail, dihedral_poses(self._config.data)
        if share == 0:
            return {}
        scale, colours, factor = self._product.scale, self._product.shape.colours, self._model.factor

        def detail(name: str, own: Sequence[Exemplar], wider: float) -> Detail:
            return Detail(own, wider * choose_sigma(own, share, factor), poses, scale, colours, goes_on(self._verifier.known, name))

        return {name: (detail(name, own, COARSER), detail(name, own, 1.0)) for name, own in self._exemplars.items()}

    @cached_property
    def _fadings(self) -> dict[str, Fading]:
        """How the real defects of each kind with soft borders fade across the border of their labels."""
        scale, colours = self._product.scale, self._product.shape.colours
        soft = {name: own for name, own in self._exemplars.items() if is_soft(self._verifier.known, name)}
        return {name: Fading(rim(own, scale, colours), beyond(own, scale, colours)) for name, own in soft.items()}

    @cached_property
    def _grains(self) -> dict[str, list[float]]:
        """The grain of the real defects of each kind against their surroundings, where they are thick enough to say."""
        scale, colours = self._product.scale, self._product.shape.colours
        found = {name: [grain(shares(e.image, scale, colours), e.mask, e.others) for e in own] for name, own in self._exemplars.items()}
        return {name: [value for value in values if value is not None] for name, values in found.items()}
