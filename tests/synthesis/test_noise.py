"""How much noise drawing begins with: none where a shape is told, as in training where the shape itself has to form."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from drawing_tasks import SIDE, large, model, same, tasks

from flawsmith.config.schema import Config
from flawsmith.models.dual_model import Condition
from flawsmith.synthesis import sampling
from flawsmith.synthesis.sampling import draw, noise_of
from flawsmith.synthesis.task import Task

QUIET = {"token_noise": 0.0}


def told() -> Task:
    """Return a task with a shape that is told."""
    rows = np.indices((SIDE, SIDE))[0]
    normal = np.random.default_rng(0).uniform(-1, 1, (1, SIDE, SIDE)).astype(np.float32)
    return Task(normal, (rows > 4) & (rows < 20), shape=(rows > 8) & (rows < 14), entry=1, seed=100)


@pytest.mark.parametrize(("noise", "differs"), [(0.0, False), (1.0, True)])
def test_without_noise_two_seeds_draw_the_same(noise: float, differs: bool, tiny: Callable[..., Config]) -> None:
    config = tiny(generation=QUIET | {"noise": noise})
    m = model(config)
    one, other = draw(m, [told(), replace(told(), seed=7)], config, "fp32")
    assert (np.abs(one.image - other.image).max() > 1e-4) == differs


def test_less_noise_is_nearer_to_none(tiny: Callable[..., Config]) -> None:
    m = model(tiny())
    drawn = [draw(m, [told()], tiny(generation=QUIET | {"noise": noise}), "fp32")[0].image for noise in (0.0, 0.3, 1.0)]
    assert 0 < np.abs(drawn[1] - drawn[0]).mean() < np.abs(drawn[2] - drawn[0]).mean()


def test_without_noise_the_first_estimate_is_what_is_drawn(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    m = model(tiny())
    times: list[float] = []
    forward = m.forward

    def spy(state: torch.Tensor, t: torch.Tensor, condition: Condition) -> torch.Tensor:
        times.extend(t.tolist())
        return forward(state, t, condition)

    monkeypatch.setattr(m, "forward", spy)
    for noise in (0.0, 0.5):
        draw(m, [told()], tiny(generation=QUIET | {"noise": noise, "steps": 4, "guidance": 1.0}), "fp32")
    assert times[:2] == [1.0, 1.0] and len(times) == 1 + 4


def test_a_shape_forms_out_of_noise(tiny: Callable[..., Config]) -> None:
    config = tiny(generation=QUIET)
    assert config.generation.noise == 0
    m = model(config)
    assert noise_of(m, told(), config) == 0
    for task in (replace(told(), shape=None), Task(None, np.ones((SIDE, SIDE), bool), None, 1, 200)):
        assert noise_of(m, task, config) == 1
        one, other = draw(m, [task, replace(task, seed=7)], config, "fp32")
        assert np.abs(one.image - other.image).max() > 1e-4
    assert noise_of(m, told(), tiny(generation={"start": 0.5})) == 1, "there the noise hides the normal"


def test_a_backbone_begins_as_it_was_trained(tiny: Callable[..., Config]) -> None:
    backbone: Any = SimpleNamespace(follows=False)
    assert noise_of(backbone, told(), tiny()) == 1


def test_noise_on_the_tokens_changes_the_defect_by_the_tasks_seed(tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MOST", 0)
    m = model(tiny())
    first = tasks()[0]
    drawn = []
    for noise in (0.0, 0.5, 0.5, 1.0):
        config = tiny(generation={"token_noise": noise, "anchor": 0.0})
        drawn.append(draw(m, [first], config, "fp32")[0])
    assert same(drawn[1], drawn[2])
    assert np.abs(drawn[0].image - drawn[1].image).max() > 1e-4
    assert np.abs(drawn[0].image - drawn[3].image).mean() > np.abs(drawn[0].image - drawn[1].image).mean()
    seen: list[torch.Tensor | None] = []
    tell = m.tell

    def spy(cells: torch.Tensor, ids: torch.Tensor, noise: torch.Tensor | None = None, *more: torch.Tensor) -> Condition:
        seen.append(noise)
        return tell(cells, ids, noise, *more)

    monkeypatch.setattr(m, "tell", spy)
    config = tiny(generation={"token_noise": 0.5})
    for task in (first, replace(first, seed=999), large()):
        draw(m, [task], config, "fp32")
    noises = [noise for noise in seen if noise is not None]
    assert len(seen) == 2 * len(noises), "the empty tokens have none"
    assert not torch.equal(noises[0], noises[1]), "another seed, other noise"
    assert len(noises) > 4 and all(torch.equal(noise, noises[2]) for noise in noises[2:]), "one defect has one noise in all its tiles"
