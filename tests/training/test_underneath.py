"""What lies under labelled defects: of which it is filled, when, and with what."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_base import NETWORK

from flawsmith.config.schema import Config
from flawsmith.dataset.sample import Sample
from flawsmith.dataset.windows import grow
from flawsmith.images.pixel_range import PixelRange
from flawsmith.models.build import build_model
from flawsmith.product.shape import ModelSpec
from flawsmith.synthesis.task import Drawn, Task
from flawsmith.training import underneath
from flawsmith.training.pool import LARGE, Pool
from flawsmith.training.underneath import Part, filler
from flawsmith.workflows.fit import fit

SIDE = 32
GOOD, FLAWED, BARE = 50, 200, 90
SCALE = PixelRange(0.0, 255.0, "uint8")
Tiny = Callable[..., Config]


def sample(number: int, side: int) -> Sample:
    """Return a picture with a square defect."""
    image, mask = np.full((120, 120, 1), GOOD, np.uint8), np.zeros((120, 120), bool)
    mask[30 : 30 + side, 30 : 30 + side] = True
    image[mask] = FLAWED
    return Sample(image, mask, "spot", None, Path(f"{number}.png"))


class Filling:
    """Fills with a value of its own, and counts."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[int, int]] = Counter()  # by the side of the defect, and the pixels of the part

    def __call__(self, image: np.ndarray, mask: np.ndarray, halo: int, part: Part) -> np.ndarray:
        assert halo == 1
        self.calls[int(np.sqrt(mask.sum())), mask[part].size] += 1
        return np.where(mask[..., None], BARE, image).astype(np.uint8)[part]


def pool(tiny: Tiny, sides: Sequence[int], patience: int = 0) -> Pool:
    config = tiny(training={"patience": patience}, data={"brightness": 0.0, "good_share": 0.0}, diffusion={"free_share": 0.0})
    defects = {"spot": [sample(i, side) for i, side in enumerate(sides)]}
    return Pool([np.full((120, 120, 1), GOOD, np.uint8)], defects, config, SIDE, 1, SCALE, {"spot": 1})


def backgrounds(p: Pool, steps: int = 10) -> tuple[set[int], list[bool]]:
    """Return the values under the masks of windows that show them, and which windows do."""
    values, known = set(), []
    for step in range(steps):
        batch = p.batch(0, step, 8)
        for background, mask, shown in zip(batch.background.numpy(), batch.mask.numpy() > 0, batch.known.tolist(), strict=True):
            known.append(bool(shown))
            if shown:
                values |= set(np.rint((background[mask] + 1) * 127.5).astype(int))
    return values, known


def test_each_defect_is_bared_once_and_when_a_window_shows_it(tiny: Tiny) -> None:
    p, fill = pool(tiny, [5, 6, 7, 8]), Filling()
    assert p.bare(fill) == {"spot": (4, 4)} and not fill.calls
    values, known = backgrounds(p)
    assert values == {BARE} and 0.6 < np.mean(known) < 0.9
    assert [side for side, _ in fill.calls] and {side for side, _ in fill.calls} == {5, 6, 7, 8} and set(fill.calls.values()) == {1}


def test_no_more_are_bared_than_can_be_paid_and_windows_of_the_others_are_learned_from_too(tiny: Tiny) -> None:
    sides = list(range(4, 20))
    p, fill = pool(tiny, sides), Filling()
    assert p.bare(fill, budget=3000) == {"spot": (3, 16)}  # a call costs 1000, whatever it fills
    _, known = backgrounds(p, 30)
    assert len(fill.calls) == 3 and 0.65 < np.mean(known) < 0.85, "as many windows show it as if all were bared"
    areas = {int(mask.sum()) for step in range(30) for mask in p.batch(0, step, 8).mask}
    assert areas == {side**2 for side in sides}
    again, twice = pool(tiny, sides), Filling()
    again.bare(twice, budget=3000)
    backgrounds(again, 30)
    assert fill.calls == twice.calls, "the same ones"
    nothing = pool(tiny, sides)
    assert nothing.bare(Filling(), budget=0) == {"spot": (1, 16)}


def test_of_a_large_defect_a_window_s_part_is_bared(tiny: Tiny) -> None:
    large = int(SIDE * LARGE**0.5) + 1
    p, fill = pool(tiny, [large, 60]), Filling()
    p.bare(fill)
    values, _ = backgrounds(p)
    assert values == {BARE} and fill.calls == {(large, SIDE**2): 1, (60, SIDE**2): 1}


def test_held_out_defects_are_bared_when_they_are_measured(tiny: Tiny) -> None:
    p, fill = pool(tiny, [5, 6, 7, 8], patience=10), Filling()
    assert p.bare(fill) == {"spot": (3, 3)}
    windows = p.held(0, 12)
    assert windows is not None and 0 < windows.known.sum() < 12 and sum(fill.calls.values()) == 1


def test_within_a_large_defect_the_surface_is_guessed_from_around_it(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(model={"cells": 8})
    model = build_model(config.model, ModelSpec(("spot",), 1, SIDE), seed=0)
    tasks: list[Task] = []

    def draw(_: object, given: Sequence[Task], *__: object) -> list[Drawn]:
        tasks.extend(given)
        return [Drawn(t.normal + 0.1, np.zeros_like(t.normal), np.zeros(t.region.shape)) for t in given if t.normal is not None]

    monkeypatch.setattr(underneath, "draw", draw)
    one = sample(0, 70)
    assert one.mask is not None
    fill = filler(model, config, "fp32", SCALE)
    whole, part = fill(one.image, one.mask, 2, (slice(None), slice(None))), fill(one.image, one.mask, 2, (slice(50, 80), slice(20, 60)))
    near = grow(one.mask, underneath.REACH + 2)
    assert (whole[~near] == GOOD).all() and (np.abs(whole[near] - (GOOD + 0.1 * 127.5)) < 1).all()
    assert (part == whole[50:80, 20:60]).all()
    assert tasks[1].region.sum() == near[50:80, 20:60].sum(), "no more is drawn than is asked for"
    assert all(side % model.factor == 0 for task in tasks for side in task.region.shape)


def test_a_fit_from_the_base_goes_on_as_if_never_stopped(
    base: dict[str, torch.Tensor], data8: Path, tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def go(run: str, steps: int, **options: Any) -> dict[str, torch.Tensor]:
        config = tiny(model=NETWORK, training={"steps": steps, "init": "base", "decay": 0.0, "preview_every": 0, "checkpoint_every": 3})
        fit(data8, tmp_path / run, config, device="cpu", threads=1, **options)
        return load_file(tmp_path / run / "model" / "model.safetensors")

    whole = go("whole", 6)
    assert "what lies under labelled defects is filled when they are first shown: 6 of 6 blob, 6 of 6 line." in capsys.readouterr().err
    go("stopped", 3, quiet=True)
    resumed = go("stopped", 6, quiet=True, resume=True)
    assert all(torch.equal(resumed[name], w) for name, w in whole.items())
    losses = [
        [row["loss"] for row in map(json.loads, (tmp_path / run / "log.jsonl").read_text().splitlines()) if "loss" in row]
        for run in ("whole", "stopped")
    ]
    assert losses[0][-1] == losses[1][-1]
