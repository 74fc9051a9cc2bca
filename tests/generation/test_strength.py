"""A drawn defect is made as strong against its surroundings as a real one."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from small_base import LENIENT, NETWORK

from flawsmith.compositing.mask_refinement import refine
from flawsmith.compositing.texture_transfer import Detail
from flawsmith.config.schema import Config
from flawsmith.formats.reading import read
from flawsmith.generation import compositor, finishing
from flawsmith.generation.finishing import Finishing, Followed
from flawsmith.generation.strength import as_strong, of_hue, tone
from flawsmith.images.pixel_range import PixelRange, shares
from flawsmith.pairs.folder import PairFolder
from flawsmith.product.exemplars import Exemplar
from flawsmith.synthesis.task import Drawn
from flawsmith.training.prepare import prepare_training
from flawsmith.workflows.generate import load_unfitted

SIDE = 48
SCALE = PixelRange(0.0, 255.0, "uint8")
MASK = np.zeros((SIDE, SIDE), bool)
MASK[18:28, 16:30] = True


def drawn(value: float, surface: float = 0.6) -> tuple[Drawn, np.ndarray]:
    """Return a canvas with a defect of a value on a surface, both in shares, and its normal."""
    normal = np.full((3, SIDE, SIDE), 2 * surface - 1, np.float32)
    image = np.where(MASK, np.float32(2 * value - 1), normal)
    return Drawn(image, image * MASK, MASK.astype(np.float32)), normal


def strength(one: Drawn) -> float:
    found = tone(np.ascontiguousarray((one.image.transpose(1, 2, 0) + 1) / 2), MASK)
    assert found is not None
    return found


@pytest.mark.parametrize(("value", "real"), [(0.5, -0.5), (0.4, -0.3), (0.7, 0.3)])
def test_it_becomes_as_dark_or_bright_as_the_real_one(value: float, real: float) -> None:
    before, normal = drawn(value)
    after = as_strong(before, normal, MASK, real, 1.0, 4.0, 1)
    assert abs(strength(before) - real) > 0.1 and strength(after) == pytest.approx(real, abs=0.03)
    assert np.array_equal(after.image[:, :10], before.image[:, :10]) and after.mask is before.mask and after.image.dtype == np.float32


def test_no_more_than_asked_and_severity_counts() -> None:
    before, normal = drawn(0.5)
    doubled, half = (as_strong(before, normal, MASK, real, severity, 2.0, 1) for real, severity in ((-2.0, 1.0), (-0.4, 0.5)))
    change = [(one.image - normal)[:, 20:26, 18:28].mean() for one in (before, doubled, half)]
    assert change[1] == pytest.approx(2 * change[0], rel=0.01)
    full = as_strong(before, normal, MASK, -0.4, 1.0, 2.0, 1)
    assert change[2] == pytest.approx((full.image - normal)[:, 20:26, 18:28].mean() / 2, rel=0.01)


@pytest.mark.parametrize(("value", "real"), [(0.5, 0.4), (0.59, -0.5), (0.5, None)])
def test_where_strength_does_not_tell_nothing_is_done(value: float, real: float | None) -> None:
    before, normal = drawn(value)
    assert as_strong(before, normal, MASK, real, 1.0, 2.0, 1) is before
    assert as_strong(before, normal, ~MASK | True, -0.5, 1.0, 2.0, 1) is before, "nothing is around"


def test_an_area_of_the_other_brightness_becomes_as_bright_as_the_real_one() -> None:
    area = np.zeros((SIDE, SIDE), bool)
    area[:24] = True
    normal = np.full((1, SIDE, SIDE), 0.2, np.float32)
    image = np.where(area, np.float32(0.0), normal)
    before = Drawn(image, image, area.astype(np.float32))
    after = as_strong(before, normal, area, 0.3, 1.0, 2.0, 0)
    found = [tone(np.ascontiguousarray((one.image.transpose(1, 2, 0) + 1) / 2), area) for one in (before, after)]
    assert found[0] is not None and found[0] < -0.1 and found[1] == pytest.approx(0.3, abs=0.06)
    assert np.allclose(after.image[:, 24:], normal[:, 24:], atol=1e-6)
    assert after.image.max() == pytest.approx(after.image[0, 10, 10], abs=0.01), "no rim"
    inside = Drawn(np.where(np.arange(SIDE)[:, None] == 12, np.float32(0.0), normal), image, area.astype(np.float32))
    assert as_strong(inside, normal, area, 0.3, 1.0, 2.0, 0) is inside, "a line in a wide label is no area"
    line = np.zeros((SIDE, SIDE), bool)
    line[20:23] = True
    thin = Drawn(np.where(line, np.float32(0.0), normal), image, line.astype(np.float32))
    assert as_strong(thin, normal, line, 0.3, 1.0, 2.0, 0) is thin


def coloured(inside: tuple[float, ...], around: tuple[float, ...]) -> np.ndarray:
    """Return a picture (H, W, 3) with a defect of one colour on another."""
    return np.where(MASK[..., None], inside, around).astype(np.float32)


def test_hue_against_the_surroundings_is_that_of_the_real_one() -> None:
    surface = (0.7, 0.5, 0.35)
    normal = (2 * coloured(surface, surface) - 1).transpose(2, 0, 1)
    image = (2 * coloured((0.35, 0.4, 0.2), surface) - 1).transpose(2, 0, 1)  # greenish
    before = Drawn(image, image * MASK, MASK.astype(np.float32))
    real = coloured((0.3, 0.2, 0.4), (0.65, 0.5, 0.35))  # of violet ink
    after = of_hue(before, normal, MASK, real, MASK, None)
    colour = ((after.image + 1) / 2)[:, 20:26, 18:28].mean((1, 2))
    assert colour[2] > colour[1] + 0.05 and colour.mean() == pytest.approx(0.317, abs=0.04), "as bright as before"
    assert np.array_equal(after.image[:, ~MASK], before.image[:, ~MASK])
    assert of_hue(before, normal, MASK, coloured((0.3, 0.2, 0.4), (0.1, 0.3, 0.9)), MASK, None) is before, "another kind of unit"
    assert of_hue(before, image, MASK, real, MASK, None) is before, "nothing has changed"


def test_what_goes_on_of_a_surface_keeps_its_hue() -> None:
    surface, half = (0.7, 0.5, 0.35), np.arange(SIDE) < 23
    picture = np.where(half[None, :, None], coloured((0.35, 0.4, 0.2), surface), surface)
    normal, image = ((2 * one - 1).transpose(2, 0, 1).astype(np.float32) for one in (coloured(surface, surface), picture))
    after = of_hue(Drawn(image, image, MASK.astype(np.float32)), normal, MASK, coloured((0.3, 0.2, 0.4), surface), MASK, None)
    change = abs(after.image - image).mean(0)[20:26]
    assert change[:, 17:20].mean() > 0.1 > 0.01 > change[:, 28:30].mean()


def test_pairs_are_as_strong_as_the_defect_whose_shape_they_have(
    base: dict[str, torch.Tensor], data8: Path, tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[float | None, float]] = []

    def spy(one: Drawn, normal: np.ndarray, mask: np.ndarray, real: float | None, severity: float, most: float, halo: int) -> Drawn:
        calls.append((real, most))
        return one

    monkeypatch.setattr(finishing, "as_strong", spy)
    for most in (3.0, 1.0):
        config = tiny(model=NETWORK, training={"init": "base"}, quality=LENIENT, generation={"strengthen": most})
        load_unfitted(data8, config, "cpu", 1).generate(tmp_path / str(most), 4, quiet=True)
        assert {m for _, m in calls} == {3.0} and all(real is not None for real, _ in calls)
    found = prepare_training(read(data8), tiny())
    tones = {(e.defect, e.source): tone(shares(e.image, found.product.scale, 1), e.mask, e.others) for e in found.examples}
    placed = [defect for pair in PairFolder(tmp_path / "3.0").read() for defect in pair.placed()]
    expected = [tones[defect.defect, Path(defect.source).name] for defect in placed]
    assert [real for real, _ in calls] == pytest.approx(expected) and len(set(expected)) > 1


@pytest.mark.parametrize("so", [True, False])
def test_the_surface_goes_on_and_borders_fade_where_real_ones_show_it(
    so: bool, base: dict[str, torch.Tensor], data8: Path, tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def spy(name: str) -> Callable[..., np.ndarray]:
        def called(image: np.ndarray, *_: Any) -> np.ndarray:
            calls.append(name)
            return image

        return called

    def carry(image: np.ndarray, normal: np.ndarray, mask: np.ndarray, sigma: float, times: float) -> np.ndarray:
        assert times == 2.5, "as strongly as under the real one"
        return spy("carried_on")(image)

    monkeypatch.setattr(finishing, "soften", spy("soften"))
    monkeypatch.setattr(finishing, "carried_on", carry)
    monkeypatch.setattr(finishing, "contrast", lambda picture, mask, around: 2.5)
    for name in ("goes_on", "is_soft"):
        monkeypatch.setattr(finishing, name, lambda known, defect: so)
    config = tiny(model=NETWORK, training={"init": "base"}, quality=LENIENT)
    load_unfitted(data8, config, "cpu", 1).generate(tmp_path / "out", 2, quiet=True)
    assert set(calls) == ({"carried_on", "soften"} if so else set())


@pytest.mark.parametrize(("so", "thick", "tones"), [(True, True, True), (False, True, True), (True, False, True), (True, True, False)])
def test_defects_that_replace_the_surface_have_the_tones_of_the_one_whose_shape_they_have(
    so: bool,
    thick: bool,
    tones: bool,
    base: dict[str, torch.Tensor],
    data8: Path,
    tiny: Callable[..., Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    removed: list[np.ndarray] = []
    given: list[tuple[np.ndarray, np.ndarray]] = []

    def without(image: np.ndarray, normal: np.ndarray, mask: np.ndarray) -> np.ndarray:
        removed.append(mask)
        return image

    def toned(image: np.ndarray, mask: np.ndarray, real: np.ndarray, real_mask: np.ndarray, hues: bool) -> np.ndarray:
        given.append((real, real_mask))
        return image

    monkeypatch.setattr(finishing, "without_surface", without)
    monkeypatch.setattr(finishing, "with_tones", toned)
    only: list[int | None] = []

    def give(self: Detail, one: Drawn, *rest: Any) -> Drawn:
        only.append(rest[-1])
        return one

    monkeypatch.setattr(Detail, "give", give)
    monkeypatch.setattr(finishing, "ends", lambda known, defect: so)
    monkeypatch.setattr(finishing, "is_thick", lambda mask: thick)
    config = tiny(model=NETWORK, training={"init": "base"}, quality=LENIENT, generation={"match_tones": tones})
    load_unfitted(data8, config, "cpu", 1).generate(tmp_path / "out", 6, quiet=True)
    assert len(given) == len(removed) and bool(given) == (so and thick and tones)
    assert {one is not None for one in only} == {so and thick and tones}, "structure of that one alone"
    examples = prepare_training(read(data8), tiny()).examples
    sources = {Path(one.source).name for pair in PairFolder(tmp_path / "out").read() for one in pair.placed()}
    for real, real_mask in given:
        like = [e for e in examples if e.source in sources and np.array_equal(e.mask, real_mask)]
        ratios = [(real / shares(e.image, SCALE, 1))[e.around] for e in like]
        assert any(ratio.std() < 0.01 and 0.7 < ratio.mean() < 1.4 for ratio in ratios), "that one, as bright as the unit"


@pytest.mark.parametrize("wanted", [True, False])
def test_pairs_in_colour_get_the_hue_of_the_defect_whose_shape_they_have(
    wanted: bool, base: dict[str, torch.Tensor], data16: Path, tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[np.ndarray] = []

    def hued(one: Drawn, normal: np.ndarray, mask: np.ndarray, real: np.ndarray, real_mask: np.ndarray, others: np.ndarray | None) -> Drawn:
        given.append(real_mask)
        return one

    monkeypatch.setattr(finishing, "of_hue", hued)
    config = tiny(model=NETWORK, training={"init": "base"}, quality=LENIENT, generation={"match_tones": wanted})
    load_unfitted(data16, config, "cpu", 1).generate(tmp_path / "out", 3, quiet=True)
    assert bool(given) == wanted
    examples = prepare_training(read(data16), tiny()).examples
    sources = {Path(one.source).name for pair in PairFolder(tmp_path / "out").read() for one in pair.placed()}
    for mask in given:
        assert any(np.array_equal(e.mask, mask) and e.source in sources for e in examples)


@pytest.mark.parametrize(("fixed", "brightness"), [(None, 0.4), (True, 0.4), (False, 0.2)])
def test_on_a_product_that_moves_the_real_one_is_taken_as_it_is(
    fixed: bool | None, brightness: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[np.ndarray] = []

    def toned(image: np.ndarray, mask: np.ndarray, real: np.ndarray, real_mask: np.ndarray, hues: bool) -> np.ndarray:
        given.append(real)
        return image

    monkeypatch.setattr(finishing, "with_tones", toned)
    one, normal = drawn(0.3)
    own = np.full((SIDE, SIDE, 1), 102, np.uint8)
    own[MASK] = 51
    example = Exemplar("dent", own, MASK, MASK, (0.5, 0.5), int(MASK.sum()), "000.png")
    background = None if fixed is None else SimpleNamespace(fixed=fixed)
    self: Any = SimpleNamespace(_product=SimpleNamespace(scale=SCALE, shape=SimpleNamespace(colours=1), background=background))
    site: Any = SimpleNamespace(task=SimpleNamespace(normal=normal[:1]), spec=SimpleNamespace(severity=1.0))
    brighter = np.full((SIDE, SIDE, 1), 204, np.uint8)
    real = Followed(example, shares(own, SCALE, 1))
    Finishing._toned(self, site, Drawn(one.image[:1], one.anomaly[:1], one.mask), MASK, brighter, real)
    assert given[0][MASK].mean() == pytest.approx(brightness, abs=0.02)


def test_the_exact_mask_is_of_what_changed_by_as_much_as_the_kind_s_real_defects(
    base: dict[str, torch.Tensor], data8: Path, tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floors: list[float] = []

    def spy(soft: np.ndarray, change: np.ndarray, region: np.ndarray, floor: float, least: int) -> np.ndarray:
        floors.append(floor)
        return refine(soft, change, region, floor, least)

    monkeypatch.setattr(compositor, "refine", spy)
    monkeypatch.setattr(compositor, "changed_from", lambda known, defect: {"blob": 0.011, "line": 0.012}[defect])
    load_unfitted(data8, tiny(model=NETWORK, training={"init": "base"}), "cpu", 1).generate(tmp_path / "out", 4, quiet=True)
    assert set(floors) == {0.011, 0.012}
