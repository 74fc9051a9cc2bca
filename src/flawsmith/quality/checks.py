"""When a generated pair counts: each check is a pure function of pictures and returns a score."""

from dataclasses import dataclass, field

import numpy as np

from flawsmith.config import QualityConfig
from flawsmith.data.windows import grow
from flawsmith.models.store import Product


@dataclass(frozen=True)
class Verdict:
    """The scores of a pair and why it does not count, empty when it does."""

    scores: dict[str, float]
    reasons: list[str] = field(default_factory=list)


def change_map(image: np.ndarray, normal: np.ndarray, span: float) -> np.ndarray:
    """Return how much each pixel differs from the normal, as a share of the value range: the largest over the colours.

    image, normal: (H, W, C) as stored; span: stored values between black and white of this product. Result: (H, W) float32.
    """
    return np.abs(image.astype(np.float32) - normal.astype(np.float32)).max(-1) / np.float32(span)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection over union of two masks (H, W) bool; 0 when both are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 0.0


def visibility(image: np.ndarray, normal: np.ndarray, mask: np.ndarray, span: float) -> float:
    """Return the mean change inside the mask, as a share of the value range; 0 for an empty mask."""
    return float(change_map(image, normal, span)[mask].mean()) if mask.any() else 0.0


def contrast(image: np.ndarray, mask: np.ndarray, span: float, ring: float = 6) -> float:
    """Return how far colour (mean) or texture (deviation) in the mask is from the ring around it, as a share of the value range.

    For pictures made without a normal. 0 when the mask or the ring is empty.
    """
    around = ~mask & grow(mask, ring)
    if not mask.any() or not around.any():
        return 0.0
    values = image.astype(np.float32)
    inner, outer = values[mask], values[around]  # (N, C) each
    gaps = np.abs([inner.mean(0) - outer.mean(0), inner.std(0) - outer.std(0)])
    return float(gaps.max()) / span


def verify_onto(
    image: np.ndarray, normal: np.ndarray, mask: np.ndarray, region: np.ndarray, defect: str, product: Product, config: QualityConfig
) -> Verdict:
    """Return the verdict on a defect put onto a normal; all arrays are of the same window, pictures as stored."""
    if not mask.any():
        return Verdict({"area": 0}, ["the model drew no defect"])
    span = product.scale.high - product.scale.low
    change = change_map(image, normal, span)
    scores = {
        "visible": visibility(image, normal, mask, span),
        "overlap": overlap(mask, change > config.change),
        "inside": float((mask & region).sum() / mask.sum()),
        "area": float(mask.sum()),
    }
    reasons = []
    least = max(config.visible * product.noise, config.change)
    if scores["visible"] < least:
        found = f"the mask's pixels changed by {scores['visible']:.3f} of the value range, needed {least:.3f}"
        reasons.append(f"no defect to be seen: {found}")
    if scores["overlap"] < config.overlap:
        reasons.append(f"the mask does not fit the change: overlap {scores['overlap']:.2f}, needed {config.overlap:.2f}")
    if scores["inside"] < 1:
        reasons.append(f"the mask leaves the region: {scores['inside']:.2f} of it is inside")
    return Verdict(_rounded(scores), reasons + _area_reasons(int(mask.sum()), defect, product, config))


def verify_free(image: np.ndarray, mask: np.ndarray, part_gap: float, defect: str, product: Product, config: QualityConfig) -> Verdict:
    """Return the verdict on a picture made without a normal.

    part_gap: mean difference of the two branches inside the mask, as a share of the value range.
    """
    if not mask.any():
        return Verdict({"area": 0}, ["the model drew no defect"])
    span = product.scale.high - product.scale.low
    scores = {"visible": contrast(image, mask, span), "branches": part_gap, "area": float(mask.sum())}
    reasons = []
    least = max(config.visible * product.noise, config.change)
    if scores["visible"] < least:
        found = f"it differs from its surroundings by {scores['visible']:.3f} of the value range, needed {least:.3f}"
        reasons.append(f"no defect to be seen: {found}")
    if part_gap > config.branches:
        reasons.append(f"the two branches disagree inside the mask by {part_gap:.3f} of the value range, at most {config.branches:.3f}")
    return Verdict(_rounded(scores), reasons + _area_reasons(int(mask.sum()), defect, product, config))


def _area_reasons(area: int, defect: str, product: Product, config: QualityConfig) -> list[str]:
    least, most = product.areas[defect]
    low, high = least / (1 + config.area), most * (1 + config.area)
    if low <= area <= high:
        return []
    return [f"area {area} px is not plausible for {defect}: expected {low:.0f} to {high:.0f} px"]


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in scores.items()}
