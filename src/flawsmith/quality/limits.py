"""What a generated defect may show: calibrated on the product's own real defects, with normals to tell how selective each check is."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from flawsmith.compositing.roughness import grain
from flawsmith.config.schema import Config
from flawsmith.core.errors import RunError
from flawsmith.core.files import write_bytes
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.augment import augment
from flawsmith.dataset.windows import cut, grow
from flawsmith.images.pixel_range import shares
from flawsmith.product.binarised import find_levels
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.product import Product
from flawsmith.quality.checks import apparent_change, measure, seams, shape_scores, visibility
from flawsmith.quality.patch_novelty import Bank, banks, novelty_scores

POOLED = 5  # a kind with fewer examples borrows what the other kinds show
MOST = 48  # examples per kind that are measured
ODD = 0.02  # share of the real values at either end that is taken for oddly labelled
REFERENCES = 192  # windows of normals that a picture is compared with
BANK = ("centre", "turn", "points")  # arrays of a Bank
HELD = 48  # other windows of normals, which tell how far apart normals are


@dataclass(frozen=True)
class _Rule:
    """How a score becomes a limit, and how it is told."""

    check: str  # prefix of the reason
    text: str  # what was found; {} is the number
    low: bool  # too little is a fault
    high: bool  # too much is a fault
    ratio: bool  # widened by a factor, otherwise by a distance
    least: float  # power of the factor, or the least distance that the margin is taken of
    shared: str  # what other kinds show counts: "own" (never), "few" (where a kind has few examples), "all" (always)


RULES = {
    "visible": _Rule("visible", "it differs from its surroundings by {:.3f} of the value range", True, False, True, 1.0, "few"),
    "area": _Rule("area", "it covers {:.0f} px", True, True, True, 1.0, "own"),
    "side": _Rule("area", "its longer side is {:.0f} px", True, True, True, 1.0, "own"),
    "thickness": _Rule("area", "it is {:.1f} px thick", True, True, True, 1.0, "own"),
    "elongation": _Rule("shape", "it is {:.1f} times as long as thick", True, True, True, 1.0, "own"),
    "parts": _Rule("shape", "it has {:.0f} separate parts", False, True, True, 1.5, "all"),
    "seam": _Rule("seam", "just beyond the blend a border shows {:.2f} times as much as the texture", False, True, True, 0.3, "all"),
    "halo": _Rule("seam", "where the blend ends a border shows {:.2f} times as much as the texture", False, True, True, 0.4, "all"),
    "grain": _Rule("grain", "its inside is 2^{:.2f} times as rough as its surroundings", True, True, False, 0.5, "few"),
    "product": _Rule("product", "around it are things {:.2f} times as far from normals as others are", False, True, True, 0.3, "few"),
    "detail": _Rule("product", "the fine detail around it is {:.2f} times as far from normals as theirs", False, True, True, 0.5, "few"),
}


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

    def allows(self, value: float) -> bool:
        """Return whether a score is within the limit."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True)
class Limits:
    """The limits of every kind of defect, and the patches of normals that pictures are compared with."""

    kinds: dict[str, dict[str, Limit]]
    references: dict[str, Bank]  # by aspect; empty when there were no normals

    def at(self, margin: float) -> "Limits":
        """Return the limits widened by another `quality.margin` than that they were made with; the rates told stay those of the latter."""
        kinds = {defect: {name: _widened(RULES[name], limit, margin) for name, limit in own.items()} for defect, own in self.kinds.items()}
        return Limits(kinds, self.references)

    def reasons(self, defect: str, scores: dict[str, float]) -> list[str]:
        """Return why a defect with these scores does not count, in plain language, one for each score beyond its limit."""
        found = []
        for name, limit in self.kinds.get(defect, {}).items():
            if name in scores and not limit.allows(scores[name]):
                found.append(_reason(RULES[name], scores[name], limit))
        return found


def calibrate(examples: Sequence[Exemplar], normals: Sequence[np.ndarray], product: Product, config: Config) -> Limits:
    """Return the limits that the real defects of a product set, widened by `quality.margin`.

    examples: the real defects learned from; normals: whole pictures or crops as stored (H, W, C), from which windows are cut. Without
    normals nothing is said of `product` and of how selective a check is. The same input gives the same limits.
    """
    windows = _Windows(normals, product)
    turned = [windows.take(count, name, config) for name, count in (("references", REFERENCES), ("held", HELD))]
    references = banks(turned[0], turned[1], numpy_generator(0, "limits", "patches"))
    real = {name: _scores([e for e in examples if e.defect == name], product, config, references) for name in product.shape.defects}
    faults = {name: _faults([e for e in examples if e.defect == name], product, config, windows, references) for name in real}
    # binarised pictures have no grain: what is rough in them are the edges of other things
    binarised = find_levels(examples, product.scale, product.shape.colours) is not None
    rules = {name: rule for name, rule in RULES.items() if not (binarised and name == "grain")}
    pooled = {name: [value for own in real.values() for value in own.get(name, [])] for name in rules}
    kinds = {
        defect: {
            name: _limit(rule, own.get(name, []), pooled[name], faults[defect].get(name, []), config.quality.margin)
            for name, rule in rules.items()
            if own.get(name) or (pooled[name] and rule.shared != "own")
        }
        for defect, own in real.items()
    }
    return Limits(kinds, references)


def save_limits(path: Path, limits: Limits) -> None:
    """Write the limits as one safetensors file with the numbers in its header."""
    rows = {defect: {name: asdict(limit) for name, limit in own.items()} for defect, own in limits.kinds.items()}
    units = {name: bank.unit for name, bank in limits.references.items()}
    tensors = {f"{name}.{part}": np.ascontiguousarray(getattr(bank, part)) for name, bank in limits.references.items() for part in BANK}
    write_bytes(path, save(tensors, metadata={"limits": json.dumps(rows), "units": json.dumps(units)}))


def load_limits(path: Path) -> Limits:
    """Return the limits of a file that `save_limits` wrote; raises RunError when it is missing or spoiled."""
    try:
        with safe_open(path, framework="np") as file:
            rows, units = (json.loads(file.metadata()[name]) for name in ("limits", "units"))
            references = {
                name: Bank(unit=unit, **{part: file.get_tensor(f"{name}.{part}") for part in BANK}) for name, unit in units.items()
            }
        return Limits({defect: {name: Limit(**row) for name, row in own.items()} for defect, own in rows.items()}, references)
    except FileNotFoundError:
        raise RunError(f"{path}: is missing; fit again, or copy the whole RUN folder.") from None
    except Exception as error:
        raise RunError(f"{path}: cannot be read ({error}); fit again, or copy the RUN folder anew.") from error


class _Windows:
    """Windows of normals as share pictures, drawn at random places, the same for the same name."""

    def __init__(self, normals: Sequence[np.ndarray], product: Product) -> None:
        self._normals, self._product = normals, product

    def take(self, count: int, name: str, turned: Config | None = None) -> list[np.ndarray]:
        """Return `count` windows; with a configuration mirrored and turned as in training, as a picture from noise may be."""
        generator = numpy_generator(0, "limits", name)
        found = [self._one(i, generator) for i in range(count if len(self._normals) else 0)]
        if turned is None:
            return found
        none = np.zeros((1, 1), bool)
        return [augment(window, none, none, turned.data.flips, turned.data.rotations, generator)[0] for window in found]

    def _one(self, i: int, generator: np.random.Generator) -> np.ndarray:
        side, image = self._product.shape.window, self._normals[i * 7919 % len(self._normals)]  # a prime: spread over all of them
        top, left = (int(generator.integers(0, max(1, length - side + 1))) for length in image.shape[:2])
        return shares(cut(image, top, left, side), self._product.scale, self._product.shape.colours)


def _few(examples: Sequence[Exemplar]) -> list[Exemplar]:
    """Return MOST examples at most, spread evenly."""
    if len(examples) <= MOST:
        return list(examples)
    return [examples[i] for i in np.linspace(0, len(examples) - 1, MOST).round().astype(int)]


def _scores(examples: Sequence[Exemplar], product: Product, config: Config, references: dict[str, Bank]) -> dict[str, list[float]]:
    """Return what the real defects of one kind show, by score."""
    found = defaultdict(list)
    for example in _few(examples):
        for name, value in shape_scores(example.shape).items():
            if name != "parts":
                found[name].append(value)
        picture = shares(example.image, product.scale, product.shape.colours)
        seen = measure(picture, example.mask, config.generation.feather, example.others)
        for name, value in (seen | novelty_scores(picture, example.mask | example.others, references)).items():
            found[name].append(value)
    found["parts"] = [float(count) for count in Counter(e.source for e in examples).values()]  # `collect` tells parts of a picture apart
    return dict(found)


def _faults(
    examples: Sequence[Exemplar], product: Product, config: Config, windows: _Windows, references: dict[str, Bank]
) -> dict[str, list[float]]:
    """Return the scores of pictures with one fault each: nothing to see, a hard border, an inside too soft or too rough, other content."""
    found = defaultdict(list)
    feather = config.generation.feather
    chosen = _few(examples)[: MOST // 2]
    normals = windows.take(len(chosen), chosen[0].defect if chosen else "")
    generator = numpy_generator(0, "limits", "faults")
    for example, normal in zip(chosen, normals, strict=False):
        picture = shares(example.image, product.scale, product.shape.colours)
        found["visible"].append(visibility(apparent_change(normal, example.mask), example.mask))
        for name, width in (("seam", feather + 1), ("halo", feather - 0.5)):
            inside = grow(example.mask, width)[..., None]
            for bordered in (np.where(inside, picture, normal), picture + np.float32(0.1) * inside):
                found[name] += _one(seams(bordered, example.mask, feather), name)
        for worse in (cv2.GaussianBlur(picture, (0, 0), 2.0).reshape(picture.shape), picture + generator.normal(0, 0.1, picture.shape)):
            roughness = grain(np.where(example.mask[..., None], worse, picture).astype(np.float32), example.mask, example.others)
            if roughness is not None:
                found["grain"].append(roughness)
        hidden = example.mask | example.others
        found["product"] += _one(novelty_scores(_scrambled(normal, generator), hidden, references), "product")
        found["detail"] += _one(novelty_scores(cv2.GaussianBlur(normal, (0, 0), 2.0).reshape(normal.shape), hidden, references), "detail")
    return dict(found)


def _scrambled(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return a picture (S, S, C) with its eighths shuffled like the pieces of a puzzle."""
    side = picture.shape[0] // 8
    pieces = picture[: 8 * side, : 8 * side].reshape(8, side, 8, side, -1).swapaxes(1, 2).reshape(64, side, side, -1)
    pieces = pieces[generator.permutation(64)].reshape(8, 8, side, side, -1).swapaxes(1, 2)
    return np.ascontiguousarray(pieces.reshape(8 * side, 8 * side, -1))


def _one(scores: dict[str, float], name: str) -> list[float]:
    return [scores[name]] if name in scores else []


def _limit(rule: _Rule, own: Sequence[float], pooled: Sequence[float], faults: Iterable[float], margin: float) -> Limit:
    if len(own) < POOLED and rule.shared != "own":
        own = pooled
    others = pooled if rule.shared == "all" else []
    bare = Limit(None, None, len(own), min(own), float(np.median(own)), max(own), 0.0, None)
    limit = _widened(rule, _bare(rule, own, others, bare), margin)
    rest = [_widened(rule, _bare(rule, [*own[:i], *own[i + 1 :]] or own, others, bare), margin) for i in range(len(own))]
    passed = [one.allows(value) for value, one in zip(own, rest, strict=True)]
    rejected = [not limit.allows(value) for value in faults]
    return replace(limit, passed=float(np.mean(passed)), rejected=float(np.mean(rejected)) if rejected else None)


def _bare(rule: _Rule, own: Sequence[float], others: Sequence[float], limit: Limit) -> Limit:
    """Return the limit with its bounds at a margin of 0, and what a margin gives.

    The bounds are the range of the kind's own values without ODD at each end, and that of the `others` without their outer twentieths. A
    margin widens by the factor 1 + margin on the ratio scale (to the power `least`), else by margin times the standard deviation or
    `least`, whichever is more. Few values have not shown their range yet: for up to four the widening is twice as wide, then ever less.
    """
    ends = [np.quantile(own, [ODD, 1 - ODD])] + ([np.quantile(others, [0.05, 0.95])] if len(others) else [])
    least, most = float(min(a for a, _ in ends)), float(max(b for _, b in ends))
    give = (1 + min(1.0, 4 / len(own))) * (rule.least if rule.ratio else max(float(np.std(own)), rule.least))
    return replace(limit, bare_low=least if rule.low else None, bare_high=most if rule.high else None, give=give)


def _widened(rule: _Rule, limit: Limit, margin: float) -> Limit:
    """Return the limit with its bounds moved out by the margin; one without bounds at a margin of 0 stays as it is."""
    if limit.bare_low is None and limit.bare_high is None:
        return limit
    factor, distance = ((1 + margin) ** limit.give, 0.0) if rule.ratio else (1.0, margin * limit.give)
    low = None if limit.bare_low is None else limit.bare_low / factor - distance
    high = None if limit.bare_high is None else limit.bare_high * factor + distance
    return replace(limit, low=low, high=high)


def _reason(rule: _Rule, value: float, limit: Limit) -> str:
    """Return what was found, what real defects show and what was allowed."""
    number = rule.text[rule.text.index("{") : rule.text.index("}") + 1] + (" px" if "} px" in rule.text else "")
    bounds = [f"{word} {number.format(bound)}" for word, bound in (("at least", limit.low), ("at most", limit.high)) if bound is not None]
    shown = f"{number.format(limit.least).removesuffix(' px')} to {number.format(limit.most)}"
    return f"{rule.check}: {rule.text.format(value)}; real ones show {shown}, allowed is {' and '.join(bounds)}"
