"""Training crops for detectors: cut at native scale around defects and from normals, mirrored, turned, warped, toned and tinted."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from flawsmith.benchmark.labelled import LabelledImage
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import GOOD
from flawsmith.dataset.windows import Box, cut, window_around

SIDE = 128  # of the crops in pixels: the network looks that far around; larger defects are learned piece by piece

COMMON = 0.7  # of the variance that all colours share: brightness varies more than hue
TINTED = 0.5  # share of the defect crops of colour pictures whose defect is shifted in colour
TINT = 0.2  # standard deviation of that shift, in standard deviations of the picture

Tree = dict[str, list[list[LabelledImage]]]


class Crops:
    """Batches of crops from real pictures and from made ones, in a fixed proportion."""

    def __init__(
        self,
        real: Sequence[LabelledImage],
        made: Sequence[LabelledImage],
        share: float,
        side: int,
        good_share: float,
        seed: int,
        turns: bool = True,
        tone: bool = True,
    ) -> None:
        """share: of the defect crops, from made pictures; 0 none, 1 all. good_share: of all crops, from the normals in `real`.

        turns: turn crops by quarters; False where the surface has a direction. tone: change their contrast, colour and sharpness, and
        the colour of their defects; alike for real pictures and made ones, so that no column alone learns from other colours.
        """
        self._turns = turns
        self._real, self._made = by_kind(real), by_kind(made)
        self._share, self._side, self._good, self._seed, self._tone = share, side, good_share, seed, tone

    def batch(self, step: int, count: int) -> tuple[Tensor, Tensor]:
        """Return crops (B, C, S, S) float32 and masks (B, 1, S, S) of 0 and 1; they depend on (seed, step) and nothing else."""
        rows = [self._crop(numpy_generator(self._seed, "crop", step, i)) for i in range(count)]
        x = torch.from_numpy(np.stack([image for image, _ in rows])).permute(0, 3, 1, 2)  # (B, C, S, S), channels last
        return x, torch.from_numpy(np.stack([mask for _, mask in rows])[:, None].astype(np.float32))

    def _crop(self, g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return a crop (S, S, C) float32 and its mask (S, S) bool: around a random pixel of a defect, or anywhere in a normal."""
        made = bool(g.random() < self._share)
        tree = self._made if made else self._real
        kinds = [kind for kind in tree if kind != GOOD]
        if g.random() < self._good and GOOD in self._real:
            tree, kind = self._real, GOOD
        else:
            kind = kinds[g.integers(len(kinds))]
        group = tree[kind][g.integers(len(tree[kind]))]
        picture = group[g.integers(len(group))]
        places = np.flatnonzero(picture.mask)
        place = int(places[g.integers(len(places))]) if len(places) else int(g.integers(picture.mask.size))
        spot = Box(place // picture.mask.shape[1], place % picture.mask.shape[1], 1, 1)
        top, left = window_around(spot, self._side, picture.mask.shape, g)
        image, mask = picture.standard(cut(picture.image, top, left, self._side)), cut(picture.mask, top, left, self._side)
        if g.random() < 0.5:
            image, mask = _warp(image, mask, g)
        turns, mirror = int(g.integers(4)), bool(g.integers(2))
        turns = turns if self._turns else 2 * (turns % 2)
        image, mask = np.rot90(image, turns), np.rot90(mask, turns)
        if mirror:
            image, mask = image[:, ::-1], mask[:, ::-1]
        image, mask = np.ascontiguousarray(image), np.ascontiguousarray(mask)
        return (_toned(_tinted(image, mask, g), g) if self._tone else image), mask


def by_kind(pictures: Sequence[LabelledImage]) -> Tree:
    """Return the pictures by defect and physical part, so that a part taken fifteen times counts once."""
    tree: dict[str, dict[str, list[LabelledImage]]] = {}
    for x in pictures:
        tree.setdefault(x.defect, {}).setdefault(x.group, []).append(x)
    return {kind: list(groups.values()) for kind, groups in sorted(tree.items())}


def _warp(image: np.ndarray, mask: np.ndarray, g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return crop and mask turned by up to 20 degrees and scaled by 0.85 to 1.2."""
    side = mask.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), g.uniform(-20, 20), float(np.exp(g.uniform(-0.16, 0.18))))
    warped = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    turned = cv2.warpAffine(mask.astype(np.float32), matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return warped.reshape(image.shape), turned > 0.5


def _tinted(image: np.ndarray, mask: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return a standardised colour crop (S, S, 3) whose defect (S, S) bool is, half of the time, of another colour as a whole.

    A few labelled defects show few of the colours that defects have. Grey crops stay: brightness is all that a defect is seen by there.
    """
    if image.shape[2] == 1 or not mask.any() or g.random() >= TINTED:
        return image
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5)[..., None]  # (S, S, 1) soft border
    return image + weight * (TINT * _deviates(g, image.shape[2])).astype(np.float32)


def _toned(image: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Return a standardised crop (S, S, C) with other contrast, brightness and colours, sometimes softer or noisier.

    A detector must not live off the noise.
    """
    gain, shift = np.exp(0.12 * _deviates(g, image.shape[2])), 0.15 * _deviates(g, image.shape[2])
    image = image * gain.astype(np.float32) + shift.astype(np.float32)
    if g.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), g.uniform(0.3, 0.8)).reshape(image.shape)
    if g.random() < 0.25:
        image = image + g.normal(0, g.uniform(0, 0.1), image.shape).astype(np.float32)
    return image


def _deviates(g: np.random.Generator, colours: int) -> np.ndarray:
    """Return (C,) standard normal deviates, correlated between the colours by COMMON."""
    common = g.standard_normal()
    return np.full(1, common) if colours == 1 else np.sqrt(COMMON) * common + np.sqrt(1 - COMMON) * g.standard_normal(colours)
