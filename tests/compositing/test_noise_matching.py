"""The grain of a drawn defect comes near a real one's, from the normal's own grain, and its strength stays."""

import cv2
import numpy as np
import pytest

from flawsmith.compositing.noise_matching import CLOSE, match_grain
from flawsmith.compositing.roughness import grain


def surface(sigma: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a grainy normal, the same with a dark disc of blur `sigma`, (H, W, 1) shares, and the disc's mask."""
    g = np.random.default_rng(0)
    normal = (0.5 + g.normal(0, 0.02, (64, 64, 1))).astype(np.float32)
    mask = cv2.circle(np.zeros((64, 64), np.uint8), (32, 32), 14, 1, -1) > 0
    inside = 0.25 + g.normal(0, 0.02, normal.shape)
    inside = cv2.GaussianBlur(inside, (0, 0), sigma)[..., None] if sigma else inside
    return normal, np.where(mask[..., None], inside, normal).astype(np.float32), mask


def judged(drawn: np.ndarray, normal: np.ndarray, mask: np.ndarray) -> float:
    value = grain(np.where(mask[..., None], drawn, normal), mask)
    assert value is not None
    return value


@pytest.mark.parametrize("target", [0.0, -0.7])
def test_a_soft_defect_gets_the_surface_s_own_grain(target: float) -> None:
    normal, drawn, mask = surface(2.0)
    before, matched = judged(drawn, normal, mask), match_grain(drawn, normal, mask, target)
    assert before < target - 0.5 and abs(judged(matched, normal, mask) - target) < 0.45
    added = (matched - drawn)[mask].ravel()
    own = (normal - cv2.GaussianBlur(normal, (0, 0), 1.0)[..., None])[mask].ravel()
    assert np.corrcoef(added, own)[0, 1] > 0.99
    assert abs(float(matched[mask].mean() - drawn[mask].mean())) < 0.005


def test_a_grainy_defect_is_smoothed() -> None:
    normal, drawn, mask = surface(0)
    matched = match_grain(drawn, normal, mask, -1.0)
    assert judged(matched, normal, mask) < judged(drawn, normal, mask) - 0.6
    assert abs(float(matched[mask].mean() - drawn[mask].mean())) < 0.02


def test_one_that_is_near_or_too_thin_is_left_alone() -> None:
    normal, drawn, mask = surface(0)
    assert match_grain(drawn, normal, mask, judged(drawn, normal, mask) + CLOSE / 2) is drawn
    thin = np.zeros_like(mask)
    thin[30, 20:40] = True
    assert match_grain(drawn, normal, thin, -3.0) is drawn


def test_grain_is_only_taken_away_where_none_may_be_added() -> None:
    normal, drawn, mask = surface(2.0)
    assert match_grain(drawn, normal, mask, 0.0, adds=False) is drawn
    normal, drawn, mask = surface(0)
    np.testing.assert_array_equal(match_grain(drawn, normal, mask, -1.0, adds=False), match_grain(drawn, normal, mask, -1.0))
