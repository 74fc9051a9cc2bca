"""What metrics are computed from: the pictures and defects of either side, already looked at, and one pair's pixels.

No function here reads a file; `looking` does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from torch import Tensor

from flawsmith.metrics.features import Extractor
from flawsmith.metrics.ic_distance import Perceptual
from flawsmith.metrics.masks import MaskShape
from flawsmith.quality.copies import Crop

T = TypeVar("T")


@dataclass(frozen=True)
class DefectWindow:
    """One defect in a picture."""

    defect: str
    specimen: str  # the physical part it is on: the picture's group, or the picture
    shape: MaskShape
    feature: np.ndarray  # (D,) float32 of its window
    window: Tensor | None  # (1, 3, S, S) float16 in [0, 1]; None beyond the first few hundred


@dataclass(frozen=True)
class Seen:
    """One picture with its defects."""

    name: str
    defect: str
    specimen: str  # the physical part it shows: its group, or itself
    feature: np.ndarray  # (D,) float32 of the whole picture
    small: Tensor | None  # (1, 3, s, s) float16 in [0, 1], the whole resized to a square; None beyond the first few hundred
    flaws: tuple[DefectWindow, ...]


@dataclass(frozen=True)
class SeenPair:
    """A generated pair with what the metrics measured of it alone."""

    seen: Seen
    values: dict[str, Any]  # by name: what `Metric.per_pair` returned; plain values


@dataclass(frozen=True)
class Known:
    """Real defects of one kind that generated ones may be copies of."""

    crops: tuple[Crop, ...]
    names: tuple[str, ...]  # files
    specimens: tuple[str, ...]  # the physical part that each is on: its group, or its file
    limit: float  # similarity, 0 to 1, above which a defect counts as a copy
    followed: tuple[Crop, ...] = ()  # others that pairs were made to follow: no copies of them either
    followed_names: tuple[str, ...] = ()  # their files
    _shared: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returns, made once for these defects."""
        return _once(self._shared, name, make)


class Judge(Protocol):
    """A segmenter that has nothing to do with the generator."""

    @property
    def report(self) -> dict[str, Any]:
        """What it learned from, and how it does on real defects."""
        ...

    def mark(self, image: np.ndarray) -> np.ndarray:
        """Return the pixels (H, W) bool called defective in a stored picture (H, W, C)."""
        ...


@dataclass(frozen=True)
class PairView:
    """One pair while its pixels are in memory."""

    defect: str
    image: np.ndarray  # (H, W, C) float32 in shares of the product's value range
    mask: np.ndarray  # (H, W) bool
    normal: np.ndarray | None  # (H, W, C) float32, the picture it was made on; None where that is not known or not there
    change: np.ndarray | None  # (H, W) float32, the greatest change over the colours in shares of the range; None without a normal
    changed_from: float  # the change from which on a pixel has changed
    crops: tuple[tuple[str, Crop], ...]  # (kind, crop) of each of its defects
    known: dict[str, Known]  # by kind: the real defects whose copies are looked for
    marked: np.ndarray | None  # (H, W) bool, what the judge marks; None without a judge
    normal_marked: np.ndarray | None  # (H, W) bool, what it marks on the normal


@dataclass(frozen=True)
class Sides:
    """The real and the generated side of one kind of defect, or of all."""

    real: Sequence[Seen]
    generated: Sequence[Seen]
    real_flaws: Sequence[DefectWindow]
    generated_flaws: Sequence[DefectWindow]
    pairs: Sequence[SeenPair]  # the generated side again, with each pair's own values
    extractor: Extractor
    perceptual: Perceptual
    seed: int
    _shared: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def features(self, part: Literal["windows", "whole"]) -> tuple[np.ndarray, np.ndarray]:
        """Return the features (N, D) of the real and (M, D) of the generated pictures, or of the windows around their defects."""
        windows = part == "windows"
        real = [x.feature for x in (self.real_flaws if windows else self.real)]
        made = [x.feature for x in (self.generated_flaws if windows else self.generated)]
        return _stack(real), _stack(made)

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returns, made once for these sides: for metrics that are computed together."""
        return _once(self._shared, name, make)


def _once(there: dict[str, Any], name: str, make: Callable[[], T]) -> T:
    if name not in there:
        there[name] = make()
    found: T = there[name]
    return found


def _stack(features: Sequence[np.ndarray]) -> np.ndarray:
    """Return features (D,) as rows (N, D); (0, 1) where there are none."""
    return np.stack(features) if features else np.zeros((0, 1), np.float32)
