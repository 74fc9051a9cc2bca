"""Whether a window looks like the product: normals pass in any place and pose, each other kind of content is stranger than they are."""

import cv2
import numpy as np
import pytest

from flawsmith.quality.patch_novelty import LEAST, Bank, banks, novelty_scores, patch_distance, patch_features

SIDE = 64


def stripes(seed: int, colours: int = 1) -> np.ndarray:
    """Return a window of a striped product, at a random place."""
    g = np.random.default_rng(seed)
    rows = 0.5 + 0.3 * np.sign(np.sin((np.arange(SIDE) + g.integers(100)) / 4))
    return (rows[:, None, None] + g.normal(0, 0.03, (SIDE, SIDE, colours))).astype(np.float32)


def learned(colours: int = 1) -> dict[str, Bank]:
    windows = [stripes(i, colours) for i in range(240)]
    return banks(windows[:200], windows[200:], np.random.default_rng(0))


REFERENCES = learned()
FRESH = [novelty_scores(stripes(1000 + i), None, REFERENCES) for i in range(20)]


def blurred(window: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(window, (0, 0), sigma).reshape(window.shape)


def test_other_windows_of_the_product_are_as_far_as_normals_are() -> None:
    for name in ("product", "detail"):
        found = [scores[name] for scores in FRESH]
        assert np.median(found) == pytest.approx(1, abs=0.15) and max(found) < 1.5


@pytest.mark.parametrize("colours", [1, 3])
def test_each_aspect_sees_what_it_is_for(colours: int) -> None:
    references, one = learned(colours), stripes(999, colours)
    turned = novelty_scores(np.ascontiguousarray(one.transpose(1, 0, 2)), None, references)
    assert turned["product"] > 2, "no normal has stripes that run the other way"
    assert turned["detail"] < 1.5, "but they are as sharp"
    soft, rough = novelty_scores(blurred(one, 1), None, references), novelty_scores(one + stripes(998, colours) * 0.3, None, references)
    assert soft["detail"] > 3 and rough["product"] > 2
    assert novelty_scores(one * 0 + 0.5, None, references)["product"] > 2 and novelty_scores(one + 0.4, None, references)["product"] > 2


def test_strangeness_rises_with_the_share_of_other_content() -> None:
    one, other = stripes(999), np.random.default_rng(0).permuted(stripes(998).ravel()).reshape(SIDE, SIDE, 1)
    mixes = [novelty_scores((one * (1 - share) + other * share).astype(np.float32), None, REFERENCES) for share in (0, 0.2, 0.5, 1)]
    for name in ("product", "detail"):
        assert all(a[name] < b[name] for a, b in zip(mixes, mixes[1:], strict=False)), name


def test_what_is_hidden_does_not_count() -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[20:40, 24:50] = True
    spoiled = np.where(mask[..., None], np.float32(2), stripes(999))
    seen, hidden = novelty_scores(spoiled, None, REFERENCES), novelty_scores(spoiled, mask, REFERENCES)
    for name in ("product", "detail"):
        assert hidden[name] < 5 and hidden[name] < 0.1 * seen[name]
    blurred_too = np.where(mask[..., None], np.float32(2), blurred(stripes(999), 2))
    assert novelty_scores(blurred_too, mask, REFERENCES)["detail"] > 10, "what is not hidden does"


def test_nothing_is_said_of_a_window_that_is_hidden_or_of_an_unknown_product() -> None:
    everything = np.ones((SIDE, SIDE), bool)
    assert novelty_scores(stripes(0), everything, REFERENCES) == {}
    for reach, enough in ((20, False), (40, True)):
        everything[:reach, :reach] = False
        patches = patch_features(stripes(0), everything)["product"]
        assert len(patches) > 0 and (len(patches) >= LEAST) == enough == bool(novelty_scores(stripes(0), everything, REFERENCES))
    assert novelty_scores(stripes(0), None, {}) == {} == banks([], [], np.random.default_rng(0))


def test_features_are_finite_for_any_size_and_flat_pictures() -> None:
    for size in ((6, 5), (16, 16), (33, 47), (128, 128)):
        for picture in (np.zeros((*size, 3), np.float32), np.random.default_rng(0).random((*size, 3)).astype(np.float32)):
            for patches in patch_features(picture).values():
                assert patches.dtype == np.float32 and np.isfinite(patches).all() and len(patches) == 49
    flat = [np.full((32, 32, 1), 0.5, np.float32)] * 3
    same = banks(flat, flat, np.random.default_rng(0))
    assert novelty_scores(flat[0], None, same)["product"] < 1 < novelty_scores(flat[0] + 0.1, None, same)["product"]


def test_the_distance_is_the_mean_over_the_patches_to_the_nearest_one() -> None:
    bank = Bank(np.zeros(2, np.float32), np.eye(2, dtype=np.float32), np.array([[0, 0], [10, 0]], np.float32), 2.0)
    assert patch_distance(np.array([[0, 3], [11, 0]], np.float32), bank) == pytest.approx((3 + 1) / 2 / 2)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_grey_level_more_on_flat_normals_is_a_few_units(level: float) -> None:
    """Saturated or rendered normals do not vary: a distance to them may not be divided by next to nothing."""
    flat = [np.full((SIDE, SIDE, 1), level, np.float32)] * 20
    references = banks(flat[:15], flat[15:], np.random.default_rng(0))
    noise = np.random.default_rng(1).normal(0, 0.3 / 255, (SIDE, SIDE, 1)).astype(np.float32)
    for window in (flat[0] + 1 / 255, flat[0] + noise):
        assert all(value < 10 for value in novelty_scores(window.astype(np.float32), None, references).values())
    assert novelty_scores(flat[0] + 0.2, None, references)["product"] > 20
    assert novelty_scores(flat[0], None, references)["product"] < 0.1
