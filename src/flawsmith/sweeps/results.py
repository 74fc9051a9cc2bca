"""From what the commands left for each product to one set of tables: means over products, with intervals."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flawsmith.core.seeds import numpy_generator
from flawsmith.core.text import read_text
from flawsmith.pairs.folder import PairFolder
from flawsmith.sweeps.board import Board
from flawsmith.sweeps.job import DONE, Job

FEWEST = 5  # products from which is said what others might show
RESAMPLES = 2000

Number = Mapping[str, Any]  # "value" with "low" and "high", the ends of its 95 % interval


def collect(board: Board) -> dict[str, Any]:
    """Return what report.json holds of the jobs: states, pairs, and the means over products of every comparison."""
    ended = [job for name, job in board.jobs.items() if board.now(name).state == DONE]
    seconds = sum(board.now(name).seconds for name in board.jobs)
    failed = [{"job": job.name, "reason": state.reason, "log": job.log} for job, state in board.failed()]
    states = {job.name: board.now(job.name) for job in ended}
    stayed = [{"job": name, "host": state.host, "folder": state.stayed} for name, state in states.items() if state.stayed]
    return {
        "jobs": {"counts": dict(board.counts()), "minutes": round(seconds / 60, 1), "failed": failed, "stayed": stayed},
        "pairs": [_pairs(board, job) for job in ended if job.step == "generate"],
        "evaluate": _evaluated({job.product: _report(job) for job in ended if job.step == "evaluate"}),
        "benefit": _benefits({job.product: _report(job) for job in ended if job.step == "benefit"}),
    }


def mean_of(found: Mapping[str, Number], what: str = "") -> dict[str, Any]:
    """Return the mean of the products' numbers, with two intervals of 95 %.

    low, high: of these products, whose own intervals are of independent errors: half a mean's is the root of the sum of the squares of
    theirs over their number. others: of other products like these, by drawing products with replacement; None of fewer than FEWEST.
    """
    values, count = np.array([each["value"] for each in found.values()], float), len(found)
    below, above = (math.sqrt(sum((each["value"] - each[end]) ** 2 for each in found.values())) / count for end in ("low", "high"))
    mean, others = float(values.mean()), None
    if count >= FEWEST:
        drawn = numpy_generator(0, "products", what).integers(count, size=(RESAMPLES, count))
        low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
        others = {"low": float(low), "high": float(high)}
    return {"value": mean, "low": mean - below, "high": mean + above, "others": others, "products": count}


def _report(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_text(Path(job.output) / "report.json"))
    return found


def _pairs(board: Board, job: Job) -> dict[str, Any]:
    verdicts = Counter(pair.verdict for pair in PairFolder(job.output).read())
    minutes = {need: round(board.now(need).seconds / 60, 2) for need in job.needs}
    return {
        "product": job.product,
        "wanted": job.amount,
        "accepted": verdicts["accepted"],
        "attempts": sum(verdicts.values()),
        "fit_minutes": sum(minutes.values()),
        "minutes": round(board.now(job.name).seconds / 60, 2),
    }


def _benefits(reports: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return for each number of shots: the means of every column, of its gain and of named defects, and each product's own."""
    tables: dict[str, dict[str, Mapping[str, Any]]] = {}
    for product, report in reports.items():
        for table in report["tables"]:
            tables.setdefault(table["shots"], {})[product] = table
    return [_benefit(shots, own) for shots, own in tables.items()]


def _benefit(shots: str, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    rows = {product: {row["column"]: row for row in table["detection"]} for product, table in tables.items()}
    named = {product: {row["column"]: row for row in table.get("classification", ())} for product, table in tables.items()}
    columns = []
    for column in _in_order(rows.values()):
        own = {product: found[column] for product, found in rows.items() if column in found}
        accuracy = {product: found[column]["accuracy"] for product, found in named.items() if column in found}
        columns.append(
            {
                "column": column,
                "metrics": _means({product: row["metrics"] for product, row in own.items()}),
                "gains": _means({product: row["gains"] for product, row in own.items()}),
                "accuracy": mean_of(known, "accuracy") if (known := _known(accuracy)) else None,
                "products": {product: {"metrics": row["metrics"], "gains": row["gains"]} for product, row in own.items()},
            }
        )
    return {"shots": shots, "products": list(tables), "columns": columns}


def _evaluated(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean over products of every number of `evaluate` that has one, by its part, with the lowest and the highest."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for product, report in reports.items():
        for part, numbers in report["all"].items():
            for name, number in numbers.items() if isinstance(numbers, dict) else ():
                if isinstance(number, dict) and isinstance(number.get("value"), (int, float)):
                    found.setdefault(part, {}).setdefault(name, {})[product] = float(number["value"])
    return {
        part: {
            name: {"mean": float(np.mean(list(own.values()))), "lowest": min(own.values()), "highest": max(own.values()), "products": own}
            for name, own in numbers.items()
        }
        for part, numbers in found.items()
    }


def _means(found: Mapping[str, Mapping[str, Number]]) -> dict[str, Any]:
    """Return the mean over products of each metric, over those that have it."""
    names = _in_order(found.values())
    by_metric = {name: _known({product: metrics.get(name) for product, metrics in found.items()}) for name in names}
    return {name: mean_of(own, name) for name, own in by_metric.items() if own}


def _known(found: Mapping[str, Number | None]) -> dict[str, Number]:
    """Return the numbers that are there, with their intervals."""
    return {
        product: each
        for product, each in found.items()
        if each is not None
        and all(isinstance(each.get(end), (int, float)) and math.isfinite(each[end]) for end in ("value", "low", "high"))
    }


def _in_order(found: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    return list(dict.fromkeys(name for each in found for name in each))
