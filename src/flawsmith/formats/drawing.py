"""From labels to a mask of the picture as it is on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flawsmith.core.errors import FileError
from flawsmith.formats.shapes import Shape, Size
from flawsmith.images.files import image_size, orientation

ASPECT = 0.02  # how much the sides' ratio may differ where a picture was scaled after labelling


@dataclass(frozen=True, eq=False)
class Mark:
    """A shape, and what its label file says of the picture that it was drawn on."""

    shape: Shape
    source: Path  # the label file
    size: tuple[int, int] | None = None  # the picture's (H, W) there
    units: Size | None = None  # what coordinates count in; None: pixels of `size`, or of the picture


@dataclass(frozen=True, eq=False)
class Drawing:
    """What is to be drawn of a picture; called, it returns the mask as `drawn_mask` does."""

    picture: Path
    marks: tuple[Mark, ...]

    def __call__(self) -> np.ndarray:
        """Return the mask (H, W) bool."""
        return drawn_mask(self.picture, self.marks)


def drawn_mask(picture: Path, marks: Sequence[Mark]) -> np.ndarray:
    """Return what marks mark of a picture, (H, W) bool, upright.

    A picture that was scaled after it was labelled takes its labels along; one that is stored turned (EXIF), and was labelled as it is
    stored, has them turned. Raises FileError for labels that cannot be drawn and for a picture of another shape than was labelled.
    """
    upright, turned = image_size(picture), orientation(picture)
    stored = upright[::-1] if turned >= 5 else upright
    drawn: dict[bool, np.ndarray] = {}  # by whether they lie as they are stored
    for mark in marks:
        as_stored = mark.size == stored != upright
        size = stored if as_stored else upright
        if mark.size and not alike(mark.size, size):
            sizes = f"was labelled at {mark.size[1]}x{mark.size[0]}, and is {size[1]}x{size[0]}"
            raise FileError(mark.source, f"{picture.name}: {sizes}: another shape. Use the picture that was labelled, or label this one.")
        if as_stored not in drawn:
            drawn[as_stored] = np.zeros(size, bool)
        try:
            mark.shape.draw(drawn[as_stored], mark.units or mark.size or size)
        except ValueError as error:
            raise FileError(mark.source, f"{picture.name}: {error}. Correct the label, or remove it.") from error
    whole = drawn[False] if False in drawn else np.zeros(upright, bool)
    return whole | _turned(drawn[True], turned) if True in drawn else whole


def alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two sizes (H, W) may be of one picture that was scaled."""
    return abs((one[1] * other[0]) / (one[0] * other[1]) - 1) <= ASPECT


def _turned(mask: np.ndarray, orientation: int) -> np.ndarray:
    """Return a mask as stored made upright, as EXIF's orientation 5 to 8 says."""
    turned = {5: mask.T, 6: np.rot90(mask, -1), 7: np.rot90(mask, 2).T, 8: np.rot90(mask)}
    return np.ascontiguousarray(turned[orientation])
