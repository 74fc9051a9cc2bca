"""Whether a defect counts: nothing there and copies never do, and what the user asked to be otherwise is not held against it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flawsmith.compositing.blending import band, blend
from flawsmith.config.schema import Config, QualityConfig
from flawsmith.dataset.windows import grow
from flawsmith.formats.reading import read
from flawsmith.pairs.reason import Reason
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.product import Product
from flawsmith.quality import registry
from flawsmith.quality.checks.visible import changed_from
from flawsmith.quality.limits import Limit, Limits
from flawsmith.quality.verify import Verifier
from flawsmith.quality.view import Candidate
from flawsmith.training.prepare import prepare_training

S = 32
OFF = {"visible": 0.0, "change": 0.001, "consistency": 0.0, "outside": 1.0, "duplicate": 1.0}


@dataclass(frozen=True)
class Learned:
    """What the checks of the drawn product are made of."""

    product: Product
    limits: Limits
    examples: list[Exemplar]

    def checks(self, limits: dict[str, dict[str, Limit]] | None = None, **config: float) -> Verifier:
        """Return the checks; limits: instead of the calibrated ones."""
        used = self.limits if limits is None else replace(self.limits, kinds=limits)
        return Verifier(self.product, used, self.examples, QualityConfig(**config), 3)


@pytest.fixture(scope="module")
def learned(data8: Path, tiny: Callable[..., Config]) -> Learned:
    found = prepare_training(read(data8), tiny())
    return Learned(found.product, found.limits, found.examples)


def limit(low: float | None = None, high: float | None = None) -> Limit:
    return Limit(low, high, 5, 1.0, 2.0, 3.0, 1.0, None)


def surface(seed: int) -> np.ndarray:
    """Return a window (S, S, 1) of noise."""
    return np.random.default_rng(seed).integers(80, 121, (S, S, 1)).astype(np.uint8)


def square(top: int = 12, left: int = 12, side: int = 8) -> np.ndarray:
    mask = np.zeros((S, S), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def finding(mask: np.ndarray, by: int = 100, **more: Any) -> Candidate:
    """Return a finding whose picture is brighter by a step inside the mask."""
    normal = surface(1)
    return Candidate(np.where(mask[..., None], normal + np.uint8(by), normal), normal, mask, more.pop("defect", "blob"), **more)


def kinds(reasons: Iterable[Reason]) -> set[str]:
    return {reason.check for reason in reasons}


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """Rectangles, lines, scattered pixels and all: whatever a network may call a defect."""
    mask = np.zeros((S, S), bool)
    for _ in range(draw(st.integers(0, 3))):
        top, left, height, width = (draw(st.integers(0, S - 1)) for _ in range(4))
        mask[top : top + height + 1, left : left + width + 1] = True
    g = np.random.default_rng(draw(st.integers(0, 99)))
    return mask ^ (g.random((S, S)) < draw(st.sampled_from([0, 0.01, 0.3, 1])))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mask=masks(), seed=st.integers(0, 50), defect=st.sampled_from(["blob", "line"]), off=st.booleans())
def test_an_unchanged_normal_is_rejected_with_any_mask(learned: Learned, mask: np.ndarray, seed: int, defect: str, off: bool) -> None:
    """Even with every check switched off as far as the configuration allows."""
    checks = learned.checks({}, **OFF) if off else learned.checks()
    normal = surface(seed)
    verdict = checks.verify(Candidate(normal, normal.copy(), mask, defect, severity=0.5))
    assert kinds(verdict.reasons) & {"visible", "empty"}
    assert kinds(verdict.reasons) <= {check.name for check in registry.checks()} and all(reason.text for reason in verdict.reasons)
    assert all(isinstance(value, float | int) and np.isfinite(value) for value in verdict.scores.values())


def poses() -> list[tuple[int, bool]]:
    return [(turn, mirror) for turn in range(4) for mirror in (False, True)]


@pytest.mark.parametrize("defect", ["blob", "line"])
def test_a_pasted_training_defect_is_flagged_in_every_pose(defect: str, learned: Learned) -> None:
    checks, scale = learned.checks({}, **OFF), learned.product.scale
    for i, example in enumerate(e for e in learned.examples if e.defect == defect):
        for turn, mirror in poses():
            image, mask = (np.rot90(x[:, ::-1] if mirror else x, turn) for x in (example.image, example.mask))
            normal = surface(i)
            drawn = scale.to_model(np.ascontiguousarray(image), 1)
            pasted = blend(normal, drawn, band(mask, np.ones_like(mask), 3), scale)
            reasons = checks.verify(Candidate(pasted, normal, np.ascontiguousarray(mask), defect)).reasons
            (reason,) = (reason for reason in reasons if reason.check == "copy")
            assert example.source in reason.text, "which one it is like"


def test_another_defect_is_no_copy(learned: Learned) -> None:
    checks = learned.checks({}, **OFF)
    for seed in range(8):
        mask = grow(square(10, 12, 6), 1.5)
        normal, g = surface(seed), np.random.default_rng(seed)
        image = np.where(mask[..., None], g.integers(150, 250, (S, S, 1)), normal).astype(np.uint8)
        assert not checks.verify(Candidate(image, normal, mask, "blob")).reasons


def test_a_good_finding_has_a_score_for_every_check(learned: Learned) -> None:
    verdict = learned.checks({}, **OFF).verify(finding(square(), within=square()))
    assert not verdict.reasons
    assert {"visible", "outside", "consistency", "area", "seam", "grain", "copy", "place", "product"} <= verdict.scores.keys()
    assert verdict.scores["area"] == 64 and verdict.scores["consistency"] > 0.7 and verdict.scores["outside"] == 0
    span = learned.product.scale.high - learned.product.scale.low
    assert verdict.scores["visible"] == pytest.approx(100 / span, abs=1e-3)


def test_what_has_changed_is_measured_by_the_faintest_real_defect_of_the_kind(learned: Learned) -> None:
    """A change of 4 % of the range is much for a kind whose real defects change their labels by less: a faint line would become dashes."""
    scale = learned.product.scale
    span = scale.high - scale.low
    flat = np.full((S, S, 1), 100, np.uint8)

    def example(by: float) -> Exemplar:
        image = np.where(square()[..., None], flat + np.uint8(round(by * span)), flat)
        return replace(next(e for e in learned.examples if e.defect == "blob"), image=image, mask=square(), others=None)

    def checks(*changes: float, **config: float) -> Verifier:
        quality = QualityConfig(**({"visible": 0.0} | config))
        return Verifier(learned.product, replace(learned.limits, kinds={}), [example(by) for by in changes], quality, 3)

    line = square(15, 4, 24) & (np.arange(S) < 19)[:, None]  # 4 px wide
    faint = Candidate(np.where(line[..., None], flat + np.uint8(round(0.03 * span)), flat), flat, line, "blob")
    strong, mixed = checks(0.3, 0.2).verify(faint).scores, checks(0.3, 0.02).verify(faint).scores
    assert strong["changed_from"] == 0.04 and strong["consistency"] < 0.1
    assert mixed["changed_from"] == pytest.approx(0.02, abs=0.004) and mixed["consistency"] > 0.9
    assert checks(0.3, 0.2, change=0.01).verify(faint).scores["changed_from"] == 0.01, "the setting is the most"
    noise = learned.product.noise
    assert changed_from(checks(0.005, visible=0.02 / noise).known, "blob") == pytest.approx(0.02), "not from the camera's noise on"
    assert changed_from(checks(0.005, visible=1 / noise).known, "blob") == 0.04
    assert changed_from(checks(0.3, 0.0).known, "blob") == 0.01, "a label around nothing"


def test_an_empty_mask_says_so(learned: Learned) -> None:
    assert learned.checks().verify(finding(np.zeros((S, S), bool))).reasons == [Reason("empty", "the model drew no defect")]


def test_a_mask_beside_the_change_is_refused(learned: Learned) -> None:
    good = finding(square())
    for shift, expected in ((0, set()), (4, {"consistency", "outside"}), (9, {"consistency", "outside", "visible"})):
        moved = replace(good, mask=np.roll(good.mask, shift, axis=1))
        assert kinds(learned.checks({}).verify(moved).reasons) >= expected
        assert expected or not learned.checks({}).verify(moved).reasons


def test_the_thresholds_are_those_of_the_configuration(learned: Learned) -> None:
    mask = square()
    shifted = replace(finding(mask), mask=np.roll(mask, 2, axis=1))
    seen = learned.checks({}).verify(shifted).scores
    for name, over, under in (("consistency", 0.02, -0.02), ("outside", -0.02, 0.02)):
        for move, refused in ((over, True), (under, False)):
            reasons = learned.checks({}, **(OFF | {"change": 0.04, name: seen[name] + move})).verify(shifted).reasons
            assert (name in kinds(reasons)) == refused
    faint = finding(mask, by=6)  # the floor is a multiple of the noise, and never less than what counts as a change
    assert "visible" in kinds(learned.checks({}, **(OFF | {"change": 0.2})).verify(faint).reasons)
    assert "visible" in kinds(learned.checks({}, **(OFF | {"visible": 1e6})).verify(faint).reasons)
    assert "visible" not in kinds(learned.checks({}, **OFF).verify(faint).reasons)


def test_what_was_asked_for_is_not_held_to_real_ones(learned: Learned) -> None:
    strict = {name: limit(high=5.0) for name in ("area", "side", "thickness")}
    checks = learned.checks({"blob": strict}, **OFF)
    mask = square()  # 8 x 8
    assert len([reason for reason in checks.verify(finding(mask)).reasons if reason.check == "area"]) == 3
    assert not checks.verify(finding(mask, placed=True)).reasons, "the region's size is the user's choice"
    assert not checks.verify(finding(mask, side=8.0)).reasons, "its size was asked for"
    for side in (3.0, 20.0):
        (reason,) = checks.verify(finding(mask, side=side)).reasons
        assert reason == Reason("area", f"its longer side is 8 px, {side:.0f} px were asked for")
    assert not learned.checks({"line": strict}, **OFF).verify(finding(mask)).reasons, "another kind's limits"


def test_a_shape_is_still_held_to_real_ones(learned: Learned) -> None:
    checks = learned.checks({"blob": {"elongation": limit(low=9.0)}}, **OFF)
    for more in ({}, {"placed": True}, {"side": 8.0}):
        assert kinds(checks.verify(finding(square(), **more)).reasons) == {"shape"}


def test_a_fainter_defect_that_was_asked_for_is_not_too_faint(learned: Learned) -> None:
    seen = learned.checks({}, **OFF).verify(finding(square(), by=40)).scores["visible"]
    checks = learned.checks({"blob": {"visible": limit(low=seen * 1.5)}}, **OFF)
    assert kinds(checks.verify(finding(square(), by=40)).reasons) == {"visible"}
    assert kinds(checks.verify(finding(square(), by=40, severity=0.8)).reasons) == {"visible"}
    assert not checks.verify(finding(square(), by=40, severity=0.6)).reasons
    assert kinds(checks.verify(finding(square(), by=40, severity=2.0)).reasons) == {"visible"}, "a stronger one is not excused"


def test_a_defect_far_from_where_it_may_be_is_refused(learned: Learned) -> None:
    checks = learned.checks({}, **OFF)
    assert not checks.verify(finding(square(12, 12), within=square(0, 0, 8))).reasons
    (reason,) = checks.verify(finding(square(22, 22), within=square(0, 0, 8))).reasons
    assert reason.check == "place" and reason.text.startswith("it lies 2") and "at most 8 px" in reason.text


def test_a_picture_from_noise_must_look_like_the_product(learned: Learned) -> None:
    def verify(picture: np.ndarray) -> set[str]:
        whole = learned.product.scale.to_model(picture, 1)
        mask = square()
        return kinds(learned.checks(None, **OFF).verify(Candidate(picture, None, mask, "blob", whole=whole, part=whole * mask)).reasons)

    like = next(e for e in learned.examples if e.defect == "blob").image
    g = np.random.default_rng(0)
    assert "product" not in verify(like)
    assert "product" in verify(g.choice(np.array([0, 255], np.uint8), (S, S, 1)))


def test_the_mask_of_a_picture_from_noise_must_be_what_the_part_shows(learned: Learned) -> None:
    picture = finding(square()).image
    whole = learned.product.scale.to_model(picture, 1)
    checks = learned.checks({}, **(OFF | {"consistency": 0.5}))
    for mask, expected in ((square(), False), (square(2, 2), True)):
        reasons = checks.verify(Candidate(picture, None, mask, "blob", whole=whole, part=whole * square())).reasons
        assert ("consistency" in kinds(reasons)) == expected


def test_a_duplicate_names_the_pair(learned: Learned) -> None:
    checks = learned.checks(duplicate=0.9)
    g = np.random.default_rng(0)
    crops = []
    for _ in range(3):
        mask = square()
        crops.append(checks.crop(Candidate(g.integers(100, 200, (S, S, 1)).astype(np.uint8), None, mask, "blob")))
    reason = checks.duplicate(crops[1], crops, ["000003", "000007", "000009"])
    assert reason == Reason("duplicate", "1.00 alike to pair 000007, at most 0.90")
    assert checks.duplicate(crops[1], [crops[0], crops[2]], ["000003", "000009"]) is None
    assert checks.duplicate(crops[1], [], []) is None
