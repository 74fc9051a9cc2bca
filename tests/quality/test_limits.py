"""The limits: what real defects show passes, faults do not, and each reason says what was found and what is allowed."""

import dataclasses
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from flawsmith.config.resolve import resolve
from flawsmith.config.schema import Config, QualityConfig
from flawsmith.core.errors import ConfigError, RunError
from flawsmith.dataset.windows import bounding_box, grow
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.product import Product
from flawsmith.product.shape import ModelSpec
from flawsmith.quality.calibrate import calibrate
from flawsmith.quality.limits import Limit, Limits, load_limits, save_limits
from flawsmith.quality.patch_novelty import Bank, novelty_scores
from flawsmith.quality.registry import checks
from flawsmith.quality.verify import Verdict, Verifier
from flawsmith.quality.view import Candidate, Known, View

SIDE = 48
PRODUCT = Product(ModelSpec(("dent", "spot"), 1, SIDE), PixelRange(0.0, 255.0, "uint8"), 0.01, {"dent": (1, 2), "spot": (1, 2)})


def normal(seed: int, size: int = 80) -> np.ndarray:
    """Return a stored picture of textured material."""
    noise = np.random.default_rng(seed).normal(0, 1, (size, size)).astype(np.float32)
    return (128 + 12 * cv2.GaussianBlur(noise, (0, 0), 0.8)).round().astype(np.uint8)[..., None]


def disc(radius: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(mask, (SIDE // 2, SIDE // 2), radius, 1, -1)
    return mask > 0


def example(seed: int, defect: str = "dent", radius: int = 7, by: float = 60) -> Exemplar:
    """Return a real defect: a disc darker than its surroundings that rises over a pixel or two."""
    mask = disc(radius)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)
    image = (normal(seed, SIDE) - by * soft[..., None]).round().astype(np.uint8)
    b = bounding_box(mask)
    shape = mask[b.top : b.top + b.height, b.left : b.left + b.width]
    return Exemplar(defect, image, mask, shape, (0.5, 0.5), int(mask.sum()), f"{defect}{seed}.png", np.zeros_like(mask))


REAL = [example(i, "dent", 6 + i % 3, 50 + 5 * i) for i in range(8)] + [example(20 + i, "spot", 10, 60 + i) for i in range(2)]
NORMALS = [normal(100 + i) for i in range(6)]


def config(margin: float = 1.0) -> Config:
    return dataclasses.replace(Config(), quality=QualityConfig(margin=margin))


@pytest.fixture(scope="module")
def limits() -> Limits:
    return calibrate(REAL, NORMALS, PRODUCT, config())


def same(one: dict[str, Bank], other: dict[str, Bank]) -> bool:
    return one.keys() == other.keys() and all(
        a.unit == b.unit and all(np.array_equal(getattr(a, part), getattr(b, part)) for part in ("centre", "turn", "points"))
        for a, b in zip(one.values(), other.values(), strict=True)
    )


def scores(e: Exemplar, limits: Limits, image: np.ndarray | None = None) -> dict[str, float]:
    known = Known(
        PRODUCT, {name: [e for e in REAL if e.defect == name] for name in ("dent", "spot")}, QualityConfig(), 3, limits.references
    )
    view = View(Candidate(e.image if image is None else np.clip(image, 0, 255).astype(np.uint8), None, e.mask, e.defect), known)
    return {name: value for check in checks() for name, value in check.measure(view).items()}


def failed(limits: Limits, e: Exemplar, image: np.ndarray | None = None) -> set[str]:
    return {reason.check for reason in limits.reasons(e.defect, scores(e, limits, image))}


def test_real_defects_pass_seen_or_not(limits: Limits) -> None:
    for e in [*REAL, *(example(40 + i, "dent", 6 + i % 3, 70) for i in range(5)), example(50, "spot", 10, 62)]:
        assert failed(limits, e) == set()


def test_each_fault_is_found_by_its_check(limits: Limits) -> None:
    e = example(60)
    assert failed(limits, e, normal(61, SIDE)) >= {"visible"}
    assert "area" in failed(limits, example(62, radius=20)) and "area" in failed(limits, example(62, radius=2))
    for reach in (2.5, 4):
        assert "seam" in failed(limits, e, np.where(grow(e.mask, reach)[..., None], e.image.astype(float) - 60, e.image))
    noise = np.random.default_rng(0).normal(0, 40, e.image.shape)
    rough = np.where(e.mask[..., None], e.image + noise, e.image)
    soft = np.where(e.mask[..., None], np.uint8(np.median(e.image[e.mask])), e.image)
    assert "grain" in failed(limits, e, rough) and "grain" in failed(limits, e, soft)
    assert "product" in failed(limits, e, np.clip(e.image + 3 * noise, 0, 255))
    assert "product" in failed(limits, e, cv2.GaussianBlur(e.image, (0, 0), 2)[..., None]), "too soft all over"
    bar = np.zeros((SIDE, SIDE), bool)
    bar[22:26, 2:46] = True
    assert "shape" in failed(limits, dataclasses.replace(e, mask=bar))
    crumbs = np.zeros((SIDE, SIDE), bool)
    crumbs[4:44:8, 4:44:8] = True
    assert "shape" in failed(limits, dataclasses.replace(e, mask=crumbs))


def test_a_reason_says_what_was_found_shown_and_allowed(limits: Limits) -> None:
    limit = limits.kinds["dent"]["area"]
    (reason,) = limits.reasons("dent", {"area": 5000.0})
    assert str(reason) == (
        f"area: it covers 5000 px; real ones show {limit.least:.0f} to {limit.most:.0f} px, "
        f"allowed is at least {limit.low:.0f} px and at most {limit.high:.0f} px"
    )
    assert limits.reasons("dent", {}) == [] == limits.reasons("dent", {"area": limit.median, "consistency": 0.0})
    assert limits.reasons("nothing of the kind", {"area": 1.0}) == []


def test_the_margin_widens_every_limit() -> None:
    narrow, wide = (calibrate(REAL, NORMALS, PRODUCT, config(margin)) for margin in (0.0, 1.0))
    for name, limit in narrow.kinds["dent"].items():
        other = wide.kinds["dent"][name]
        assert limit.low is None or (other.low is not None and other.low < limit.low), name
        assert limit.high is None or (other.high is not None and other.high > limit.high), name
    area = narrow.kinds["dent"]["area"]
    assert area.low == pytest.approx(area.least, rel=0.05) and area.high == pytest.approx(area.most, rel=0.05)
    assert wide.at(0.0).kinds["dent"]["grain"].high == narrow.kinds["dent"]["grain"].high
    for kind, own in narrow.at(1.0).kinds.items():
        for name, limit in own.items():
            for ours, theirs in ((limit.low, wide.kinds[kind][name].low), (limit.high, wide.kinds[kind][name].high)):
                assert ours == theirs or ours == pytest.approx(theirs, rel=1e-7), "generate may ask for another margin than fit"
    with pytest.raises(ConfigError, match="quality.margin: got -1"):
        resolve(settings=["quality.margin=-1"])


def test_one_example_gives_usable_limits() -> None:
    product = dataclasses.replace(PRODUCT, shape=ModelSpec(("dent",), 1, SIDE))
    alone = calibrate(REAL[:1], NORMALS, product, config())
    assert failed(alone, REAL[0]) == set() and failed(alone, example(70, radius=8)) == set()
    assert "area" in failed(alone, example(71, radius=20)) and "visible" in failed(alone, REAL[0], normal(72, SIDE))


def test_a_kind_with_few_examples_borrows_looks_but_not_size(limits: Limits) -> None:
    own, other = limits.kinds["spot"], limits.kinds["dent"]
    assert own["visible"].count == len(REAL) and own["grain"].count == len(REAL) and own["area"].count == 2
    assert own["area"].least > other["area"].most and other["visible"].count == 8


def test_the_table_says_how_selective_a_check_is(limits: Limits) -> None:
    for own in limits.kinds.values():
        for name in ("visible", "seam", "halo", "grain", "detail"):
            rejected = own[name].rejected
            assert rejected is not None and rejected >= 0.5, name
        assert own["product"].rejected is not None, "pieces of a texture look like the texture, in whatever order"
        assert own["area"].rejected is not None
        assert all(limit.passed >= 0.75 and limit.least <= limit.median <= limit.most for limit in own.values())


def test_calibration_is_repeatable_and_does_not_grow_with_the_examples(limits: Limits) -> None:
    again = calibrate(REAL, NORMALS, PRODUCT, config())
    assert again.kinds == limits.kinds and same(again.references, limits.references)
    start = time.process_time()
    many = calibrate(REAL * 40, NORMALS, PRODUCT, config())
    assert time.process_time() - start < 20 and many.kinds["dent"]["area"].count < 100


def test_limits_that_differ_in_their_last_digits_are_the_same() -> None:
    one, other = (Limit(-1.0, high, 9, 0.1, 0.2, 1.2, 1.0, None, give=high) for high in (2.9167151930555178, 2.9167151930555172))
    assert one != other and one.rounded() == other.rounded()
    assert one.rounded().high == pytest.approx(one.high, rel=1e-8) and one.rounded().count == 9 and one.rounded().rejected is None


def test_what_is_calibrated_is_rounded(limits: Limits) -> None:
    assert all(limit == limit.rounded() for own in limits.kinds.values() for limit in own.values())


def test_without_normals_the_rest_still_works() -> None:
    bare = calibrate(REAL, [], PRODUCT, config())
    assert "product" not in bare.kinds["dent"] and bare.kinds["dent"]["visible"].rejected is None
    assert failed(bare, REAL[0]) == set()


def test_a_normal_smaller_than_a_window_and_colour_and_16_bit_are_fine() -> None:
    product = Product(ModelSpec(("dent",), 3, SIDE), PixelRange(0.0, 4000.0, "uint16"), 0.01, {"dent": (1, 2)})
    deep = [dataclasses.replace(e, image=(e.image.astype(np.uint16) * 16).repeat(3, 2)) for e in REAL[:6]]
    found = calibrate(deep, [normal(0, 20).astype(np.uint16).repeat(3, 2) * 16], product, config())
    assert len(found.references["product"].points) > 10 and 0 < found.kinds["dent"]["visible"].median < 1


def test_limits_come_back_as_they_were(limits: Limits, tmp_path: Path) -> None:
    save_limits(tmp_path / "l.safetensors", limits)
    back = load_limits(tmp_path / "l.safetensors")
    assert back.kinds == limits.kinds and isinstance(back.kinds["dent"]["area"], Limit)
    assert same(back.references, limits.references)
    bare = calibrate(REAL, [], PRODUCT, config())
    save_limits(tmp_path / "l.safetensors", bare)
    assert load_limits(tmp_path / "l.safetensors") == bare


def test_missing_or_spoiled_limits_say_what_to_do(limits: Limits, tmp_path: Path) -> None:
    path = tmp_path / "limits.safetensors"
    with pytest.raises(RunError, match=r"limits\.safetensors: is missing; fit again"):
        load_limits(path)
    save_limits(path, limits)
    content = path.read_bytes()
    for spoiled in (b"", content[:40], content[: len(content) // 2]):
        path.write_bytes(spoiled)
        with pytest.raises(RunError, match="cannot be read.*fit again"):
            load_limits(path)


def test_limits_are_those_of_the_others_when_the_table_is_made() -> None:
    product = dataclasses.replace(PRODUCT, shape=ModelSpec(("dent",), 1, SIDE))
    odd = [*REAL[:8], example(80, radius=18)]
    assert calibrate(odd, [], product, config()).kinds["dent"]["area"].passed == pytest.approx(8 / 9)


def test_few_values_are_widened_more_than_many() -> None:
    def high(count: int) -> float | None:
        real = [dataclasses.replace(REAL[0], source=f"{i}.png") for i in range(count)]
        return calibrate(real, [], PRODUCT, config()).kinds["dent"]["area"].high

    assert [high(count) for count in (1, 4, 40)] == [pytest.approx(factor * REAL[0].area) for factor in (8, 4, 2**1.1)]


def test_flat_normals_do_not_make_every_defect_fail() -> None:
    """Backlit parts are white all over: around a real speck nothing differs, around a drawn one a grey level may."""
    speck = np.full((SIDE, SIDE, 1), 255, np.uint8)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[20:27, 20:26] = True
    speck[mask] = 0
    real = [Exemplar("dent", speck, mask, mask[20:27, 20:26], (0.5, 0.5), 42, f"{i}.png") for i in range(4)]
    product = dataclasses.replace(PRODUCT, shape=ModelSpec(("dent",), 1, SIDE))
    flat = [np.full((80, 80, 1), 255, np.uint8)] * 4
    found = calibrate(real, flat, product, config())
    near = grow(mask, 4) & ~mask
    drawn = np.where(near[..., None], np.uint8(254), speck)
    reasons = Verifier(product, found, real, QualityConfig(), 3).verify(Candidate(drawn, np.full_like(speck, 255), mask, "dent")).reasons
    assert "product" not in {reason.check for reason in reasons}


def test_many_pictures_of_one_specimen_are_few() -> None:
    same_part = [dataclasses.replace(REAL[0], source=f"{i}.png", group="7") for i in range(40)]
    assert calibrate(same_part, [], PRODUCT, config()).kinds["dent"]["area"].high == pytest.approx(8 * REAL[0].area)


@pytest.mark.parametrize("turning", [True, False])
def test_normals_are_turned_as_windows_were_in_training(turning: bool) -> None:
    rows = 128 + 60 * np.sign(np.sin(np.arange(80) / 3))[:, None, None] + np.random.default_rng(0).normal(0, 3, (80, 80, 1))
    turns = dataclasses.replace(config(), data=dataclasses.replace(Config().data, rotations=turning, flips=turning))
    found = calibrate(REAL, [rows.astype(np.uint8)] * 3, PRODUCT, turns)
    lying = (np.ascontiguousarray(rows[:SIDE, :SIDE].swapaxes(0, 1)) / 255).astype(np.float32)
    assert (novelty_scores(lying, None, found.references)["product"] > 3) != turning


def verify(limits: Limits, image: np.ndarray, mask: np.ndarray, others: np.ndarray | None = None, margin: float = 1.0) -> Verdict:
    config = QualityConfig(margin=margin, consistency=0.0, outside=1.0)
    finding = Candidate(image, np.full_like(image, 128), mask, "dent", others=others)
    return Verifier(PRODUCT, limits, REAL, config, 3).verify(finding)


def test_generate_may_ask_for_another_margin(limits: Limits) -> None:
    large = example(90, radius=10)
    assert not [r for r in verify(limits, large.image, large.mask).reasons if r.check == "area"]
    assert [r for r in verify(limits, large.image, large.mask, margin=0.1).reasons if r.check == "area"]


def test_on_a_canvas_the_window_around_the_defect_is_looked_at_without_other_defects(limits: Limits) -> None:
    e = example(91)
    small = verify(limits, e.image, e.mask).scores
    canvas = np.random.default_rng(0).integers(0, 256, (3 * SIDE, 2 * SIDE, 1)).astype(np.uint8)  # nothing like the product
    canvas[SIDE : 2 * SIDE, :SIDE] = e.image
    mask = np.pad(e.mask, [(SIDE, SIDE), (0, SIDE)])
    large = verify(limits, canvas, mask).scores
    assert large["product"] == small["product"] and large["detail"] == small["detail"]
    other = np.zeros_like(e.mask)
    other[2:16, 2:46] = True
    both = np.where(other[..., None], np.uint8(255), e.image)
    known, unknown = verify(limits, both, e.mask, other).scores, verify(limits, both, e.mask).scores
    assert known["product"] < 2 < unknown["product"]
