"""Tallies of detectors: from maps, on disk, and of single defects."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from flawsmith.benchmark.detectors.segment import picture_score
from flawsmith.core.files import write_bytes
from flawsmith.dataset.sample import GOOD, Item
from flawsmith.metrics.detection import Counts
from flawsmith.metrics.statistics import Tally, tally


def tally_of(
    items: Sequence[Item], maps: Sequence[np.ndarray], masks: Sequence[np.ndarray], scores: Sequence[float] | None = None
) -> Tally:
    """Return the tally of a detector's maps (H, W) float32 of items against their masks (H, W) bool.

    scores: one per picture, `picture_score` of the maps where they are not given.
    """
    scores = [picture_score(m) for m in maps] if scores is None else scores
    return tally(maps, masks, scores, [item.defect for item in items], [item.group or item.image.as_posix() for item in items])


def save_tally(path: Path, tally: Tally) -> None:
    """Write a tally as one compressed file of NumPy arrays."""
    facts = json.dumps({"names": tally.names, "units": tally.units, "exact": tally.exact})
    buffer = io.BytesIO()
    own = tally.counts
    np.savez_compressed(buffer, facts=np.array(facts), scores=tally.scores, defect=own.defect, normal=own.normal, overlap=own.overlap)
    write_bytes(path, buffer.getvalue())


def load_tally(path: Path) -> Tally:
    """Return the tally that `save_tally` wrote."""
    with np.load(path, allow_pickle=False) as file:
        facts = json.loads(str(file["facts"]))
        counts = Counts(file["defect"], file["normal"], file["overlap"])
        return Tally(tuple(facts["names"]), tuple(facts["units"]), counts, file["scores"], facts["exact"])


def of_defect(tally: Tally, name: str, exact: dict[str, float]) -> Tally:
    """Return the tally of one defect's pictures and all normals; `exact` holds the metrics over them that are to be estimated."""
    own = np.array([other in (name, GOOD) for other in tally.names])
    counts = Counts(tally.counts.defect[own], tally.counts.normal[own], tally.counts.overlap[own])
    names, units = (tuple(x for x, mine in zip(all_, own, strict=True) if mine) for all_ in (tally.names, tally.units))
    return Tally(names, units, counts, tally.scores[own], exact)
