"""The checks there are: what one consists of, and where to add another.

A check is one module of `quality/checks` with a constant CHECK. A package of one's own adds checks without touching this one: by
`register(check)` before `fit` and `generate`, or by an entry point of the group "flawsmith.checks" that names a Check.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Literal

import numpy as np

from flawsmith.quality import checks as package
from flawsmith.quality.view import View

GROUP = "flawsmith.checks"  # of entry points
Scores = dict[str, float]
Faults = Callable[[View, np.ndarray, np.random.Generator], Iterator[tuple[str, View]]]


@dataclass(frozen=True)
class Rule:
    """How what real defects show of one score becomes its limit, and how it is told."""

    text: str  # what was found; {} is the number
    low: bool  # too little is a fault
    high: bool  # too much is a fault
    ratio: bool  # widened by a factor, otherwise by a distance
    least: float  # power of the factor, or the least distance that the margin is taken of
    shared: Literal["own", "few", "all"]  # whether other kinds count: never, where a kind has few examples, always
    follows: Literal["", "size", "severity", "look"] = ""  # what a user may ask to be otherwise, which is then not held against it
    always: float = 0.0  # up to this it is no fault, whatever real ones show
    joint: bool = False  # widened together with all other joint scores, so that most real defects pass them all (`quality/joint.py`)


def joint_rule(text: str, least: float, low: bool = True, follows: Literal["", "severity", "look"] = "") -> Rule:
    """Return the rule of a score on a scale of log2 whose limit is set together with those of the other joint scores.

    least: the least deviation that the widening is taken of; low: whether too little is a fault; too much always is; follows: "severity"
    for what shrinks with a fainter defect that was asked for, "look" for what changes with it in another way.
    """
    return Rule(text, low, True, False, least, "few", follows, joint=True)


def measured_nothing(_: View) -> Scores:
    """Return no scores."""
    return {}


def refuses_nothing(_: View, __: Mapping[str, float]) -> str | None:
    """Return no reason."""
    return None


def each_by_itself(measure: Callable[[View], Scores]) -> Callable[[Sequence[View]], dict[str, list[float]]]:
    """Return how a check learns that measures each real defect like a drawn one: the values by score."""

    def learn(views: Sequence[View]) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for view in views:
            for name, value in measure(view).items():
                found.setdefault(name, []).append(value)
        return found

    return learn


@dataclass(frozen=True)
class Check:
    """One thing that can be wrong with a drawn defect."""

    name: str  # in reasons and reports
    question: str  # what it asks; it says no when the answer is no
    faults: Faults  # (real defect, (S, S, C) window of a normal in shares, randomness) to (score, picture with the fault)
    measure: Callable[[View], Scores] = measured_nothing  # absent is what cannot be told of this picture
    refuse: Callable[[View, Mapping[str, float]], str | None] = refuses_nothing  # a fixed limit's sentence; gets this check's scores
    rules: Mapping[str, Rule] = field(default_factory=dict)  # of the scores whose limits the real defects set
    learn: Callable[[Sequence[View]], dict[str, list[float]]] | None = None  # values of one kind's real defects; None: as measured
    decides: bool = False  # where it says no, the others have nothing to look at

    def values_of(self, views: Sequence[View]) -> dict[str, list[float]]:
        """Return what the real defects of one kind show, by score; only scores with a rule of their own count."""
        if all(rule.joint for rule in self.rules.values()):
            return {}
        learned = (self.learn or each_by_itself(self.measure))(views)
        return {name: values for name, values in learned.items() if name in self.rules}


_ADDED: dict[str, Check] = {}


def register(check: Check) -> Check:
    """Add a check, or replace the one of its name that was added before; returns it."""
    _ADDED[check.name] = check
    return check


def checks() -> tuple[Check, ...]:
    """Return all checks in the order in which they are asked: those that decide first, then by name."""
    found = {**_own(), **_ADDED}
    return tuple(sorted(found.values(), key=lambda check: (not check.decides, check.name)))


def rules() -> dict[str, tuple[Check, Rule]]:
    """Return each score's check and rule."""
    return {name: (check, rule) for check in checks() for name, rule in check.rules.items()}


@cache
def _own() -> dict[str, Check]:
    """Return the checks of this package and of packages that name theirs as entry points."""
    modules = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    found: list[Check] = [importlib.import_module(f"{package.__name__}.{name}").CHECK for name in modules]
    found += [point.load() for point in entry_points(group=GROUP)]
    return {check.name: check for check in found}
