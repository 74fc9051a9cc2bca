"""Training pairs of the drawn world: the same every time, and told no more than they should be."""

import numpy as np
import pytest
import torch
from torch import Tensor

from flawsmith.base.episodes.episode import Episode, draw_episode
from flawsmith.core.seeds import derive
from flawsmith.training import episode_pool
from flawsmith.training.episode_pool import APART, TARGETS, EpisodePool
from flawsmith.training.pool import Batch

SIDE, COUNT = 32, 6


@pytest.fixture(scope="module")
def pool() -> EpisodePool:
    return EpisodePool(0)


@pytest.fixture(scope="module")
def batches(pool: EpisodePool) -> list[Batch]:
    return [pool.batch(step, SIDE, COUNT) for step in range(8)]


def episodes_of(step: int) -> list[Episode]:
    """Return the episode of each row of a step of the pool with the seed 0, by its rule: new ones, and those of APART steps before."""
    fresh = COUNT // TARGETS
    steps = [step + (TARGETS - 1 - use) * APART for use in range(TARGETS)]
    return [draw_episode(derive(0, "episodes", SIDE), s * fresh + i, SIDE, TARGETS) for s in steps for i in range(fresh)]


def same(a: Batch, b: Batch) -> bool:
    return all(torch.equal(x, vars(b)[name]) for name, x in vars(a).items())


def test_a_step_is_the_same_whatever_was_drawn_before(batches: list[Batch]) -> None:
    resumed = EpisodePool(0)  # begins at step 5
    assert same(resumed.batch(5, SIDE, COUNT), batches[5]) and same(resumed.batch(2, SIDE, COUNT), batches[2])
    assert not same(batches[0], batches[1]) and not same(EpisodePool(1).batch(5, SIDE, COUNT), batches[5])


def test_windows_have_the_shapes_and_ranges_they_should(batches: list[Batch]) -> None:
    for batch in batches:
        shown = batch.exemplars.shape[1]
        assert batch.image.shape == batch.background.shape == (COUNT, 3, SIDE, SIDE) and 1 <= shown < TARGETS
        assert batch.mask.shape == batch.region.shape == batch.shape.shape == (COUNT, 1, SIDE, SIDE)
        assert batch.exemplars.shape == (COUNT, shown, 4, SIDE, SIDE) and batch.ids.shape == batch.known.shape == (COUNT,)
        for x in (batch.image, batch.background, batch.exemplars):
            assert x.dtype == torch.float32 and x.abs().max() < 1.5
        for x in (batch.mask, batch.region, batch.exemplars[:, :, -1]):
            assert ((x == 0) | (x == 1)).all()
        assert (batch.mask <= batch.region).all() and batch.region.flatten(1).any(1).all()
    assert {batch.exemplars.shape[1] for batch in batches} == {1, 2}
    assert len({int(known) for batch in batches for known in batch.known}) == 2


def test_the_background_is_the_picture_outside_the_region_and_inside_it_the_normal_or_nothing(batches: list[Batch]) -> None:
    for batch in batches:
        outside = (batch.region == 0).expand_as(batch.image)
        clear = outside & (batch.mask == 0)
        assert torch.equal(batch.background[clear], batch.image[clear])
        for i in range(COUNT):
            inside = (batch.region[i] > 0).expand_as(batch.image[i])
            if batch.known[i]:
                assert batch.background[i][inside].abs().max() > 0 and not torch.equal(batch.background[i], batch.image[i])
            else:
                assert (batch.background[i][inside] == 0).all()


def test_the_wanted_shape_is_the_mask_where_it_is_told(batches: list[Batch]) -> None:
    told = [(batch.shape[i], batch.mask[i]) for batch in batches for i in range(COUNT) if batch.shape[i].any()]
    assert len(told) > COUNT and all(torch.equal(shape, 2 * mask - 1) for shape, mask in told)
    assert len(told) < len(batches) * COUNT, "not everywhere"


def poses(x: np.ndarray) -> list[np.ndarray]:
    return [y for turns in range(4) for turned in (np.rot90(x, turns),) for y in (turned, turned[:, ::-1])]


def test_exemplars_are_other_windows_of_the_target_s_episode(batches: list[Batch]) -> None:
    for step, batch in enumerate(batches):
        for i, episode in enumerate(episodes_of(step)):
            if batch.ids[i] == 0:
                assert not batch.exemplars[i].any() and not batch.mask[i].any(), "a normal is shown nothing"
                continue
            target = i // (COUNT // TARGETS)
            masks = [batch.mask[i, 0].numpy(), *batch.exemplars[i, :, -1].numpy()]
            own = [episode.labelled[(target + k) % TARGETS] for k in range(len(masks))]
            laid = zip(*(poses(mask.astype(np.float32)) for mask in own), strict=True)
            assert any(all(np.array_equal(a, b) for a, b in zip(masks, pose, strict=True)) for pose in laid), "in one pose for all"


def test_every_window_of_an_episode_is_once_the_target_and_no_step_has_two(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, int]] = []
    step = 0

    def drawn(_seed: int, index: int, side: int, _count: int) -> int:
        return index

    def row(episode: int, target: int, *_: object) -> tuple[np.ndarray, ...]:
        seen.append((step, episode, target))
        return tuple(np.zeros(1, np.float32) for _ in range(8))

    monkeypatch.setattr(episode_pool, "draw_episode", drawn)
    monkeypatch.setattr(episode_pool, "_row", row)
    pool = EpisodePool(0)
    for step in range(2 * APART + 3):
        pool.batch(step, SIDE, COUNT)
    targets: dict[int, list[int]] = {}
    for _, episode, target in seen:
        targets.setdefault(episode, []).append(target)
    whole = range(2 * APART * (COUNT // TARGETS), (2 * APART + 3) * (COUNT // TARGETS))
    assert all(sorted(targets[episode]) == list(range(TARGETS)) for episode in whole)
    assert all(len({e for s, e, _ in seen if s == n}) == COUNT for n in range(2 * APART + 3))


def equal_planes(x: Tensor) -> bool:
    return torch.equal(x[..., 0, :, :], x[..., 1, :, :]) and torch.equal(x[..., 0, :, :], x[..., 2, :, :])


def test_what_is_grey_stays_grey(batches: list[Batch]) -> None:
    found = set()
    for step, batch in enumerate(batches):
        for i, episode in enumerate(episodes_of(step)):
            found.add(episode.grey)
            if episode.grey:
                assert all(equal_planes(x) for x in (batch.image[i], batch.background[i], batch.exemplars[i, :, :3]))
            else:
                assert not equal_planes(batch.image[i])
    assert found == {True, False}


@pytest.mark.usefixtures("untouched_generators")
def test_no_global_generator_is_touched() -> None:
    EpisodePool(3).batch(0, SIDE, 1)
