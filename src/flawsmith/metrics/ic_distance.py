"""How varied generated pictures are: their distances inside the clusters round the real ones, and the real ones' own."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from flawsmith.core.seeds import numpy_generator
from flawsmith.metrics.features import SIDE, Extractor, Offline, check_kind

FINEST = 1  # level of the feature maps to begin with; the one before shows little but the camera's grain
SPLITS = 50  # of the real pictures in two halves
BUDGET = 1 << 29  # bytes of vectors in memory at a time
TINY = 1e-10  # length of a feature, against division by 0


class Perceptual(Protocol):
    """A distance of pictures as people see them."""

    name: str
    digest: str  # first 12 hexadecimal digits of the SHA-256 of its weights
    side: int  # pixels; whole pictures are squeezed into this square

    def vector(self, picture: Tensor) -> np.ndarray:
        """Return a picture (1, 3, H, W) in [0, 1] as a vector (D,); the distance is the squared Euclidean one of two vectors."""
        ...


class MapDistance:
    """LPIPS as Zhang et al. 2018 define it, on an extractor's feature maps and without learned weights."""

    side = SIDE

    def __init__(self, extractor: Extractor) -> None:
        self.name, self.digest, self._extractor = f"LPIPS-like distance on {extractor.name}", extractor.digest, extractor

    def vector(self, picture: Tensor) -> np.ndarray:
        """Return the features at every place, scaled to length 1, over the root of the number of places: (D,) float32."""
        parts = []
        for level in self._extractor.maps(picture)[FINEST:]:
            unit = level / (level.pow(2).sum(1, keepdim=True).sqrt() + TINY)
            parts.append((unit / (level.shape[2] * level.shape[3]) ** 0.5).flatten())
        return np.asarray(torch.cat(parts).float().cpu().numpy())


@dataclass(frozen=True)
class Clusters:
    """The distance inside clusters."""

    value: float | None  # mean over the clusters of the mean distance of all their pairs; None when all have one member
    clusters: int  # with two members or more
    alone: int  # members of clusters of one, which have no pairs


@dataclass(frozen=True)
class Diversity:
    """How varied generated pictures are beside real ones, by the same references."""

    made: float
    real: float
    splits: int  # that had a cluster of two on both sides


def load_perceptual(kind: str, extractor: Extractor, device: str = "cpu") -> Perceptual:
    """Return the distance that goes with an extractor: LPIPS ("paper", or "auto" where it is there), else one on EfficientNet-Lite0's maps.

    Raises FlawsmithError that says what is missing and how to get it.
    """
    from flawsmith.metrics.paper import Lpips, lpips_trouble

    if check_kind(kind) == "paper" or (kind == "auto" and lpips_trouble() is None):
        return Lpips(device)
    return MapDistance(extractor if isinstance(extractor, Offline) else Offline(device))


def distance_matrix(pictures: Sequence[Tensor], perceptual: Perceptual) -> np.ndarray:
    """Return the distances (N, N) of pictures (1, 3, H, W) of one size; vectors that do not fit in memory together are made again."""
    count = len(pictures)
    result = np.zeros((count, count))
    size = perceptual.vector(pictures[0]).nbytes if count else 1
    block = max(1, BUDGET // size // 2)

    def vectors(start: int) -> np.ndarray:
        """Return the vectors (block, D) of the pictures from `start` on."""
        return np.stack([perceptual.vector(picture) for picture in pictures[start : start + block]])

    for i in range(0, count, block):
        one = vectors(i)
        for j in range(i, count, block):
            other = one if i == j else vectors(j)
            squares = (one**2).sum(1, dtype=np.float64)[:, None] + (other**2).sum(1, dtype=np.float64) - 2.0 * (one @ other.T)
            result[i : i + block, j : j + block] = np.maximum(squares, 0)
            result[j : j + block, i : i + block] = result[i : i + block, j : j + block].T
    np.fill_diagonal(result, 0)
    return result


def nearest(to_references: np.ndarray) -> np.ndarray:
    """Return the index of each picture's nearest reference (N,) from distances (N, K); of equal ones the first."""
    return np.asarray(to_references.argmin(1))


def intra_cluster(own: np.ndarray, labels: np.ndarray) -> Clusters:
    """Return the distance inside the clusters (Ojha et al. 2021) from the pictures' distances (N, N) and their clusters' numbers (N,).

    All pairs of a cluster count. Larger is more varied; 0 means that each reference was drawn again and again.
    """
    means, alone = [], 0
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            alone += 1
            continue
        inner = own[np.ix_(members, members)]
        means.append(inner.sum() / (len(members) * (len(members) - 1)))
    return Clusters(float(np.mean(means)) if means else None, len(means), alone)


def diversity(matrix: np.ndarray, parts: Sequence[Hashable], seed: int = 0) -> Diversity | None:
    """Return how varied generated pictures are beside real ones, from the distances (N, N) of the real and then the generated ones.

    parts: the physical part that each real picture shows; pictures of one part are as good as copies, so one of each is taken at a time.
    None where too few share clusters. The real pictures cannot be their own references: each would be a cluster of one. So they are split
    in two halves at random, SPLITS times; one half are the references, and the distance inside clusters is taken of the other half and of
    the generated pictures alike: of as many of either, for among few pictures those that share a cluster are those of the wide clusters.
    """
    pairs, real = [], len(parts)
    for number in range(SPLITS):
        g = numpy_generator(seed, "diversity", number)
        first = {parts[i]: i for i in g.permutation(real)}  # one picture of each part, any of them
        order, made = g.permutation(sorted(first.values())), real + g.permutation(len(matrix) - real)
        references, rest = np.split(order, [len(order) // 2])
        count = min(len(rest), len(made))
        both = []
        for side in (made[:count], rest[:count]):
            labels = nearest(matrix[np.ix_(side, references)]) if len(references) and len(side) else np.zeros(0, int)
            both.append(intra_cluster(matrix[np.ix_(side, side)], labels).value)
        if both[0] is not None and both[1] is not None:
            pairs.append((both[0], both[1]))
    if not pairs:
        return None
    generated, own = np.mean(pairs, axis=0)
    return Diversity(float(generated), float(own), len(pairs))
