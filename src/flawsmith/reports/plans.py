"""The sheet of a dry run: where defects would go on their normals, before anything is drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flawsmith.dataset.windows import Box, bounding_box
from flawsmith.images.channels import without_alpha
from flawsmith.images.shrinking import within_side
from flawsmith.reports.drawing import OUTLINE, WHOLE, limits, outline, pool, to_display
from flawsmith.reports.sheets import contact_sheet, shorten

TINY, MARKER = 10, 20  # a shape shorter than TINY pixels on the sheet gets a box of MARKER pixels round it
THICK = 2  # pixels of a line: the sheet is looked at smaller than it is


@dataclass(frozen=True)
class PlanEntry:
    """One planned pair."""

    title: str
    image: np.ndarray  # (H, W, C) uint8 | uint16, the normal as stored
    shapes: Sequence[tuple[int, int, np.ndarray]]  # top, left and mask (h, w) bool of each; may leave the picture
    labels: Sequence[str] = ()  # what to write at each shape; none = nothing


def plan_sheet(entries: Iterable[PlanEntry]) -> np.ndarray:
    """Return a sheet (H, W, 3) uint8 with every planned pair: the whole normal, made to fit, and the outlines of its shapes.

    Outlines are THICK pixels wide however small the picture becomes, and a box shows where a tiny shape is. The entries are taken one
    after the other, so that a generator that loads them keeps one picture in memory.
    """
    cells = []
    for entry in entries:
        cells.append((entry.title, [_tile(entry)]))
        del entry  # the next picture is loaded before the name is given to it
    return contact_sheet(cells)


def _tile(entry: PlanEntry) -> np.ndarray:
    """Return the tile (h, w, 3) uint8 of one planned pair."""
    small = within_side(np.ascontiguousarray(without_alpha(entry.image)), WHOLE)
    times = WHOLE // max(small.shape[:2])
    tile = to_display(small, *limits(small)).repeat(times, axis=0).repeat(times, axis=1)
    for index, (top, left, mask) in enumerate(entry.shapes):
        found = _on_tile(top, left, mask, entry.image.shape, tile.shape)
        if found is None:
            continue
        box, shape = found
        whole = np.zeros(tile.shape[:2], bool)
        whole[box.top : box.top + box.height, box.left : box.left + box.width] = shape
        tile = outline(tile, whole, width=THICK)
        if box.side < TINY:
            middle = box.left + box.width // 2, box.top + box.height // 2
            corners = [tuple(m + sign * MARKER // 2 for m in middle) for sign in (-1, 1)]
            tile = cv2.rectangle(tile, corners[0], corners[1], OUTLINE, THICK)
        if index < len(entry.labels):
            tile = _write(tile, entry.labels[index], box)
    return tile


def _on_tile(top: int, left: int, mask: np.ndarray, size: Sequence[int], tile: Sequence[int]) -> tuple[Box, np.ndarray] | None:
    """Return the box of a mask's true pixels on a tile and what of it they cover; None where none of them is in the picture.

    size, tile: (H, W, ...) of the picture and of the tile.
    """
    inside = mask[max(0, -top) : max(0, size[0] - top), max(0, -left) : max(0, size[1] - left)]
    if not inside.any():
        return None
    box = bounding_box(inside)
    starts, lengths = [], []
    for start, length, picture, shown in zip(
        (max(0, top) + box.top, max(0, left) + box.left), (box.height, box.width), size[:2], tile[:2], strict=True
    ):
        first = start * shown // picture
        starts.append(first)
        lengths.append(max(1, -(-(start + length) * shown // picture) - first))
    cut = inside[box.top : box.top + box.height, box.left : box.left + box.width]
    return Box(starts[0], starts[1], lengths[0], lengths[1]), pool(cut, lengths[0], lengths[1])


def _write(tile: np.ndarray, label: str, box: Box) -> np.ndarray:
    """Return the tile (h, w, 3) uint8 with a label above the box, or below it where there is no room."""
    picture = Image.fromarray(tile)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=11)
    height, width = tile.shape[:2]
    words = shorten(label, font, width - 4)
    room = MARKER // 2 if box.side < TINY else 3
    top = box.top - room - 15
    top = top if top >= 0 else min(box.top + box.height + room, height - 14)
    left = max(0, min(box.left, width - round(font.getlength(words)) - 6))
    draw.rectangle((left, top, left + round(font.getlength(words)) + 5, top + 13), fill=OUTLINE)
    draw.text((left + 3, top), words, fill=(0, 0, 0), font=font)
    return np.asarray(picture)
