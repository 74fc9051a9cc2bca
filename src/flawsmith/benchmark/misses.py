"""Real defects that detectors trained on real ones alone missed, for `generate --like`: those of the validation part.

The test part is never looked at for it: what pairs were made to follow cannot judge them.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from flawsmith.benchmark.jobs import read_result
from flawsmith.benchmark.protocol import REAL
from flawsmith.benchmark.workspace import Workspace
from flawsmith.dataset.components import separate
from flawsmith.dataset.sample import Item
from flawsmith.metrics.detection import pixel_metrics

COVERED = 0.1  # a defect is missed where less than this share of its pixels is marked
OFTEN = 0.5  # share of the detectors, of all numbers of shots and seeds, that have to miss a picture


def missed(root: Path, items: Sequence[Item], maps: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[str]:
    """Return the pictures, as paths from `root`, with a separate defect that is missed at the threshold of the best pixel F1.

    maps: (H, W) float32 each, higher is more anomalous; masks: (H, W) bool each, empty for normals.
    """
    threshold = pixel_metrics(maps, masks).threshold
    found = []
    for item, anomaly, mask in zip(items, maps, masks, strict=True):
        marked = anomaly >= (np.inf if threshold is None else threshold)
        if mask.any() and any((marked & one.mask(mask.shape)).sum() < COVERED * one.area for one in separate(mask)):
            found.append(item.image.relative_to(root).as_posix())
    return list(dict.fromkeys(found))


def often_missed(works: Sequence[Workspace]) -> list[Path]:
    """Return the validation pictures that at least OFTEN of the detectors trained on real defects alone missed, by path."""
    counts: Counter[Path] = Counter()
    detectors = 0
    for work in works:
        found = read_result(work.trained(REAL, 0.0))["missed"]
        detectors += found is not None
        counts.update(work.parts.validation.root / path for path in found or ())
    return sorted(path for path, count in counts.items() if count >= OFTEN * detectors)
