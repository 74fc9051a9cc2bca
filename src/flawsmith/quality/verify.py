"""Whether a drawn defect counts: all checks together, with their scores and plain reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flawsmith.config.schema import QualityConfig
from flawsmith.images.pixel_range import shares
from flawsmith.pairs.reason import Reason
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.product import Product
from flawsmith.quality.checks.duplicate import refuse_duplicate
from flawsmith.quality.copies import Crop, grey_crop
from flawsmith.quality.limits import Limits
from flawsmith.quality.registry import Check, checks
from flawsmith.quality.view import Candidate, Known, View


@dataclass(frozen=True)
class Verdict:
    """The scores of a defect and why it does not count, empty when it does."""

    scores: dict[str, float]
    reasons: list[Reason] = field(default_factory=list)


class Verifier:
    """The checks of one product with their limits, ready to judge."""

    def __init__(
        self,
        product: Product,
        limits: Limits,
        examples: Sequence[Exemplar],
        config: QualityConfig,
        feather: int,
        liked: Mapping[str, Sequence[Exemplar]] | None = None,
    ) -> None:
        """examples: the real defects learned from; feather: pixels over which defects are blended in; liked: others that drawn ones
        follow, by kind.
        """
        self.limits = limits.at(config.margin)
        exemplars = {name: [e for e in examples if e.defect == name] for name in product.shape.defects}
        self.known = Known(product, exemplars, config, feather, limits.references, liked or {})

    def verify(self, candidate: Candidate) -> Verdict:
        """Return the verdict on one finished defect."""
        return self.verify_view(View(candidate, self.known))

    def verify_real(self, exemplar: Exemplar) -> Verdict:
        """Return the verdict on a real defect, which has no normal. One that was learned from is a copy of itself."""
        return self.verify_view(View.of_real(exemplar, self.known))

    def verify_view(self, view: View) -> Verdict:
        """Return the verdict on a view of this product's defects."""
        scores: dict[str, float] = {}
        reasons: list[Reason] = []
        for check in checks():
            own = check.measure(view)
            scores |= own
            if (text := check.refuse(view, own)) is not None:
                reasons.append(Reason(check.name, text))
            if reasons and check.decides:
                break
            reasons += self.limits.reasons(view.candidate.defect, held_to_real_ones(check, own, view.candidate))
        return Verdict({name: round(float(value), 4) for name, value in scores.items()}, reasons)

    def crop(self, candidate: Candidate) -> Crop:
        """Return what is compared with other drawn defects: the pixels that changed."""
        shape, exact = self.known.product.shape, View(candidate, self.known).exact
        return grey_crop(shares(candidate.image, self.known.product.scale, shape.colours), exact, shape.window)

    def duplicate(self, mine: Crop, accepted: Sequence[Crop], ids: Sequence[str]) -> Reason | None:
        """Return why a defect is too much like an accepted one; None when it is not."""
        text = refuse_duplicate(mine, accepted, ids, self.known.config.duplicate)
        return None if text is None else Reason("duplicate", text)


def held_to_real_ones(check: Check, scores: dict[str, float], candidate: Candidate) -> dict[str, float]:
    """Return the scores that are held to what real defects show; what the user asked to be otherwise is left out or set right."""
    held = {}
    for name, value in scores.items():
        follows = check.rules[name].follows if name in check.rules else ""
        if follows == "size" and (candidate.side is not None or candidate.placed):
            continue
        if follows == "look" and candidate.severity < 1:
            continue
        held[name] = value / candidate.severity if follows == "severity" and candidate.severity < 1 else value
    return held
