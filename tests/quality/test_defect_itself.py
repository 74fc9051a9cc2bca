"""The checks that look at the defect itself: each score measures what it says, real defects pass all of them, made faults do not."""

import dataclasses
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from flawsmith.config.schema import Config, QualityConfig
from flawsmith.dataset.windows import bounding_box, grow
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.exemplars import Exemplar
from flawsmith.product.product import Product
from flawsmith.product.shape import ModelSpec
from flawsmith.quality.border import lines_across, surroundings
from flawsmith.quality.calibrate import calibrate
from flawsmith.quality.checks.apart import refuse, standing_out, usual
from flawsmith.quality.checks.contrast import contrasts
from flawsmith.quality.checks.edge import is_soft, softness
from flawsmith.quality.checks.profile import profile
from flawsmith.quality.checks.structure import continuation, ends, goes_on
from flawsmith.quality.checks.texture import distances, patches_inside
from flawsmith.quality.joint import Measured, joint_limits, joint_width, ranges
from flawsmith.quality.registry import joint_rule
from flawsmith.quality.verify import Verifier
from flawsmith.quality.view import Candidate, Known, View

SIDE = 64
PRODUCT = Product(ModelSpec(("shade", "spot"), 1, SIDE), PixelRange(0.0, 255.0, "uint8"), 0.004, {"shade": (1, 2), "spot": (1, 2)})


def blob(g: np.random.Generator, radius: float = 13) -> np.ndarray:
    """Return a soft irregular area (SIDE, SIDE) float32, 0 to 1, in the middle."""
    noise = cv2.GaussianBlur(g.normal(size=(SIDE, SIDE)), (0, 0), 5)
    away = np.hypot(*(np.mgrid[:SIDE, :SIDE] - SIDE / 2)) / (radius * (1 + 0.15 * noise / noise.std()))
    return cv2.GaussianBlur((away < 1).astype(np.float32), (0, 0), 2.5)


def normal(g: np.random.Generator) -> np.ndarray:
    """Return a surface (SIDE, SIDE) float32 in shares with dark bars, as a solar cell has."""
    rows = (np.arange(SIDE) + g.integers(100)) % 18
    bars = np.where(rows < 4, 0.72, 1.0)[:, None]
    surface = 0.55 * cv2.GaussianBlur(np.repeat(bars, SIDE, 1).astype(np.float32), (0, 0), 0.8)
    return (surface + g.normal(0, 0.006, (SIDE, SIDE))).astype(np.float32)


def defect(seed: int, kind: str = "shade") -> Exemplar:
    """Return a real one: a soft dark area under which the bars go on, darkest in the middle; or a small bright spot that hides them."""
    g = np.random.default_rng(seed)
    surface = normal(g)
    if kind == "shade":
        soft = blob(g) * (1 + 0.15 * cv2.GaussianBlur(g.normal(size=(SIDE, SIDE)).astype(np.float32), (0, 0), 2) * 5)
        picture = surface * (1 - g.uniform(0.4, 0.5) * soft)
    else:
        soft = blob(g, g.uniform(5, 7))
        pattern = cv2.GaussianBlur(g.normal(size=(SIDE, SIDE)), (0, 0), 1.5)
        picture = surface * (1 - soft) + soft * (g.uniform(0.75, 0.85) + 0.06 * pattern / pattern.std())
    mask = soft > 0.4
    b = bounding_box(mask)
    shape = mask[b.top : b.top + b.height, b.left : b.left + b.width]
    image = (255 * picture.clip(0, 1)).round().astype(np.uint8)[..., None]
    return Exemplar(kind, image, mask, shape, (0.5, 0.5), int(mask.sum()), f"{kind}{seed}.png")


REAL = [defect(i) for i in range(8)] + [defect(50 + i, "spot") for i in range(3)]
NORMALS = [(255 * normal(np.random.default_rng(200 + i))).round().astype(np.uint8)[..., None] for i in range(5)]


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    config = Config()
    return Verifier(PRODUCT, calibrate(REAL, NORMALS, PRODUCT, config), REAL, QualityConfig(), 3)


def refused(verifier: Verifier, picture: np.ndarray, mask: np.ndarray, surface: np.ndarray, kind: str = "shade") -> set[str]:
    image, before = ((255 * x.clip(0, 1)).round().astype(np.uint8)[..., None] for x in (picture, surface))
    return {reason.check for reason in verifier.verify(Candidate(image, before, mask, kind)).reasons}


@pytest.mark.parametrize("kind", ["shade", "spot"])
def test_real_defects_that_were_not_seen_pass_all_checks_together(kind: str, verifier: Verifier) -> None:
    refusals = [verifier.verify_real(defect(300 + i, kind)).reasons for i in range(60)]
    assert np.mean([not reasons for reasons in refusals]) >= 0.9, refusals


def faults() -> dict[str, Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]]:
    """Return pictures from (randomness, surface, soft area): what a model draws that has not learned enough."""

    def tone(surface: np.ndarray, soft: np.ndarray, share: float) -> np.ndarray:
        return share * surface[soft < 0.01].mean() + np.zeros_like(surface)

    return {
        "flat, hard": lambda _, s, soft: np.where(soft > 0.4, tone(s, soft, 0.55), s),
        "structure wiped": lambda _, s, soft: s * (1 - soft) + soft * tone(s, soft, 0.55),
        "a fifth of the contrast": lambda _, s, soft: s * (1 - 0.09 * soft),
        "inverted": lambda _, s, soft: s * (1 + 0.45 * soft),
        "hard edge": lambda _, s, soft: np.where(soft > 0.4, 0.55 * s, s),
        "noise": lambda g, s, soft: s * (1 - 0.45 * soft) + (soft > 0.4) * g.normal(0, 0.1, s.shape),
    }


@pytest.mark.parametrize("name", list(faults()))
def test_a_made_fault_is_refused_by_the_checks_of_the_defect_itself(name: str, verifier: Verifier) -> None:
    count = 0
    for seed in range(10):
        g = np.random.default_rng(400 + seed)
        surface, soft = normal(g), blob(g)
        found = refused(verifier, faults()[name](g, surface, soft).astype(np.float32), soft > 0.4, surface)
        count += bool(found & {"contrast", "profile", "edge", "structure", "texture"})
    assert count >= 9


def test_another_kind_s_inside_is_refused(verifier: Verifier) -> None:
    for seed in range(5):
        spot = defect(500 + seed, "spot")
        found = {reason.check for reason in verifier.verify_real(dataclasses.replace(spot, defect="shade")).reasons}
        assert found & {"contrast", "texture"}


def test_how_selective_each_check_is_is_stored(verifier: Verifier) -> None:
    limits = verifier.limits.kinds["shade"]
    for names in (("tone0", "dark0", "bright0"), ("unevenness", "spread"), ("softness",), ("continues", "along"), ("strange", "missing")):
        assert max(limits[name].rejected or 0.0 for name in names) >= 0.3, names
        assert all(limits[name].passed >= 0.7 for name in names)


# each score by itself


def disc(radius: float = 16) -> np.ndarray:
    return np.hypot(*(np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2)) <= radius


def test_contrast_is_log2_of_the_ratio_in_each_colour() -> None:
    picture = np.full((SIDE, SIDE, 3), 0.3, np.float32)
    picture[disc()] = (0.7, 0.1, 0.3)
    found = contrasts(surroundings(picture, disc(), None))
    assert [found[f"tone{c}"] for c in range(3)] == pytest.approx([1, -1, 0], abs=1e-5)
    picture[disc() & (np.arange(SIDE) < 28)[:, None]] = 0.5
    found = contrasts(surroundings(picture, disc(), None))
    assert found["dark1"] < found["tone1"] < found["bright1"] and found["bright1"] == pytest.approx(np.log2(0.6 / 0.4), abs=1e-5)
    assert contrasts(surroundings(picture, np.ones((SIDE, SIDE), bool), None)) == {}


def test_what_is_below_the_value_range_is_black() -> None:
    picture = np.random.default_rng(0).normal(0.3, 0.02, (SIDE, SIDE, 1)).astype(np.float32)
    seen = []
    for black in (-0.4, 0.0):
        picture[disc()] = black
        found = surroundings(picture, disc(), None)
        seen.append(({**contrasts(found), "middle": profile(found)["middle"]}, patches_inside(found)))
    assert seen[0][0] == seen[1][0] and np.isfinite(list(seen[0][0].values())).all()
    assert np.array_equal(seen[0][1], seen[1][1]) and np.isfinite(seen[0][1]).all()


def test_the_profile_tells_flat_from_uneven_and_middle_from_rim() -> None:
    g = np.random.default_rng(0)
    picture = g.normal(0.5, 0.05, (SIDE, SIDE, 1)).astype(np.float32)
    flat = np.where(disc()[..., None], np.float32(0.3), picture)
    assert profile(surroundings(flat, disc(), None))["spread"] < -2 < -0.3 < profile(surroundings(picture, disc(), None))["spread"] < 0.3
    core = np.where(disc(6)[..., None], np.float32(0.1), flat)
    assert profile(surroundings(core, disc(), None))["middle"] < -0.3 < abs(profile(surroundings(flat, disc(), None))["middle"]) + 0.5


@pytest.mark.parametrize("shift", [-3, 0, 3])
def test_softness_is_the_width_of_the_border_wherever_the_label_runs(shift: int) -> None:
    widths = []
    away = np.hypot(*(np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2))
    for width in (1, 3, 6, 10):
        picture = 0.7 - 0.4 * np.clip((16 + width / 2 - away) / width, 0, 1).astype(np.float32)
        widths.append(softness(lines_across(picture[..., None], disc(16 + shift), None)))
    assert all(a is not None and b is not None and a < b for a, b in zip(widths, widths[1:], strict=False))
    assert widths[0] is not None and 2 ** widths[0] < 4


def test_structure_goes_on_or_ends() -> None:
    bars = (0.5 + 0.2 * np.sign(np.sin(np.arange(SIDE) / 3)))[:, None].repeat(SIDE, 1).astype(np.float32)
    area = np.zeros((SIDE, SIDE), bool)
    area[:, 20:44] = True  # its borders run across the bars
    shaded, wiped = np.where(area, 0.6 * bars, bars), np.where(area, np.float32(0.3), bars)
    on, off = (continuation(lines_across(x[..., None], area, None)) for x in (shaded, wiped))
    assert on["continues"] == pytest.approx(np.log2(0.6), abs=0.1) and off["continues"] < -3
    assert off["along"] < -2 < on["along"]
    assert continuation(lines_across(np.full((SIDE, SIDE, 1), 0.5, np.float32), area, None)) == {}, "there is nothing to go on"


@pytest.mark.parametrize("degrees", [0, 35, 50])
def test_what_meets_the_border_at_a_slant_is_followed(degrees: int) -> None:
    """Bars of 6 px under a film with slanted borders: straight across the border lies another part of the pattern."""
    bars = (0.5 + 0.2 * np.sign(np.sin(np.arange(SIDE) * np.pi / 6)))[:, None].repeat(SIDE, 1).astype(np.float32)
    bars = cv2.GaussianBlur(bars, (0, 0), 0.7)
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    area = np.abs(columns - np.tan(np.deg2rad(degrees)) * rows) < 14
    film, wiped = np.where(area, 0.6 * bars, bars)[..., None], np.where(area, np.float32(0.3), bars)[..., None]
    on, off = (continuation(lines_across(x, area, None, running=True))["continues"] for x in (film, wiped))
    assert on == pytest.approx(np.log2(0.6), abs=0.25) and off < -2.5
    if degrees:
        assert continuation(lines_across(film, area, None))["continues"] < -1.5, "as it was measured before"
    image = (255 * film).round().astype(np.uint8)
    known = Known(PRODUCT, {"film": [Exemplar("film", image, area, area, (0.5, 0.5), int(area.sum()), "film.png")]}, QualityConfig(), 3, {})
    assert goes_on(known, "film") and not ends(known, "film")


def test_the_surface_goes_on_under_kinds_whose_real_defects_show_it() -> None:
    bars = 130 + 50 * np.sign(np.sin(np.arange(SIDE) / 3))[:, None].repeat(SIDE, 1)
    area = np.zeros((SIDE, SIDE), bool)
    area[:, 20:44] = True

    def real(kind: str, share: float, surface: np.ndarray) -> Exemplar:
        image = np.where(area, 80 + share * (surface - 130), surface).astype(np.uint8)[..., None]
        return Exemplar(kind, image, area, area, (0.5, 0.5), int(area.sum()), f"{kind}{share}.png")

    plain = np.full((SIDE, SIDE), 130.0)

    def known(*shares: float, silent: int = 0) -> Known:
        examples = [real("shade", share, bars) for share in shares] + [real("shade", 0.5, plain)] * silent
        return Known(PRODUCT, {"shade": examples}, QualityConfig(), 3, {})

    assert goes_on(known(0.6, 0.7, 0.1), "shade"), "in the median"
    assert not goes_on(known(0.1, 0.7, 0.2), "shade")
    assert goes_on(known(0.6, silent=2), "shade") and not goes_on(known(0.6, silent=3), "shade"), "nearly all of them say nothing"
    assert not goes_on(known(silent=1), "shade") and not goes_on(known(), "shade")
    assert ends(known(0.1, 0.2, 0.7), "shade") and not ends(known(0.4, 0.2, 0.4), "shade")
    assert not ends(known(0.1, silent=3), "shade") and not ends(known(), "shade"), "where nothing is said it may go on"


def half(brighter: float, seed: int = 0, kind: str = "shade") -> Exemplar:
    """Return a picture of vertical streaks, whose upper half is a real defect that is brighter by a share."""
    g = np.random.default_rng(seed)
    area = np.zeros((SIDE, SIDE), bool)
    area[: SIDE // 2] = True
    streaks = np.repeat(130 + 30 * g.choice([-1.0, 1.0], (1, SIDE // 4)), 4, 1).repeat(SIDE, 0)
    image = (np.where(area, 1 + brighter, 1) * streaks + g.normal(0, 6, (SIDE, SIDE))).clip(0, 255).astype(np.uint8)[..., None]
    return Exemplar(kind, image, area, area, (0.25, 0.5), int(area.sum()), f"{kind}{brighter}{seed}.png")


def test_a_border_stands_out_by_its_step_over_what_varies_along_it() -> None:
    known = Known(PRODUCT, {}, QualityConfig(), 3, {})
    found = [standing_out(View.of_real(half(brighter), known).lines) for brighter in (0.0, 0.05, 0.2)]
    assert found[0] is not None and found[1] is not None and found[2] is not None
    assert found[0] < 0.3 < found[1] < found[2] and found[2] > 1
    thin = np.zeros((SIDE, SIDE), bool)
    thin[20:24] = True
    picture = np.full((SIDE, SIDE, 1), 0.5, np.float32)
    assert standing_out(lines_across(picture, thin, None)) is None, "a line has no inside"


def test_a_label_whose_border_nothing_shows_is_refused_where_the_surface_goes_on() -> None:
    def sentence(brighter: float, real: float, severity: float = 1.0, kind: str = "shade") -> str | None:
        own = [half(real, seed, kind) for seed in range(3)] if kind == "shade" else [defect(seed, "spot") for seed in range(3)]
        known = Known(PRODUCT, {kind: own}, QualityConfig(), 3, {})
        one = half(brighter, 9)
        view = View(Candidate(one.image, None, one.mask, kind, severity), known)
        value = standing_out(view.lines)
        assert value is not None
        return refuse(view, {"apart": value})

    told = sentence(0.0, 0.5)
    assert told is not None and told.endswith("at least 0.30 is needed") and "stands out by 0." in told
    assert sentence(0.2, 0.5) is None
    assert sentence(0.0, 0.0) is None, "half of the real ones' median is enough"
    assert sentence(0.0, 0.5, severity=0.0) is None, "a fainter one was asked for"
    assert sentence(0.0, 0.5, kind="spot") is None, "what hides the surface is seen by what it shows instead"
    assert refuse(View.of_real(half(0.0), Known(PRODUCT, {}, QualityConfig(), 3, {})), {}) is None
    known = Known(PRODUCT, {"shade": [half(0.5)]}, QualityConfig(), 3, {})
    assert usual(known, "shade") == standing_out(View.of_real(half(0.5), known).lines) and usual(known, "spot") is None


def test_a_kind_is_soft_where_each_border_is_and_not_the_mean_over_labels_that_are_not_exact() -> None:
    area = np.zeros((SIDE, SIDE), bool)
    area[16:48, 16:48] = True

    def real(number: int, blur: float, by: int) -> Exemplar:
        shown = np.roll(area, by, axis=(0, 1)).astype(np.float32)
        shown = cv2.GaussianBlur(shown, (0, 0), blur) if blur else shown
        image = (180 - 120 * shown).round().astype(np.uint8)[..., None]
        return Exemplar("shade", image, area, area, (0.5, 0.5), int(area.sum()), f"shade{number}.png")

    def soft(blur: float, most: int) -> bool:
        examples = [real(i, blur, i % (2 * most + 1) - most) for i in range(9)]
        return is_soft(Known(PRODUCT, {"shade": examples}, QualityConfig(), 3, {}), "shade")

    assert soft(3.0, 0) and soft(3.0, 3)
    assert not soft(0.0, 0) and not soft(0.7, 3)
    assert not is_soft(Known(PRODUCT, {"shade": []}, QualityConfig(), 3, {}), "shade")


def test_what_runs_along_the_border_is_no_structure_that_could_go_on() -> None:
    """A frame of bars around a disc changes across its border alone; bars that meet it change along it."""
    bars = (0.5 + 0.2 * np.sin(np.arange(SIDE) / 3))[:, None].repeat(SIDE, 1).astype(np.float32)[..., None]
    area = np.zeros((SIDE, SIDE), bool)
    area[20:44] = True
    assert lines_across(bars, area, None).crossing.max() < 0.1
    assert lines_across(bars, area.T, None).crossing.min() > 0.9


def test_flat_patches_are_near_but_real_ones_are_missing() -> None:
    g = np.random.default_rng(0)
    real = [cv2.GaussianBlur(g.normal(0.5, 0.8, (SIDE, SIDE)), (0, 0), 3.0)[..., None].astype(np.float32) for _ in range(4)]
    patches = [patches_inside(surroundings(x, disc(), None)) for x in real]
    flat = patches_inside(surroundings(np.where(disc()[..., None], np.float32(0.5), real[0]), disc(), None))
    like, plain = distances(patches[0], patches[1:]), distances(flat, patches[1:])
    assert plain["missing"] > like["missing"] + 0.2 and plain["strange"] < like["strange"]


def test_others_and_the_border_of_the_picture_are_no_surroundings() -> None:
    picture = np.full((SIDE, SIDE, 1), 0.5, np.float32)
    other = grow(disc(), 12) & ~grow(disc(), 2)
    picture[other] = 1.0
    assert not surroundings(picture, disc(), other).ring[other].any()
    lines = lines_across(picture, disc(), other)
    assert not lines.valid[:, lines.offsets > 3].any()
    half = np.zeros((SIDE, SIDE), bool)
    half[:30] = True
    assert len(lines_across(picture, half, None).values) == SIDE, "one line for each pixel of the one side that is a border"


# all limits at once


def measured(kind: str, source: int, **scores: float) -> Measured:
    return Measured(kind, str(source), scores)


def test_the_width_lets_most_real_defects_pass_all_scores_together() -> None:
    g = np.random.default_rng(0)
    rules = {f"s{i}": joint_rule("{:.2f}", 0.01) for i in range(10)}
    real = [measured("a", i, **{name: float(g.normal()) for name in rules}) for i in range(40)]
    width, excesses = joint_width(real, rules)
    assert np.mean([max(one.values()) <= width for one in excesses]) >= 0.95
    spans = ranges(real, rules)
    unseen = [max(spans["a", name].excess(rules[name], float(g.normal())) for name in rules) <= width for _ in range(300)]
    assert np.mean(unseen) >= 0.9


def test_a_wrong_label_widens_no_limit() -> None:
    """One of thirty that lies far out of all others fails; the limits stay those of the others."""
    g = np.random.default_rng(1)
    right = [measured("shade", i, tone0=float(g.normal(-1, 0.05)), softness=float(g.normal(3, 0.1))) for i in range(29)]
    plain, wrong = (joint_limits(real, {}, 1.0)["shade"] for real in (right, [*right, measured("shade", 99, tone0=2.0, softness=3.0)]))
    assert not wrong["tone0"].allows(2.0)
    assert wrong["tone0"].high == pytest.approx(plain["tone0"].high, abs=0.1)


def test_few_values_borrow_the_deviation_and_fewer_the_range() -> None:
    rules = {"s": joint_rule("{:.2f}", 0.01)}
    many = [measured("many", i, s=float(i % 7)) for i in range(21)]
    three = [measured("three", i, s=50 + 0.001 * i) for i in range(3)]
    spans = ranges([*many, *three, measured("one", 0, s=3.0)], rules)
    assert spans["three", "s"].low == 50 and spans["three", "s"].deviation > 1, "three alike have not shown their deviation"
    assert spans["one", "s"].low == 0 and spans["one", "s"].high > 49
    assert spans["many", "s"].deviation == pytest.approx(np.std([i % 7 for i in range(21)]), rel=0.15)


def test_a_score_that_may_be_low_is_not_refused_for_it() -> None:
    rules = {"s": joint_rule("{:.2f}", 0.01, low=False)}
    span = ranges([measured("a", i, s=float(i)) for i in range(5)], rules)["a", "s"]
    assert span.excess(rules["s"], -100) == 0 < span.excess(rules["s"], 100)


def test_a_fainter_defect_that_was_asked_for_is_not_refused_for_it(verifier: Verifier) -> None:
    g = np.random.default_rng(7)
    surface, soft = normal(g), blob(g)
    picture = surface * (1 - 0.45 * 0.4 * soft)
    image, before = ((255 * x.clip(0, 1)).round().astype(np.uint8)[..., None] for x in (picture, surface))
    candidate = Candidate(image, before, soft > 0.4, "shade")
    own = {"contrast", "profile", "edge", "structure", "texture"}
    assert own & {reason.check for reason in verifier.verify(candidate).reasons}
    assert not own & {reason.check for reason in verifier.verify(dataclasses.replace(candidate, severity=0.4)).reasons}
