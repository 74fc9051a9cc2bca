"""The connected components of a mask, each kept as small as its own box: a mask of a thousand pores costs no thousand pictures."""

from dataclasses import dataclass

import cv2
import numpy as np

from flawsmith.dataset.windows import Box, bounding_box, paste

SPECK = 0.1  # of the largest component's area: a smaller component is no defect of its own


@dataclass(frozen=True)
class Component:
    """Some marked pixels of a mask, cut to their box."""

    box: Box  # in pixels of the mask
    shape: np.ndarray  # (h, w) bool, the box's pixels

    @property
    def area(self) -> int:
        """The number of marked pixels."""
        return int(self.shape.sum())

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Return the window (height, width) bool of the component's mask whose corner is at (top, left); false outside the picture."""
        seen = np.zeros((height, width), bool)
        paste(seen, self.shape, self.box.top - top, self.box.left - left)
        return seen

    def mask(self, size: tuple[int, ...]) -> np.ndarray:
        """Return the component alone as a mask (H, W) bool of a picture of `size`."""
        return self.window(0, 0, size[0], size[1])


def whole(mask: np.ndarray) -> Component:
    """Return all marked pixels of a non-empty mask (H, W) as one."""
    box = bounding_box(mask)
    return Component(box, mask[box.top : box.top + box.height, box.left : box.left + box.width])


def components(mask: np.ndarray) -> list[Component]:
    """Return the 8-connected components of a mask (H, W) bool, the largest first; none of an empty one."""
    rows = _gaps_closed(np.any(mask, axis=1))
    if not len(rows):
        return []
    columns = _gaps_closed(np.any(mask[rows[0] : rows[-1] + 1], axis=0))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask[np.ix_(rows, columns)].view(np.uint8), connectivity=8)
    found = []
    for i in sorted(range(1, count), key=lambda i: -int(stats[i, cv2.CC_STAT_AREA])):
        left, top, width, height = (int(stats[i, key]) for key in _BOX)
        box = Box(int(rows[top]), int(columns[left]), height, width)
        found.append(Component(box, labels[top : top + height, left : left + width] == i))
    return found


def _gaps_closed(held: np.ndarray) -> np.ndarray:
    """Return the indexes of the rows (or columns) that hold something, (N,) bool, with one empty row behind each run of them.

    No component has an empty row in it, and what lies between two of them costs time and is nothing.
    """
    behind = held.copy()
    behind[1:] |= held[:-1]
    return np.flatnonzero(behind)


def separate(mask: np.ndarray) -> list[Component]:
    """Return the separate defects of a non-empty mask (H, W) bool, the largest first.

    Components of under SPECK of the largest are specks: they belong to a defect that is alone, and to none of several.
    """
    found = components(mask)
    large = [component for component in found if component.area >= SPECK * found[0].area]
    return large if len(large) > 1 else [whole(mask)]


def centre(component: Component, window: int) -> tuple[int, int]:
    """Return the row and column of the box's centre, or for a defect larger than the window of its pixel nearest to that centre."""
    box = component.box
    row, column = box.height // 2, box.width // 2
    if box.side > window:
        rows, columns = np.nonzero(component.shape)
        nearest = int(np.argmin((rows - row) ** 2 + (columns - column) ** 2))
        row, column = int(rows[nearest]), int(columns[nearest])
    return box.top + row, box.left + column


_BOX = (cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP, cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT)
