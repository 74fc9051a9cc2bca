"""The share of pairs with a defect that is a copy of a real one."""

from typing import Any

from flawsmith.metrics.registry import MASKS, Column, Metric, Number, missing, number, register
from flawsmith.metrics.sides import PairView, Sides
from flawsmith.quality.copies import closest


def nearest_known(pair: PairView) -> dict[str, Any]:
    """Return the greatest similarity, 0 to 1, of a pair's defects to known ones of their kind, whose it is, and whether any is a copy.

    None, and no copy, where there is no real defect of its kinds.
    """
    best: tuple[float, str] | None = None
    copied = False
    for kind, crop in pair.crops:
        if (known := pair.known.get(kind)) is None:
            continue
        alike, index = closest(crop, (*known.crops, *known.followed))
        copied |= alike > known.limit
        if best is None or alike > best[0]:
            best = alike, (*known.names, *known.followed_names)[index]
    alike_to = (None, None) if best is None else best
    return {"copy": alike_to[0], "copy_of": alike_to[1], "copied": copied}


def _copies(sides: Sides) -> Number:
    alike = [pair.values for pair in sides.pairs if pair.values["copy"] is not None]
    if not alike:
        return missing("no real defect of this kind" if sides.pairs else "0 generated")
    copied = sum(values["copied"] for values in alike)
    return number(copied / len(alike), count=copied, pairs=len(alike), highest=max(values["copy"] for values in alike))


register(
    Metric(
        "copies",
        "Copies",
        "masks",
        MASKS,
        _copies,
        (Column("Copies", form=".1%", count=("count", "pairs")), Column("most alike", "highest", form=".2f")),
        "Pairs with a defect more like a real one than real ones are like each other, in any of eight poses and whatever brightness and "
        "contrast; most alike: the greatest similarity, 1 for a copy.",
        better="lower",
        rank=50,
        per_pair=nearest_known,
    )
)
