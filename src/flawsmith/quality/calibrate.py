"""From the real defects of a product to the limits of its checks, and from faults made on purpose to how selective each check is."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from flawsmith.config.schema import Config
from flawsmith.core.seeds import numpy_generator
from flawsmith.dataset.augment import augment
from flawsmith.dataset.windows import cut
from flawsmith.images.pixel_range import shares
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.product import Product
from flawsmith.quality.joint import Measured, joint_limits
from flawsmith.quality.limits import Limit, Limits, widened
from flawsmith.quality.patch_novelty import banks
from flawsmith.quality.registry import Rule, checks, rules
from flawsmith.quality.view import MOST, Known, View

POOLED = 5  # a kind with fewer examples borrows what the other kinds show; of fewer specimens, their sizes are allowed, too
ODD = 0.02  # share of the real values at either end that is taken for oddly labelled
REFERENCES = 192  # windows of normals that a picture is compared with
HELD = 48  # other windows of normals, which tell how far apart normals are


def calibrate(examples: Sequence[Exemplar], normals: Sequence[np.ndarray], product: Product, config: Config) -> Limits:
    """Return the limits that the real defects of a product set, widened by `quality.margin`.

    examples: the real defects learned from; normals: whole pictures or crops as stored (H, W, C), from which windows are cut. Without
    normals nothing is said of `product` and of how selective a check is. The same input gives the same limits.
    """
    windows = Windows(normals, product)
    turned = [windows.take(count, name, config) for name, count in (("references", REFERENCES), ("held", HELD))]
    references = banks(turned[0], turned[1], numpy_generator(0, "limits", "patches"))
    own = {name: [e for e in examples if e.defect == name] for name in product.shape.defects}
    known = Known(product, own, config.quality, config.generation.feather, references)
    views = {name: [View.of_real(example, known) for example in known.some(name)] for name in own}
    shown = {name: _shown(seen) for name, seen in views.items()}
    faulty = {name: _faulty(seen[: MOST // 2], windows) for name, seen in views.items()}
    pooled = {name: [value for values in shown.values() for value in values.get(name, [])] for name in rules()}
    specimens = {name: len({view.specimen for view in seen}) for name, seen in views.items()}
    kinds = {
        defect: {
            name: _limit(rule, real.get(name, []), pooled[name], faulty[defect].get(name, []), config.quality.margin, specimens[defect])
            for name, (_, rule) in rules().items()
            if not rule.joint
            if real.get(name) or (pooled[name] and rule.shared != "own")
        }
        for defect, real in shown.items()
    }
    measured = [Measured(name, view.specimen, _joint_scores(view)) for name, seen in views.items() for view in seen]
    for defect, own_limits in joint_limits(measured, faulty, config.quality.margin).items():
        kinds[defect] |= own_limits
    return Limits({defect: {name: limit.rounded() for name, limit in own.items()} for defect, own in kinds.items()}, references)


class Windows:
    """Windows of normals as share pictures, drawn at random places, the same for the same name."""

    def __init__(self, normals: Sequence[np.ndarray], product: Product) -> None:
        """normals: (H, W, C) as stored."""
        self._normals, self._product = normals, product

    def take(self, count: int, name: str, turned: Config | None = None) -> list[np.ndarray]:
        """Return `count` windows (S, S, C); with a configuration mirrored and turned as in training, as a picture from noise may be."""
        generator = numpy_generator(0, "limits", name)
        found = [self._one(i, generator) for i in range(count if len(self._normals) else 0)]
        if turned is None:
            return found
        none = np.zeros((1, 1), bool)
        return [augment(window, none, none, turned.data.flips, turned.data.rotations, generator)[0] for window in found]

    def _one(self, i: int, generator: np.random.Generator) -> np.ndarray:
        """Return a window (S, S, C) float32 in shares of the value range, at a random place of normal i."""
        side, image = self._product.shape.window, self._normals[i * 7919 % len(self._normals)]  # a prime: spread over all of them
        top, left = (int(generator.integers(0, max(1, length - side + 1))) for length in image.shape[:2])
        return shares(cut(image, top, left, side), self._product.scale, self._product.shape.colours)


def _shown(views: Sequence[View]) -> dict[str, list[float]]:
    """Return what the real defects of one kind show, by score."""
    found: dict[str, list[float]] = {}
    for check in checks() if views else ():
        found |= check.values_of(views)
    return found


def _joint_scores(view: View) -> dict[str, float]:
    """Return a real defect's scores whose limits are set together."""
    return {
        name: value
        for check in checks()
        if check.rules
        for name, value in check.measure(view).items()
        if name in check.rules and check.rules[name].joint
    }


def _faulty(views: Sequence[View], windows: Windows) -> dict[str, list[float]]:
    """Return the scores that each check's own faults have, made from real defects of one kind."""
    found = defaultdict(list)
    normals = windows.take(len(views), views[0].candidate.defect if views else "")
    calibrated = [check for check in checks() if check.rules]
    generators = {check.name: numpy_generator(0, "limits", "faults", check.name) for check in calibrated}
    for view, normal in zip(views, normals, strict=False):
        for check in calibrated:
            for name, fault in check.faults(view, normal, generators[check.name]):
                scores = check.measure(fault)
                for told in [name] if name in check.rules else scores:  # a fault of the check as a whole counts for all its scores
                    if told in scores:
                        found[told].append(scores[told])
    return dict(found)


def _limit(rule: Rule, own: Sequence[float], pooled: Sequence[float], faults: Iterable[float], margin: float, specimens: int) -> Limit:
    if len(own) < POOLED and rule.shared != "own":
        own, specimens = pooled, len(pooled)
    others = pooled if rule.shared == "all" or (rule.shared == "own" and specimens < POOLED) else []
    bare = Limit(None, None, len(own), min(own), float(np.median(own)), max(own), 0.0, None)
    limit = widened(rule, _bare(rule, own, others, bare, specimens), margin)
    rest = [widened(rule, _bare(rule, [*own[:i], *own[i + 1 :]] or own, others, bare, specimens), margin) for i in range(len(own))]
    passed = [one.allows(value) for value, one in zip(own, rest, strict=True)]
    rejected = [not limit.allows(value) for value in faults]
    return replace(limit, passed=float(np.mean(passed)), rejected=float(np.mean(rejected)) if rejected else None)


def _bare(rule: Rule, own: Sequence[float], others: Sequence[float], limit: Limit, specimens: int) -> Limit:
    """Return the limit with its bounds at a margin of 0, and what a margin gives.

    The bounds are the range of the kind's own values without ODD at each end, and that of the `others` without their outer twentieths. A
    margin widens by the factor 1 + margin on the ratio scale (to the power `least`), else by margin times the standard deviation or
    `least`, whichever is more. Few specimens have not shown their range yet: for one or two the widening is three times as wide, for four
    twice, then ever less.
    """
    ends = [np.quantile(own, [ODD, 1 - ODD])] + ([np.quantile(others, [0.05, 0.95])] if len(others) else [])
    least, most = float(min(a for a, _ in ends)), max(float(max(b for _, b in ends)), rule.always)
    give = (1 + min(2.0, 4 / max(1, specimens))) * (rule.least if rule.ratio else max(float(np.std(own)), rule.least))
    return replace(limit, bare_low=least if rule.low else None, bare_high=most if rule.high else None, give=give)
