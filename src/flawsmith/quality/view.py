"""What a check looks at: one finished defect on its canvas, and what is known of the product beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from flawsmith.compositing.change import change_map
from flawsmith.compositing.margins import BLEED, FEW
from flawsmith.config.schema import QualityConfig
from flawsmith.dataset.windows import bounding_box, grow
from flawsmith.images.pixel_range import shares
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.product import Product
from flawsmith.quality.border import Lines, Surroundings, lines_across, surroundings
from flawsmith.quality.mask_shape import shape_scores
from flawsmith.quality.patch_novelty import Bank

MOST = 48  # real defects of a kind that are measured


@dataclass(frozen=True)
class Candidate:
    """One finished defect on its canvas, as stored."""

    image: np.ndarray  # (H, W, C) as stored, with the defect
    normal: np.ndarray | None  # (H, W, C) as stored, the same place before; None for a picture from noise and for a real defect
    mask: np.ndarray  # (H, W) bool, as the real ones are labelled: limits are made from their labels
    defect: str
    severity: float = 1.0  # as asked
    side: float | None = None  # the longer side asked for in pixels
    placed: bool = False  # by the user's region: then its size is the user's choice
    others: np.ndarray | None = None  # (H, W) bool: defects put into this picture before
    within: np.ndarray | None = None  # (H, W) bool: where its centre may be; None = anywhere
    whole: np.ndarray | None = None  # (C, H, W) in [-1, 1], the two branches as drawn, where there is no normal
    part: np.ndarray | None = None
    exact: np.ndarray | None = None  # (H, W) bool: the pixels that changed; None = the mask


@dataclass(frozen=True)
class Known:
    """What checks know of a product."""

    product: Product
    exemplars: Mapping[str, Sequence[Exemplar]]  # the real defects learned from, by kind
    config: QualityConfig
    feather: int  # pixels over which defects are blended in
    references: dict[str, Bank]  # patches of normals, by aspect; empty when there were no normals
    liked: Mapping[str, Sequence[Exemplar]] = field(default_factory=dict)  # others that are followed, by kind: no copies of them either
    _kept: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what `make` returned the first time that it was asked for by this key: what a check learns of the real defects."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def some(self, defect: str) -> list[Exemplar]:
        """Return MOST of the real defects of a kind at most, spread evenly."""
        own = list(self.exemplars.get(defect, ()))
        return own if len(own) <= MOST else [own[i] for i in np.linspace(0, len(own) - 1, MOST).round().astype(int)]

    @property
    def binarised(self) -> bool:
        """Whether the product's pictures have dark and bright pixels only: they have no grain and no soft edges."""
        return self.product.levels is not None


class View:
    """A candidate as a check sees it; what several checks need is computed once."""

    def __init__(self, candidate: Candidate, known: Known, exemplar: Exemplar | None = None) -> None:
        """exemplar: the real defect that is looked at, where it is one."""
        self.candidate, self.known, self.exemplar = candidate, known, exemplar

    @classmethod
    def of_real(cls, exemplar: Exemplar, known: Known) -> "View":
        """Return the view of a real defect, which has no normal."""
        return cls(Candidate(exemplar.image, None, exemplar.mask, exemplar.defect, others=exemplar.others), known, exemplar)

    def showing(self, picture: np.ndarray, normal: np.ndarray | None = None, mask: np.ndarray | None = None, **more: Any) -> "View":
        """Return the view of another picture (H, W, C) in shares in the place of this one: how faults are made on purpose.

        normal: (H, W, C) in shares, what was there before; mask: (H, W) bool, this one's where None; more: fields of the candidate.
        """
        before = None if normal is None else self._stored(normal)
        if mask is not None:
            more = {"exact": None, **more}
        mask = self.mask if mask is None else mask
        return View(replace(self.candidate, image=self._stored(picture), normal=before, mask=mask, **more), self.known, self.exemplar)

    @property
    def specimen(self) -> str:
        """The physical specimen, or else the picture, of a real defect; empty for a drawn one."""
        return "" if self.exemplar is None else self.exemplar.specimen

    @property
    def mask(self) -> np.ndarray:
        """The defect as it is labelled, (H, W) bool: what is held to real ones is measured with it."""
        return self.candidate.mask

    @property
    def exact(self) -> np.ndarray:
        """The pixels (H, W) bool that changed, around which it was blended in; of a real defect its label."""
        return self.candidate.mask if self.candidate.exact is None else self.candidate.exact

    @property
    def others(self) -> np.ndarray | None:
        """Further defects of the picture, (H, W) bool; None = none."""
        return self.candidate.others

    @cached_property
    def hidden(self) -> np.ndarray:
        """All defects of the picture, (H, W) bool."""
        return self.mask if self.others is None else self.mask | self.others

    @cached_property
    def picture(self) -> np.ndarray:
        """The picture, (H, W, C) float32 in shares of the value range, without alpha."""
        return shares(self.candidate.image, self.known.product.scale, self.known.product.shape.colours)

    @cached_property
    def change(self) -> np.ndarray | None:
        """How far each pixel (H, W) differs from the normal, as a share of the value range; None without a normal."""
        if self.candidate.normal is None:
            return None
        scale = self.known.product.scale
        return change_map(self.candidate.image, self.candidate.normal, scale.high - scale.low)

    @cached_property
    def shape(self) -> dict[str, float]:
        """Area, side, thickness, elongation and parts (`shape_scores`); of a real defect the whole, also beyond its window."""
        whole = self.exemplar is not None and self.exemplar.mask is self.mask
        return shape_scores(self.exemplar.shape if whole and self.exemplar is not None else self.mask)

    @property
    def halo(self) -> int:
        """Pixels beyond its mask that a defect of this kind shows."""
        return self.known.product.halo(self.candidate.defect)

    @property
    def blend(self) -> int:
        """Pixels from the mask to where the normal must be back."""
        return self.halo + self.known.feather

    @cached_property
    def surrounded(self) -> bool:
        """Whether the mask leaves enough of the picture to say what is around it."""
        return bool((~grow(self.mask, BLEED)).sum() >= max(FEW, 0.05 * self.mask.size))

    @cached_property
    def surroundings(self) -> Surroundings:
        """The defect with what is around it."""
        return surroundings(self.picture, self.mask, self.others)

    @cached_property
    def lines(self) -> Lines:
        """Lines of grey values across the border of the mask."""
        return lines_across(self.picture, self.mask, self.others)

    @cached_property
    def running(self) -> Lines:
        """Lines of grey values that follow what runs across the border of the mask."""
        return lines_across(self.picture, self.mask, self.others, running=True)

    @cached_property
    def window(self) -> tuple[slice, slice]:
        """The rows and columns of the window around the middle of the mask, as large as those of the real defects."""
        side, box = self.known.product.shape.window, bounding_box(self.mask)
        top = int(np.clip(box.top + box.height // 2 - side // 2, 0, self.mask.shape[0] - side))
        left = int(np.clip(box.left + box.width // 2 - side // 2, 0, self.mask.shape[1] - side))
        return slice(top, top + side), slice(left, left + side)

    def _stored(self, picture: np.ndarray) -> np.ndarray:
        """Return a picture (H, W, C) in shares of the value range as it would be stored."""
        return self.known.product.scale.to_pixels(2 * picture.transpose(2, 0, 1) - 1, picture.shape[2])
