"""How varied the generated pictures of a kind are beside the real ones."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from torch import Tensor

from flawsmith.core.seeds import numpy_generator
from flawsmith.metrics.ic_distance import distance_matrix, diversity, intra_cluster, nearest
from flawsmith.metrics.registry import SIDES, VARIETY, Column, Metric, Number, missing, number, register
from flawsmith.metrics.sides import Sides

MOST = 200  # pictures of a kind that distances are taken of, and as many defects
FEWEST = 4  # real specimens

Kept = tuple[str, Tensor | None]  # the physical part that a picture shows, and the picture where its distances are taken


def variety(sides: Sides, part: Literal["windows", "whole"]) -> dict[str, Number]:
    """Return the distance inside clusters and the diversity beside the real pictures' own, of the pictures of one kind."""
    if part == "windows":
        kept: list[list[Kept]] = [[(x.specimen, x.window) for x in side] for side in (sides.real_flaws, sides.generated_flaws)]
    else:
        kept = [[(x.specimen, x.small) for x in side] for side in (sides.real, sides.generated)]
    chosen, specimens = zip(*(_chosen(side, sides.seed, name) for name, side in zip(SIDES, kept, strict=True)), strict=True)
    n, m = (len(side) for side in chosen)
    if n == 0 or m < 2:
        reason = f"{n} real and {m} generated, needs 1 and 2"
        return {"ic_distance": missing(reason), "diversity": missing(reason)}
    matrix = distance_matrix([*chosen[0], *chosen[1]], sides.perceptual)
    pairwise = {"generated": _mean_of_pairs(matrix[n:, n:])} | ({"real": _mean_of_pairs(matrix[:n, :n])} if n > 1 else {})
    clusters = intra_cluster(matrix[n:, n:], nearest(matrix[n:, :n]))
    found = {"clusters": clusters.clusters, "alone": clusters.alone, "pairwise": pairwise}
    alone = "no two generated ones have the same nearest real one"
    distance = missing(alone, **found) if clusters.value is None else number(clusters.value, **found)
    real = specimens[0]
    beside = diversity(matrix, real, sides.seed) if len(set(real)) >= FEWEST else None
    if beside is None or beside.real == 0:
        reason = f"{len(set(real))} real parts and {m} generated are too few for clusters of two on both sides"
        return {"ic_distance": distance, "diversity": missing(reason)}
    ratio = number(beside.made / beside.real, generated=beside.made, real=beside.real, splits=beside.splits)
    return {"ic_distance": distance, "diversity": ratio}


def _chosen(kept: Sequence[Kept], seed: int, side: str) -> tuple[list[Tensor], list[str]]:
    """Return at most MOST pictures (1, 3, H, W) float32 of one side and the specimens they show."""
    there = [(specimen, x) for specimen, x in kept if x is not None]
    order = sorted(numpy_generator(seed, "variety", side).permutation(len(there))[:MOST])
    return [there[i][1].float() for i in order], [there[i][0] for i in order]


def _mean_of_pairs(matrix: np.ndarray) -> float:
    """Return the mean distance of different pictures from their distances (N, N)."""
    return float(matrix.sum() / (len(matrix) * (len(matrix) - 1)))


def _mean_distance(kinds: Sequence[Number]) -> Number:
    """Return the mean over kinds: clusters are formed inside a kind."""
    there = [each for each in kinds if each["value"] is not None]
    if not there:
        return missing(_NO_KIND)
    apart = {side: float(np.mean([each["pairwise"][side] for each in there if side in each["pairwise"]])) for side in SIDES}
    return number(float(np.mean([each["value"] for each in there])), kinds=len(there), pairwise=apart)


def _mean_diversity(kinds: Sequence[Number]) -> Number:
    """Return the ratio of the means over kinds."""
    there = [each for each in kinds if each["value"] is not None]
    if not there:
        return missing(_NO_KIND)
    made, own = (float(np.mean([each[side] for each in there])) for side in ("generated", "real"))
    return number(made / own, generated=made, real=own, kinds=len(there))


def _register(part: Literal["windows", "whole"], heading: str, rank: int) -> None:
    def compute_distance(sides: Sides) -> Number:
        return sides.shared(f"{part} variety", lambda: variety(sides, part))["ic_distance"]

    def compute_diversity(sides: Sides) -> Number:
        return sides.shared(f"{part} variety", lambda: variety(sides, part))["diversity"]

    title, beside = f"{heading}: IC distance", f"{heading}: generated, real, of real"
    columns = (Column("generated", "generated"), Column("real", "real"), Column("of real", form=".0%"))
    register(
        Metric(
            "ic_distance",
            title,
            part,
            VARIETY,
            compute_distance,
            (Column(title),),
            _DISTANCE,
            better="higher",
            rank=rank,
            over_kinds=_mean_distance,
        )
    )
    register(
        Metric(
            "diversity",
            beside,
            part,
            VARIETY,
            compute_diversity,
            columns,
            _DIVERSITY,
            better="higher",
            rank=rank + 1,
            over_kinds=_mean_diversity,
        )
    )


_NO_KIND = "no kind has enough pictures"
_DISTANCE = (
    "Every generated one goes to its nearest real one, and the mean distance inside these clusters is taken; 0 would be one picture per "
    "real one again and again. It depends on how many there are, and real ones cannot be their own references."
)
_DIVERSITY = (
    "The same of as many generated as real ones: half of the real ones are references, 50 times at random, one of each physical part; the "
    "other half, and as many generated ones, are compared with them."
)

_register("windows", "Windows", 10)
_register("whole", "Whole", 20)
