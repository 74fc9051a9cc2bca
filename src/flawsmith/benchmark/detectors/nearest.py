"""Detection without a labelled defect: how far each place's features are from the nearest that the normals have (Roth et al. 2022)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flawsmith.benchmark.labelled import with_colours
from flawsmith.core.errors import DataError
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.sample import Sample
from flawsmith.images.channels import colour_count
from flawsmith.images.pixel_range import PixelRange
from flawsmith.metrics.features import load_extractor, rgb
from flawsmith.product.learn import learn_range

STRIDES = (8, 16)  # pixels per cell of the two levels that are joined
LARGEST = 1280  # longer side of the normals as the network sees them, at most, in pixels
ENLARGED = 2.0  # times at most that small pictures are enlarged: defects of ten pixels are common, and a cell is eight
SIGMA = 4.0  # smoothing of the map, in pixels of the picture as the network sees it
POOL = 60_000  # patches of all normals that the memory is chosen from
PROJECTED = 64  # dimensions in which it is chosen
AT_ONCE = 2048  # patches compared at a time: bounds the memory, and changes nothing else


class Describer(Protocol):
    """What is needed of an extractor (metrics.features)."""

    name: str

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return feature maps (B, C_l, h_l, w_l), the finest first, of pictures (B, 3, H, W) in [0, 1]."""
        ...


@dataclass(frozen=True)
class Nearest:
    """What the normals look like, patch by patch, and the network that describes patches."""

    extractor: Describer
    memory: Tensor  # (M, C) features of normal patches
    values: PixelRange  # the stored values that are black and white
    scale: float  # by which pictures are enlarged for the network

    def map(self, image: np.ndarray) -> np.ndarray:
        """Return (H, W) float32, each pixel's distance to the nearest normal patch, of a picture (H, W, C) as stored."""
        patches = embed_patches(self.extractor, image, self.values, self.scale)  # (C, h, w)
        found = nearest_distance(patches.flatten(1).T, self.memory).reshape(patches.shape[1:]).numpy()
        full = cv2.resize(found, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
        return cv2.GaussianBlur(full, (0, 0), SIGMA / self.scale, borderType=cv2.BORDER_REFLECT)

    @staticmethod
    def score(map_: np.ndarray) -> float:
        """Return the picture's score: the greatest value of its map.

        Roth et al. eq. 7 weigh it by how alone the nearest patch is in the memory; on four products that changed no image AUROC by
        more than 0.02, in either direction, so it is left out.
        """
        return float(map_.max())


def fit_nearest(
    normals: Sequence[Sample], seed: int, share: float = 0.1, extractor: Describer | None = None, device: str = "cpu", pool: int = POOL
) -> Nearest:
    """Return the detector for a product, from its normals alone; it depends on their content and `seed`, not on their order.

    Features of two middle levels, averaged over 3x3 cells, the coarser resampled to the finer; of at most `pool` patches, as many of
    each picture, `share` is kept such that every patch is near one that is kept. Pictures of any size: they pass the network whole,
    enlarged up to twice where they are small and shrunk by area where the longest normal's side is over 1280 pixels, so that in a
    larger picture defects of a few pixels are lost. Without an extractor it is the offline one.
    Raises DataError without normals, FlawsmithError where the extractor is not installed.
    """
    if not normals:
        raise DataError("no normals to learn from; expected pictures without a defect in train/good.")
    extractor = extractor or load_extractor("offline", device)
    ordered = sorted(normals, key=lambda sample: sample.source.as_posix())
    values = learn_range(ordered)
    scale = min(ENLARGED, LARGEST / max(max(sample.image.shape[:2]) for sample in ordered))
    each = max(1, pool // len(ordered))
    parts = []
    for index, sample in enumerate(ordered):
        patches = embed_patches(extractor, sample.image, values, scale).flatten(1).T  # (h w, C)
        order = numpy_generator(seed, "nearest patches", index).permutation(len(patches))
        parts.append(patches[torch.from_numpy(np.sort(order[:each]))])
    everything = torch.cat(parts)
    kept = coreset(everything, max(1, round(share * len(everything))), seed)
    return Nearest(extractor, everything[torch.from_numpy(kept)], values, scale)


def embed_patches(extractor: Describer, image: np.ndarray, values: PixelRange, scale: float) -> Tensor:
    """Return (C, h, w) float32 features of a picture (H, W, C) as stored, a cell per 8 pixels of the enlarged picture."""
    shares = (image.astype(np.float32) - np.float32(values.low)) / np.float32(values.high - values.low)
    picture = rgb(with_colours(shares, colour_count(image.shape[2])))
    size = tuple(max(2 * STRIDES[-1], round(side * scale)) for side in image.shape[:2])
    picture = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    levels = extractor.maps(torch.from_numpy(picture).permute(2, 0, 1)[None].clamp(0, 1))
    fine, coarse = (F.avg_pool2d(_level(levels, size, stride).float().cpu(), 3, 1, 1, count_include_pad=False) for stride in STRIDES)
    coarse = F.interpolate(coarse, tuple(fine.shape[-2:]), mode="bilinear", align_corners=False)
    return torch.cat([fine, coarse], 1)[0]


def coreset(patches: Tensor, count: int, seed: int) -> np.ndarray:
    """Return the rows (count,) of `patches` (N, C) chosen one by one, each the farthest from those before.

    Greedy k-centre in a random projection: Roth et al. 2022, alg. 1. Never more rows than there are.
    """
    generator = numpy_generator(seed, "nearest coreset")
    projection = generator.standard_normal((patches.shape[1], PROJECTED)).astype(np.float32)
    points = (patches @ torch.from_numpy(projection)).contiguous()
    norms = points.square().sum(1)
    row = int(generator.integers(len(points)))
    chosen, distance = [row], torch.full((len(points),), torch.inf)
    for _ in range(min(count, len(points)) - 1):
        distance = torch.minimum(distance, norms + norms[row] - 2 * (points @ points[row]))
        distance[row] = -torch.inf
        row = int(distance.argmax())
        chosen.append(row)
    return np.array(chosen)


def nearest_distance(patches: Tensor, memory: Tensor) -> Tensor:
    """Return (N,) the Euclidean distance of each of `patches` (N, C) to the nearest row of `memory` (M, C)."""
    return torch.cat([torch.cdist(part, memory).amin(1) for part in patches.split(AT_ONCE)])


def _level(levels: Sequence[Tensor], size: Sequence[int], stride: int) -> Tensor:
    """Return the level (1, C, h, w) of a picture of `size` whose cells are nearest to `stride` pixels."""
    return min(levels, key=lambda level: abs(np.log2(size[0] * size[1] / (level.shape[-2] * level.shape[-1])) / 2 - np.log2(stride)))
