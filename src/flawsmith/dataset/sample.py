"""The one form of a picture inside flawsmith, and where pictures are found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from flawsmith.core.errors import DataError, FileError
from flawsmith.core.text import command
from flawsmith.images.channels import colour_count
from flawsmith.images.files import orientation, read_image, read_mask

FEWEST_NORMALS = 3  # from which it can be told where the product is in a picture
GOOD = "good"  # the name of a picture without a defect
NO_NORMALS = "holds no pictures of the product without a defect; expected some. Add them, or name their folder: --normals DIR."
NO_DEFECTS = "holds no picture of a defect with its mask."
EMPTY_MASK = "is an empty mask: no pixel is marked. Mark the defect, or move the picture to the normals."


@dataclass(frozen=True)
class Sample:
    """A picture in memory."""

    image: np.ndarray  # (H, W, C) uint8 | uint16; C is 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha
    mask: np.ndarray | None  # (H, W) bool, true where the defect is; None for a normal
    defect: str  # the defect's name, or "good"
    group: str | None  # the physical specimen it shows, where known
    source: Path  # the file it was read from

    @property
    def colours(self) -> int:
        """The number of channels without alpha: 1 or 3."""
        return colour_count(self.image.shape[2])


@dataclass(frozen=True)
class Item:
    """A picture on disk with one defect class that is labelled in it."""

    image: Path
    mask: Path | None  # the file with the label; None for a normal
    defect: str  # the defect's name, or "good"
    group: str | None = None  # the physical specimen it shows, where known
    rule: str = "auto"  # which values of a mask picture mark the defect, see images.mask_values
    draw: Callable[[], np.ndarray] | None = None  # returns the mask (H, W) bool where the file is no picture of it, but annotations

    def read_mask(self) -> np.ndarray:
        """Return the mask (H, W) bool of a labelled item. Raises FileError for a file that cannot be used."""
        assert self.mask is not None
        return read_mask(self.mask, self.rule) if self.draw is None else self.draw()


@dataclass(frozen=True)
class Dataset:
    """What a data folder holds. Every tuple is sorted by the picture's path."""

    root: Path
    good: tuple[Item, ...]  # normals to learn from
    held_out: tuple[Item, ...]  # normals that are never learned from, such as `test/good`
    defects: dict[str, tuple[Item, ...]]  # by defect name, names sorted
    warnings: tuple[str, ...] = field(default=(), compare=False)  # what should be looked at in how it was read, in sentences

    @property
    def normals(self) -> tuple[Path, ...]:
        """The pictures without a defect to learn from."""
        return tuple(item.image for item in self.good)

    @property
    def held_out_normals(self) -> tuple[Path, ...]:
        """The pictures without a defect that are never learned from."""
        return tuple(item.image for item in self.held_out)

    def require(self) -> None:
        """Raise DataError where there is nothing to learn from: no normals, or no labelled defects."""
        if not self.good:
            raise DataError(f"{self.root}: {NO_NORMALS}")
        if not self.defects:
            raise DataError(f"{self.root}: {NO_DEFECTS} `{command('check', self.root)}` says what was understood of it.")

    def samples(self) -> Iterator[Sample]:
        """Yield one sample per labelled defect class of a picture, decoded when it is its turn, by defect name and path."""
        return (load_sample(item) for items in self.defects.values() for item in items)


def load_sample(item: Item) -> Sample:
    """Return the decoded picture and mask. Raises FileError for a file that cannot be used, or masks of another size or empty."""
    image = read_image(item.image)
    mask = None
    if item.mask is not None:
        mask = item.read_mask()
        trouble = mask_trouble(mask.shape, item.image, image.shape)
        if trouble is None and not mask.any():
            trouble = EMPTY_MASK
        if trouble is not None:
            raise FileError(item.mask, trouble)
    return Sample(image, mask, item.defect, item.group, item.image)


def mask_trouble(mask_shape: tuple[int, ...], image: Path, image_shape: tuple[int, ...]) -> str | None:
    """Return what is wrong when a mask's size is not that of its picture, else None."""
    if mask_shape[:2] == image_shape[:2]:
        return None
    turned = " The picture is stored turned (EXIF); draw its mask on the upright picture." if orientation(image) >= 5 else ""
    return f"mask is {_size(mask_shape)} but {image.name} is {_size(image_shape)}; masks must match their image.{turned}"


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
