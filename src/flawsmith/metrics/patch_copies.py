"""How much of a generated defect is put together from pieces of real ones, beside what real ones have in common."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from flawsmith.metrics.registry import MASKS, Column, Metric, Number, missing, number, register
from flawsmith.metrics.sides import Known, PairView, Sides
from flawsmith.quality.copies import Crop
from flawsmith.quality.patch_copies import patch_copy_rate

MOST = 24  # real defects of a kind that pieces are looked for in, and whose own rate is measured; spread evenly over them


def patch_copies(pair: PairView) -> dict[str, Any]:
    """Return the mean share, 0 to 1, of the pixels of a pair's defects that are found, shifted, in a real or followed one of their kind.

    "patch_copy_of_real" is the same of the real defects of these kinds among each other. None where no defect has a pattern, or none of
    its kind is known.
    """
    rates, among_real = [], []
    for kind, crop in pair.crops:
        if (known := pair.known.get(kind)) is None:
            continue
        followed = [known.followed[i] for i in _spread(known.followed)]
        if (rate := patch_copy_rate(crop, [*(known.crops[i] for i in _spread(known.crops)), *followed])) is not None:
            rates.append(rate)
            among_real.append(known.shared("patch copies", partial(rate_among, known)))
    own = [rate for rate in among_real if rate is not None]
    return {"patch_copy": float(np.mean(rates)) if rates else None, "patch_copy_of_real": float(np.mean(own)) if own else None}


def rate_among(known: Known) -> float | None:
    """Return the mean share, 0 to 1, of real defects' pixels that are found in one of another specimen; None where that cannot be told."""
    chosen = _spread(known.crops)
    rates = []
    for i in chosen:
        others = [known.crops[j] for j in chosen if known.specimens[j] != known.specimens[i]]
        if (rate := patch_copy_rate(known.crops[i], others)) is not None:
            rates.append(rate)
    return float(np.mean(rates)) if rates else None


def _spread(crops: Sequence[Crop]) -> list[int]:
    return [int(i) for i in np.linspace(0, len(crops) - 1, min(MOST, len(crops))).round()]


def _compute(sides: Sides) -> Number:
    values = [pair.values for pair in sides.pairs if pair.values["patch_copy"] is not None]
    if not values:
        return missing("no pair has a defect with a pattern and a known real one of its kind" if sides.pairs else "0 generated")
    rates = [v["patch_copy"] for v in values]
    own = [v["patch_copy_of_real"] for v in values if v["patch_copy_of_real"] is not None]
    more = {"of_real": float(np.mean(own))} if own else {}
    return number(float(np.mean(rates)), highest=max(rates), pairs=len(rates), **more)


register(
    Metric(
        "patch_copies",
        "Patch copies",
        "masks",
        MASKS,
        _compute,
        (Column("Patch copies", form=".0%"), Column("of real", "of_real", form=".0%"), Column("most", "highest", form=".0%")),
        "Mean share of the defect's pixels whose 9 × 9 surroundings are found, shifted and in any of eight poses, in a real defect; of "
        "real: the same of real defects in those of other parts, which is what two different defects have in common. A defect put together "
        "from pieces of real ones is no copy as a whole and has a high share here.",
        better="lower",
        rank=60,
        per_pair=patch_copies,
    )
)
