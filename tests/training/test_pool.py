"""Training windows: what is in a batch, that it fits together, and that it depends on (seed, step) alone."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flawsmith.config.schema import Config, DataConfig, DiffusionConfig
from flawsmith.dataset.augment import augment
from flawsmith.dataset.memory import keep_normal
from flawsmith.dataset.sample import Sample
from flawsmith.images.pixel_range import PixelRange
from flawsmith.training.pool import Batch, Pool, random_region

SIDE = 32
EIGHT = PixelRange(0.0, 255.0, "uint8")


def config(free: float = 0.0, **data: float | bool) -> Config:
    defaults: dict[str, float | bool] = {"good_share": 0.4, "brightness": 0.0}
    return Config(data=DataConfig(**defaults | data), diffusion=DiffusionConfig(free_share=free))  # type: ignore[arg-type]


def surface(size: tuple[int, int], seed: int) -> np.ndarray:
    """Return a picture (H, W, 1) of values under 120 that grow downwards."""
    rows = np.linspace(10, 100, size[0])[:, None]
    return (rows + np.random.default_rng(seed).uniform(0, 2, size)).astype(np.uint8)[..., None]


def defect(name: str, size: tuple[int, int], rows: slice, columns: slice, seed: int = 0) -> Sample:
    image, mask = surface(size, seed), np.zeros(size, bool)
    mask[rows, columns] = True
    image[mask] = 255
    return Sample(image, mask, name, None, Path(f"{name}{seed}.png"))


def pool(conf: Config, size: tuple[int, int] = (70, 90)) -> Pool:
    normals = [surface(size, i) for i in range(3)]
    defects = {
        "dent": [defect("dent", size, slice(0, 7), slice(3, 9)), defect("dent", size, slice(10, 17), slice(size[1] - 6, size[1]), 1)],
        "scratch": [defect("scratch", size, slice(size[0] // 2, size[0] // 2 + 3), slice(0, size[1]))],  # wider than a window
    }
    return Pool(normals, defects, conf, SIDE, 1, EIGHT)


def many(p: Pool, steps: int = 20, count: int = 8, seed: int = 0) -> list[Batch]:
    return [p.batch(seed, step, count) for step in range(steps)]


def equal(a: Batch, b: Batch) -> bool:
    return all(getattr(a, f.name).equal(getattr(b, f.name)) for f in dataclasses.fields(Batch))


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    one, other = pool(config(0.2, brightness=0.1)), pool(config(0.2, brightness=0.1))
    later = one.batch(5, 3, 4)
    other.batch(5, 0, 4)  # what was drawn before does not matter
    assert equal(later, other.batch(5, 3, 4))
    assert not equal(later, one.batch(5, 4, 4)) and not equal(later, one.batch(6, 3, 4))
    longer = one.batch(5, 3, 6)
    assert longer.image[:4].equal(later.image), "nor does the size of the batch"


@pytest.mark.usefixtures("untouched_generators")
def test_drawing_windows_touches_no_global_generator() -> None:
    pool(config()).batch(0, 0, 4)
    pool(config()).preview(0, 0)


@pytest.mark.parametrize("size", [(70, 90), (20, 90), (24, 20)])  # a picture, a flat one, one smaller than the window
def test_windows_have_their_shapes_and_ranges(size: tuple[int, int]) -> None:
    for batch in many(pool(config(0.1, brightness=0.1), size), 5):
        assert batch.image.shape == (8, 1, SIDE, SIDE) and batch.mask.shape == batch.region.shape == (8, 1, SIDE, SIDE)
        assert batch.ids.shape == (8,)
        assert batch.image.abs().max() <= 1.2 and str(batch.image.dtype) == "torch.float32"
        assert set(batch.mask.unique().tolist()) <= {0.0, 1.0} and set(batch.region.unique().tolist()) <= {0.0, 1.0}
        assert set(batch.ids.tolist()) <= {0, 1, 2}


def test_the_mask_lies_on_the_defect_in_every_mirroring_and_turn() -> None:
    for batch in many(pool(config())):
        shown = batch.image == 1  # 255 is the defect and nothing else
        assert shown.equal(batch.mask > 0)


def test_the_region_holds_the_mask_and_a_defect_is_in_every_window_of_one() -> None:
    for batch in many(pool(config())):
        assert (batch.region >= batch.mask).all()
        masked = batch.mask.flatten(1).sum(1) > 0
        assert masked.equal(batch.ids > 0), "normals have empty masks, defects never have"
        assert (batch.region.flatten(1).sum(1) > 0).all(), "also normals are drawn on"


def test_regions_leave_most_of_the_background_to_see() -> None:
    shares = [float(region.mean()) for batch in many(pool(config())) for region in batch.region]
    assert 0.01 < np.median(shares) < 0.6 and np.std(shares) > 0.02


def test_a_free_window_is_drawn_from_nothing() -> None:
    for batch in many(pool(config(1.0)), 3):
        assert (batch.region == 1).all()
    drawn = [batch for batch in many(pool(config(0.3)), 40)]
    share = np.mean([float((batch.region.flatten(1).mean(1) == 1).float().mean()) for batch in drawn])
    assert share == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_normals_have_their_share_and_defects_are_alike_often(share: float) -> None:
    ids = np.concatenate([batch.ids.numpy() for batch in many(pool(config(good_share=share)), 60)])
    assert np.mean(ids == 0) == pytest.approx(share, abs=0.07)
    assert np.mean(ids == 1) == pytest.approx((1 - share) / 2, abs=0.07), "a defect with two pictures as often as one with one"


def directions(p: Pool) -> set[str]:
    """Return in which directions windows grow brighter."""
    found = set()
    for batch in many(p, 15):
        for window in batch.image[batch.ids == 0][:, 0].numpy():
            down, right = window[-8:].mean() - window[:8].mean(), window[:, -8:].mean() - window[:, :8].mean()
            found.add(("down" if down > 0 else "up") if abs(down) > abs(right) else ("right" if right > 0 else "left"))
    return found


def test_windows_are_mirrored_and_turned_only_where_asked() -> None:
    assert directions(pool(config(flips=False, rotations=False))) == {"down"}
    assert directions(pool(config(flips=True, rotations=False))) == {"down", "up"}
    assert directions(pool(config(flips=False, rotations=True))) == {"down", "up", "left", "right"}


def test_brightness_changes_windows_by_little() -> None:
    p, plain = pool(config(brightness=0.1)), pool(config())
    pairs_of = [(a, b) for x, y in zip(many(p, 5), many(plain, 5), strict=True) for a, b in zip(x.image, y.image, strict=True)]
    shifts = [float((a - b).abs().max()) for a, b in pairs_of]
    assert max(shifts) <= 0.2 + 1e-5 and np.mean(shifts) > 0.02
    assert any(float((a - b).mean()) > 0 for a, b in pairs_of) and any(float((a - b).mean()) < 0 for a, b in pairs_of)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_picture_mask_and_region_move_together(seed: int, flips: bool, rotations: bool) -> None:
    g = np.random.default_rng(seed)
    image = g.integers(0, 255, (6, 6, 2))
    moved = augment(image, image[..., 0] > 99, image[..., 1] > 99, flips, rotations, g)
    assert np.array_equal(moved[1], moved[0][..., 0] > 99) and np.array_equal(moved[2], moved[0][..., 1] > 99)
    assert sorted(moved[0].ravel()) == sorted(image.ravel())
    if not flips and not rotations:
        assert np.array_equal(moved[0], image)


def test_every_one_of_the_eight_positions_occurs() -> None:
    image, g = np.arange(9).reshape(3, 3, 1), np.random.default_rng(0)
    seen = {augment(image, image[..., 0] > 4, image[..., 0] > 4, True, True, g)[0].tobytes() for _ in range(200)}
    assert len(seen) == 8


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 30))
def test_a_region_holds_its_mask(seed: int, height: int, width: int) -> None:
    g = np.random.default_rng(seed)
    mask = g.random((height, width)) < 0.05
    region = random_region(mask, g)
    assert region.shape == mask.shape and region.dtype == bool
    assert (region >= mask).all() and region.any() == mask.any()


def test_regions_are_of_many_sizes() -> None:
    mask, g = np.zeros((64, 64), bool), np.random.default_rng(0)
    mask[30:34, 25:40] = True
    areas = [int(random_region(mask, g).sum()) for _ in range(100)]
    assert min(areas) < 3 * mask.sum() and max(areas) > 6 * mask.sum()


@pytest.mark.parametrize("index", range(4))
def test_a_preview_is_a_normal_with_the_region_of_a_defect(index: int) -> None:
    task = pool(config()).preview(index, 1)
    assert task.normal is not None
    assert task.normal.shape == (1, SIDE, SIDE) and task.normal.max() < 1, "a normal shows no defect"
    assert task.region.shape == (SIDE, SIDE) and task.region.dtype == bool and task.region.any() and not task.region.all()
    assert task.entry == index % 2 + 1


def test_large_normals_are_kept_within_the_budget() -> None:
    share = 2 << 20
    image = np.random.default_rng(0).integers(0, 255, (1500, 1100, 3), dtype=np.uint8)
    kept = keep_normal(Sample(image, None, "good", None, Path("a.png")), SIDE, share)
    assert len(kept) > 1 and sum(crop.nbytes for crop in kept) <= share
    for crop in kept:
        assert crop.base is None, "a view would keep the whole picture in memory"
        assert min(crop.shape[:2]) >= SIDE and crop.shape[2] == 3
        row = np.flatnonzero((image[: -len(crop) + 1 or None] == crop[0, 0]).all(-1).ravel())
        corners = [divmod(int(i), image.shape[1]) for i in row]
        assert any(np.array_equal(image[y : y + crop.shape[0], x : x + crop.shape[1]], crop) for y, x in corners), "at native resolution"
    assert len({crop.tobytes() for crop in kept}) > 1, "from several places"


@pytest.mark.parametrize("size", [(1500, 40), (40, 1500), (20, 20), (400, 400)])
def test_something_is_kept_of_every_normal_however_small_the_budget(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 1), np.uint8)
    kept = keep_normal(Sample(image, None, "good", None, Path("a.png")), SIDE, 1)
    assert kept and all(min(crop.shape[:2]) >= min(SIDE, *size) for crop in kept)


def test_small_normals_are_kept_whole() -> None:
    image = surface((70, 90), 0)
    (kept,) = keep_normal(Sample(image, None, "good", None, Path("a.png")), SIDE, 1 << 20)
    assert np.array_equal(kept, image)


def test_windows_of_16_bit_colour() -> None:
    g = np.random.default_rng(0)
    size = (50, 60)
    mask = np.zeros(size, bool)
    mask[20:28, 30:38] = True
    image = g.integers(1000, 1200, (*size, 4)).astype(np.uint16)
    image[..., 3] = 65535
    image[mask, :3] = 4000
    scale = PixelRange(1000.0, 4000.0, "uint16")
    normal = g.integers(1000, 1200, (*size, 4)).astype(np.uint16)
    p = Pool([normal], {"dent": [Sample(image, mask, "dent", None, Path("d.png"))]}, config(), SIDE, 3, scale)
    for batch in many(p, 4):
        assert batch.image.shape == (8, 3, SIDE, SIDE)
        assert (batch.image > 0.99).all(1, keepdim=True).equal(batch.mask > 0)
