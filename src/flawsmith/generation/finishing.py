"""What is done to a drawn defect before it is blended in, so that strength, tones, structure, grain and borders are those of real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from flawsmith.compositing.carrying_on import carried_on, contrast
from flawsmith.compositing.cell_grid import without_grid
from flawsmith.compositing.extract import extract, least_size
from flawsmith.compositing.fading import Fading, fill_out, soften
from flawsmith.compositing.layout import laid_out
from flawsmith.compositing.margins import BLEED
from flawsmith.compositing.noise_matching import match_grain
from flawsmith.compositing.replacing import as_bright, is_thick, with_tones, without_surface
from flawsmith.compositing.roughness import grain
from flawsmith.compositing.texture_transfer import Detail, choose_sigma
from flawsmith.config.schema import Config
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.dihedral import apply_pose, dihedral_poses
from flawsmith.dataset.windows import cut, grow
from flawsmith.generation.attempt import DefectSite
from flawsmith.generation.evenness import as_even
from flawsmith.generation.strength import as_strong, of_hue, tone
from flawsmith.images.filling import fill
from flawsmith.images.pixel_range import shares
from flawsmith.models.dual_model import DualModel
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.halo import beyond, rim, seen_rim
from flawsmith.product.product import Product
from flawsmith.quality.checks.edge import is_soft
from flawsmith.quality.checks.structure import ends, goes_on
from flawsmith.quality.view import Known
from flawsmith.synthesis.sampling import noise_of
from flawsmith.synthesis.task import Drawn

COARSER = 2.0  # times the fine structure's sigma: what is laid on defects that replace the surface, and where less than LACKING was drawn
LACKING = 0.5  # of a real defect's, chosen by lot


class Followed(NamedTuple):
    """The real defect that a drawn one is to be like."""

    example: Exemplar
    picture: np.ndarray  # (S, S, C) its window in shares of the value range


class Finishing:
    """What finishes drawn defects of one product."""

    def __init__(
        self, model: DualModel, config: Config, product: Product, exemplars: Mapping[str, Sequence[Exemplar]], known: Known
    ) -> None:
        """exemplars: real defects that drawn ones follow, by defect; known: what the checks know of the product."""
        self._model, self._config, self._product, self._exemplars, self._known = model, config, product, exemplars, known
        self._levels = product.levels if config.generation.snap > 0 else None

    def least(self, defect: str) -> int:
        """Return the pixels of the smallest component that is no speck, for defects as small as the real ones are."""
        return least_size(self._product.areas[defect][0])

    def mask_of(self, drawn: Drawn, site: DefectSite) -> np.ndarray:
        """Return the mask (h, w) bool of what was drawn."""
        return extract(drawn.mask, site.placement.region, least=self.least(site.spec.defect))

    def finished(self, site: DefectSite, drawn: Drawn, normal: np.ndarray | None, picture: np.ndarray | None) -> Drawn:
        """Return what was drawn with strength, tones, hue, structure, grain and borders as real defects have them.

        normal: (h, w, C) as stored, the window it is drawn into; picture: (H, W, C), the whole; None for one from noise.
        """
        spec, task, mask, laid = site.spec, site.task, self.mask_of(drawn, site), False
        real = self._followed(site)
        replaces = real is not None and picture is not None and self._replaces(real.example, mask)
        if self._model.follows and task.normal is not None and self._levels is None:  # binarised pixels are one of two values
            drawn = replace(drawn, image=without_grid(drawn.image, task.normal, mask, self._model.factor))
        if replaces and task.normal is not None:
            drawn = replace(drawn, image=without_surface(drawn.image, task.normal, mask))
        if normal is not None:
            drawn = self._carried_on(drawn, site, mask)
        if real is not None:
            if task.normal is not None and (edge := self._rims.get(spec.defect)) is not None:
                drawn = replace(drawn, image=fill_out(drawn.image, task.normal, mask, edge))
            drawn = even = self._of_hue(self._as_strong(drawn, site, mask, real), site, mask, real)
            drawn = self._laid_out(even, site, mask, real, replaces)
            laid = drawn is not even and not replaces
        if normal is not None:
            drawn = self._with_grain(drawn, normal, site, mask)
        if spec.defect in self._details:
            drawn = self._detailed(site, drawn, mask, replaces, laid)
            if normal is not None:
                drawn = self._with_grain(drawn, normal, site, mask, adds=False)
        if replaces and real is not None and picture is not None:
            drawn = self._toned(site, drawn, mask, picture, real)
        if task.normal is None or self._levels is not None or spec.defect not in self._fadings:  # two tones know no fading
            return drawn
        return replace(drawn, image=soften(drawn.image, task.normal, mask, self._fadings[spec.defect]))

    def _followed(self, site: DefectSite) -> Followed | None:
        """Return the real defect whose shape was taken, which the drawn one is to be like; None where it is as the model draws it.

        That is where it follows no real one, is drawn from noise, and on binarised products, whose values are known.
        """
        if site.task.normal is None or not site.follows or self._levels is not None:
            return None
        example = self._exemplars[site.spec.defect][site.placement.number]
        return Followed(example, shares(example.image, self._product.scale, self._product.shape.colours))

    def _detailed(self, site: DefectSite, drawn: Drawn, mask: np.ndarray, replaces: bool, laid: bool) -> Drawn:
        """Return what was drawn with structure of real defects: all that is fine from noise, which leaves speckle; else what is missing.

        Where most of the coarser structure is missing that is laid with it; always where the defect replaces the surface, and then from the
        real one whose shape it has, whose tones it gets: of one kind may be shards, films and fibres. What was laid out as a real one is
        gets all that is fine from that one: what is small and dark there would else be taken for a lack of surface.
        """
        task = site.task
        coarser, fine = self._details[site.spec.defect]
        one = site.placement.number if replaces or laid else None
        if laid:
            return fine.give(drawn, mask, task.normal, site.spec.severity, task.seed, only=one, ends=True)
        quiet = noise_of(self._model, task, self._config) == 0
        limits = (np.inf if replaces else LACKING, 1.0) if quiet else (0.0, np.inf)
        for detail, lacking in zip((coarser, fine), limits, strict=True):
            given = detail.give(drawn, mask, task.normal, site.spec.severity, task.seed, lacking, one)
            if given is not drawn:
                return given
        return drawn

    def _as_strong(self, drawn: Drawn, site: DefectSite, mask: np.ndarray, real: Followed) -> Drawn:
        """Return what was drawn as even, and as strong against its surroundings, as a real defect: large ones may all be dark."""
        spec, normal, most, example = site.spec, site.task.normal, self._config.generation.strengthen, real.example
        if most == 1 or normal is None:
            return drawn
        shown = spec.defect in self._fadings or goes_on(self._known, spec.defect)  # uneven as the surface is, or as it fades
        drawn = as_even(drawn, normal, mask, real.picture, example.mask, most, shown)
        wanted = tone(real.picture, example.mask, example.others)
        return as_strong(drawn, normal, mask, wanted, spec.severity, most, self._product.halo(spec.defect))

    def _of_hue(self, drawn: Drawn, site: DefectSite, mask: np.ndarray, real: Followed) -> Drawn:
        """Return what was drawn with the hue that a real defect has against its surroundings."""
        normal, example = site.task.normal, real.example
        if not self._config.generation.match_tones or normal is None or self._product.shape.colours == 1 or not mask.any():
            return drawn
        return of_hue(drawn, normal, mask, real.picture, example.mask, example.others)

    def _laid_out(self, drawn: Drawn, site: DefectSite, mask: np.ndarray, real: Followed, hides: bool) -> Drawn:
        """Return what was drawn with the layout of a real defect, itself where it is no more even than that.

        hides: nothing is seen of the surface. Lines, specks and what fades at its border have no layout.
        """
        normal, example = site.task.normal, real.example
        if not self._config.generation.match_layout or normal is None or site.spec.defect in self._fadings:
            return drawn
        hidden = grow(example.mask if example.others is None else example.mask | example.others, BLEED)
        if not is_thick(mask) or not is_thick(example.mask) or hidden.all():
            return drawn
        like, label, below = (apply_pose(x, *site.placement.pose) for x in (real.picture, example.mask, fill(real.picture, hidden)))
        severity = 1.0 if hides else site.spec.severity  # what hides the surface is made fainter as a whole, with its tones
        image = laid_out(drawn.image, normal, mask, like, label, None if hides else below, severity)
        return drawn if image is drawn.image else replace(drawn, image=image)

    def _replaces(self, example: Exemplar, mask: np.ndarray) -> bool:
        """Return whether a drawn defect of the kind of a real one replaces the surface, and is to have the tones of that one.

        Not so lines and specks, whose tones are mixed with the surface's.
        """
        return self._config.generation.match_tones and is_thick(example.mask) and is_thick(mask) and ends(self._known, example.defect)

    def _toned(self, site: DefectSite, drawn: Drawn, mask: np.ndarray, picture: np.ndarray, real: Followed) -> Drawn:
        """Return what was drawn with tones as those of a real defect, which is made as bright as this unit is where it was on its own.

        On a product that moves before a background another thing is seen there, and the defect is taken as it is.
        """
        example, side, background = real.example, len(real.example.mask), self._product.background
        like, hues = real.picture, True
        if background is None or background.fixed:
            top, left = (round(share * length) - side // 2 for share, length in zip(example.place, picture.shape[:2], strict=True))
            unit = shares(cut(picture, top, left, side), self._product.scale, self._product.shape.colours)
            like, hues = as_bright(like, unit, example.around)
        image = np.ascontiguousarray((drawn.image.transpose(1, 2, 0) + 1) / 2)
        toned = 2 * with_tones(image, mask, like, example.mask, hues).transpose(2, 0, 1) - 1
        normal, severity = site.task.normal, site.spec.severity
        assert normal is not None
        image = np.where(mask, normal + severity * (toned - normal), drawn.image)
        return replace(drawn, image=image.clip(-1, 1).astype(np.float32))

    def _carried_on(self, drawn: Drawn, site: DefectSite, mask: np.ndarray) -> Drawn:
        """Return what was drawn with as much of the surface as is seen under real defects of the kind, where that goes on under them."""
        task, defect = site.task, site.spec.defect
        if not self._model.follows or task.normal is None or self._levels is not None or not goes_on(self._known, defect):
            return drawn
        sigma = COARSER * choose_sigma(self._exemplars[defect], self._config.generation.detail, self._model.factor)
        example, shape = self._exemplars[defect][site.placement.number], self._product.shape
        times = contrast(shares(example.image, self._product.scale, shape.colours), example.mask, example.around)
        return replace(drawn, image=carried_on(drawn.image, task.normal, mask, sigma, times))

    def _with_grain(self, drawn: Drawn, normal: np.ndarray, site: DefectSite, mask: np.ndarray, adds: bool = True) -> Drawn:
        """Return what was drawn with the grain of one of the real defects of this kind.

        normal: (h, w, C) as stored, the window it is drawn into; not adds: no more grain than the grainiest real one has.
        """
        real = self._grains[site.spec.defect]
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
            return Detail(own, wider * choose_sigma(own, share, factor), poses, scale, colours, goes_on(self._known, name))

        return {name: (detail(name, own, COARSER), detail(name, own, 1.0)) for name, own in self._exemplars.items()}

    @cached_property
    def _fadings(self) -> dict[str, Fading]:
        """How the real defects of each kind with soft borders fade across the border of their labels."""
        scale, colours = self._product.scale, self._product.shape.colours
        soft = {name: own for name, own in self._exemplars.items() if is_soft(self._known, name)}
        return {name: Fading(rim(own, scale, colours), beyond(own, scale, colours)) for name, own in soft.items()}

    @cached_property
    def _rims(self) -> dict[str, np.ndarray]:
        """How far the real defects of each kind have their contrast up to their borders, where those are clear and the surface goes on."""
        scale, colours = self._product.scale, self._product.shape.colours
        clear = {name: own for name, own in self._exemplars.items() if goes_on(self._known, name) and not is_soft(self._known, name)}
        return {name: found for name, own in clear.items() if (found := seen_rim(own, scale, colours)) is not None}

    @cached_property
    def _grains(self) -> dict[str, list[float]]:
        """The grain of the real defects of each kind against their surroundings, where they are thick enough to say."""
        scale, colours = self._product.scale, self._product.shape.colours
        found = {name: [grain(shares(e.image, scale, colours), e.mask, e.others) for e in own] for name, own in self._exemplars.items()}
        return {name: [value for value in values if value is not None] for name, values in found.items()}
