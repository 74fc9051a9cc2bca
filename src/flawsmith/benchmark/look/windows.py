"""What the judge of look sees of a labelled defect: windows around it, and how it differs there from its own surroundings.

Real and generated defects are looked at by one rule, so that little but their look can tell them apart. The windows are never shrunk, and
show the largest defect of a picture in random poses, places, scales and tones. Of frozen ImageNet features the difference between the
defect and what surrounds it in the same window is kept: how a specimen was lit, coated or compressed is in both and goes. Where the
defect ends is taken from its mask, grown by another width in every view, as one labeller draws wider than another. Of binarised pictures
only black and white is seen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flawsmith.benchmark.classifiers.views import AROUND, LEAST, main_defect, pose
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import Dataset, Sample, load_sample
from flawsmith.dataset.windows import bounding_box, distance_outside, grow
from flawsmith.images.pixel_range import PixelRange, shares
from flawsmith.metrics.features import rgb
from flawsmith.product.learn import learn_product, looked_at

SIDE = 128  # pixels of what the network sees, and of the largest window
VIEWS = 8  # of each defect
GROWN = (0.0, 8.0)  # pixels by which masks are grown
CLEAR = 8  # pixels that a place without a defect keeps from it
TRIES = 40  # places that are tried for one
ZOOM, SHIFT = 0.25, 0.08  # greatest change of a view's scale (logarithm) and place (share of the window)
CONTRAST, TONE = 0.1, 0.05  # spread of its contrast (logarithm) and brightness (share of the range)
EXEMPLAR = 64  # pixels: side of the exemplars in which the levels of binarised pictures are looked for

Maps = Callable[[Tensor], Sequence[Tensor]]  # pictures (B, 3, S, S) in [0, 1] to feature maps (B, C_l, h_l, w_l)


@dataclass(frozen=True)
class ShownDefect:
    """A picture with a labelled defect."""

    name: str  # of the picture; its views depend on it
    kind: str
    unit: str  # what it shows besides: the physical specimen, or the normal that it was made on
    image: np.ndarray  # (H, W, C) uint8 | uint16
    mask: np.ndarray  # (H, W) bool

    def filled(self, pixels: np.ndarray) -> "ShownDefect":
        """Return it with other pixels (H, W, C) in its mask, given in stored values and rounded."""
        stored = np.clip(np.rint(pixels), 0, np.iinfo(self.image.dtype).max).astype(self.image.dtype)
        return replace(self, image=np.where(self.mask[..., None], stored, self.image))


@dataclass(frozen=True)
class SeenDefect:
    """What is kept of a defect."""

    kind: str
    unit: str
    side: int  # longer side of its box in pixels
    features: np.ndarray  # (V, D) float32, a row for each view
    beside: np.ndarray | None  # (V', D) float32, the same of places without a defect under the same masks; None where none was found


@dataclass(frozen=True)
class _Pose:
    """How a view is taken."""

    scale: float
    quarter: int
    mirror: bool
    gain: float
    shift: float

    def take(self, plane: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return (SIDE, SIDE, C): the picture (H, W) or (H, W, C) around `at` (row, column), enlarged; mirrored where it ends."""
        move = (SIDE - 1) / 2 - self.scale * at
        matrix = np.array([[self.scale, 0, move[1]], [0, self.scale, move[0]]])
        seen = cv2.warpAffine(plane, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        return pose(seen.reshape(SIDE, SIDE, -1), self.quarter, self.mirror)

    def picture(self, picture: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return the same with its tones changed."""
        seen = self.take(picture, at)
        return (seen - seen.mean()) * np.float32(self.gain) + np.float32(seen.mean() + self.shift)


@dataclass(frozen=True)
class Eye:
    """How one product's pictures are looked at, real and generated ones alike."""

    maps: Maps
    scale: PixelRange
    colours: int  # 1 grey, 3 colours: what all pictures are brought to
    turns: bool  # whether the product looks like itself after a quarter turn
    binarised: bool  # whether its pictures are black and white
    seed: int = 0

    def see(self, shown: ShownDefect, beside: bool = True) -> SeenDefect:
        """Return what is kept of a defect; beside: whether places without a defect are looked at, too."""
        picture = shares(shown.image, self.scale, self.colours)
        if self.binarised:
            picture = (picture > 0.5).astype(np.float32)
        of_defect, clear = [], []
        for seen, mask, other in self._views(shown, picture, beside):
            of_defect.append((seen, mask))
            if other is not None:
                clear.append((other, mask))
        side = bounding_box(main_defect(shown.mask)).side
        features = self._differences(of_defect)
        return SeenDefect(shown.kind, shown.unit, side, features, self._differences(clear) if clear else None)

    def _views(self, shown: ShownDefect, picture: np.ndarray, beside: bool) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """Yield views (S, S, C) of the defect in the picture (H, W, C), its mask there (S, S), 0 to 1, and a view beside it or None."""
        mask = main_defect(shown.mask)
        box = bounding_box(mask)
        extent = min(int(np.clip(AROUND * box.side, LEAST, SIDE)), *mask.shape)
        least, most = np.full(2, (extent - 1) / 2), np.array(mask.shape) - (extent + 1) / 2
        middle = np.array([box.top + (box.height - 1) / 2, box.left + (box.width - 1) / 2])
        outline = np.argwhere(mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0))
        distance, near = distance_outside(mask), grow(shown.mask, CLEAR).astype(np.float32)
        for number in range(VIEWS):
            g = numpy_generator(self.seed, "look", shown.kind, shown.name, number)
            # of a defect larger than the window a part of its outline is looked at
            aim = middle if box.side <= extent or not len(outline) else outline[g.integers(len(outline))]
            at = np.clip(aim + g.uniform(-SHIFT, SHIFT, 2) * extent, least, most)
            zoomed = SIDE / extent * float(np.exp(g.uniform(-ZOOM, ZOOM)))
            quarter = int(g.integers(4)) if self.turns else 2 * int(g.integers(2))
            way = _Pose(zoomed, quarter, bool(g.integers(2)), float(np.exp(g.normal(0, CONTRAST))), float(g.normal(0, TONE)))
            seen_mask = way.take((distance <= g.uniform(*GROWN)).astype(np.float32), at)[..., 0]
            other = None
            for place in g.uniform(least, np.maximum(most, least), (TRIES if beside else 0, 2)):
                defect = way.take(near, place)[..., 0] > 0.5
                if not defect[seen_mask > 0].any() and defect.mean() < 0.1:
                    other = way.picture(picture, place)
                    break
            yield way.picture(picture, at), seen_mask, other

    @torch.no_grad()
    def _differences(self, views: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Return (V, D) of views and masks: for every map's channels the mean and the deviation in the mask less those around it."""
        x = torch.from_numpy(np.stack([rgb(seen) for seen, _ in views])).permute(0, 3, 1, 2)  # (V, 3, S, S)
        mask = torch.from_numpy(np.stack([mask for _, mask in views]))[:, None]  # (V, 1, S, S)
        found = []
        for level in self.maps(x):
            inside = F.interpolate(mask.to(level), level.shape[-2:], mode="area")
            (mean, deviation), (mean_around, deviation_around) = _pooled(level, inside), _pooled(level, 1 - inside)
            found += [mean - mean_around, deviation - deviation_around]
        return torch.cat(found, 1).float().cpu().numpy()


def eye_for(learn: Dataset, maps: Maps, seed: int = 0) -> Eye:
    """Return how a product's pictures are looked at, from the part of it that the generator learned from."""
    normals = [load_sample(learn.good[i]).image for i in looked_at(len(learn.good))]
    defects = {name: [load_sample(item) for item in items] for name, items in learn.defects.items() if items}
    product, _ = learn_product(normals, normals, defects, EXEMPLAR)
    return Eye(maps, product.scale, product.shape.colours, not product.directed, product.levels is not None, seed)


def shown_sample(sample: Sample) -> ShownDefect:
    """Return a labelled picture with its specimen: its group, or itself."""
    assert sample.mask is not None
    name = sample.source.as_posix()
    return ShownDefect(name, sample.defect, sample.group or name, sample.image, sample.mask)


def _pooled(level: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the deviation (V, C) of maps (V, C, h, w) under weights (V, 1, h, w)."""
    weight = weight / weight.sum((2, 3), keepdim=True).clamp_min(1e-3)
    mean = (level * weight).sum((2, 3), keepdim=True)
    return mean[..., 0, 0], ((level - mean).square() * weight).sum((2, 3)).clamp_min(1e-8).sqrt()
