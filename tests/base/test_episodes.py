"""Drawn episodes: the same every time, exact where they claim to be, and as varied as they should be."""

from collections import Counter

import cv2
import numpy as np
import pytest

from flawsmith.base.episodes import effects, kinds, shapes, structures, surfaces
from flawsmith.base.episodes.episode import Episode, draw_episode
from flawsmith.base.episodes.habits import Habit, label
from flawsmith.base.episodes.palettes import black_and_white, draw_palette
from flawsmith.base.episodes.scene import Family
from flawsmith.dataset.windows import bounding_box

COUNT = 60


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    return [draw_episode(0, i, side=48) for i in range(COUNT)]


@pytest.fixture(scope="module")
def many() -> list[Episode]:
    return [draw_episode(1, i) for i in range(150)]


def test_an_episode_depends_on_seed_and_index_alone(episodes: list[Episode]) -> None:
    again = draw_episode(0, 7, side=48)
    assert np.array_equal(again.image, episodes[7].image) and np.array_equal(again.labelled, episodes[7].labelled)
    assert not np.array_equal(again.image, draw_episode(1, 7, side=48).image)


def test_every_window_shows_its_defect_inside_its_mask(episodes: list[Episode]) -> None:
    for e in episodes:
        assert e.image.shape == e.normal.shape == (3, 48, 48, 3) and e.image.dtype == np.uint8
        change = np.abs(e.image.astype(int) - e.normal).max(-1)
        for k in range(3):
            assert change[k][e.mask[k]].mean() >= 6


def test_pictures_are_equal_outside_the_mask_and_masks_hold_no_more_than_three_fifths(episodes: list[Episode]) -> None:
    for e in episodes:
        assert np.array_equal(e.image[~e.mask], e.normal[~e.mask])
        assert e.mask.mean((1, 2)).max() <= 0.6


def test_soft_borders_fade_out_before_the_mask_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    soft = kinds.Species([shapes.disc], [[effects.veil]], soft=(4, 4), size=(0.5, 0.5))
    monkeypatch.setattr(kinds, "SPECIES", {"soft": soft})
    steps = []
    for i in range(12):
        e = draw_episode(0, i)
        change = cv2.GaussianBlur(np.abs(e.image.astype(np.float32) - e.normal).max(-1)[0], (0, 0), 1.0)
        steps.append(np.abs(np.diff(change, axis=0)).max() / change.max())
    assert np.median(steps) < 0.2, "a hard border of this size has steps of 0.4"


def test_defects_are_of_every_size_and_some_are_cut_by_the_border(many: list[Episode]) -> None:
    sizes = np.array([bounding_box(mask).side for e in many for mask in e.mask]) / 64
    assert (sizes < 0.2).mean() > 0.12 and (sizes > 0.5).mean() > 0.28 and (sizes == 1).mean() > 0.02
    ratios = np.array([bounding_box(e.mask[0]).side / bounding_box(e.mask[1]).side for e in many])
    assert np.std(np.log(sizes)) > 2 * np.std(np.log(ratios)) / np.sqrt(2), "defects of one kind are alike in size"
    border = [mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any() for e in many for mask in e.mask]
    assert 0.2 < np.mean(border) < 0.6


def test_grey_episodes_are_grey_and_others_are_not(episodes: list[Episode]) -> None:
    assert {e.grey for e in episodes} == {True, False}
    for e in episodes:
        grey = bool((e.image[..., 0] == e.image[..., 1]).all() and (e.image[..., 1] == e.image[..., 2]).all())
        assert grey == e.grey


def test_many_species_are_drawn_and_no_two_windows_are_alike(episodes: list[Episode]) -> None:
    assert len(Counter(e.species for e in episodes)) >= 12
    assert all(not np.array_equal(e.mask[0], e.mask[1]) for e in episodes)


def test_larger_windows_show_the_same_world_with_larger_things_in_it() -> None:
    large = [draw_episode(2, i, side=128, count=2) for i in range(40)]
    assert all(e.image.shape == (2, 128, 128, 3) for e in large)
    sizes = np.array([bounding_box(mask).side for e in large for mask in e.mask])
    assert (sizes > 64).mean() > 0.2 and (sizes < 32).mean() > 0.1


def test_tones_are_of_every_sort(many: list[Episode]) -> None:
    ranges = np.array([np.subtract(*np.percentile(e.normal, [99, 1])) for e in many])
    assert (ranges < 77).mean() > 0.2, "within three tenths of the range"
    assert (ranges > 180).mean() > 0.1
    binary = [bool(np.isin(e.image, (0, 255)).all()) for e in many]
    assert 0 < np.mean(binary) < 0.15


@pytest.mark.parametrize(
    "family",
    [
        shapes.blob,
        shapes.line,
        shapes.crack,
        shapes.fibre,
        shapes.polygon,
        shapes.spots,
        shapes.disc,
        shapes.drip,
        shapes.band,
        shapes.scribble,
        shapes.hatch,
        shapes.beads,
    ],
    ids=lambda f: f.__name__,
)
def test_shapes_are_about_as_long_as_asked(family: shapes.Family) -> None:
    lengths = []
    for seed in range(40):
        g = np.random.default_rng(seed)
        mask = family(g, 30.0)(g, 128)
        assert mask.shape == (128, 128) and mask.min() >= 0 and mask.max() <= 1
        lengths.append(bounding_box(mask > 0.3).side)
    assert 18 < np.median(lengths) < 48


def test_regions_enter_the_window_from_its_border() -> None:
    for seed in range(20):
        g = np.random.default_rng(seed)
        mask = shapes.region(g, 40.0)(g, 80) > 0.5
        assert 0.02 < mask.mean() < 0.9
        assert any(edge.all() for edge in (mask[0, :2], mask[0, -2:], mask[-1, :2], mask[-1, -2:])), "a corner lies in it"


@pytest.mark.parametrize("family", surfaces.FAMILIES, ids=lambda f: f.__name__)
def test_every_surface_draws_scenes_within_their_ranges(family: Family) -> None:
    for seed in range(4):
        g = np.random.default_rng(seed)
        window, palette = family(g, 0.6 + seed), draw_palette(g, grey=seed % 2 == 0)
        scene = window(g, 64, palette)
        assert scene.albedo.shape == (64, 64, 3) and scene.albedo.dtype == scene.height.dtype == np.float32
        assert scene.albedo.min() >= 0 and scene.albedo.max() <= 1 and np.isfinite(scene.height).all()
        assert not np.array_equal(scene.albedo, window(g, 64, palette).albedo), "another unit"


@pytest.mark.parametrize("family", surfaces.STRUCTURED, ids=lambda f: f.__name__)
def test_structured_surfaces_have_structure_and_something_below_it(family: Family) -> None:
    window, palette = family(np.random.default_rng(0), 1.0), black_and_white(np.random.default_rng(0))
    shares = [window(np.random.default_rng(seed), 80, palette).structure.mean() for seed in range(8)]
    assert np.median(shares) > 0.02 and np.median(shares) < 0.9


@pytest.mark.parametrize("name", kinds.SPECIES)
def test_every_species_changes_a_surface_with_structure(name: str) -> None:
    changed = 0
    for seed in range(8):
        g = np.random.default_rng(seed)
        window, palette, kind = structures.board(g, 1.0), draw_palette(g, False), kinds.draw_kind(name, g, 64)
        scene = window(g, 80, palette)
        applied = kinds.apply_kind(kind, scene, g)
        if applied is not None:
            after, reach = applied
            changed += bool(np.abs(after.albedo - scene.albedo).max() > 0.01 or np.abs(after.height - scene.height).max() > 0.05)
            assert np.isfinite(after.albedo).all() and np.isfinite(after.height).all() and (reach < 0.05).any()
            assert after.albedo.dtype == after.height.dtype == np.float32 and after.albedo.min() >= 0 and after.albedo.max() <= 1
    assert changed >= 2


def test_a_missing_structure_shows_what_is_below_and_leaves_the_rest() -> None:
    g = np.random.default_rng(0)
    scene = structures.board(g, 1.0)(g, 80, draw_palette(g, False))
    cover = np.zeros((80, 80), np.float32)
    cover[20:60, 20:60] = 1
    after = effects.gone(g, 40.0)(scene, effects.Placed(cover, cover, 1.0), g)
    track, middle = scene.structure == 1, slice(26, 54)
    assert np.allclose(after.albedo[middle, middle][track[middle, middle]], scene.under[middle, middle][track[middle, middle]], atol=1e-5)
    assert np.array_equal(after.albedo[:10], scene.albedo[:10])


def test_a_wide_label_holds_the_mask_and_an_exact_one_is_the_mask() -> None:
    mask = np.zeros((40, 40), bool)
    mask[20, 5:35] = True
    assert np.array_equal(label(mask, Habit(0, 0, 0)), mask)
    wide = label(mask, Habit(3, 0, 0))
    assert wide[mask].all() and wide[17, 20] and wide.sum() > 5 * mask.sum()


def test_a_label_around_everything_holds_the_gaps() -> None:
    mask = np.zeros((40, 40), bool)
    mask[5, 5] = mask[5, 35] = mask[35, 5] = mask[35, 35] = True
    assert label(mask, Habit(0, 0, 0, hull=True))[5:36, 5:36].all()
