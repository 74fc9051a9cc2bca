"""Training pairs of the drawn world: a target window, its normal, its wanted shape and exemplars of the same kind of defect."""

from functools import lru_cache

import cv2
import numpy as np
import torch

from flawsmith.base.episodes.episode import Episode, draw_episode
from flawsmith.core.seeds import derive, numpy_generator
from flawsmith.training.pool import Batch, random_region

TARGETS = 3  # windows of an episode, each of which is once the target
APART = 40  # steps of one size between the uses of an episode: it is drawn once, and no batch holds it twice
GOOD = 0.12  # share of windows without a defect and with nothing shown: they teach to fill a region with the surface
SHOWN = 0.65  # share of windows in which the normal under the region is shown
TOLD = 0.75  # share of windows to which the wanted shape is told
INVERTED, SWAPPED = 0.15, 0.5  # share of windows with inverted tones, and with colours in another order
LIGHT = 0.15  # greatest change of offset and contrast, as a share of the range


class EpisodePool:
    """The windows of every step, drawn on the fly: those of a step depend on (seed, step, side, count) and nothing else."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._draw = lru_cache(maxsize=2 * TARGETS * APART * 16)(draw_episode)

    def batch(self, step: int, side: int, count: int) -> Batch:
        """Return `count` colour windows of `side` pixels; one or two exemplars each, alike for all."""
        g = numpy_generator(self._seed, "windows", side, step)
        exemplars = int(g.integers(1, TARGETS))
        fresh = -(-count // TARGETS)  # episodes that are new at every step
        rows = []
        for i in range(count):
            use, number = divmod(i, fresh)
            index = (step + (TARGETS - 1 - use) * APART) * fresh + number
            rows.append(_row(self._draw(derive(self._seed, "episodes", side), index, side, TARGETS), use, exemplars, g))
        columns = (torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))
        image, mask, region, ids, background, known, shape, shown = columns
        return Batch(image, mask, region, ids, background, known, shape, shown)


def _row(episode: Episode, target: int, exemplars: int, g: np.random.Generator) -> tuple[np.ndarray | np.float32 | int, ...]:
    """Return one row of a batch, in the order of its fields; window number `target` is what is to be drawn."""
    look, pose = _Look(episode.grey, g), _Pose(g)
    good = bool(g.random() < GOOD)
    labelled = pose(episode.labelled[target])
    normal = look(pose(episode.normal[target]))
    image = normal if good else look(pose(episode.image[target]))
    region = random_region(labelled, g).astype(np.float32)[None]
    known = bool(g.random() < SHOWN) and not good
    mask = labelled.astype(np.float32)[None] * (not good)
    wanted = (2 * mask - 1) * (good or g.random() < TOLD)
    others = [(target + 1 + k) % TARGETS for k in range(exemplars)]
    shown = [np.concatenate([look(pose(episode.image[k])), pose(episode.labelled[k]).astype(np.float32)[None]]) for k in others]
    background = normal if known else image * (1 - region)
    return image, mask, region, int(not good), background, np.float32(known), wanted, np.stack(shown) * np.float32(not good)


class _Pose:
    """One of the eight ways to lay a window, the same for the target and its exemplars: grain and light keep their direction."""

    def __init__(self, g: np.random.Generator) -> None:
        self._turns, self._mirrored = int(g.integers(4)), bool(g.random() < 0.5)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = np.rot90(x, self._turns)
        return np.ascontiguousarray(x[:, ::-1] if self._mirrored else x)


class _Look:
    """Other tones and colours for all windows of an episode."""

    def __init__(self, grey: bool, g: np.random.Generator) -> None:
        self._order = np.arange(3) if grey or g.random() >= SWAPPED else g.permutation(3)
        self._gain = np.float32((-1 if g.random() < INVERTED else 1) * g.uniform(1 - LIGHT, 1 + LIGHT) / 127.5)
        self._offset = np.float32(g.uniform(-LIGHT, LIGHT))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return uint8 pixels (S, S, 3) as (3, S, S) float32 about -1 to 1."""
        planes = cv2.split(x)
        return (np.stack([planes[i] for i in self._order]) - np.float32(127.5)) * self._gain + self._offset
