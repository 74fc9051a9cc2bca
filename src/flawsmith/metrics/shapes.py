"""How large, long and filled generated defects are beside real ones."""

from typing import Any

import numpy as np

from flawsmith.metrics.masks import NAMES
from flawsmith.metrics.registry import SHAPES, SIDES, Column, Metric, Number, missing, number, register
from flawsmith.metrics.sides import Sides


def spreads(sides: Sides) -> dict[str, dict[str, list[float] | None]]:
    """Return the 10, 50 and 90 % quantiles of each descriptor of `MaskShape` by side; None where no defect has it."""
    found = {}
    for name in NAMES:
        of = [[getattr(flaw.shape, name) for flaw in side] for side in (sides.real_flaws, sides.generated_flaws)]
        known = [[value for value in values if value is not None] for values in of]
        quantiles = [[float(q) for q in np.percentile(values, (10, 50, 90))] if values else None for values in known]
        found[name] = dict(zip(SIDES, quantiles, strict=True))
    return found


def _register(name: str, unit: str, sentence: str, rank: int) -> None:
    def compute(sides: Sides) -> Number:
        medians = {side: q[1] for side, q in sides.shared("spreads", lambda: spreads(sides))[name].items() if q is not None}
        more: dict[str, Any] = {"real": medians["real"]} if "real" in medians else {}
        return number(medians["generated"], **more) if "generated" in medians else missing("0 generated", **more)

    columns = (Column(f"{name.capitalize()}, real", "real"), Column("generated"))
    register(Metric(f"median_{name}", name.capitalize(), "masks", SHAPES, compute, columns, sentence, unit=unit, rank=rank))


_register("area", "px", "Median pixels of a defect.", 60)
_register("elongation", "", "Median length over thickness.", 61)
_register("solidity", "", "Median share of its convex hull that a defect fills.", 62)
