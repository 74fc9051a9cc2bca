"""A drawn defect keeps what is coarse and gets the fine structure of real ones, inside its mask alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from flawsmith.compositing import texture_transfer
from flawsmith.compositing.texture_transfer import CELLS, FINEST, Detail, choose_sigma
from flawsmith.config.resolve import preset
from flawsmith.images.pixel_range import PixelRange
from flawsmith.product.exemplars import Exemplar
from flawsmith.synthesis.task import Drawn

SIDE = 48
SIGMA = 2.0
SCALE = PixelRange(0.0, 255.0, "uint8")
AS_IT_IS = [(0, False)]
DISC = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (24, 24), 15, 1, -1) > 0
STRIPES = np.where(np.arange(SIDE) % 4 < 2, 30.0, -30.0)[:, None]  # lying, 4 px from one to the next


def example(inside: np.ndarray, mask: np.ndarray = DISC, shown: np.ndarray | None = None, colours: int = 1) -> Exemplar:
    """Return a real defect with these values on a surface of 128."""
    image = np.where(mask, inside, 128.0).clip(0, 255).astype(np.uint8)
    image = np.repeat(image[..., None], colours, axis=2)
    return Exemplar("scratch", image, mask, mask, (0.5, 0.5), int(mask.sum()), "000.png", None, shown)


def drawn(values: np.ndarray | float = 80.0, mask: np.ndarray = DISC, colours: int = 1) -> Drawn:
    """Return a canvas with a smooth defect of these values on a surface of 128."""
    whole = np.where(mask, values, 128.0) / 127.5 - 1
    whole = np.repeat(whole[None], colours, axis=0).astype(np.float32)
    return Drawn(whole, whole * mask, mask.astype(np.float32))


def detail(*examples: Exemplar, turns: list[tuple[int, bool]] = AS_IT_IS, colours: int = 1, goes_on: bool = False) -> Detail:
    return Detail(examples, SIGMA, turns, SCALE, colours, goes_on)


def fine(picture: np.ndarray) -> np.ndarray:
    """Return what a picture (C, H, W) in [-1, 1] has beyond its coarse part, in values of 8 bit."""
    grey = picture.mean(0)
    return np.asarray((grey - cv2.GaussianBlur(grey, (0, 0), SIGMA, borderType=cv2.BORDER_REFLECT)) * 127.5)


def steps(picture: np.ndarray, axis: int) -> float:
    """Return the mean difference of neighbours along an axis."""
    return float(abs(np.diff(picture, axis=axis)).mean())


INNER = cv2.erode(DISC.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0


@pytest.mark.parametrize("colours", [1, 3])
def test_a_smooth_defect_gets_the_structure_of_a_real_one(colours: int) -> None:
    before = drawn(colours=colours)
    after = detail(example(80 + STRIPES * np.ones(SIDE), colours=colours), colours=colours).give(before, DISC, None, 1.0, 0)
    assert fine(before.image)[INNER].std() < 0.5
    assert fine(after.image)[INNER].std() == pytest.approx(30, rel=0.2), "a little less where blocks overlap; processors round differently"
    inner = fine(after.image)[16:32, 16:32]
    assert steps(inner, 1) < steps(inner, 0) / 4, "stripes mostly go on from block to block"


def test_among_blocks_that_fit_as_well_chance_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 60, (SIDE, SIDE)), (0, 0), 1)
    real = detail(example(80 + noise))

    def laid() -> np.ndarray:
        return real.give(drawn(), DISC, None, 1.0, 0).image

    one = laid()
    assert np.array_equal(laid(), one), "by the seed alone"
    monkeypatch.setattr(texture_transfer, "AS_GOOD", 1.0)
    best = laid()
    assert not np.array_equal(best, one)
    assert fine(one)[INNER].std() == pytest.approx(fine(best)[INNER].std(), rel=0.2)


def test_what_is_coarse_stays() -> None:
    slope = np.linspace(40, 120, SIDE) * np.ones((SIDE, 1))
    before = drawn(slope)
    after = detail(example(80 + STRIPES * np.ones(SIDE))).give(before, DISC, None, 1.0, 0)
    coarse = [cv2.GaussianBlur(picture.image[0], (0, 0), 2 * SIGMA)[INNER] * 127.5 for picture in (before, after)]
    assert abs(coarse[1] - coarse[0]).max() < 4


def test_blocks_come_from_places_that_look_alike() -> None:
    left = np.arange(SIDE) < SIDE // 2
    bright, dark = 190 + STRIPES * np.ones(SIDE), 60.0 + STRIPES.T * np.ones((SIDE, 1))
    real = example(np.where(left, bright, dark))  # bright with lying stripes, dark with standing ones
    after = fine(detail(real).give(drawn(np.where(left, 60.0, 190.0)), DISC, None, 1.0, 0).image)
    dark_part, bright_part = after[16:32, 13:19], after[16:32, 29:35]
    assert steps(dark_part, 1) > 4 * steps(dark_part, 0)
    assert steps(bright_part, 0) > 4 * steps(bright_part, 1)


def test_blocks_come_from_one_example_where_that_is_asked_for() -> None:
    own = detail(example(80 + STRIPES), example(80 + STRIPES.T))
    for number, axis in ((0, 0), (1, 1)):
        lying = fine(own.give(drawn(), DISC, None, 1.0, 0, only=number).image) * INNER
        assert steps(lying, axis) > 3 * steps(lying, 1 - axis)
    flat = detail(example(np.full((SIDE, SIDE), 80.0)), example(80 + STRIPES))
    before = drawn()
    assert flat.give(before, DISC, None, 1.0, 0, lacking=0.5, only=0) is before, "that one has no more"
    assert flat.give(before, DISC, None, 1.0, 0, lacking=0.5, only=1) is not before


def test_blocks_are_turned_only_as_asked() -> None:
    real = example(80 + STRIPES * np.ones(SIDE))
    turned = fine(detail(real, turns=[(1, False)]).give(drawn(), DISC, None, 1.0, 0).image)[16:32, 16:32]
    assert steps(turned, 1) > 4 * steps(turned, 0)


def test_outside_the_mask_not_a_bit_changes() -> None:
    before = drawn()
    after = detail(example(80 + STRIPES * np.ones(SIDE))).give(before, DISC, None, 1.0, 0)
    np.testing.assert_array_equal(after.image[:, ~DISC], before.image[:, ~DISC])
    np.testing.assert_array_equal(after.anomaly[:, DISC], after.image[:, DISC])
    assert not after.anomaly[:, ~DISC].any() and after.mask is before.mask
    assert after.image.dtype == after.anomaly.dtype == np.float32


def test_a_fainter_defect_has_a_fainter_structure_and_at_nothing_it_is_the_surface_s() -> None:
    grain = np.random.default_rng(0).normal(0, 10, (SIDE, SIDE))
    normal = ((128 + grain) / 127.5 - 1)[None].astype(np.float32)
    own = detail(example(80 + STRIPES * np.ones(SIDE)))
    full, half, none = (fine(own.give(drawn(128.0), DISC, normal, severity, 0).image)[INNER] for severity in (1.0, 0.5, 0.0))
    surface = fine(normal)[INNER]
    assert np.corrcoef(none, surface)[0, 1] > 0.97
    assert np.corrcoef(half - surface / 2, full)[0, 1] > 0.97 and (half - surface / 2).std() == pytest.approx(full.std() / 2, rel=0.1)


def test_what_the_network_lets_go_on_of_the_surface_goes_on_and_nothing_else_does() -> None:
    speckle = np.random.default_rng(0).normal(0, 10, (SIDE, SIDE))
    bar = np.where(abs(np.arange(SIDE) - 20) < 2, -60.0, 0.0)[:, None] * np.ones(SIDE)  # lies across the defect
    normal = ((128 + bar) / 127.5 - 1)[None].astype(np.float32)
    flat = detail(example(np.full((SIDE, SIDE), 80.0)), goes_on=True)
    goes_on, ends = (flat.give(drawn(80 + own + speckle), DISC, normal, 1.0, 0).image[0] for own in (bar, 0))
    for picture, depth in ((goes_on, 60), (ends, 0)):
        inside = picture[:, 16:32].mean(1) * 127.5
        assert inside[26:30].mean() - inside[19:22].mean() == pytest.approx(depth, abs=8)
        assert abs(np.diff(picture[26:34, 16:32] * 127.5)).mean() < 2, "the speckle does not"
    striped = detail(example(80 + STRIPES * np.ones(SIDE)), goes_on=True)
    assert fine(striped.give(drawn(80 + bar), DISC, normal, 1.0, 0).image)[26:34, 16:32].std() > 20, "where nothing is to go on"
    covers = detail(example(np.full((SIDE, SIDE), 80.0))).give(drawn(80 + bar), DISC, normal, 1.0, 0)
    told = flat.give(drawn(80 + bar), DISC, normal, 1.0, 0, ends=True)
    kept = [abs(fine(picture)[19:22, 20:28]).mean() for picture in (normal, goes_on[None], covers.image, told.image)]
    assert kept[1] > 0.8 * kept[0] and kept[2] < 0.4 * kept[0], "a kind that covers what is below"
    assert kept[3] < 0.4 * kept[0], "one of which that is told"


def test_what_the_surface_shows_is_no_structure_that_a_kind_has() -> None:
    everywhere = np.ones((SIDE, SIDE), bool)
    film = replace(example(0.6 * (128 + STRIPES * np.ones(SIDE))), image=(128 + STRIPES * np.ones(SIDE)).astype(np.uint8)[..., None])
    image = np.where(DISC[..., None], 0.6 * film.image, film.image).astype(np.uint8)
    film = replace(film, image=image, shown=everywhere)
    smooth = drawn()
    assert detail(film, goes_on=True).give(smooth, DISC, None, 1.0, 0, lacking=0.5) is smooth, "the stripes are those around it"
    assert detail(film).give(smooth, DISC, None, 1.0, 0, lacking=0.5) is not smooth, "a kind under which nothing goes on has them itself"
    rough = replace(film, image=example(80 + STRIPES * np.ones(SIDE)).image)
    assert detail(rough, goes_on=True).give(smooth, DISC, None, 1.0, 0, lacking=0.5) is not smooth


def test_the_same_seed_gives_the_same_bits_and_another_another_cut() -> None:
    noise = np.random.default_rng(0).normal(80, 20, (SIDE, SIDE))
    own, again = detail(example(noise)), detail(example(noise))
    first = own.give(drawn(), DISC, None, 1.0, 3).image
    own.give(drawn(60.0), DISC, None, 1.0, 4)  # what went before makes no difference
    np.testing.assert_array_equal(own.give(drawn(), DISC, None, 1.0, 3).image, first)
    np.testing.assert_array_equal(again.give(drawn(), DISC, None, 1.0, 3).image, first)
    assert (own.give(drawn(), DISC, None, 1.0, 5).image != first).any()


def test_what_is_mirrored_beyond_a_picture_s_border_is_not_learned_from() -> None:
    rows = np.arange(SIDE)[:, None] * np.ones(SIDE)
    real = example(np.where(rows < 24, 80 + STRIPES, 80.0), shown=rows >= 30)  # stripes only where there is no picture
    after = detail(real).give(drawn(), DISC, None, 1.0, 0)
    assert abs(fine(after.image)[INNER]).max() < 8


def test_without_a_mask_or_a_real_defect_nothing_is_done() -> None:
    before, real = drawn(), example(80 + STRIPES * np.ones(SIDE))
    assert Detail((), SIGMA, AS_IT_IS, SCALE, 1).give(before, DISC, None, 1.0, 0) is before
    assert detail(real).give(before, np.zeros_like(DISC), None, 1.0, 0) is before


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (8, 30), (60, 130)])
@pytest.mark.parametrize("sigma", [1.5, 3.0, 8.0])
def test_any_canvas_and_any_defect_is_covered(shape: tuple[int, int], sigma: float) -> None:
    """Also a defect that reaches the canvas's border, one smaller than a block, and an example smaller than one."""
    g = np.random.default_rng(0)
    speck = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (24, 24), 2, 1, -1) > 0
    own = Detail([example(g.normal(80, 30, (SIDE, SIDE)), mask) for mask in (DISC, speck)], sigma, AS_IT_IS, SCALE, 1)
    mask = np.ones(shape, bool)
    mask[: shape[0] // 2, : shape[1] // 2] = False
    before = Drawn(np.full((1, *shape), -0.4, np.float32), np.zeros((1, *shape), np.float32), mask.astype(np.float32))
    after = own.give(before, np.ones(shape, bool), None, 1.0, 0)
    assert np.isfinite(after.image).all() and abs(after.image).max() <= 1
    assert (after.image != before.image)[0, mask].mean() > 0.95


def test_of_many_blocks_a_share_of_every_example_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flawsmith.compositing.texture_transfer.BLOCKS", 300)
    monkeypatch.setattr("flawsmith.compositing.texture_transfer.MANY", 2)
    own = detail(*[example(80 + STRIPES * np.ones(SIDE))] * 3)
    counts = np.bincount(own._where[:, 0])
    assert counts.sum() == 300 and counts.min() > 60
    assert fine(own.give(drawn(), DISC, None, 1.0, 0).image)[INNER].std() == pytest.approx(30, rel=0.15)


def test_more_defects_than_blocks_are_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flawsmith.compositing.texture_transfer.BLOCKS", 5)
    own = detail(*[example(80 + STRIPES * np.ones(SIDE))] * 8)
    assert len(own._where) == 5 and len(np.unique(own._where[:, 0])) < 8
    assert np.isfinite(own.give(drawn(), DISC, None, 1.0, 0).image).all()


def test_where_the_fine_structure_begins() -> None:
    real = [replace(example(DISC * 1.0), area=area) for area in (100, 400, 90000)]
    assert choose_sigma(real, 0.2, 4) == pytest.approx(4.0)  # a fifth of 20 px
    assert choose_sigma(real, 1.0, 4) == CELLS * 4
    assert choose_sigma(real, 0.01, 4) == choose_sigma([], 0.2, 4) == FINEST


def test_pretrained_networks_draw_their_own_detail() -> None:
    assert [preset(name).generation.detail for name in ("sd15", "sd15-inpaint", "sd15-paper")] == [0, 0, 0]
    assert preset("tiny").generation.detail > 0


@pytest.mark.usefixtures("loud")
def test_pairs_differ_by_it_inside_the_defect_only(run8: Path, tmp_path: Path, save_picture: Callable[..., Path], pairs: Any) -> None:
    onto = pairs.folder(tmp_path / "onto", (60, 70), "uint8", 1, save_picture)
    made = {}
    for share in (0, 0.3):
        generator = pairs.loose(run8, f"generation.detail={share}", "generation.noise=1", "generation.placement=uniform")
        assert generator.generate(tmp_path / str(share), 4, onto=onto, quiet=True).accepted == 4
        made[share] = [row for row in pairs.rows(tmp_path / str(share)) if row["verdict"] == "accepted"]
    differ = 0
    for one, other in zip(*made.values(), strict=True):
        if (one["attempt"], one["normal"]) != (other["attempt"], other["normal"]):
            continue
        a, b = (pairs.plain(tmp_path / str(share) / row["image"]).astype(int) for share, row in ((0, one), (0.3, other)))
        masks = [pairs.plain(tmp_path / str(share) / row["mask"]) > 0 for share, row in ((0, one), (0.3, other))]
        near = cv2.dilate((masks[0] | masks[1]).astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
        assert (a == b)[~near].all()
        differ += int((a != b).any())
    assert differ >= 2


def test_a_defect_that_has_as_much_fine_structure_as_real_ones_is_spared() -> None:
    line = np.where(abs(np.arange(SIDE) - 20) < 2, -60.0, 0.0)[:, None] * np.ones(SIDE)  # lies across the defect
    own = detail(example(80 + line.T))
    normal = np.zeros((1, SIDE, SIDE), np.float32)
    fine_enough, smooth = drawn(80 + line), drawn(100.0)
    assert own.give(fine_enough, DISC, normal, 1.0, 0, lacking=0.99) is fine_enough
    assert own.give(fine_enough, DISC, normal, 1.0, 0) is not fine_enough
    assert own.give(drawn(104 + line / 2), DISC, normal, 1.0, 0, lacking=0.99) is not fine_enough
    half = drawn(104 + line / 2)
    assert own.give(half, DISC, normal, 1.0, 0, lacking=0.4) is half, "less than two fifths is not missing"
    given = own.give(smooth, DISC, normal, 1.0, 0, lacking=1.0)
    assert fine(given.image)[INNER].std() > 3 * fine(smooth.image)[INNER].std()
    faint = drawn(128 + (80 + line - 128) / 2)
    assert own.give(faint, DISC, normal, 0.5, 0, lacking=0.99) is faint, "half as strong is not half as fine"


def test_a_border_is_no_structure_of_what_it_bounds() -> None:
    own = detail(example(80 + STRIPES))
    flat = drawn(250.0)  # its outline is the strongest there is
    normal = np.zeros((1, SIDE, SIDE), np.float32)
    given = own.give(flat, DISC, normal, 1.0, 0, lacking=0.5)
    assert fine(given.image)[INNER].std() > 10 > fine(flat.image)[INNER].std()
