"""The critic of what the base draws at time 1: it learns to tell, and is heard as much as was asked for."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from flawsmith.base import critic
from flawsmith.base.critic import CELL, Opponent
from flawsmith.base.weights import base_model
from flawsmith.config.schema import Config
from flawsmith.core.seeds import torch_generator
from flawsmith.models.dual_model import DualModel
from flawsmith.training.episode_pool import EpisodePool
from flawsmith.training.objective import Loss, objective
from flawsmith.training.pool import Batch

CPU = torch.device("cpu")


@pytest.fixture
def config(tiny: Callable[..., Config]) -> Config:
    return tiny(model={"cells": 16})


@pytest.fixture
def model(config: Config) -> DualModel:
    return base_model(config.model, 3)


@pytest.fixture
def batch() -> Batch:
    return EpisodePool(0).batch(0, 64, 4)


def seen(model: DualModel, batch: Batch, config: Config, step: int = 0) -> Loss:
    return objective(model, batch, config.diffusion, torch_generator(0, "noise", step))


def test_it_learns_to_tell_what_is_drawn_from_what_is_real(model: DualModel, batch: Batch, config: Config) -> None:
    opponent = Opponent(0.5, 0, CPU)
    loss = seen(model, batch, config)
    surface = critic._surface(model, batch)
    drawn = model.codec.decode(loss.clean[0, :, : model.codec.channels]).detach()
    drawn = batch.region * drawn + (1 - batch.region) * batch.image
    where = torch.nn.functional.avg_pool2d(batch.region, CELL)

    def told() -> float:
        with torch.no_grad():
            answers = [opponent.critic(x, surface, batch.mask, batch.region)[0] for x in (batch.image, drawn)]
        return float((where * (answers[0] - answers[1])).sum() / where.sum())

    before = told()
    for _ in range(40):
        opponent._learn(batch, surface, where, drawn, (surface, batch.mask, batch.region), where)
    assert abs(before) < 0.05 and told() > 0.5


def test_it_is_not_heard_before_it_has_learned(model: DualModel, batch: Batch, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(critic, "ALONE", 1)
    monkeypatch.setattr(critic, "RISE", 2)
    opponent = Opponent(0.5, 0, CPU)
    heard = [abs(opponent.oppose(model, batch, seen(model, batch, config, step), "fp32").item()) for step in range(4)]
    assert heard[0] == heard[1] == 0 and heard[2] > 0 and heard[3] > 0


def test_it_moves_what_is_drawn_at_time_1_by_the_share_of_the_error_that_was_asked_for(
    model: DualModel, batch: Batch, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(critic, "ALONE", -10)
    monkeypatch.setattr(critic, "RISE", 1)
    monkeypatch.setattr(critic, "ALIKE", 0.0)
    loss = seen(model, batch, replace(config, diffusion=replace(config.diffusion, at_start=0.5)))
    against = Opponent(0.3, 0, CPU).oppose(model, batch, loss, "fp32")
    own, other = (torch.autograd.grad(x, loss.clean, retain_graph=True)[0] for x in (loss.total, against))
    at_start = loss.times == 1
    assert int(at_start.sum()) == 2
    assert float(other[0, at_start].norm() / own[0, at_start].norm()) == pytest.approx(0.3, rel=1e-3)
    assert not other[:, ~at_start].any() and not other[1].any(), "nothing else is moved"
    assert not other[0, :, model.codec.channels :].any(), "nor the mask"


def test_without_a_window_at_time_1_nothing_is_asked(model: DualModel, batch: Batch, config: Config) -> None:
    loss = seen(model, batch, replace(config, diffusion=replace(config.diffusion, at_start=0.0)))
    opponent = Opponent(0.5, 0, CPU)
    assert float(opponent.oppose(model, batch, loss, "fp32")) == 0 and opponent.steps == 0
