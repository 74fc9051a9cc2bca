"""The numbers of an evaluation. Each module here registers its own, with what a report says of them: adding a metric is one file.

A new one needs nothing but a module that calls `register(Metric(...))` when it is imported: in this package, imported before `evaluate`, or
named by an entry point of the group "flawsmith.metrics".
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Literal

from flawsmith.core.errors import ConfigError

if TYPE_CHECKING:
    from flawsmith.metrics.sides import PairView, Sides

Number = dict[str, Any]  # "value", a float or None, and then "reason"; "extractor" where one was used; and what belongs to the number
GROUP = "flawsmith.metrics"  # of entry points: modules that register metrics
SIDES = ("real", "generated")


@dataclass(frozen=True)
class Table:
    """One table of a report: numbers that were measured in one way."""

    name: str
    title: str
    extractor: Literal["features", "distance", ""]  # the network its numbers come from: "features", "distance", or none
    note: str = ""  # what to know to read it, beside the metrics' own sentences


WINDOWS = Table(
    "windows",
    "Defect windows",
    "features",
    "Windows at the camera's own scale around each defect, real against generated: about the defects more than about their backgrounds.",
)
WHOLE = Table("whole", "Whole pictures", "features", "The same of whole pictures, resized to the network's square.")
VARIETY = Table("variety", "Variety", "distance", "Under 20 pictures on either side these are rough figures.")
MASKS = Table("masks", "Masks, background and copies", "")
SHAPES = Table(
    "shapes", "Sizes, places and shapes", "", "Whether the masks' sizes, places and shapes lie among real ones, and reach all of them."
)
TABLES = (WINDOWS, WHOLE, VARIETY, MASKS, SHAPES)


@dataclass(frozen=True)
class Column:
    """One column of a metric in its table."""

    heading: str
    key: str = "value"  # of the number
    times: float = 1.0
    form: str = ""  # of `format`; empty: three digits
    spread: str = ""  # key of a standard deviation, shown after ±
    count: tuple[str, str] | None = None  # keys of two counts, shown as "1 of 2" beside the share


@dataclass(frozen=True)
class Metric:
    """A number of an evaluation: how it is computed, and how a report shows it.

    compute: from the real and the generated side of one kind of defect, or of all kinds together. per_pair: what is measured of each
    pair first, while its pixels are in memory; its values go into the pair's row, and `compute` finds them in `Sides.pairs`.
    over_kinds: the number for all kinds from those of each kind; without it `compute` is given all kinds together.
    """

    name: str  # its key in report.json
    title: str  # what a report calls it
    part: Literal["windows", "whole", "masks"]  # where it stands in report.json
    table: Table
    compute: Callable[["Sides"], Number]
    columns: tuple[Column, ...]
    sentence: str  # what it says, and how to read it
    better: Literal["lower", "higher", ""] = ""  # "": neither
    unit: str = ""  # of "value"; empty: none
    rank: int = 100  # place in its table; smaller is further left
    per_pair: Callable[["PairView"], dict[str, Any]] | None = None
    over_kinds: Callable[[Sequence[Number]], Number] | None = None

    def describe(self) -> dict[str, str]:
        """Return what report.json says of the metric."""
        return {
            "name": self.name,
            "part": self.part,
            "title": self.title,
            "unit": self.unit,
            "better": self.better,
            "sentence": self.sentence,
        }


_registered: dict[tuple[str, str], Metric] = {}  # by part and name


def register(metric: Metric) -> Metric:
    """Add a metric to all evaluations from now on, and return it; raises ConfigError for a second one of the same part and name."""
    key = metric.part, metric.name
    if key in _registered:
        raise ConfigError(f"metric {metric.name!r} is registered twice for {metric.part!r}; expected one. Give the new one another name.")
    _registered[key] = metric
    return metric


def metrics(table: Table | None = None) -> list[Metric]:
    """Return the metrics of a table, or all, in the order of tables and ranks."""
    _import_all()
    names = [each.name for each in TABLES]
    found = sorted(_registered.values(), key=lambda m: (names.index(m.table.name), m.rank, m.name, m.part))
    return [metric for metric in found if table is None or metric.table == table]


@cache
def _import_all() -> None:
    """Import the modules that register metrics."""
    package = importlib.import_module("flawsmith.metrics")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"flawsmith.metrics.{module.name}")
    for point in entry_points(group=GROUP):
        point.load()


def number(value: float, **more: Any) -> Number:
    """Return a number that could be measured, with what belongs to it."""
    return {"value": float(value), **more}


def missing(reason: str, **more: Any) -> Number:
    """Return a number that could not be measured, and why."""
    return {"value": None, "reason": reason, **more}


def too_few(fewest: int, real: int | None, made: int) -> str | None:
    """Return why there are too few pictures for a metric, None when there are enough; real: None where it needs no real ones."""
    if made >= fewest and (real is None or real >= fewest):
        return None
    return f"{made} generated, needs {fewest}" if real is None else f"{real} real and {made} generated, needs {fewest} of each"


def mean_of_pairs(name: str, reason: str) -> Callable[["Sides"], Number]:
    """Return the computation of the mean, and the least, of a per-pair value; reason: why no pair has one."""

    def compute(sides: "Sides") -> Number:
        values = [value for pair in sides.pairs if (value := pair.values[name]) is not None]
        if not values:
            return missing(reason if sides.pairs else "0 generated")
        return number(sum(values) / len(values), least=min(values), pairs=len(values))

    return compute


def show(column: Column, found: Mapping[str, Any]) -> str | None:
    """Return the text of a number in a column; None where there is no number, "" where this number has no such key."""
    value = found.get(column.key)
    if value is None:
        return None if found.get("value") is None else ""
    if column.count is not None and all(key in found for key in column.count):
        return "{:,} of {:,}".format(*(found[key] for key in column.count))
    spread = found.get(column.spread)
    return format_value(column, value) + ("" if spread is None else f" ± {format_value(column, spread)}")


def format_value(column: Column, value: float) -> str:
    """Return a value as a column shows it."""
    return format(column.times * value, column.form) if column.form else short(column.times * value)


def short(value: float) -> str:
    """Return a number with three significant digits, and large ones whole."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
