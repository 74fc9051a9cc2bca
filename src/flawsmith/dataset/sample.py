"""The one form of a picture inside flawsmith, and where pictures are found."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flawsmith.images.channels import colour_count

GOOD = "good"  # the name of a picture without a defect


@dataclass(frozen=True)
class Sample:
    """A picture in memory."""

    image: np.ndarray  # (H, W, C) uint8 | uint16; C is 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha
    mask: np.ndarray | None  # (H, W) bool, true where the defect is; None for a normal
    defect: str  # the defect's name, or "good"
    group: str | None  # the physical part it shows, where known
    source: Path  # the file it was read from

    @property
    def colours(self) -> int:
        """The number of channels without alpha: 1 or 3."""
        return colour_count(self.image.shape[2])


@dataclass(frozen=True)
class Item:
    """A picture on disk."""

    image: Path
    mask: Path | None  # None for a normal
    defect: str  # the defect's name, or "good"
    group: str | None = None  # the physical part it shows, where known


@dataclass(frozen=True)
class Dataset:
    """What a data folder holds. Every tuple is sorted by the picture's path."""

    root: Path
    normals: tuple[Item, ...]  # to learn from
    held_out_normals: tuple[Item, ...]  # `test/good`: never learned from
    defects: dict[str, tuple[Item, ...]]  # by defect name, names sorted
