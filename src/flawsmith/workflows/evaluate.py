"""How good generated pairs are by themselves: every number with what it was measured with, or with why there is none."""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from torch import Tensor

from flawsmith.core.devices import choose_device, use_threads
from flawsmith.core.files import check_output, prepare_output, write_json, write_text
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.reading import read
from flawsmith.dataset.sample import Item
from flawsmith.metrics.coverage import NEIGHBOURS, coverage
from flawsmith.metrics.features import Extractor, check_kind, load_extractor
from flawsmith.metrics.fid_kid import fid, kid
from flawsmith.metrics.ic_distance import MapDistance, Perceptual, distance_matrix, diversity, intra_cluster, load_perceptual, nearest
from flawsmith.metrics.inception_score import inception_score
from flawsmith.metrics.masks import NAMES, MaskShape, vectors
from flawsmith.metrics.pictures import MOST, DefectWindow, MeasuredPair, Reference, Seen, look, refer
from flawsmith.pairs.folder import PairFolder
from flawsmith.version import __version__

Kept = tuple[str, Tensor | None]  # the physical part that a picture shows, and the picture where its distances are taken
Number = dict[str, Any]  # "value", a float or None, and then "reason"; "extractor" where one was used; and what belongs to the number

# the fewest on each side; below, a number says more about which pictures there happen to be than about the model
FEWEST = {"is": 10, "fid": 50, "kid": 5, "coverage": 2 * NEIGHBOURS + 2, "diversity": 4}
SIDES = ("real", "generated")
IS_SPLITS, IS_MANY = 10, 500  # published scores are means over 10 splits; with fewer pictures than IS_MANY it is one


def evaluate(
    real: str | Path,
    out: str | Path,
    report: str | Path | None = None,
    extractor: str = "auto",
    seed: int = 0,
    overwrite: bool = False,
    quiet: bool = False,
    device: str = "auto",
    threads: int = 0,
) -> dict[str, Any]:
    """Return how good the pairs in `out` are beside the labelled defects of the data folder `real`; write REPORT/report.json and .html.

    The result is `measure`'s, with the two folders and a row per pair. Without `report` nothing is written. Raises FlawsmithError for
    unusable input, for an extractor that is not there, and for a `report` that is not empty.
    """
    real, out = Path(real), Path(out)
    folder = None if report is None else Path(report)
    check_kind(extractor)
    dataset = read(real)
    PairFolder(out).accepted()  # raises before the long work where there are none
    if folder is not None:
        check_output(folder, overwrite, [real, out])
    use_threads(threads)
    items = [item for name in dataset.defects for item in dataset.defects[name]]
    numbers, pairs = _measure(items, out, extractor, seed, None, choose_device(device), quiet)
    result = {
        "flawsmith": __version__,
        "real": str(real),
        "out": str(out),
        **numbers,
        "pairs": [_row(pair) for pair in pairs],
    }
    if folder is not None:
        from flawsmith.reports.evaluation import evaluation_page

        page = evaluation_page(result, items, out)
        prepare_output(folder, overwrite)
        write_json(folder / "report.json", result)
        write_text(folder / "report.html", page)
    return result


def measure(
    real: Sequence[Item] | Reference,
    out: Path,
    extractor: str | Extractor = "auto",
    seed: int = 0,
    learned: Sequence[Item] | None = None,
    device: str = "cpu",
    quiet: bool = True,
) -> dict[str, Any]:
    """Return how good the pairs in `out` are beside real pictures, in whatever order these come.

    real: labelled pictures, or what `refer` made of them, which carries its extractor and what was learned from. extractor: a kind as
    for `load_extractor`, with the distance of that kind; or an extractor, whose own maps are the distance's. learned: the pictures whose
    copies are looked for; without them the real ones. The result holds plain values: extractors; counts; "all" and, by kind,
    "defects", each with "whole" (whole pictures), "windows" (native windows round the defects) and "masks" (shapes, and what needs no
    network). A number is {"value", "extractor", ...}; where there are too few pictures for it, its value is None and "reason" says why.
    """
    return _measure(real, out, extractor, seed, learned, device, quiet)[0]


def _measure(
    real: Sequence[Item] | Reference,
    out: Path,
    extractor: str | Extractor,
    seed: int,
    learned: Sequence[Item] | None,
    device: str,
    quiet: bool,
) -> tuple[dict[str, Any], list[MeasuredPair]]:
    known = 0 if isinstance(real, Reference) else len(real)
    with _progress(known + len(PairFolder(out).accepted()), quiet) as tick:
        reference = real if isinstance(real, Reference) else _reference(real, extractor, device, learned, seed, tick)
        pairs = look(reference, out, seed, tick)
    return _numbers(reference, pairs, seed), pairs


def _reference(
    items: Sequence[Item], extractor: str | Extractor, device: str, learned: Sequence[Item] | None, seed: int, tick: Callable[[], None]
) -> Reference:
    if isinstance(extractor, str):
        network = load_extractor(extractor, device)
        return refer(items, network, load_perceptual(extractor, network, device), learned, seed, tick)
    return refer(items, extractor, MapDistance(extractor), learned, seed, tick)


def _numbers(reference: Reference, pairs: Sequence[MeasuredPair], seed: int) -> dict[str, Any]:
    """Return all numbers, of every kind on either side and over all."""
    extractor, perceptual = reference.extractor, reference.perceptual
    real, made = list(reference.pictures), [pair.seen for pair in pairs]
    kinds = {}
    for name in sorted({x.defect for x in (*real, *made)} | {flaw.defect for x in made for flaw in x.flaws}):
        mine = [pair for pair in pairs if pair.seen.defect == name]
        both = [[x for x in side if x.defect == name] for side in (real, made)]
        flaws = [[flaw for x in side for flaw in x.flaws if flaw.defect == name] for side in (real, made)]
        kinds[name] = {"window": reference.sides.get(name), **_of(both, flaws, mine, extractor, seed)}
        small, windows = ([[(x.part, x.small) for x in side] for side in both], [[(x.part, x.window) for x in side] for side in flaws])
        kinds[name]["whole"] |= _variety(small[0], small[1], perceptual, seed)
        kinds[name]["windows"] |= _variety(windows[0], windows[1], perceptual, seed)
    every = _of([real, made], [[flaw for x in side for flaw in x.flaws] for side in (real, made)], pairs, extractor, seed)
    for part in ("whole", "windows"):
        for metric in ("ic_distance", "diversity"):
            every[part][metric] = _mean_variety([kind[part][metric] for kind in kinds.values()], perceptual)
        for metric, number in every[part].items():
            values = [kind[part][metric]["value"] for kind in kinds.values() if kind[part][metric]["value"] is not None]
            if metric not in ("ic_distance", "diversity") and values:
                number |= {"mean": float(np.mean(values)), "kinds": len(values)}
    return {
        "seed": seed,
        "extractors": {
            "features": {"name": extractor.name, "digest": extractor.digest},
            "distance": {"name": perceptual.name, "digest": perceptual.digest},
        },
        "all": every,
        "defects": kinds,
    }


def _of(
    both: Sequence[Sequence[Seen]], flaws: Sequence[Sequence[DefectWindow]], pairs: Sequence[MeasuredPair], by: Extractor, seed: int
) -> dict[str, Any]:
    """Return counts and numbers of real and generated pictures and their defects, without the distances inside clusters."""
    pictures, windows = ([_stack([x.feature for x in side]) for side in sides] for sides in (both, flaws))
    shapes = [[flaw.shape for flaw in side] for side in flaws]
    return {
        "counts": {name: {"pictures": len(x), "defects": len(f)} for name, x, f in zip(SIDES, both, flaws, strict=True)},
        "whole": {"is": _inception_score(pictures[1], by, seed), **_likeness(pictures[0], pictures[1], by, seed)},
        "windows": _likeness(windows[0], windows[1], by, seed),
        "masks": {**_shapes(shapes[0], shapes[1]), **_against_normals(pairs), "copies": _copies(pairs)},
    }


def _stack(features: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(features) if features else np.zeros((0, 1), np.float32)


def _inception_score(features: np.ndarray, by: Extractor, seed: int) -> Number:
    if reason := _too_few("is", None, len(features)):
        return _none(reason, by)
    splits = IS_SPLITS if len(features) >= IS_MANY else 1
    value, deviation = inception_score(by.head(features), splits, seed)
    return _number(value, by, splits=splits, **({"deviation": deviation} if splits > 1 else {}))


def _likeness(real: np.ndarray, made: np.ndarray, by: Extractor, seed: int) -> dict[str, Number]:
    """Return FID, KID, precision, recall, density and coverage of features (N, D) and (M, D)."""
    n, m = len(real), len(made)
    found = {}
    reason = _too_few("fid", n, m)
    found["fid"] = _none(reason, by) if reason else _number(fid(real, made), by)
    reason = _too_few("kid", n, m)
    if reason:
        found["kid"] = _none(reason, by)
    else:
        distance = kid(real, made, seed)
        found["kid"] = _number(distance.value, by, deviation=distance.deviation, how=distance.how)
    return found | _coverage(real, made, _too_few("coverage", n, m), by)


def _coverage(real: np.ndarray, made: np.ndarray, reason: str | None, by: Extractor | None = None) -> dict[str, Number]:
    names = ("precision", "recall", "density", "coverage")
    if reason:
        return {name: _none(reason, by) for name in names}
    found = coverage(real, made)
    return {name: _number(getattr(found, name), by, neighbours=NEIGHBOURS) for name in names}


def _variety(real: Sequence[Kept], made: Sequence[Kept], by: Perceptual, seed: int) -> dict[str, Number]:
    """Return the distance inside clusters and the diversity beside the real pictures' own, of kept pictures of one kind."""
    sides, parts = [], []
    for name, kept in zip(SIDES, (real, made), strict=True):
        there = [(part, x) for part, x in kept if x is not None]
        chosen = numpy_generator(seed, "variety", name).permutation(len(there))[:MOST]
        sides.append([there[i][1].float() for i in sorted(chosen)])
        parts.append([there[i][0] for i in sorted(chosen)])
    n, m = (len(side) for side in sides)
    if n == 0 or m < 2:
        reason = f"{n} real and {m} generated, needs 1 and 2"
        return {"ic_distance": _none(reason, by), "diversity": _none(reason, by)}
    matrix = distance_matrix([*sides[0], *sides[1]], by)
    pairwise = {"generated": _mean_of_pairs(matrix[n:, n:])} | ({"real": _mean_of_pairs(matrix[:n, :n])} if n > 1 else {})
    clusters = intra_cluster(matrix[n:, n:], nearest(matrix[n:, :n]))
    found = {"clusters": clusters.clusters, "alone": clusters.alone, "pairwise": pairwise}
    alone = "no two generated ones have the same nearest real one"
    distance = _none(alone, by, **found) if clusters.value is None else _number(clusters.value, by, **found)
    beside = diversity(matrix, parts[0], seed) if len(set(parts[0])) >= FEWEST["diversity"] else None
    if beside is None or beside.real == 0:
        reason = f"{len(set(parts[0]))} real parts and {m} generated are too few for clusters of two on both sides"
        return {"ic_distance": distance, "diversity": _none(reason, by)}
    ratio = _number(beside.made / beside.real, by, generated=beside.made, real=beside.real, splits=beside.splits)
    return {"ic_distance": distance, "diversity": ratio}


def _mean_of_pairs(matrix: np.ndarray) -> float:
    return float(matrix.sum() / (len(matrix) * (len(matrix) - 1)))


def _mean_variety(numbers: Sequence[Number], by: Perceptual) -> Number:
    """Return the mean over kinds: clusters are formed inside a kind."""
    there = [number for number in numbers if number["value"] is not None]
    if not there:
        return _none("no kind has enough pictures", by)
    if "real" not in there[0]:
        apart = {side: float(np.mean([number["pairwise"][side] for number in there if side in number["pairwise"]])) for side in SIDES}
        return _number(float(np.mean([number["value"] for number in there])), by, kinds=len(there), pairwise=apart)
    made, own = (float(np.mean([number[side] for number in there])) for side in ("generated", "real"))
    return _number(made / own, by, generated=made, real=own, kinds=len(there))


def _shapes(real: Sequence[MaskShape], made: Sequence[MaskShape]) -> dict[str, Any]:
    """Return how the shapes of generated defects cover those of real ones, and the spread of each descriptor: 10, 50 and 90 %."""
    placed = all(shape.row is not None for shape in (*real, *made))
    reason = _too_few("coverage", len(real), len(made))
    rows = [np.zeros((0, 1))] * 2 if reason else [vectors(shapes, real, placed) for shapes in (real, made)]
    found: dict[str, Any] = _coverage(rows[0], rows[1], reason)
    spread = {}
    for name in NAMES:
        sides = [[value for shape in side if (value := getattr(shape, name)) is not None] for side in (real, made)]
        spread[name] = {
            side: [float(v) for v in np.percentile(values, (10, 50, 90))] if values else None
            for side, values in zip(SIDES, sides, strict=True)
        }
    return {**found, "with_place": placed, "shapes": spread}


def _against_normals(pairs: Sequence[MeasuredPair]) -> dict[str, Number]:
    """Return the mean consistency, PSNR and SSIM over the pairs whose normal is there."""
    found = {}
    for name in ("consistency", "psnr", "ssim"):
        values = [value for pair in pairs if (value := getattr(pair, name)) is not None]
        more = {"least": min(values), "pairs": len(values)} if values else {}
        reason = "no generated pair has a normal of its size" if pairs else "0 generated"
        found[name] = _number(float(np.mean(values)), **more) if values else _none(reason)
    return found


def _copies(pairs: Sequence[MeasuredPair]) -> Number:
    """Return the share of the pairs with a defect that counts as a copy of a real one."""
    alike = [pair for pair in pairs if pair.copy is not None]
    if not alike:
        return _none("no real defect of this kind" if pairs else "0 generated")
    copied = sum(pair.copied for pair in alike)
    highest = max(pair.copy for pair in alike if pair.copy is not None)
    return _number(copied / len(alike), count=copied, pairs=len(alike), highest=highest)


def _row(pair: MeasuredPair) -> dict[str, Any]:
    names = ("consistency", "psnr", "ssim", "copy", "copy_of", "copied")
    return {"id": pair.seen.name, "defect": pair.seen.defect, **{name: getattr(pair, name) for name in names}}


def _number(value: float, by: Extractor | Perceptual | None = None, **more: Any) -> Number:
    return {"value": float(value), **_name(by), **more}


def _none(reason: str, by: Extractor | Perceptual | None = None, **more: Any) -> Number:
    return {"value": None, "reason": reason, **_name(by), **more}


def _name(by: Extractor | Perceptual | None) -> dict[str, str]:
    return {} if by is None else {"extractor": f"{by.name} {by.digest}"}


def _too_few(metric: str, real: int | None, made: int) -> str | None:
    """Return why there are too few for a metric, None when there are enough; real: None where it needs no real ones."""
    fewest = FEWEST[metric]
    if made >= fewest and (real is None or real >= fewest):
        return None
    return f"{made} generated, needs {fewest}" if real is None else f"{real} real and {made} generated, needs {fewest} of each"


@contextmanager
def _progress(total: int, quiet: bool) -> Any:
    """Show a bar of the pictures looked at on standard error; gives the function that counts one."""
    columns = (TextColumn("evaluate"), BarColumn(), MofNCompleteColumn(), TextColumn("pictures"))
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("evaluate", total=total)
        yield lambda: bar.advance(task)
