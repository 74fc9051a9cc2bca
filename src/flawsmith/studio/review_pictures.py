"""Pictures of a review: the defect of a pair cut out for the grid, its mask as it counts now, and the real defects that are beside it."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from starlette.exceptions import HTTPException
from starlette.responses import Response

from flawsmith.dataset.components import separate
from flawsmith.dataset.windows import Box
from flawsmith.images.files import read_image, read_mask
from flawsmith.pairs.pair import Pair, PlacedDefect
from flawsmith.studio import listing
from flawsmith.studio.listing import Which
from flawsmith.studio.pairs_index import folder_of
from flawsmith.studio.pictures import SIDE, decoding, eight_bit, small, thumbnail
from flawsmith.studio.project import Project
from flawsmith.studio.review_board import board_of

LEAST = 96  # pixels of the picture that a thumbnail shows at least, across
ROOM = 2.0  # times the defect's longer side that it shows
REAL = 192  # pixels of a real defect's crop, at native size; of one that is larger it is made smaller
MOST_REAL = 3
OUTLINE = (229, 72, 77)


@dataclass(frozen=True)
class Real:
    """A real defect that a drawn one is compared with."""

    name: str  # of its picture in the project's data
    kind: str
    area: int  # pixels of the drawn defect: of several in the picture the one most like it in size is shown
    why: str  # why this one


def mask_path(project: Project, name: str, pair: Pair) -> Path:
    """Return the file of a pair's mask as it counts now: the corrected one where there is one."""
    row = board_of(project).one("SELECT mask FROM corrections WHERE pairs = ? AND id = ?", (name, pair.id))
    folder = folder_of(project, name)
    return folder.mask_path(pair) if row is None else folder.folder / row["mask"]


def pair_thumbnail(project: Project, name: str, pair: Pair, outline: bool, known: str) -> Response:
    """Return a square cut around the largest defect of a pair, with the outline of its mask where asked; known: as of `thumbnail`."""
    picture, mask = folder_of(project, name).image_path(pair), mask_path(project, name, pair)

    def draw() -> np.ndarray:
        with decoding(picture, 1.2):
            boxes = [defect.box for defect in pair.placed() if defect.box is not None]
            marked = read_mask(mask) if outline or not boxes else None
            if not boxes and marked is not None and marked.any():
                boxes = [one.box for one in separate(marked)]
            image = eight_bit(read_image(picture))
            box = max(boxes, key=lambda box: box.height * box.width, default=Box(0, 0, *image.shape[:2]))
            part = _around(image, box, max(LEAST, int(ROOM * box.side)))
            cut = image[part][..., :3] if image.shape[2] >= 3 else image[part][..., :1]
            times = max(1, SIDE // max(cut.shape[:2]))  # a tiny one is enlarged, as pixels
            shown = small(cut.repeat(times, 0).repeat(times, 1))
            factor = shown.shape[0] / cut.shape[0]
            return shown if marked is None else _outlined(shown, marked[part], factor)

    return thumbnail(project, f"pair {outline}", (picture, mask), draw, known)


def real_defects(project: Project, pair: Pair) -> list[Real]:
    """Return MOST_REAL real defects of the data at most: what a drawn one has its shape from and follows, else some of its kind."""
    found: dict[tuple[str, str], Real] = {}
    for defect in pair.placed() or (PlacedDefect(pair.defect),):
        wanted = [(defect.source, "its shape is from this one")] if defect.source and defect.shape == "given" else []
        for text, why in (*wanted, *((text, "it follows this one") for text in defect.follows)):
            if (name := _named(project, defect.defect, Path(text).name)) is not None:
                found.setdefault((name, defect.defect), Real(name, defect.defect, defect.area, why))
    if not found:
        for defect in pair.placed() or (PlacedDefect(pair.defect),):
            for name in _some(project, defect.defect):
                found.setdefault((name, defect.defect), Real(name, defect.defect, defect.area, "a real one of this kind"))
    return list(found.values())[:MOST_REAL]


def real_crop(project: Project, real: Real, known: str) -> Response:
    """Return a real defect at native size, REAL pixels across; one that is larger is made smaller. Raises a 404 where it is gone."""
    picture = listing.picture_of(project, real.name)
    labels = [label for label in listing.masks_of(project, real.name) if label.kind == real.kind]
    if not labels:
        raise HTTPException(404)

    def draw() -> np.ndarray:
        with decoding(picture, 1.2):
            defects = [one for label in labels if (mask := label.read()).any() for one in separate(mask)]
            image = eight_bit(read_image(picture))
            near = min(defects, key=lambda one: abs(np.log((one.area + 1) / (real.area + 1))), default=None)
            box = Box(0, 0, *image.shape[:2]) if near is None else near.box
            return small(image[_around(image, box, max(REAL, int(1.25 * box.side)))], REAL)

    sources = tuple(dict.fromkeys((picture, *(file for label in labels for file in label.files))))
    return thumbnail(project, f"real {real.kind} {real.area}", sources, draw, known)


def _named(project: Project, kind: str, name: str) -> str | None:
    """Return the picture of the data that is called so and shows this kind of defect; None where there is none."""
    found = listing.listed(project, 0, 50, Which(kind=kind, text=name))
    return next((each.name for each in found if Path(each.name).name == name), None)


def _some(project: Project, kind: str) -> list[str]:
    """Return the names of a few pictures of a kind, spread over all of them."""
    which = Which(kind=kind)
    count = listing.number(project, which)
    places = sorted({count * number // MOST_REAL for number in range(MOST_REAL)}) if count else []
    return [each.name for place in places for each in listing.listed(project, place, 1, which)]


def _around(image: np.ndarray, box: Box, side: int) -> tuple[slice, slice]:
    """Return rows and columns of a square of the picture around a box, moved to where it lies in the picture."""
    found = []
    for start, length, all_of_it in ((box.top, box.height, image.shape[0]), (box.left, box.width, image.shape[1])):
        first = max(0, min(start + length // 2 - side // 2, all_of_it - side))
        found.append(slice(first, min(all_of_it, first + side)))
    return found[0], found[1]


def _outlined(image: np.ndarray, mask: np.ndarray, factor: float) -> np.ndarray:
    """Return a picture (H, W, 1 | 3) in colours with the outline of a mask, whose pixels are `factor` of its own."""
    shown = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else np.ascontiguousarray(image)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    scaled = [np.round(contour * factor).astype(np.int32) for contour in contours]
    return np.asarray(cv2.drawContours(np.ascontiguousarray(shown), scaled, -1, OUTLINE, 1))
