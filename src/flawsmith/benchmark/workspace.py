"""Where one repetition of an experiment works: its parts of the data and the paths of everything it leaves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from flawsmith.benchmark.protocol import REAL, Settings
from flawsmith.dataset.sample import Dataset, Item
from flawsmith.dataset.splits import Splits


@dataclass(frozen=True)
class Workspace:
    """One repetition: a number of shots and a seed. The parts travel with it, so that every process has the same ones."""

    data: Path  # the data folder
    root: Path  # the report folder
    shots: str  # "3", or "third"
    seed: int
    settings: Settings
    parts: Splits  # of the data for this number of shots; the test part's pictures are not decoded
    threads: int = 1

    @property
    def folder(self) -> Path:
        """The folder of this repetition."""
        return self.root / "work" / f"shots-{self.shots}" / f"seed-{self.seed}"

    @property
    def run(self) -> Path:
        """The RUN folder of its fit."""
        return self.folder / "run"

    @property
    def fitted(self) -> Path:
        """The result file of its fit."""
        return self.folder / "fitted.json"

    def pairs(self, made: str) -> Path:
        """Return the OUT folder of one kind of made pairs."""
        return self.folder / "pairs" / made

    def paired(self, made: str) -> Path:
        """Return the result file of one kind of made pairs."""
        return self.folder / "pairs" / f"{made}.json"

    def trained(self, column: str, share: float) -> Path:
        """Return the result file of one training; its weights lie beside it."""
        return self.folder / "trained" / f"{slug(column)}-{share:g}.json"

    def chosen(self, column: str) -> Path:
        """Return the result file of a training whose share the first seed chose."""
        return self.folder / "trained" / f"{slug(column)}.json"

    def classified(self, made: str | None) -> Path:
        """Return the result file of a classifier."""
        return self.folder / "classified" / f"{made or REAL}.json"

    def measured(self, made: str) -> Path:
        """Return the result file of the comparison of made pairs with real ones."""
        return self.folder / "measured" / f"{made}.json"

    def tested(self, column: str) -> Path:
        """Return the result file of a column's test."""
        return self.folder / "tested" / f"{slug(column)}.json"

    @property
    def test_items(self) -> list[Item]:
        """The test part's defects and held-out normals, in the order of every test."""
        return [*defects_of(self.parts.test), *self.parts.test.held_out]

    @property
    def validation_items(self) -> list[Item]:
        """The validation part's defects and normals."""
        return [*defects_of(self.parts.validation), *self.parts.validation.held_out]


def slug(column: str) -> str:
    """Return a column's name as a file name."""
    return column.replace(" + ", "+").replace(" ", "-")


def defects_of(part: Dataset) -> list[Item]:
    """Return the labelled pictures of a part in one list, by defect and path.

    A picture with several kinds of defect is there once, with all that is marked in it, under the names of its kinds ("dent+scratch").
    """
    by_picture: dict[Path, list[Item]] = {}
    for item in (item for items in part.defects.values() for item in items):
        by_picture.setdefault(item.image, []).append(item)
    return [items[0] if len(items) == 1 else _together(items) for items in by_picture.values()]


def of_one_kind(part: Dataset) -> list[Item]:
    """Return the labelled pictures of a part that show one kind of defect."""
    return [item for item in defects_of(part) if item.defect in part.defects]


def _together(items: Sequence[Item]) -> Item:
    return replace(items[0], defect="+".join(item.defect for item in items), draw=partial(_union, tuple(items)))


def _union(items: Sequence[Item]) -> np.ndarray:
    """Return what any of the items marks, (H, W) bool."""
    return np.logical_or.reduce([item.read_mask() for item in items])
