"""Limits of many scores at once: each keeps to the range of the real defects, and one width for all is what lets most of them pass.

Ten limits that refuse 2 % of real defects each refuse up to a fifth of them together. So the range of a score is widened by a multiple of
its deviation, and the multiple is the same for all scores of a product: the one at which the real defects pass all of them together when
the limits are made without their own specimen. What lies far outside then, as a wrong label does, widens nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flawsmith.quality.limits import Limit
from flawsmith.quality.registry import Rule, rules

PASSING = 0.93  # share of the real defects that pass when their own specimen is left out
MORE = 1.7  # the width is this much more: real defects that nobody has seen are less alike to them than they are
OUTLYING = 2  # a real defect that lies this many times as far out as PASSING of the others do widens no range
NARROWEST, WIDEST = 0.5, 6.0  # of the width, in deviations
UNSHOWN = 6  # over the number of specimens is added to NARROWEST: one or two do not show how far others may lie
BORROWED = (4, 20)  # values that the deviation within all kinds counts as: where it is less than a kind's own, and where it is more
ODD, MANY = 0.02, 15  # share of the values at either end that is taken for oddly labelled, from so many values on
FEWEST = 3  # a kind with fewer values is held to the range of all kinds


@dataclass(frozen=True)
class Measured:
    """The joint scores of one real defect."""

    defect: str
    specimen: str  # that it is on
    scores: dict[str, float]


@dataclass(frozen=True)
class Range:
    """Where the values of one score lie on real defects of one kind."""

    low: float
    high: float
    deviation: float

    def excess(self, rule: Rule, value: float) -> float:
        """Return how many deviations a value lies beyond the range, 0 within it."""
        below = self.low - value if rule.low else 0.0
        above = value - self.high if rule.high else 0.0
        return max(below, above, 0.0) / self.deviation


def joint_limits(
    real: Sequence[Measured], faults: Mapping[str, Mapping[str, Sequence[float]]], margin: float
) -> dict[str, dict[str, Limit]]:
    """Return the limits of the joint scores of each kind; faults: by kind and score, values that pictures with faults have."""
    joint = {name: rule for name, (_, rule) in rules().items() if rule.joint}
    width, excesses = joint_width(real, joint)
    limits: dict[str, dict[str, Limit]] = {}
    for (defect, name), span in ranges(_without_outliers(real, excesses), joint).items():
        own = [one.scores[name] for one in real if one.defect == defect and name in one.scores]
        shown = own or [one.scores[name] for one in real if name in one.scores]
        rule = joint[name]
        passed: list[bool] = [found.get(name, 0.0) <= width for one, found in zip(real, excesses, strict=True) if one.defect == defect]
        rejected = [span.excess(rule, value) > width * margin for value in faults.get(defect, {}).get(name, [])]
        limit = Limit(
            None, None, len(shown), min(shown), float(np.median(shown)), max(shown), float(np.mean(passed)) if passed else 1.0, None
        )
        give = width * span.deviation
        limit = replace(limit, bare_low=span.low if rule.low else None, bare_high=span.high if rule.high else None, give=give)
        low = span.low - margin * give if rule.low else None
        high = span.high + margin * give if rule.high else None
        limits.setdefault(defect, {})[name] = replace(limit, low=low, high=high, rejected=float(np.mean(rejected)) if rejected else None)
    return limits


def joint_width(real: Sequence[Measured], joint: Mapping[str, Rule]) -> tuple[float, list[dict[str, float]]]:
    """Return the width in deviations, and each real defect's excesses by score against the others' ranges (`Range.excess`)."""
    found: dict[int, dict[str, float]] = {}
    for defect, specimen in sorted({(one.defect, one.specimen) for one in real}):
        rest = ranges([one for one in real if (one.defect, one.specimen) != (defect, specimen)], joint, (defect,))
        for i, one in enumerate(real):
            if (one.defect, one.specimen) == (defect, specimen):
                spans = {name: rest[defect, name] for name in one.scores if (defect, name) in rest}
                found[i] = {name: span.excess(joint[name], one.scores[name]) for name, span in spans.items()}
    excesses = [found[i] for i in range(len(real))]
    worst = [max(one.values(), default=0.0) for one in excesses]
    width = MORE * float(np.quantile(worst, PASSING)) if worst else NARROWEST
    least = NARROWEST + UNSHOWN / max(1, len({(one.defect, one.specimen) for one in real}))
    return float(np.clip(width, least, WIDEST)), excesses


def _without_outliers(real: Sequence[Measured], excesses: Sequence[Mapping[str, float]]) -> list[Measured]:
    """Return the real defects whose worst excess is at most OUTLYING times what PASSING of them have; all where none has any."""
    worst = np.array([max(one.values(), default=0.0) for one in excesses])
    most = OUTLYING * float(np.quantile(worst, PASSING)) if len(worst) else 0.0
    return [one for one, excess in zip(real, worst, strict=True) if most == 0 or excess <= most]


def ranges(real: Sequence[Measured], joint: Mapping[str, Rule], kinds: Sequence[str] = ()) -> dict[tuple[str, str], Range]:
    """Return the range of each kind, or of `kinds` alone, and score.

    The deviation is that of the kind's own values and, counted as BORROWED values, that within all kinds, and at least the rule's; few
    values have not shown their mean, which makes it larger by sqrt(1 + 1 / n). A kind with fewer than FEWEST values gets the range of all.
    """
    found = {}
    for name, rule in joint.items():
        values = {
            defect: np.array([r.scores[name] for r in real if r.defect == defect and name in r.scores])
            for defect in {r.defect for r in real}
        }
        everything = np.concatenate([*values.values(), np.zeros(0)])
        inner = [((own - own.mean()) ** 2).sum() for own in values.values() if len(own) > 1]
        freedom = sum(len(own) - 1 for own in values.values() if len(own) > 1)
        within = sum(inner) / freedom if freedom else rule.least**2
        for defect, own in values.items():
            if kinds and defect not in kinds:
                continue
            if len(own) < FEWEST:
                if len(everything):
                    spread = max(float(everything.std()), rule.least)
                    found[defect, name] = Range(float(everything.min()), float(everything.max()), spread * np.sqrt(1 + 1 / len(everything)))
                continue
            variance = max((((own - own.mean()) ** 2).sum() + n * within) / (len(own) - 1 + n) for n in BORROWED)
            low, high = np.quantile(own, [ODD, 1 - ODD]) if len(own) >= MANY else (own.min(), own.max())
            spread = max(float(np.sqrt(variance)), rule.least) * float(np.sqrt(1 + 1 / len(own)))
            found[defect, name] = Range(float(low), float(high), spread)
    return found
