from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawsmith.compositing.colour_jitter import COMMON, choose_tint, tinted
from flawsmith.config.resolve import preset
from flawsmith.config.schema import GenerationConfig
from flawsmith.models.store import load_model
from flawsmith.synthesis.task import Drawn

SIDE = 32
MASK = np.zeros((SIDE, SIDE), bool)
MASK[10:20, 8:22] = True
EVERYWHERE = np.ones((SIDE, SIDE), bool)
GREENER = np.array([-0.05, 0.1, 0.02])


def drawn(value: float = 0.0) -> Drawn:
    g = np.random.default_rng(0)
    whole = (value + g.uniform(-0.1, 0.1, (3, SIDE, SIDE))).astype(np.float32)
    return Drawn(whole, whole * MASK, MASK.astype(np.float32))


def test_a_defect_is_shifted_as_a_whole_and_keeps_its_texture() -> None:
    before = drawn()
    after = tinted(before, EVERYWHERE, GREENER, 3)
    np.testing.assert_allclose((after.image - before.image)[:, MASK], np.repeat(2 * GREENER[:, None], MASK.sum(), 1), atol=1e-6)
    assert after.mask is before.mask
    np.testing.assert_array_equal(after.anomaly[:, MASK], after.image[:, MASK])
    assert not after.anomaly[:, ~MASK].any()


def test_nothing_changes_beyond_the_feather_or_the_region() -> None:
    region = EVERYWHERE.copy()
    region[:, 22:] = False
    before = drawn()
    after = tinted(before, region, GREENER, 3)
    near = np.zeros_like(MASK)
    near[6:24, 4:22] = True
    np.testing.assert_array_equal(after.image[:, ~near], before.image[:, ~near])
    assert (after.image != before.image)[:, 12:18, 6].all()  # within the feather


def test_values_stay_in_the_range() -> None:
    assert tinted(drawn(0.95), EVERYWHERE, np.full(3, 0.3), 3).image.max() == 1.0
    assert tinted(drawn(-0.95), EVERYWHERE, np.full(3, -0.3), 3).image.min() == -1.0


def test_tints_have_the_spread_and_are_correlated_between_colours() -> None:
    config = GenerationConfig(tint=0.05, tinted=1.0)
    found = np.array([choose_tint(config, 3, seed) for seed in range(800)], dtype=float)
    assert found.std(0) == pytest.approx(0.05, rel=0.1)
    assert abs(found.mean(0)).max() < 0.008
    assert np.corrcoef(found.T)[[0, 0, 1], [1, 2, 2]] == pytest.approx(COMMON, abs=0.07)


def test_grey_pictures_are_not_tinted() -> None:
    assert all(choose_tint(GenerationConfig(tint=0.1, tinted=1.0), 1, seed) is None for seed in range(20))


def test_the_share_of_tinted_defects_and_the_seed() -> None:
    config = GenerationConfig(tint=0.1, tinted=0.3)
    tints = [choose_tint(config, 3, seed) for seed in range(500)]
    assert 120 <= sum(tint is not None for tint in tints) <= 180
    for seed, tint in enumerate(tints[:20]):
        np.testing.assert_array_equal(tint, choose_tint(config, 3, seed))
    assert choose_tint(GenerationConfig(tint=0.1, tinted=0.0), 3, 0) is None
    assert choose_tint(GenerationConfig(tint=0.0, tinted=1.0), 3, 0) is None


def test_the_published_method_tints_nothing() -> None:
    assert preset("sd15-paper").generation.tinted == 0


@pytest.mark.usefixtures("loud")
def test_pairs_tell_their_tint_and_show_it(run16: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any) -> None:
    onto = pairs.folder(tmp_path / "onto", (60, 70), "uint16", 3, save_picture)
    pictures, tints, compared = {}, [], 0
    scale = load_model(run16 / "model" / "model.safetensors")[2].scale
    for share in (0, 1):
        generator = pairs.loose(run16, f"generation.tinted={share}", "generation.tint=0.1", "generation.placement=uniform")
        assert generator.generate(tmp_path / str(share), 6, onto=onto, quiet=True).accepted == 6
        rows = pairs.rows(tmp_path / str(share))
        pictures[share] = [(pairs.plain(tmp_path / str(share) / row["image"]).astype(float), row) for row in rows if row["image"]]
        tints.append([part["tint"] for row in rows for part in row["defects"]])
    assert set(tints[0]) == {None} and None not in tints[1]
    for (plain, one), (shifted, other) in zip(*pictures.values(), strict=True):
        top, left, height, width = one["defects"][0]["box"]
        middle = (slice(top + height // 2 - 1, top + height // 2 + 2), slice(left + width // 2 - 1, left + width // 2 + 2))
        low, high = scale.low, scale.high
        inner = [(low < picture[middle]) & (picture[middle] < high) for picture in (plain, shifted)]
        free = (inner[0] & inner[1]).all(-1)  # no colour was clipped
        change = (shifted - plain)[middle][free][:, ::-1] / (high - low)  # read as blue, green, red
        assert one["normal"] == other["normal"]
        np.testing.assert_allclose(change, np.broadcast_to(other["defects"][0]["tint"], change.shape), atol=0.003)
        compared += len(change)
    assert compared > 6


def test_a_window_without_a_defect_stays_as_it_is() -> None:
    before = drawn()
    empty = Drawn(before.image, before.anomaly, np.zeros((SIDE, SIDE), np.float32))
    np.testing.assert_array_equal(tinted(empty, EVERYWHERE, GREENER, 3).image, before.image)
