"""From what the jobs left to tables: means over seeds, intervals, gains and the verdict in words."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from flawsmith.benchmark.choosing import choose_share, validation_estimate
from flawsmith.benchmark.jobs import read_result
from flawsmith.benchmark.protocol import AS_LABELLED, GENERATED, NEAREST, REAL, made_of
from flawsmith.benchmark.tallies import load_tally, of_defect
from flawsmith.benchmark.testing import classified_kinds
from flawsmith.benchmark.workspace import Workspace
from flawsmith.metrics.statistics import Estimate, Tally, bootstrap, bootstrap_means

WHAT = "test part"  # every column is resampled alike, so that differences are paired


def collect(works: Sequence[Workspace]) -> dict[str, Any]:
    """Return the tables of every number of shots."""
    tables = []
    for shots in works[0].settings.shots:
        own = [work for work in works if work.shots == shots]
        tables.append({"shots": shots, "counts": _counts(own[0]), **_detection(own), **_classification(own), **_intrinsic(own)})
    nearest = read_result(works[0].tested(NEAREST))
    estimates = bootstrap([load_tally(works[0].tested(NEAREST).with_suffix(".npz"))], what=WHAT)
    return {"tables": tables, "nearest": {"metrics": {k: numbers(e) for k, e in estimates.items()}, "defects": nearest["defects"]}}


def numbers(estimate: Estimate, seeds: Sequence[float] | None = None) -> dict[str, Any]:
    """Return a value with the ends of its 95 % interval, and the seeds' own values where they are given."""
    low, high = estimate.interval()
    found: dict[str, Any] = {"value": estimate.value, "low": low, "high": high}
    return found if seeds is None else {**found, "seeds": list(seeds)}


def _counts(work: Workspace) -> dict[str, Any]:
    parts = work.parts
    named = {"learn": parts.learn, "validation": parts.validation, "test": parts.test}
    counts: dict[str, Any] = {
        which: {name: len(items) for name, items in part.defects.items()} | {"good": len(part.good) + len(part.held_out)}
        for which, part in named.items()
    }
    return counts


def _detection(works: Sequence[Workspace]) -> dict[str, Any]:
    """Return the rows of the detection table, one per column, and the verdict."""
    columns = works[0].settings.columns
    found = {column: [read_result(work.tested(column)) for work in works] for column in columns}
    tallies = {column: [load_tally(work.tested(column).with_suffix(".npz")) for work in works] for column in columns}
    overall = {column: bootstrap(tallies[column], what=WHAT) for column in columns}
    by_defect = _by_defect(found, tallies)
    rows = []
    for column in columns:
        gains = {} if column == REAL else {k: numbers(e - overall[REAL][k]) for k, e in overall[column].items()}
        seeds = {k: [result["metrics"][k] for result in found[column]] for k in overall[column]}
        rows.append(
            {
                "column": column,
                "share": found[column][0]["share"],
                "metrics": {k: numbers(e, seeds[k]) for k, e in overall[column].items()},
                "gains": gains,
                "defects": by_defect[column],
                **_training(works, column, found[column][0]["share"]),
            }
        )
    return {"detection": rows, "verdict": _verdict(overall), "masks": _masks(overall)}


def _by_defect(found: dict[str, Any], tallies: dict[str, list[Tally]]) -> dict[str, dict[str, Any]]:
    """Return by column each defect's metrics with intervals, and its gain over real defects alone."""
    rows: dict[str, dict[str, Any]] = {column: {} for column in found}
    for name in found[REAL][0]["defects"]:
        base: dict[str, Estimate] = {}
        for column in [REAL, *(column for column in found if column != REAL)]:
            own = [
                of_defect(tally, name, {k: v for k, v in result["defects"][name].items() if v is not None})
                for tally, result in zip(tallies[column], found[column], strict=True)
            ]
            estimates = bootstrap(own, what=WHAT)
            base = base or estimates
            rows[column][name] = {k: numbers(e) for k, e in estimates.items()}
            if column != REAL:
                rows[column][name]["gain"] = {k: numbers(e - base[k]) for k, e in estimates.items()}
    return rows


def _training(works: Sequence[Workspace], column: str, share: float) -> dict[str, Any]:
    """Return each seed's curve, how the validation part rates the column, and how its share was chosen."""
    trained = [read_result(work.trained(column, share)) for work in works]
    estimate = validation_estimate(tuple(works), column, share)
    validation = works[0].parts.validation
    choice = choose_share(works[0], column)
    return {
        "curve": [result["curve"] for result in trained],
        "validation": {
            "pictures": sum(len(items) for items in validation.defects.values()),
            "normals": len(validation.held_out),
            "pixel_ap": None if estimate is None else numbers(estimate),
        },
        "choice": {
            "share": choice.share,
            "reason": choice.reason,
            "against": choice.against,
            "difference": None if choice.difference is None else numbers(choice.difference),
        },
    }


def _verdict(overall: dict[str, dict[str, Estimate]], metric: str = "pixel_ap") -> dict[str, Any]:
    """Return whether generated pairs help, in numbers and in a sentence."""
    column = f"{REAL} + {GENERATED}"
    if column not in overall or metric not in overall[column]:
        return {}
    gain = overall[column][metric] - overall[REAL][metric]
    others = [name for name in overall if name.startswith(f"{REAL} + ") and made_of(name) != GENERATED]
    best = max(others, key=lambda name: overall[name][metric].value) if others else None
    low, high = gain.interval()
    word = "helps" if low > 0 else "hurts" if high < 0 else "no gain"
    told = {
        "helps": "Generated pairs help",
        "hurts": "Generated pairs hurt",
        "no gain": "No gain is shown: the interval of the difference holds zero",
    }[word]
    amount = f"{100 * gain.value:+.1f} points of pixel AP over real defects alone (95 % interval {100 * low:+.1f} to {100 * high:+.1f})"
    sentence = f"{told}: {amount}."
    result = {"word": word, "gain": numbers(gain)}
    if best is not None:
        over = overall[column][metric] - overall[best][metric]
        result |= {"best_baseline": best, "over_best_baseline": numbers(over)}
        a, b = over.interval()
        sentence += f" Over the best baseline, {best}: {100 * over.value:+.1f} points ({100 * a:+.1f} to {100 * b:+.1f})."
    return {**result, "sentence": sentence}


def _masks(overall: dict[str, dict[str, Estimate]], metric: str = "pixel_ap") -> dict[str, Any]:
    """Return which form of the same pairs' masks helps more, in numbers and in a sentence; {} where one form alone was tried."""
    labelled = next((name for name in overall if AS_LABELLED in name), "")
    exact = labelled.replace(AS_LABELLED, "")
    if not labelled or metric not in overall[labelled] or metric not in overall[exact]:
        return {}
    gain = overall[labelled][metric] - overall[exact][metric]
    low, high = gain.interval()
    told = "Masks drawn as labels are help more than exact ones" if low > 0 else "Exact masks help more than masks drawn as labels are"
    if low <= 0 <= high:
        told = "Between exact masks and masks drawn as labels are no difference is shown: the interval holds zero"
    amount = f"{100 * gain.value:+.1f} points of pixel AP (95 % interval {100 * low:+.1f} to {100 * high:+.1f})"
    return {"gain": numbers(gain), "sentence": f"{told}. {labelled} over {exact}: {amount}, judged by the labels of the test part."}


def _classification(works: Sequence[Workspace]) -> dict[str, Any]:
    """Return the rows of the classification table."""
    rows: list[dict[str, Any]] = []
    base: tuple[Estimate, Estimate] | None = None
    for made in classified_kinds(works[0]):
        found = [read_result(work.classified(made)) for work in works]
        truth, units = found[0]["truth"], found[0]["units"]
        right = np.array([[a == t for a, t in zip(f["answers"], truth, strict=True)] for f in found], float)
        estimates = bootstrap_means(right, truth, units, what=WHAT)
        row = {
            "column": found[0]["column"],
            "network": found[0]["network"],
            "accuracy": numbers(estimates[0], right.mean(1).tolist()),
            "mean_accuracy": numbers(estimates[1]),
            "confusion": _confusion(truth, [f["answers"] for f in found]),
        }
        if base is None:
            base = estimates
        else:
            row["gain"] = {"accuracy": numbers(estimates[0] - base[0]), "mean_accuracy": numbers(estimates[1] - base[1])}
        rows.append(row)
    return {"classification": rows}


def _confusion(truth: Sequence[str], answers: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return the names and counts[true][answered], over all seeds."""
    names = sorted({*truth, *(a for each in answers for a in each)})
    counts = Counter((t, a) for each in answers for t, a in zip(truth, each, strict=True))
    return {"names": names, "counts": [[counts[t, a] for a in names] for t in names]}


def _intrinsic(works: Sequence[Workspace]) -> dict[str, Any]:
    """Return what `evaluate` says of each kind of made pairs, by seed."""
    return {"intrinsic": {name: [read_result(work.measured(name)) for work in works] for name in works[0].settings.made}}
