"""How good generated pairs are beside real defects: every registered number, of every kind of defect and of all together."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.dataset.sample import Item
from flawsmith.metrics.features import Extractor, load_extractor
from flawsmith.metrics.ic_distance import MapDistance, Perceptual, load_perceptual
from flawsmith.metrics.looking import Reference, look, refer
from flawsmith.metrics.registry import SIDES, Metric, metrics
from flawsmith.metrics.shapes import spreads
from flawsmith.metrics.sides import DefectWindow, Judge, Seen, SeenPair, Sides


def measure(
    real: Sequence[Item] | Reference,
    out: Path,
    extractor: str | Extractor = "auto",
    seed: int = 0,
    learned: Sequence[Item] | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Return how good the pairs in `out` are beside real pictures, in whatever order these come.

    real: labelled pictures, or what `refer` made of them, which carries its extractor and what was learned from. The other arguments are
    those of `reference_of`. The result is that of `numbers_of`.
    """
    reference = real if isinstance(real, Reference) else reference_of(real, extractor, seed, learned, device)
    return numbers_of(reference, look(reference, out, seed), seed)


def reference_of(
    items: Sequence[Item],
    extractor: str | Extractor = "auto",
    seed: int = 0,
    learned: Sequence[Item] | None = None,
    device: str = "cpu",
    tick: Callable[[], None] = lambda: None,
    judge: Judge | None = None,
) -> Reference:
    """Return the real side of an evaluation.

    extractor: a kind as for `load_extractor`, with the distance of that kind; or an extractor, whose own maps are the distance's. learned:
    the pictures whose copies are looked for; without them, `items`. tick: called after each picture.
    """
    network = load_extractor(extractor, device) if isinstance(extractor, str) else extractor
    perceptual = load_perceptual(extractor, network, device) if isinstance(extractor, str) else MapDistance(network)
    return refer(items, network, perceptual, learned, seed, tick, judge)


def numbers_of(reference: Reference, pairs: Sequence[SeenPair], seed: int) -> dict[str, Any]:
    """Return all numbers of pairs that were looked at, as plain values.

    The result holds extractors; what the metrics are ("metrics"); and "all" and, by kind, "defects", each with counts, "whole" (whole
    pictures), "windows" (native windows around the defects) and "masks" (shapes, and what needs no network). A number is {"value",
    "extractor", ...}; where there are too few pictures for it, its value is None and "reason" says why.
    """
    networks: dict[str, Extractor | Perceptual] = {"features": reference.extractor, "distance": reference.perceptual}
    names = {which: {"name": network.name, "digest": network.digest} for which, network in networks.items()}
    wanted = metrics()
    real, made = list(reference.pictures), [pair.seen for pair in pairs]
    kinds = {}
    for name in sorted({x.defect for x in (*real, *made)} | {flaw.defect for x in made for flaw in x.flaws}):
        sides = _sides(reference, pairs, seed, name)
        kinds[name] = {"window": reference.sides.get(name), **_without_numbers(sides)}
        for metric in wanted:
            kinds[name][metric.part][metric.name] = _by(names, metric, metric.compute(sides))
    sides = _sides(reference, pairs, seed, None)
    every = _without_numbers(sides)
    for metric in wanted:
        numbers = [kind[metric.part][metric.name] for kind in kinds.values()]
        if metric.over_kinds is not None:
            every[metric.part][metric.name] = _by(names, metric, metric.over_kinds(numbers))
            continue
        found = _by(names, metric, metric.compute(sides))
        values = [each["value"] for each in numbers if each["value"] is not None]
        if metric.table.extractor and values:
            found |= {"mean": float(np.mean(values)), "kinds": len(values)}
        every[metric.part][metric.name] = found
    return {
        "seed": seed,
        "extractors": names,
        "judge": None if reference.judge is None else reference.judge.report,
        "metrics": [metric.describe() for metric in wanted],
        "all": every,
        "defects": kinds,
    }


def _sides(reference: Reference, pairs: Sequence[SeenPair], seed: int, kind: str | None) -> Sides:
    """Return the two sides of a kind of defect, or of all."""
    mine = [pair for pair in pairs if kind in (None, pair.seen.defect)]
    return Sides(
        real=[x for x in reference.pictures if kind in (None, x.defect)],
        generated=[pair.seen for pair in mine],
        real_flaws=_flaws(reference.pictures, kind),
        generated_flaws=_flaws([pair.seen for pair in pairs], kind),  # a picture with several defects is of a kind of its own
        pairs=mine,
        extractor=reference.extractor,
        perceptual=reference.perceptual,
        seed=seed,
    )


def _flaws(pictures: Sequence[Seen], kind: str | None) -> list[DefectWindow]:
    return [flaw for x in pictures for flaw in x.flaws if kind in (None, flaw.defect)]


def _without_numbers(sides: Sides) -> dict[str, Any]:
    """Return the parts of one kind's result before the metrics are put in: counts, and how the shapes are spread."""
    counts = [(sides.real, sides.real_flaws), (sides.generated, sides.generated_flaws)]
    placed = all(flaw.shape.row is not None for flaw in (*sides.real_flaws, *sides.generated_flaws))
    return {
        "counts": {name: {"pictures": len(x), "defects": len(f)} for name, (x, f) in zip(SIDES, counts, strict=True)},
        "whole": {},
        "windows": {},
        "masks": {"with_place": placed, "shapes": spreads(sides)},
    }


def _by(names: dict[str, dict[str, str]], metric: Metric, found: dict[str, Any]) -> dict[str, Any]:
    """Return a number with the network it was measured with."""
    if not metric.table.extractor:
        return found
    by = names[metric.table.extractor]
    return found | {"extractor": f"{by['name']} {by['digest']}"}
