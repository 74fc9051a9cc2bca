"""What people sort and judge pairs by: a few numbers out of the scores in a row, and each score beside its limits in plain words.

`generate` writes the limits that its checks hold defects to into OUT/limits.json, so that they are known wherever the pairs go. All of it
is read without torch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flawsmith.config.schema import QualityConfig
from flawsmith.core.errors import DataError
from flawsmith.core.files import read_json, write_json
from flawsmith.pairs.pair import Pair, PlacedDefect
from flawsmith.quality.checks.copy import originals
from flawsmith.quality.registry import Check, Rule, rules
from flawsmith.quality.verify import Verifier

LIMITS = "limits.json"
NOT_LOOKS = ("area", "shape")  # checks that say nothing of how real a defect looks: a user may ask for any size
NO_LIMIT = 60  # log2 of a factor from which a limit is none, as where `quality.margin` lets everything pass
# scores that no real defect sets a limit of: how they are told
FIXED = {
    "consistency": "the mask and what really changed overlap by {:.2f} (intersection over union)",
    "outside": "{:.0%} of the change lies outside the mask",
    "copy": "it is {:.2f} alike to the real defect that is most like it",
}


@dataclass(frozen=True)
class Bounds:
    """What one score of one kind may be."""

    low: float | None = None  # allowed from here on; None = no limit
    high: float | None = None
    least: float | None = None  # what real defects of the kind show; None where they were not asked
    median: float | None = None
    most: float | None = None


AllBounds = Mapping[str, Mapping[str, Bounds]]  # by kind and score


@dataclass(frozen=True)
class Ratings:
    """Numbers of one pair; None where its row does not tell."""

    realism: float | None  # 1 as real defects of its kind in the median, 0 at the limit of a check; the score that fares worst counts
    weakest: str  # that score
    consistency: float | None  # intersection over union of the mask and what changed, 0 to 1
    novelty: float | None  # 1 unlike all defects that it was learned from or follows, 0 a copy of one
    contrast: float | None  # log2 of its tone over that of its surroundings, in the colour where that is farthest from 0
    size: int | None  # pixels of its mask


@dataclass(frozen=True)
class Told:
    """One score beside its limits. Numbers on a scale of log2 are told as the factors that they are."""

    score: str
    check: str
    question: str  # that the check asks
    text: str  # what was found, in a sentence
    real: str  # what real defects of the kind show; "" where they were not asked
    allowed: str  # what is allowed
    room: float | None  # 1 as real defects in the median, 0 at or beyond a limit; None where there is no limit by real ones
    ok: bool  # within its limits
    # where it lies between its limits, for a drawing: shares of the way from the lower end, 0, to the upper one, 1
    place: float
    shown: tuple[float, float] | None  # the same of what real defects show


def write_bounds(folder: Path, verifier: Verifier) -> None:
    """Write what the scores of defects are held to into OUT/limits.json."""
    config, said = verifier.known.config, {}
    for kind, limits in verifier.limits.kinds.items():
        own = {name: Bounds(limit.low, limit.high, limit.least, limit.median, limit.most) for name, limit in limits.items()}
        own |= {"consistency": Bounds(low=config.consistency), "outside": Bounds(high=config.outside)}
        if verifier.known.exemplars.get(kind):
            own["copy"] = Bounds(high=originals(verifier.known, kind).most)
        said[kind] = {name: asdict(bounds) for name, bounds in own.items()}
    write_json(folder / LIMITS, said)


def read_bounds(folder: Path) -> AllBounds:
    """Return what OUT/limits.json says; nothing where there is none, as in folders of earlier versions and of other programs.

    Raises DataError for one that is damaged.
    """
    path = folder / LIMITS
    if not path.is_file():
        return {}
    try:
        return {kind: {name: _bounds(one) for name, one in own.items()} for kind, own in read_json(path).items()}
    except (AttributeError, TypeError) as error:
        raise DataError(f"{path}: expected the limits of scores by kind ({error}), as `flawsmith generate` writes them.") from error


def _bounds(said: Mapping[str, Any]) -> Bounds:
    found = Bounds(**said)
    if not all(value is None or isinstance(value, (int, float)) for value in asdict(found).values()):
        raise TypeError("a limit that is no number")
    return found


def ratings(pair: Pair, bounds: AllBounds, known: Mapping[str, tuple[Check, Rule]] | None = None) -> Ratings:
    """Return the numbers of a pair; of several defects in it the worst count. known: of `rules()`, where it is asked for many pairs."""
    known = rules() if known is None else known
    placed = _placed(pair)
    rooms = [
        (room, name)
        for defect in placed
        for name, value, one, rule in _held(defect, bounds, known)
        if known[name][0].name not in NOT_LOOKS and (room := _room(value, one, rule)) is not None
    ]
    realism, weakest = min(rooms, default=(None, ""))
    areas = [defect.area for defect in placed if defect.area]
    tones = [value for defect in placed for name, value in defect.scores.items() if name.startswith("tone")]
    return Ratings(
        None if realism is None else round(realism, 4),
        weakest,
        min(_all(placed, "consistency"), default=None),
        round(1 - max(copies), 4) if (copies := _all(placed, "copy")) else None,
        max(tones, key=abs, default=None),
        sum(areas) if areas else int(sum(_all(placed, "area"))) or None,
    )


def changed_from(pair: Pair) -> float:
    """Return the change, as a share of the value range, above which a pixel of the pair has changed: as its checks took it, of several
    defects the least; the default of `quality.change` where its row does not tell.
    """
    return min(_all(_placed(pair), "changed_from"), default=QualityConfig().change)


def told(defect: PlacedDefect, bounds: AllBounds) -> list[Told]:
    """Return every score of a defect that has limits, those nearest to one first."""
    known = rules()
    found = [_told(*known[name], name, value, one) for name, value, one, _ in _held(defect, bounds, known)]
    for name, text in FIXED.items():
        if name in defect.scores:
            found.append(_told_fixed(name, text, defect.scores[name], bounds.get(defect.defect, {}).get(name, Bounds())))
    return sorted(found, key=lambda one: (one.ok, 2.0 if one.room is None else one.room))


def _held(defect: PlacedDefect, bounds: AllBounds, known: Mapping[str, tuple[Check, Rule]]) -> Iterator[tuple[str, float, Bounds, Rule]]:
    """Yield the scores of a defect that are held to what real ones show, as `quality.verify.held_to_real_ones` does."""
    for name, one in bounds.get(defect.defect, {}).items():
        if name in defect.scores and name in known and (one.low is not None or one.high is not None):
            rule, value = known[name][1], defect.scores[name]
            if rule.follows == "look" and defect.severity < 1:
                continue
            yield name, value / defect.severity if rule.follows == "severity" and 0 < defect.severity < 1 else value, one, rule


def _room(value: float, one: Bounds, rule: Rule) -> float | None:
    """Return how far a score is from its limit: 1 as the median of real ones or on the side without a limit, 0 at it or beyond."""
    if one.median is None:
        return None
    limit = one.high if value >= one.median else one.low
    if limit is None:
        return 1.0
    return min(1.0, max(0.0, (limit - value) / (limit - one.median))) if limit != one.median else float(value == limit)


def _told(check: Check, rule: Rule, name: str, value: float, one: Bounds) -> Told:
    """Return a score that real defects limit."""
    text, number = _linear(rule)
    show = number.format
    plain = _plain if rule.joint or "2^{" in rule.text else float
    real = (
        ""
        if one.least is None or one.most is None
        else f"real ones show {show(plain(one.least)).removesuffix(' px')} to {show(plain(one.most))}"
    )
    ends = _ends(value, one)
    shown = None if one.least is None or one.most is None else (_share(one.least, ends), _share(one.most, ends))
    room = _room(value, one, rule)
    ok = (one.low is None or value >= one.low) and (one.high is None or value <= one.high)
    return Told(
        name, check.name, check.question, text.format(plain(value)), real, _allowed(one, show, plain), room, ok, _share(value, ends), shown
    )


def _told_fixed(name: str, text: str, value: float, one: Bounds) -> Told:
    """Return a score whose limit is a setting."""
    number = text[text.index("{") : text.index("}") + 1]
    ok = (one.low is None or value >= one.low) and (one.high is None or value <= one.high)
    return Told(name, name, "", text.format(value), "", _allowed(one, number.format, float), None, ok, min(1.0, max(0.0, value)), None)


def _allowed(one: Bounds, show: Any, plain: Any) -> str:
    given = [(word, bound) for word, bound in (("at least", one.low), ("at most", one.high)) if bound is not None]
    words = [f"{word} {show(plain(bound))}" for word, bound in given if plain is float or abs(bound) < NO_LIMIT]
    return f"allowed is {' and '.join(words)}" if words else ""


def _linear(rule: Rule) -> tuple[str, str]:
    """Return a rule's sentence and its number as formats of the factor, where the score is on a scale of log2."""
    text = rule.text.replace("2^{:.2f}", "{:.2f}")
    number = text[text.index("{") : text.index("}") + 1]
    return text, number + (" px" if "} px" in text else "")


def _plain(value: float) -> float:
    return float(2.0**value)


def _ends(value: float, one: Bounds) -> tuple[float, float]:
    """Return the ends of the scale on which a score is drawn: its limits, or where there is none what real ones show, and the score."""
    rest = [each for each in (one.least, one.median, one.most, value) if each is not None]
    low, high = one.low if one.low is not None else min(rest), one.high if one.high is not None else max(rest)
    return low, high if high > low else low + 1


def _share(value: float, ends: tuple[float, float]) -> float:
    return round(min(1.0, max(0.0, (value - ends[0]) / (ends[1] - ends[0]))), 4)


def _placed(pair: Pair) -> tuple[PlacedDefect, ...]:
    """Return the defects of a pair; of a row that does not tell them apart, one."""
    return pair.placed() or (PlacedDefect(pair.defect, scores=pair.scores, severity=pair.severity),)


def _all(placed: tuple[PlacedDefect, ...], name: str) -> list[float]:
    return [defect.scores[name] for defect in placed if name in defect.scores]
