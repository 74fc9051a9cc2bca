"""The mask is brought to what really changed, and the score says how well it fits."""

import cv2
import numpy as np
import pytest

from flawsmith.compositing.mask_refinement import changed, consistency, consistency_free, labelled, refine

SIDE, FLOOR = 64, 0.04
EVERYWHERE = np.ones((SIDE, SIDE), bool)


def disc(radius: int = 9, at: tuple[int, int] = (32, 32)) -> np.ndarray:
    return cv2.circle(np.zeros((SIDE, SIDE), np.uint8), at[::-1], radius, 1, -1).astype(bool)


def box(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def change_of(mask: np.ndarray, strength: float = 0.3, noise: float = 0.005) -> np.ndarray:
    """Return the change map of a picture that changed in `mask`, with a little noise everywhere."""
    return np.abs(strength * mask + noise * np.random.default_rng(0).normal(size=mask.shape)).astype(np.float32)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


# refine


def test_a_mask_that_fits_stays_as_it_is() -> None:
    mask = disc()
    fine = refine(mask.astype(np.float32), change_of(mask), EVERYWHERE, FLOOR)
    assert fine.dtype == bool and overlap(fine, mask) > 0.95


def test_what_changed_beside_the_drawn_mask_is_filled() -> None:
    real = box(20, 20, 20, 24)
    drawn = box(22, 22, 16, 20)  # two pixels short on every side
    fine = refine(drawn.astype(np.float32), change_of(real), EVERYWHERE, FLOOR)
    assert overlap(fine, real) > 0.95 > overlap(drawn, real)


def test_what_did_not_change_is_dropped_even_where_the_model_is_sure() -> None:
    real = box(20, 20, 20, 12)
    drawn = box(20, 20, 20, 24)
    fine = refine(drawn.astype(np.float32), change_of(real), EVERYWHERE, FLOOR)
    assert overlap(fine, real) > 0.9 and not fine[:, 36:].any()


def test_a_thin_line_is_as_thin_whatever_the_stroke_that_it_is_labelled_with() -> None:
    across = np.abs(np.arange(SIDE) - 32)[:, None] * np.ones(SIDE)
    change = (0.5 * np.exp(-(across**2) / 8)).astype(np.float32)  # soft to either side
    narrow, wide = (refine((across <= reach).astype(np.float32), change, EVERYWHERE, FLOOR) for reach in (5, 25))
    assert np.array_equal(narrow, wide) and wide.sum(0).max() <= 9


def test_the_labelled_mask_is_the_drawn_one_with_what_changed_but_for_pieces_without_a_change() -> None:
    stroke, apart, line = box(20, 5, 11, 40), box(50, 5, 8, 8), box(25, 3, 1, 40)
    soft = (stroke | apart).astype(np.float32)
    assert np.array_equal(labelled(soft, line, EVERYWHERE), stroke | line)
    assert np.array_equal(labelled(soft, line & stroke, box(0, 0, 28, SIDE)), stroke & box(0, 0, 28, SIDE)), "within the region"
    assert not labelled(soft, np.zeros_like(stroke), EVERYWHERE).any(), "where nothing is to be seen nothing is labelled"


def test_nothing_is_left_where_nothing_changed_or_nothing_was_drawn() -> None:
    nothing = np.zeros((SIDE, SIDE), np.float32)
    assert not refine(disc().astype(np.float32), nothing, EVERYWHERE, FLOOR).any()
    assert not refine(disc().astype(np.float32), change_of(nothing > 0), EVERYWHERE, FLOOR).any(), "noise is no defect"
    assert not refine(nothing, change_of(disc()), EVERYWHERE, FLOOR).any()


def test_a_change_far_from_the_drawn_defect_is_not_the_defect() -> None:
    drawn, far = disc(6, (20, 20)), disc(6, (45, 45))
    fine = refine(drawn.astype(np.float32), change_of(drawn | far), EVERYWHERE, FLOOR)
    assert overlap(fine, drawn) > 0.9 and not (fine & far).any()


@pytest.mark.parametrize("called", [True, False])
def test_a_hole_is_filled_when_the_model_calls_it_defect_and_kept_when_not(called: bool) -> None:
    hole = disc(4)
    ring = disc(12) & ~hole
    soft = (disc(12) if called else ring).astype(np.float32)
    fine = refine(soft, change_of(ring), EVERYWHERE, FLOOR)  # the hole itself looks like the normal
    assert overlap(fine, disc(12) if called else ring) > 0.9
    assert fine[32, 32] == called


def test_a_bay_that_is_open_to_the_outside_is_no_hole() -> None:
    horseshoe = disc(14) & ~box(26, 32, 12, 32)
    soft = disc(14).astype(np.float32)
    assert not refine(soft, change_of(horseshoe), EVERYWHERE, FLOOR)[32, 40]


def test_a_model_that_calls_everything_defect_fills_only_what_changed() -> None:
    fine = refine(EVERYWHERE.astype(np.float32), change_of(disc()), EVERYWHERE, FLOOR)
    assert disc()[fine].mean() > 0.7 and fine[disc()].all(), "what is open to the border is no hole"


@pytest.mark.parametrize("wide", [1, 2, 3])
@pytest.mark.parametrize("slanted", [False, True])
def test_thin_lines_survive_whole(wide: int, slanted: bool) -> None:
    line = cv2.line(np.zeros((SIDE, SIDE), np.uint8), (12, 20), (50, 34 if slanted else 20), 1, wide).astype(bool)
    fine = refine(line.astype(np.float32), change_of(line), EVERYWHERE, FLOOR)
    assert (fine & line).sum() > 0.9 * line.sum(), "nothing of it is lost"
    assert cv2.connectedComponents(fine.astype(np.uint8), connectivity=8)[0] == 2, "in one piece"
    assert fine.sum() <= 3.2 * line.sum(), "and it does not swell"


@pytest.mark.parametrize(("least", "kept"), [(9, True), (10, False)])
def test_parts_under_the_least_area_are_dropped(least: int, kept: bool) -> None:
    speck = box(10, 10, 3, 3)
    soft = speck.astype(np.float32)
    fine = refine(soft, np.where(speck, 0.5, 0).astype(np.float32), speck, FLOOR, least)  # the region keeps it at nine pixels
    assert fine.sum() == (9 if kept else 0)


def test_nothing_lies_outside_the_region() -> None:
    region = box(0, 0, SIDE, 30)
    fine = refine(disc().astype(np.float32), change_of(disc()), region, FLOOR)
    assert fine.any() and not (fine & ~region).any()
    hole = disc(4)
    fine = refine(disc(12).astype(np.float32), change_of(disc(12) & ~hole), ~hole, FLOOR)
    assert fine.any() and not (fine & hole).any(), "a hole of the region is not filled"


def test_a_mask_may_fill_the_whole_canvas() -> None:
    fine = refine(EVERYWHERE.astype(np.float32), change_of(EVERYWHERE), EVERYWHERE, FLOOR)
    assert fine.all()


def test_refining_raises_the_agreement_of_a_sloppy_mask() -> None:
    real = disc(10)
    for shift in (2, 3):
        drawn = disc(10, (32, 32 + shift))
        change = change_of(real)
        fine = refine(drawn.astype(np.float32), change, EVERYWHERE, FLOOR)
        assert consistency(change, fine, FLOOR) > consistency(change, drawn, FLOOR) + 0.05


# changed and consistency


def test_changed_is_measured_by_the_defects_own_strength() -> None:
    strong, faint = disc(9, (20, 32)), disc(6, (50, 32))
    change = 0.6 * strong + 0.1 * faint
    assert overlap(changed(change, strong, FLOOR), strong) > 0.9, "beside a strong defect a faint halo does not count"
    assert changed(change, faint, FLOOR)[faint].mean() > 0.9
    assert not changed(change, faint, 0.7).any(), "and below the floor nothing does"


def test_one_noisy_pixel_is_no_edge() -> None:
    change = np.zeros((SIDE, SIDE))
    change[5, 5] = 0.09
    assert not changed(change, disc(), FLOOR).any() and change.max() > 2 * FLOOR


def test_an_unchanged_picture_agrees_with_no_mask() -> None:
    g = np.random.default_rng(0)
    nothing = np.zeros((SIDE, SIDE), np.float32)
    for mask in (disc(), disc(1), EVERYWHERE, g.random((SIDE, SIDE)) < 0.1, box(0, 0, 1, 1)):
        assert consistency(nothing, mask, FLOOR) == 0
        assert consistency(change_of(nothing > 0), mask, FLOOR) == 0, "noise is no change"


def test_an_empty_mask_agrees_with_nothing() -> None:
    assert consistency(change_of(disc()), np.zeros((SIDE, SIDE), bool), FLOOR) == 0


@pytest.mark.parametrize("strength", [0.1, 0.3, 0.9])
def test_an_exact_mask_agrees(strength: float) -> None:
    assert consistency(change_of(disc(), strength), disc(), FLOOR) > 0.9
    # with an edge as soft as a camera's, the mask at half the strength
    soft = cv2.GaussianBlur(disc().astype(np.float32), (0, 0), 1.5)
    assert consistency(strength * soft, soft > 0.5, FLOOR) > 0.75


@pytest.mark.parametrize("real", [disc(9), box(28, 20, 8, 22), disc(4)], ids=["disc", "box", "speck"])
@pytest.mark.parametrize("blur", [0.0, 1.0])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_shifted_mask_agrees_less_with_every_pixel(real: np.ndarray, blur: float, axis: int) -> None:
    change = change_of(real)
    change = cv2.GaussianBlur(change, (0, 0), blur) if blur else change
    scores = [consistency(change, np.roll(real, shift, axis), FLOOR) for shift in range(7)]
    assert all(a > b for a, b in zip(scores, scores[1:], strict=False)), scores
    assert scores[0] > 0.7 and scores[6] < 0.6


def test_agreement_is_its_definition() -> None:
    change, mask = change_of(disc(9)), disc(9, (34, 33))
    assert consistency(change, mask, FLOOR) == pytest.approx(overlap(changed(change, mask, FLOOR), mask))


# without a normal


def branches(real: np.ndarray, colours: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return whole and part (C, H, W) of a defect on a light surface; the part is grey elsewhere."""
    g = np.random.default_rng(0)
    whole = (np.where(real, -0.7, 0.5) + 0.02 * g.normal(size=(colours, *real.shape))).astype(np.float32)
    return whole, np.where(real, whole, 0).astype(np.float32)


@pytest.mark.parametrize("colours", [1, 3])
def test_free_the_part_says_where_the_defect_is(colours: int) -> None:
    whole, part = branches(disc(), colours)
    scores = [consistency_free(whole, part, np.roll(disc(), shift, 1), FLOOR) for shift in range(6)]
    assert scores[0] > 0.99 and all(a > b for a, b in zip(scores, scores[1:], strict=False))
    assert consistency_free(whole, part, np.zeros_like(disc()), FLOOR) == 0
    assert consistency_free(whole, np.zeros_like(part), disc(), FLOOR) == 0, "a part that shows nothing"


def test_free_the_mask_is_believed_where_the_whole_is_grey_itself() -> None:
    whole, _ = branches(disc())
    whole[:, 32:] = 0.01  # half of the picture is as grey as the part's background
    part = np.where(disc(), whole, 0)
    part[:, 32:] = 0  # and whether the part shows it there cannot be told
    assert consistency_free(whole, part, disc(), FLOOR) > 0.99


def test_a_dead_pixel_is_refined_to_itself_and_consistent_with_its_change() -> None:
    """Its change, smoothed, is above the level beside it, too; but there nothing has changed."""
    pixel = box(20, 20, 1, 1)
    soft, change = np.where(pixel, 0.8, 0).astype(np.float32), np.where(pixel, 0.5, 0).astype(np.float32)
    fine = refine(soft, change, EVERYWHERE, FLOOR, least=1)
    assert np.array_equal(fine, pixel) and consistency(change, fine, FLOOR) == 1
    assert not refine(soft, change, EVERYWHERE, FLOOR).any(), "where real defects are larger it is a speck"
