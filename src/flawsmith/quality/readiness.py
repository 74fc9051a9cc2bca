"""Is what was learned good enough? Said from previews put through the checks, and from how that share grew with the training."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ENOUGH = 0.5  # share of previews that pass: then six attempts a pair, the default, find one 98 times of 100
TIMES = 8  # longer trainings than this many times the one there was are no estimate
LOOKS = 3  # fewest looks that make a trend
SHOWN = 3  # checks that are named


@dataclass(frozen=True)
class Look:
    """One look at what the model draws, at one step of its training."""

    step: int
    seconds: float  # of training
    drawn: int  # previews
    passed: int  # of them
    refusals: dict[str, int] = field(default_factory=dict)  # previews that each check refused


@dataclass(frozen=True)
class Readiness:
    """What the previews say of a model."""

    ready: bool
    drawn: int
    passed: int
    refusals: dict[str, int]  # the checks that refused most, the first ones
    more_minutes: float | None  # of training until ENOUGH pass, as the trend goes; None where none is to be seen, or it is enough
    text: str  # all of it in words

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for fit.json."""
        return asdict(self)


def look_at(step: int, seconds: float, refusals: Sequence[Sequence[str]]) -> Look:
    """Return the look at previews; refusals: for each preview the checks that refused it, none for one that passed."""
    counts = Counter(check for one in refusals for check in set(one))
    return Look(step, round(seconds, 2), len(refusals), sum(not one for one in refusals), dict(counts.most_common()))


def assess(looks: Sequence[Look]) -> Readiness | None:
    """Return what the looks say, the last one deciding; None where nothing was drawn."""
    looks = sorted({look.step: look for look in looks if look.drawn}.values(), key=lambda look: look.step)
    if not looks:
        return None
    last = looks[-1]
    ready = last.passed >= ENOUGH * last.drawn
    more = None if ready else more_minutes(looks)
    refusals = dict(sorted(last.refusals.items(), key=lambda item: (-item[1], item[0]))[:SHOWN])
    found = f"{last.passed} of {last.drawn} previews pass the checks"
    if refusals:
        found += f"; refused most by {', '.join(f'{name} ({count})' for name, count in refusals.items())}"
    if ready:
        return Readiness(True, last.drawn, last.passed, refusals, None, f"What was learned is good enough: {found}.")
    if more is not None:
        how = f"As the share grew, about {more:.0f} more minutes of training bring half of them through: fit --resume with a higher limit."
    else:
        how = (
            "From the previews so far nobody can say how much longer it would need; see them under RUN/previews. Longer training (fit "
            "--resume with a higher limit), more labelled examples or a larger preset may help."
        )
    return Readiness(False, last.drawn, last.passed, refusals, more, f"What was learned is not good enough yet: {found}. {how}")


def more_minutes(looks: Sequence[Look]) -> float | None:
    """Return the minutes of training until ENOUGH of the previews pass, where the share's trend over log2 of the steps says so.

    A straight line through the shares, weighted by the previews; None for fewer than LOOKS steps, a line that does not rise by more than
    the standard error of its slope, or one that gets there only after TIMES the training.
    """
    rows = [look for look in looks if look.step > 0]
    if len(rows) < LOOKS or rows[-1].seconds <= 0:
        return None
    x = np.log2([look.step for look in rows])
    y = np.array([look.passed / look.drawn for look in rows])
    weights = np.array([look.drawn for look in rows], float)
    weights /= weights.sum()
    spread = float(weights @ (x - weights @ x) ** 2)
    if spread == 0:
        return None
    slope = float(weights @ ((x - weights @ x) * (y - weights @ y))) / spread
    line = weights @ y + slope * (x - weights @ x)
    error = float(np.sqrt(weights @ (y - line) ** 2 / max(1, len(rows) - 2) / spread))
    if slope <= max(error, 1e-6):
        return None
    times = 2.0 ** ((ENOUGH - float(line[-1])) / slope)
    return None if times > TIMES else max(1.0, (times - 1) * rows[-1].seconds / 60)


def warning(run: Path) -> str | None:
    """Return what `fit` said of a RUN folder that is not good enough; None where it is, or where nothing was said."""
    try:
        found = json.loads((run / "fit.json").read_text(encoding="utf-8")).get("readiness")
    except (OSError, ValueError):
        return None
    return str(found["text"]) if isinstance(found, dict) and not found.get("ready", True) else None
