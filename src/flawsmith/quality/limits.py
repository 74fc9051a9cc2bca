"""What a drawn defect's scores may be: limits that real defects set, how a margin widens them, and their file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from flawsmith.core.errors import RunError
from flawsmith.core.tensors import read_safetensors, write_safetensors
from flawsmith.pairs.reason import Reason
from flawsmith.quality.patch_novelty import Bank
from flawsmith.quality.registry import Rule, rules

BANK = ("centre", "turn", "points")  # arrays of a Bank
DIGITS = 9  # of a limit


@dataclass(frozen=True)
class Limit:
    """What one score may be, and what it was on the real defects."""

    low: float | None
    high: float | None
    count: int  # real defects it was measured on
    least: float  # what they show
    median: float
    most: float
    passed: float  # share of the real defects that pass limits made from the others
    rejected: float | None  # share of pictures with the fault that do not pass; None where no fault was made
    bare_low: float | None = None  # `low` and `high` at a margin of 0
    bare_high: float | None = None
    give: float = 0.0  # how far the margin widens it: a power of 1 + margin, or a distance at a margin of 1

    def rounded(self) -> "Limit":
        """Return the limit with DIGITS digits: sums come out otherwise in the last ones, depending on where arrays lie in memory."""
        numbers: dict[str, Any] = {name: float(f"{x:.{DIGITS}g}") for name, x in asdict(self).items() if isinstance(x, float)}
        return replace(self, **numbers)

    def allows(self, value: float) -> bool:
        """Return whether a score is within the limit."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True)
class Limits:
    """The limits of every kind of defect, and the patches of normals that pictures are compared with."""

    kinds: dict[str, dict[str, Limit]]  # by defect and score
    references: dict[str, Bank]  # by aspect; empty when there were no normals

    def at(self, margin: float) -> "Limits":
        """Return the limits widened by another `quality.margin` than that they were made with; the rates told stay those of the latter."""
        known = rules()
        kinds = {
            defect: {name: widened(known[name][1], limit, margin) if name in known else limit for name, limit in own.items()}
            for defect, own in self.kinds.items()
        }
        return Limits(kinds, self.references)

    def reasons(self, defect: str, scores: Mapping[str, float]) -> list[Reason]:
        """Return why a defect with these scores does not count, one reason for each score beyond its limit.

        Limits of a check that is not registered any more are left out.
        """
        known = rules()
        found = []
        for name, limit in self.kinds.get(defect, {}).items():
            if name in scores and name in known and not limit.allows(scores[name]):
                check, rule = known[name]
                found.append(Reason(check.name, sentence(rule, scores[name], limit)))
        return found


def widened(rule: Rule, limit: Limit, margin: float) -> Limit:
    """Return the limit with its bounds moved out by the margin; one without bounds at a margin of 0 stays as it is."""
    if limit.bare_low is None and limit.bare_high is None:
        return limit
    factor, distance = ((1 + margin) ** limit.give, 0.0) if rule.ratio else (1.0, margin * limit.give)
    low = None if limit.bare_low is None else limit.bare_low / factor - distance
    high = None if limit.bare_high is None else limit.bare_high * factor + distance
    return replace(limit, low=low, high=high)


def sentence(rule: Rule, value: float, limit: Limit) -> str:
    """Return what was found, what real defects show and what is allowed."""
    number = rule.text[rule.text.index("{") : rule.text.index("}") + 1] + (" px" if "} px" in rule.text else "")
    number = "2^" * ("2^{" in rule.text) + number
    bounds = [f"{word} {number.format(bound)}" for word, bound in (("at least", limit.low), ("at most", limit.high)) if bound is not None]
    shown = f"{number.format(limit.least).removesuffix(' px')} to {number.format(limit.most)}"
    return f"{rule.text.format(value)}; real ones show {shown}, allowed is {' and '.join(bounds)}"


def save_limits(path: Path, limits: Limits) -> None:
    """Write the limits as one safetensors file with the numbers in its header."""
    rows = {defect: {name: asdict(limit) for name, limit in own.items()} for defect, own in limits.kinds.items()}
    units = {name: bank.unit for name, bank in limits.references.items()}
    tensors = {f"{name}.{part}": np.ascontiguousarray(getattr(bank, part)) for name, bank in limits.references.items() for part in BANK}
    write_safetensors(path, save(tensors, metadata={"limits": json.dumps(rows), "units": json.dumps(units)}))


def load_limits(path: Path) -> Limits:
    """Return the limits of a file that `save_limits` wrote; raises RunError when it is missing or spoiled."""
    try:
        tensors, metadata = read_safetensors(path, "np")
        rows, units = (json.loads(metadata[name]) for name in ("limits", "units"))
        references = {name: Bank(unit=unit, **{part: tensors[f"{name}.{part}"] for part in BANK}) for name, unit in units.items()}
        return Limits({defect: {name: Limit(**row) for name, row in own.items()} for defect, own in rows.items()}, references)
    except FileNotFoundError:
        raise RunError(f"{path}: is missing; fit again, or copy the whole RUN folder.") from None
    except Exception as error:
        raise RunError(f"{path}: cannot be read ({error}); fit again, or copy the RUN folder anew.") from error
