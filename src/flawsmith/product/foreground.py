"""Where the product is in a picture, told from the learned background."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import cv2
import numpy as np

from flawsmith.dataset.components import SPECK, components
from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import distance_outside
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.background import ALIKE, SHARES, STEADY, Background, shrink
from flawsmith.product.surface import difference, frame_median, object_pieces, value_shares

MOST = 0.9  # share of a defect's real places that its reach takes in
NEARLY = 0.98  # share of the pixels of a real defect that its extent takes in


def foreground(image: np.ndarray, background: Background, scale: PixelRange, reach: float = 0.0) -> np.ndarray:
    """Return where the object is in a picture (H, W, C) as stored: (H, W) bool, without specks, small holes filled.

    A large hole through which the background is seen stays open. reach: how far around the object still counts, as a share of the
    longer side. In a picture so unlike the normals that its background cannot be told, the object is everywhere.
    """
    found = _find(image, background, scale)
    if found is None:
        return np.ones(image.shape[:2], bool)
    if reach > 0:
        found = distance_outside(found) <= reach * max(found.shape)
    return cv2.resize(found.astype(np.uint8) * 255, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR) > 127


def measure_reaches(background: Background, defects: Mapping[str, Iterable[Sample]], scale: PixelRange) -> Background:
    """Return the background with how far from the object each defect's centres (MOST of them) and pixels (NEARLY all in any picture) are.

    defects: whole pictures with their masks, taken one at a time. A defect none of whose pictures shows the object gets neither.
    """
    reaches, extents = {}, {}
    for name, samples in defects.items():
        distances = [found for sample in samples if (found := _distances(sample, background, scale)) is not None]
        if distances:
            reaches[name] = round(float(np.quantile([d for centres, _ in distances for d in centres], MOST)), 4)
            extents[name] = round(max(farthest for _, farthest in distances), 4)
    return replace(background, reaches=reaches, extents=extents)


def _distances(sample: Sample, background: Background, scale: PixelRange) -> tuple[list[float], float] | None:
    """Return how far the centre of each defect of a picture is from the object, and nearly all of their pixels; None without an object.

    As shares of the longer side.
    """
    assert sample.mask is not None
    found = _find(sample.image, background, scale)
    if found is None or not found.any() or not sample.mask.any():
        return None
    outside = distance_outside(found) / max(found.shape)
    distances = []
    pieces = components(sample.mask)
    for piece in pieces:
        if piece.area >= SPECK * pieces[0].area:
            box = piece.box
            row = int((box.top + box.height / 2) * found.shape[0] / sample.mask.shape[0])
            column = int((box.left + box.width / 2) * found.shape[1] / sample.mask.shape[1])
            distances.append(float(outside[row, column]))
    rows, columns = (at * n // m for at, n, m in zip(np.nonzero(sample.mask), found.shape, sample.mask.shape, strict=True))
    return distances, float(np.quantile(outside[rows, columns], NEARLY))


def _find(image: np.ndarray, background: Background, scale: PixelRange) -> np.ndarray | None:
    """Return where the object is in a picture once shrunk, (h, w) bool; None when it is too unlike the normals to tell."""
    view = value_shares(shrink(image), scale, len(background.colour))
    if np.abs(frame_median(view) - np.array(background.colour)).max() > STEADY + background.tolerance:
        return None
    found = object_pieces(difference(view, background.noise), background.tolerance, background.noise)
    return found if background.share[0] / ALIKE <= found.mean() <= SHARES[1] else None
